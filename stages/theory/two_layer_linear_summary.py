"""Counts of the two-layer linear networks for which the theory's statements hold, computed without PyTorch."""

import numpy as np
import pandas as pd

from stages.measures.proportion import wilson

ROUNDING = 1e-12
"""Largest rounding error of a rise or an eigenvalue that is exactly zero, relative to the largest value."""


def count_statements(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Count the networks for which the statements of appendix A.1 hold, by setting and scale.

    Args:
        table: Rows of `stages.theory.two_layer_linear.simulate_lines`.
        confidence: Confidence level of the Wilson interval, such as 0.95.

    Returns:
        One row for each setting and scale, in the order of the table. All counts but the first are of converged
        networks.

        - trained, converged: all networks, and those that converged
        - at_most_pi, below_half_pi: Gauss length at most pi, and below pi/2
        - eigenvalues_met: no eigenvalue of M has a negative real part (the paper's criterion; zeros are allowed, since
          M may be singular with fewer hidden units than inputs)
        - symmetric_part_met: no eigenvalue of M's symmetric part is negative
        - eigenvalues_met_alone: eigenvalues_met without symmetric_part_met: for some inputs the Gauss length exceeds
          pi/2 in spite of the paper's criterion
        - eigenvalues_met_product_negative: the Gauss length exceeds pi/2 for the network's own inputs in spite of it
        - monotone, proportion, low, high: monotone lines, their proportion and its Wilson interval
        - below_half_pi_not_monotone, below_half_pi_not_surrogate_monotone: lines below pi/2 that are not monotone, with
          the targets and with the final outputs as targets
        - largest_affinity_residual, largest_turning_difference: the largest affinity residual, and the largest
          difference of total turning and angle, in radians
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
