"""Figures of single lines."""

import io
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator

from stages.figures.style import GREY, LINE_STYLES, MONOTONE, NON_MONOTONE, RESOLUTION, STEEP, THEME
from stages.single_line.line_result import LineResult

SPLITS = {"train": "", "test": LINE_STYLES["on the test split"]}
"""Dashes by split, as in the pipeline's figures."""
VERDICTS = {"monotone": MONOTONE, "not monotone": NON_MONOTONE, "no verdict": GREY}
"""Colours by verdict, as in the pipeline's figures."""


def curves_frame(results: Sequence[LineResult]) -> pd.DataFrame:
    """Return the curves of lines as one tidy table, one row a line, alpha, split and quantity."""
    frames = []
    for result in results:
        for split in SPLITS:
            for quantity in ("loss", "accuracy"):
                values = result.curve[["alpha", f"{split}_{quantity}"]].set_axis(["alpha", "value"], axis=1)
                names = {"line": f"{result.start} → {result.end}", "verdict": _verdict(result)}
                frames.append(values.assign(**names, split=split, quantity=quantity))
    return pd.concat(frames, ignore_index=True).dropna(subset="value")


def _verdict(result: LineResult) -> str:
    return {True: "monotone", False: "not monotone"}.get(result.row["monotonic"].iloc[0], "no verdict")


def draw_curves(results: Sequence[LineResult]) -> Figure:
    """Draw loss and accuracy along lines; the largest rise of a single line is shaded, several have their names."""
    frame = curves_frame(results)
    single = len(results) == 1
    with mpl.rc_context(THEME):
        grid = sns.relplot(
            frame,
            x="alpha",
            y="value",
            hue="verdict",
            hue_order=[verdict for verdict in VERDICTS if verdict in set(frame["verdict"])],
            palette=VERDICTS,
            units="line",
            estimator=None,
            style="split",
            style_order=[split for split in SPLITS if split in set(frame["split"])],
            dashes=SPLITS,
            col="quantity",
            kind="line",
            height=3.6,
            facet_kws={"sharey": False},
        )
        grid.set_axis_labels("α", "")
        grid.set_titles("{col_name}")
        loss = grid.axes_dict["loss"]
        values = frame[frame["quantity"] == "loss"]
        start = values[values["alpha"] == 0]["value"].max()
        if values["value"].min() > 0 and values["value"].max() > STEEP * start:
            loss.set_yscale("log")
            loss.yaxis.set_major_locator(LogLocator())
        rise = results[0].largest_rise() if single else None
        if rise is not None:
            loss.axvspan(rise.start, rise.top, color="0.9", zorder=0)
        for result in results if not single else ():
            place = (0, result.curve["train_loss"].iloc[0])
            text = loss.annotate(result.start, place, (3, 2), textcoords="offset points", fontsize=8)
            text.set_path_effects([withStroke(linewidth=2.5, foreground="w")])
        return grid.figure


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG, and close it."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=RESOLUTION, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return content.getvalue()
