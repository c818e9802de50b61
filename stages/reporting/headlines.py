"""The verdicts, and the few numbers of each suite that matter most, for `dvc exp show` and `dvc metrics diff`."""

from collections.abc import Mapping

NUMBERS = ("non_monotone", "converged", "mean_normalized_distance")
"""Keys of a suite in metrics.json: converged runs whose own line is not monotone, all converged runs, and how far these
moved on average."""


def headlines(verdicts: Mapping[str, str], metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict]:
    """Return the content of headlines.json.

    Verdicts come first. DVC shows columns in the order of the keys, and differences in the order of the alphabet.

    Args:
        verdicts: Verdict of each claim, by its name.
        metrics: Content of metrics.json.

    Returns:
        Verdicts under `claim`, and `NUMBERS` of each suite under `suite`: names that no key of params.yaml has.
    """
    numbers = {suite: {name: found[name] for name in NUMBERS} for suite, found in metrics.items()}
    return {"claim": dict(verdicts), "suite": numbers}
