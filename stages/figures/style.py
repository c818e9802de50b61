"""How figures look: theme, colours, axes of their kinds, notes; and how they become the same bytes each time."""

import io
import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from stages.figures.base import Drawing, admitted, limit
from stages.results.results import Results

COLOURS = sns.color_palette("colorblind")
MONOTONE, NON_MONOTONE = COLOURS[0], COLOURS[1]
OPTIMIZER_COLOURS = {"sgd": COLOURS[2], "rmsprop": COLOURS[5], "adam": COLOURS[4], "kfac": COLOURS[9]}
GREY = "0.4"
THEME = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("notebook", font_scale=0.85),
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib: no machine draws another font
    "grid.color": "0.9",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "mli",
}
DISTANCE = r"distance $\|\theta_T-\theta_0\|\,/\,\|\theta_0\|$"
GAUSS = {"gauss_length_smooth": "Gauss length (rad)", "gauss_length_turning": "Gauss length, total turning (rad)"}
RESOLUTION = 110  # dots an inch, of PNG and of what is rasterised in SVG
MANY = 1000  # points or lines above which they are rasterised
LARGEST = 1_000_000  # bytes of a file


def canvas(rows: int, columns: int, width: float = 4.4, height: float = 3.6, **options: object) -> tuple:
    """Return a figure of panels with room for a legend on its right, and the panels in shape (rows, columns)."""
    figure = Figure(figsize=(columns * width + 1.9, rows * height + 1.1), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def caption(figure: Figure, title: str, note: str) -> None:
    """Write the title above the panels and the note below them, wrapped to the figure's width."""
    inches = figure.get_figwidth()
    figure.suptitle(
        "\n".join(textwrap.wrap(title, int(inches * 10), break_on_hyphens=False)), fontsize=12, x=0.01, ha="left"
    )
    lines = textwrap.wrap(note, int(inches * 13.5), break_on_hyphens=False)
    figure.supxlabel("\n".join(lines), fontsize=8.5, color=GREY, x=0.01, ha="left")


def heading(ax: Axes, title: str, note: str) -> None:
    """Write a panel's title and, smaller, its counts."""
    ax.set_title(note, fontsize=8.5, color=GREY, loc="left")
    lines = note.count("\n") + 1
    ax.annotate(
        title, (0, 1), (0, 5 + 12 * lines), "axes fraction", "offset points", fontsize=10.5, ha="left", va="bottom"
    )


def say(ax: Axes, text: str) -> None:
    """Write in a panel why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY)


def verdict_handles(results: Results, rows: pd.DataFrame, lines: bool = False) -> list[Line2D]:
    """Return legend entries for monotone and non-monotone with their numbers, as points or as lines."""
    kept = admitted(rows)
    numbers = int(kept["monotonic"].sum()), int((~kept["monotonic"]).sum())
    handles = []
    for name, n, colour, marker, dash in (
        ("monotone", numbers[0], MONOTONE, "o", "-"),
        ("non-monotone", numbers[1], NON_MONOTONE, "^", "--"),
    ):
        look = {"ls": dash} if lines else {"ls": "", "marker": marker}
        handles.append(Line2D([], [], color=colour, label=f"{name} ({n})", **look))
    if not lines:
        handles.append(Line2D([], [], color=GREY, lw=0.8, ls=":", label=f"tolerance {limit(results, 'tolerance')}"))
    return handles


def legend(figure: Figure, handles: list, title: str | None = None) -> None:
    """Put a legend on the right of the panels."""
    figure.legend(handles=handles, loc="outside right upper", title=title, alignment="left")


def log_axis(axis: Axis, values: np.ndarray) -> None:
    """Make an axis logarithmic, with plain numbers as ticks: closer ones where it spans little."""
    scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
    scale("log", base=np.e)
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        (axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim)(0.1, 10)
    ratio = values.max() / values.min() if values.size else 100
    if ratio > 1.6:
        subs = [1] if ratio > 300 else [1, 3] if ratio > 30 else [1, 2, 5] if ratio > 5 else [1, 1.5, 2, 3, 5, 7]
        axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    else:
        axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def rise_axis(axis: Axis, results: Results, rises: np.ndarray) -> None:
    """Make an axis of min Delta: linear around 0 and up to the tolerance, logarithmic above."""
    tolerance = max(results.limits("tolerance").values(), default=0.0)
    rises = rises[np.isfinite(rises) & (rises > 0)]
    largest = rises.max() if rises.size else 0.0
    threshold = tolerance or 10.0 ** np.floor(np.log10(max(rises.min(), 1e-4 * largest))) if largest else tolerance
    threshold = threshold or 1.0
    linear_then_log(axis, threshold, max(largest, threshold) * 2)
    for value in set(results.limits("tolerance").values()):
        across = axis.axes.axvline if axis.axis_name == "x" else axis.axes.axhline
        across(value, color=GREY, lw=0.8, ls=":", zorder=1)


def linear_then_log(axis: Axis, threshold: float, top: float) -> None:
    """Make an axis linear from just below 0 up to a threshold, and logarithmic from there to the top."""
    options = {"linthresh": threshold, "linscale": 0.6}
    if axis.axis_name == "x":
        axis.axes.set_xscale("symlog", **options)
        axis.axes.set_xlim(-0.4 * threshold, top)
    else:
        axis.axes.set_yscale("symlog", **options)
        axis.axes.set_ylim(-0.4 * threshold, top)
    axis.set_minor_locator(NullLocator())


def scatter_verdicts(ax: Axes, rows: pd.DataFrame, x: pd.Series, y: pd.Series) -> None:
    """Draw a point for each line, in the look of its verdict.

    Args:
        ax: Where.
        rows: Rows of `Results.lines`.
        x: Places of the points, with the index of `rows`.
        y: Their heights, likewise.
    """
    for monotone, colour, marker in ((True, MONOTONE, "o"), (False, NON_MONOTONE, "^")):
        chosen = rows["monotonic"] == monotone
        look = {"color": colour, "marker": marker, "s": 26, "alpha": 0.65, "linewidths": 0, "clip_on": False}
        ax.scatter(x[chosen], y[chosen], zorder=3, rasterized=len(rows) > MANY, **look)


def thinned(data: pd.DataFrame) -> tuple[bytes, int]:
    """Write data as CSV in six significant digits; where that is too large, with only every n-th alpha.

    Args:
        data: Tidy data.

    Returns:
        The file's bytes, and n; the first and the last alpha are always in.
    """
    step = 1
    while True:
        kept = data
        if step > 1:
            alphas = np.unique(data["alpha"])
            kept = data[data["alpha"].isin([*alphas[::step], alphas[-1]])]
        content = kept.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
        if len(content) <= LARGEST or "alpha" not in data or step >= data["alpha"].nunique():
            return content, step
        step += max(1, round(step * (len(content) / LARGEST - 1)))


def render(drawing: Drawing) -> tuple[dict[str, bytes], int]:
    """Turn a drawing into files.

    Args:
        drawing: The drawing.

    Returns:
        The bytes of each file by its ending; and n if its data has only every n-th alpha, else 1.
    """
    files = {}
    with mpl.rc_context(THEME):
        drawing.figure.draw_without_rendering()
        drawing.figure.set_layout_engine("none")  # one layout for both files
        for ending, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            buffer = io.BytesIO()
            drawing.figure.savefig(buffer, format=ending, dpi=RESOLUTION, metadata=metadata)
            files[ending] = buffer.getvalue()
    files["csv"], step = thinned(drawing.data)
    return files, step
