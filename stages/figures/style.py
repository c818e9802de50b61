"""How figures look: their one encoding, theme and axes; and how they become the same bytes each time.

Colour is the verdict on a line, line style is the kind of line, and greys are for all else.
"""

import io
from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from PIL import Image

from stages.figures.outputs import Drawing
from stages.figures.words import number
from stages.results.results import Results

MONOTONE, NON_MONOTONE = sns.color_palette("colorblind")[:2]
"""Blue and orange, which colour-blind readers tell apart: the only colours of marks; markers are "o" and "^"."""
INK, GREY, PALE = "0.1", "0.4", "0.75"
"""Greys for fits and totals, for notes and medians, and for what is not counted."""
SHADES = (("0.1", "o"), ("0.35", "s"), ("0.5", "D"), ("0.6", "v"), ("0.45", "P"), ("0.25", "X"))
"""Grey and marker of groups that are no verdict, such as optimizers, in their order."""
OWN_KIND = "own line"
LINE_STYLES = {
    OWN_KIND: "",
    "from a fresh initialisation": (5, 1.5),
    "line of a permuted network": (6, 1.5, 1, 1.5),
    "between initialisations": (1, 1),
    "to another run's optimum": (3, 1),
    "between optima": (5, 1, 1, 1),
    "weights matched": (2, 1, 1, 1),
    "activations matched": (7, 1),
    "line from elsewhere": (4, 1),
    "line of one layer": (6, 1, 1, 1, 1, 1),
    "other batch-norm statistics": (3, 1, 1, 1),
    "on the test split": (4, 2),
    "path of training": (1, 1.5),
}
"""Dashes of each kind of line, in points; a run's own line is solid in every figure."""
PATH = {"color": INK, "marker": ".", "ls": (0, LINE_STYLES["path of training"]), "lw": 1.2, "zorder": 4}
"""How a path of training looks, which has no verdict."""
MAPS = {  # of fields; the first two are the paper's
    "train_loss": mpl.colormaps["Greens"],
    "train_accuracy": mpl.colormaps["Purples"],
    "min_delta": mpl.colormaps["rocket_r"],
    "examples": ListedColormap(mpl.colormaps["viridis"](np.linspace(0.92, 0, 256))),  # its palest part is lost on white
}
THEME = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("notebook", font_scale=0.85),
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib: no machine draws another font
    "backend": "agg",  # FacetGrid asks pyplot for a figure, which otherwise may open a window
    "grid.color": "0.9",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "mli",
}
STEEP = 3  # times the loss at the start from which a loss axis goes on logarithmically
ALPHA = "α (0 = initial, 1 = trained)"
DISTANCE = r"distance $\|\theta_T-\theta_0\|\,/\,\|\theta_0\|$"
GAUSS = {"gauss_length_smooth": "Gauss length (rad)", "gauss_length_turning": "Gauss length, total turning (rad)"}
RESOLUTION = 110  # dots an inch, of PNG and of what is rasterised in SVG
MANY = 1000  # points or lines above which they are rasterised
LARGEST = 1_000_000  # bytes of a file
EXACT = ("train_loss", "test_loss", "loss", "min_delta")
"""Columns that keep all nine digits of single precision, so that verdicts follow from the file, if it stays small."""


def line_style(kind: str) -> str | tuple:
    """Return the `linestyle` of a kind of line as Matplotlib takes it."""
    return (0, LINE_STYLES[kind]) if LINE_STYLES[kind] else "-"


