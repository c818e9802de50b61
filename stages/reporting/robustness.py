"""Robustness of verdicts: each claim judged again at other tolerances, thresholds, estimators and seeds."""

from collections import Counter
from dataclasses import replace

from stages.claims.declare import Claim
from stages.claims.finding import Finding
from stages.results.results import Results
from stages.results.rows import configurations
from stages.results.variant import VARIANTS, Variant

PLURALS = {"tolerance": "tolerances", "threshold": "thresholds", "estimator": "estimators", "seed": "seeds"}


def assess_with_variants(claim: Claim, results: Results) -> Finding:
    """Judge a claim, and judge it again under every variant of the analysis.

    Args:
        claim: The claim.
        results: The results that it is judged on.

    Returns:
        The finding, whose `robustness` holds verdict and effect by what is varied and its value; empty for a claim
        about the models of the theory.
    """
    found = claim.assess(results)
    if not results.suites:
        return found
    kinds = VARIANTS | {"seed": {str(seed): Variant(seed=seed) for seed in seeds_of(results)}}
    robustness = {
        kind: {
            value: _brief(found if variant == Variant() else claim.assess(results.varied(variant)))
            for value, variant in variants.items()
        }
        for kind, variants in kinds.items()
        if variants
    }
    return replace(found, robustness=robustness)


def seeds_of(results: Results) -> list[int]:
    """Return the seeds of some results in ascending order; none if no configuration has several."""
    rows = results.lines()
    if not len(rows) or Counter(configurations(rows)).most_common(1)[0][1] == 1:
        return []
    return sorted(int(seed) for seed in rows["seed"].unique())


def describe(found: Finding) -> str:
    """Say under how many variants the verdict is the same, such as "the same at 3 of 4 tolerances"."""
    counts = [
        f"{sum(entry['verdict'] == found.verdict for entry in variants.values())} of {len(variants)} {PLURALS[kind]}"
        for kind, variants in found.robustness.items()
    ]
    return f"{found.verdict} at {', '.join(counts)}" if counts else ""


def _brief(found: Finding) -> dict:
    return {"verdict": found.verdict, "effect": found.effect}
