"""Figures and tables of models that theory can solve: 29, the noisy quadratic model, and two-layer linear networks."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from stages.figures.base import Drawing, Table, number
from stages.figures.style import (
    COLOURS,
    GREY,
    MANY,
    MONOTONE,
    NON_MONOTONE,
    canvas,
    caption,
    heading,
    legend,
    log_axis,
    say,
)
from stages.theory import noisy_quadratic as quadratic
from stages.theory import two_layer_linear as linear

BINS = 50
RATE_COLOURS = [COLOURS[i] for i in (0, 1, 2, 4, 5, 6, 7, 8, 9, 3)]
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]  # the same lines for who sees no colour
ENDS = {
    "paper": r"$\theta_T\sim N(0,\eta K)$, as the paper has it",
    "trained": r"$\theta_T$ after training",
}
GRIDS = {"": "continuous line", "sampled_": f"on {len(quadratic.ALPHAS)} alphas"}
SETTINGS = {"student_teacher": "student and teacher", "balanced": "balanced", "tabula_rasa": "tabula rasa"}
SLOPE = r"$(\theta_T-\theta_0)^{\top} K\,\theta_T$ (loss per unit of $\alpha$)"


def noisy_quadratic(table: pd.DataFrame, confidence: float) -> Drawing:
    """Figure 29: the slope of the loss at the ends of lines of the noisy quadratic model, and how many lines never rise.

    Args:
        table: Rows of `stages.theory.noisy_quadratic.simulate`.
        confidence: Of the intervals.

    Returns:
        The drawing; its data are the bins of the histograms, each beside the summary of its end and learning rate.
    """
    cells = quadratic.summary(table, confidence)
    rates = sorted(set(table["lr"]))
    colours = {rate: RATE_COLOURS[i % len(RATE_COLOURS)] for i, rate in enumerate(rates)}
    dashes = {rate: DASHES[i % len(DASHES)] for i, rate in enumerate(rates)}
    figure, axes = canvas(1, 3, width=4.6, height=4.0)
    bins = []
    for ax, (end, name) in zip(axes[0], ENDS.items(), strict=False):
        for rate in rates:
            slopes = table[(table["end"] == end) & (table["lr"] == rate)]["slope_end"].to_numpy(float)
            counts, edges = np.histogram(slopes, BINS)
            shares = counts / max(len(slopes), 1)
            ax.stairs(shares, edges, color=colours[rate], ls=dashes[rate], lw=1.3)
            columns = {"end": end, "lr": rate, "from": edges[:-1], "to": edges[1:], "count": counts}
            bins.append(pd.DataFrame(columns))
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
        ax.set(xlabel=SLOPE, ylabel="share of lines in a bin")
        heading(ax, name, "x")
    return figure