def shades(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a grey and a marker for each of some groups that are no verdict, such as optimizers."""
    return {name: SHADES[place % len(SHADES)] for place, name in enumerate(names)}


def log_axis(axis: Axis, values: np.ndarray, fit: bool = False) -> None:
    """Make an axis logarithmic, with plain numbers as ticks: closer ones where it spans little.

    Args:
        axis: The axis.
        values: What all panels of its kind show; others than positive finite numbers are ignored.
        fit: Whether the axis spans all values, not only those of its panel.
    """
    horizontal = axis.axis_name == "x"
    (axis.axes.set_xscale if horizontal else axis.axes.set_yscale)("log", base=np.e)
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (values.min(), values.max()) if values.size else (0.1, 10.0)
    ratio = high / low if values.size else 100
    if fit or not values.size:
        edge = max(ratio, 1.1) ** 0.05 if values.size else 1
        (axis.axes.set_xlim if horizontal else axis.axes.set_ylim)(low / edge, high * edge)
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


def ends(frame: pd.DataFrame) -> tuple[float, float]:
    """Return the first and the last alpha of some curves, which may lie beyond 0 and 1; these if there is no curve."""
    return (frame["alpha"].min(), frame["alpha"].max()) if len(frame) else (0.0, 1.0)


def loss_axis(ax: Axes, start: float, highest: float) -> str:
    """Set a loss axis, logarithmic above the loss at the start if it goes far beyond.

    Args:
        ax: The panel.
        start: Loss at the start of its lines; NaN if there is none.
        highest: Largest loss.

    Returns:
        What the axis' label must add.
    """
    if not highest > STEEP * start > 0:
        ax.set_ylim(0, highest * 1.05 if highest > 0 else 1)
        return ""
    digit = 10.0 ** np.floor(np.log10(start))
    digits = np.ceil(start / digit)
    linear = float(digits * digit)
    ax.set_yscale("symlog", linthresh=linear, linscale=max(1.0, np.log10(highest / linear)))
    ax.set_ylim(0, highest * 1.2)
    ax.axhline(linear, color=GREY, lw=0.6, ls=":")
    step = digit * (0.5 if digits == 1 else 1 if digits <= 5 else 2)
    above = 10.0 ** np.arange(np.ceil(np.log10(linear * 1.5)), np.floor(np.log10(highest * 1.2)) + 1)
    ax.yaxis.set_major_locator(FixedLocator([*np.arange(0, linear + step / 2, step), *above]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}" if value < 1e2 else f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    return f"\nlinear up to {number(linear)}, then logarithmic"


def thinned(data: pd.DataFrame) -> tuple[bytes, int]:
    """Write data as CSV in six significant digits, losses in nine; where that is too large, in six, then fewer alphas.

    Args:
        data: Tidy data.

    Returns:
        The file's bytes, and n if it has only every n-th alpha; the first and the last alpha are always in.
    """
    content, step = _csv(data, 9), 1
    while len(content) > LARGEST:
        kept = data
        if step > 1:
            alphas = np.unique(data["alpha"])
            kept = data[data["alpha"].isin([*alphas[::step], alphas[-1]])]
        content = _csv(kept, 6)
        if len(content) <= LARGEST or "alpha" not in data or step >= data["alpha"].nunique():
            break
        step += max(1, round(step * (len(content) / LARGEST - 1)))
    return content, step


def _csv(data: pd.DataFrame, digits: int) -> bytes:
    """Write data as CSV, the columns of `EXACT` in some number of significant digits."""
    exact = {name: data[name].map(lambda value: _digits(value, digits)) for name in EXACT if name in data}
    return data.assign(**exact).to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def _digits(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}g}"


def in_few_colours(png: io.BytesIO) -> bytes:
    """Return a PNG picture with 256 colours, which takes a third of the bytes and looks the same."""
    buffer = io.BytesIO()
    picture = Image.open(png).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(buffer, "png", dpi=(RESOLUTION, RESOLUTION))
    return buffer.getvalue()


def render(drawing: Drawing) -> tuple[dict[str, bytes], int]:
    """Turn a drawing into files.

    Args:
        drawing: The drawing.

    Returns:
        The bytes of each file by its ending; and n if its data has only every n-th alpha, else 1.
    """
    with mpl.rc_context(THEME):
        drawing.figure.draw_without_rendering()
        drawing.figure.set_layout_engine("none")  # one layout for both files
        for ax in drawing.figure.axes:  # the solver's last digits vary, and SVG makes names from all digits
            ax.set_position([round(side, 6) for side in ax.get_position().bounds])
        svg, png = io.BytesIO(), io.BytesIO()
        drawing.figure.savefig(svg, format="svg", dpi=RESOLUTION, metadata={"Date": None, "Creator": None})
        drawing.figure.savefig(png, format="png", dpi=RESOLUTION, pil_kwargs={"compress_level": 0})
    files = {"svg": svg.getvalue(), "png": in_few_colours(png)}
    files["csv"], step = thinned(drawing.data)
    return files, step
