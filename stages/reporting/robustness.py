"""Robustness of verdicts: each claim judged again at other tolerances, thresholds, estimators and seeds."""

from collections import Counter
from dataclasses import replace

from stages.claims.declare import Claim
from stages.claims.finding import Finding
from stages.config import PairLines
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
            value: _brief(claim.assess(results.varied(variant)) if _changes(results, variant) else found)
            for value, variant in variants.items()
        }
        for kind, variants in kinds.items()
        if variants
    }
    estimators = list(robustness["estimator"].values())
    if all(entry == estimators[0] for entry in estimators):  # the claim does not use Gauss length
        del robustness["estimator"]
    return replace(found, robustness=robustness)


def seeds_of(results: Results) -> list[int]:
    """Return the seeds of some results in ascending order.

    Args:
        results: The results.

    Returns:
        None if no configuration has several seeds, and none for suites with lines between runs, which connect seeds.
    """
    if any(isinstance(entry, PairLines) for suite in results.suites.values() for entry in suite.lines.values()):
        return []
    rows = results.lines()
    if not len(rows) or Counter(configurations(rows)).most_common(1)[0][1] == 1:
        return []
    return sorted(int(seed) for seed in rows["seed"].unique())


def describe(found: Finding) -> str:
    """Say under how many variants the verdict is the same, and what the others are.

    Args:
        found: A finding with `robustness`.

    Returns:
        Words such as "same verdict at 3 of 4 tolerances (1 underpowered), 3 of 3 thresholds"; empty without variants.
    """
    parts = []
    for kind, variants in found.robustness.items():
        counts = Counter(str(entry["verdict"]) for entry in variants.values())
        same = counts.pop(str(found.verdict), 0)
        others = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        parts.append(f"{same} of {len(variants)} {PLURALS[kind]}" + (f" ({others})" if others else ""))
    return f"same verdict at {', '.join(parts)}" if parts else ""


def _changes(results: Results, variant: Variant) -> bool:
    """Return whether a variant differs from the analysis of the parameters for these suites."""
    same_tolerances = all(variant.tolerance(suite) == suite.tolerance for suite in results.suites.values())
    return not (same_tolerances and variant == Variant(tolerance_factor=variant.tolerance_factor))


def _brief(found: Finding) -> dict:
    return {"verdict": found.verdict, "effect": found.effect}
