"""Variants of the analysis: other tolerances, thresholds, estimators and seeds, on the same trained networks."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from stages.config import Suite
from stages.lines.line_evaluation import LARGEST_THRESHOLD_FACTOR

USUAL_TOLERANCE = 0.001
"""Tolerance of table 1 of the paper, which multiples refer to in suites whose own tolerance is 0."""


@dataclass(frozen=True)
class Variant:
    """One way to analyse results; the default is that of the parameters."""

    tolerance_factor: float | None = None
    """Tolerance over the suite's own, or over `USUAL_TOLERANCE` where the suite's is 0; None for the suite's own."""
    threshold_factor: float = 1.0
    """Loss up to which a run counts as converged, over the suite's own."""
    estimator: str = "smooth"
    """Estimator of Gauss length that claims use: `smooth`, as in the paper, or `turning`."""
    seed: int | None = None
    """The only seed whose runs are used; None for all."""

    def tolerance(self, suite: Suite) -> float:
        """Return min Delta up to which a line of a suite counts as monotone."""
        if self.tolerance_factor is None:
            return suite.tolerance
        return self.tolerance_factor * (suite.tolerance or USUAL_TOLERANCE)

    def threshold(self, suite: Suite) -> float:
        """Return the final training loss up to which a run of a suite counts as converged."""
        return suite.threshold * self.threshold_factor


VARIANTS = {
    "tolerance": {
        "0": Variant(tolerance_factor=0.0),
        "0.1x": Variant(tolerance_factor=0.1),
        "1x": Variant(tolerance_factor=1.0),
        "10x": Variant(tolerance_factor=10.0),
    },
    "threshold": {
        "0.5x": Variant(threshold_factor=0.5),
        "1x": Variant(),
        "2x": Variant(threshold_factor=LARGEST_THRESHOLD_FACTOR),
    },
    "estimator": {"smooth": Variant(), "turning": Variant(estimator="turning")},
}
"""Variants of every claim by what is varied; seeds come on top, where a suite has several of a configuration."""


def vary_measures(table: pd.DataFrame, suites: Mapping[str, Suite], variant: Variant) -> pd.DataFrame:
    """Return the table of measures as a variant of the analysis has it.

    Args:
        table: Rows of reports/measures.csv.
        suites: Configuration of each suite by name.
        variant: The variant.

    Returns:
        The rows with `monotonic` by the variant's tolerance and `status` by its threshold; those of other seeds are
        left out. The table itself if the variant changes neither.
    """
    if variant.seed is not None:
        table = table[table["seed"] == variant.seed]
    if variant.tolerance_factor is not None:
        tolerance = table["suite"].map({name: variant.tolerance(suite) for name, suite in suites.items()})
        within = (table["min_delta"] <= tolerance).astype(object)
        table = table.assign(monotonic=within.where(table["monotonic"].notna(), table["monotonic"]))
    if variant.threshold_factor != 1:
        threshold = table["suite"].map({name: variant.threshold(suite) for name, suite in suites.items()})
        reached = table["final_train_loss"] <= threshold
        status = reached.map({True: "converged", False: "above threshold"})
        table = table.assign(status=table["status"].mask(table["status"] != "diverged", status))
    return table
