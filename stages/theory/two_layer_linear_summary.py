"""Counts of what was found of two-layer linear networks, made without PyTorch."""

import numpy as np
import pandas as pd

from stages.measures.proportion import wilson

ROUNDING = 1e-12  # what may be left of a rise or of an eigenvalue that is zero, relative to the largest


def summary(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Count for each setting and scale where the statements of appendix A.1 hold.

    Args:
        table: Rows of `stages.theory.two_layer_linear.simulate`.
        confidence: Of the Wilson interval.

    Returns:
        One row for each setting and scale, in the order of the table: networks trained and converged. Of the converged:
        at_most_pi and below_half_pi, by Gauss length; eigenvalues_met, no eigenvalue of M has a negative real part (the
        paper's criterion, zeros allowed: with fewer hidden units than inputs M may be singular); symmetric_part_met,
        none of its symmetric part is negative; eigenvalues_met_alone, the former without the latter, where for some
        inputs the Gauss length exceeds pi/2 in spite of the paper's criterion, and eigenvalues_met_product_negative,
        where it does for the network's own inputs; monotone, its proportion and interval; not monotone though below
        pi/2, with the target and with the surrogate; the largest affinity residual and difference of total turning and
        angle.
    """
    rows = []
    for (setting, scale), group in table.groupby(["setting", "scale"], sort=False):
        kept = group[group["converged"]]
        below = kept["gauss_length"] < np.pi / 2
        eigenvalues = kept["smallest_eigenvalue"] >= -ROUNDING
        symmetric = kept["smallest_symmetric_eigenvalue"] >= -ROUNDING
        low, high = wilson(int(kept["monotone"].sum()), len(kept), confidence)
        counts = {
            "trained": len(group),
            "converged": len(kept),
            "at_most_pi": (kept["gauss_length_turning"] <= np.pi + ROUNDING).sum(),
            "below_half_pi": below.sum(),
            "eigenvalues_met": eigenvalues.sum(),
            "symmetric_part_met": symmetric.sum(),
            "eigenvalues_met_alone": (eigenvalues & ~symmetric).sum(),
            "eigenvalues_met_product_negative": (eigenvalues & (kept["inner_product"] < 0)).sum(),
            "monotone": kept["monotone"].sum(),
            "below_half_pi_not_monotone": (below & ~kept["monotone"]).sum(),
            "below_half_pi_not_surrogate_monotone": (below & ~kept["surrogate_monotone"]).sum(),
        }
        rows.append(
            {"setting": setting, "scale": scale}
            | {name: int(count) for name, count in counts.items()}
            | {"proportion": counts["monotone"] / len(kept) if len(kept) else np.nan, "low": low, "high": high}
            | {"largest_affinity_residual": kept["affinity_residual"].max()}
            | {"largest_turning_difference": (kept["gauss_length"] - kept["gauss_length_turning"]).abs().max()}
        )
    return pd.DataFrame(rows)
