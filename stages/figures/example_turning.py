"""Theorem 3 on trained networks: the total turning of each example's output, and whether its loss rises."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import compose, heading, panels, say
from stages.figures.outputs import Drawing
from stages.figures.style import GREY, INK, MAPS, MONOTONE, NON_MONOTONE, log_axis
from stages.figures.words import explain_converged, left_out, subject
from stages.results.examples import ROUNDING, TURNING_LIMIT, Examples, collect_examples
from stages.results.results import Results
from stages.results.rows import converged

# Edges of bins, of which pi / 2 and the level of rounding are some; the outer bins also take what is beyond them.
TURNINGS = TURNING_LIMIT * 10.0 ** (np.arange(-24, 25) / 12)
RISES = ROUNDING * 10.0 ** np.array([-0.5, *np.arange(0, 37) / 4])
FITS = np.array([0, 1e-4, 1e-3, 1e-2, 1e-1, 1, np.inf])
FIT_NAMES = ("< 0.0001", "< 0.001", "< 0.01", "< 0.1", "< 1", "≥ 1")
COUNTS = MAPS["examples"]
END, TARGET = "end of the line", "target"
COLUMNS = ["towards", "turning_from", "turning_to", "rise_from", "rise_to", "fit_from", "fit_to", "examples"]


@figure(
    32,
    "example_turning",
    shows="Theorem 3 example by example.",
    paper="A theorem, without an experiment.",
    claims=("theorem_3",),
    finding=findings_of_numbers.of_examples,
)
def example_turning(results: Results) -> Drawing:
    """Figure 32: rise of each example's squared error against the total turning of its output.

    Args:
        results: The pooled suites.

    Returns:
        The drawing. Left, the target is where the line ends, as the theorem assumes; right, the real one, to which
        networks only come close; below, how that depends on how close. Its data are the bins that have examples.
    """
    everything = results.lines()
    rows = everything[everything["loss"] == "squared_error"]
    kept = converged(rows)
    found = {
        END: collect_examples(results, kept, "example_rise_to_end", "example_start_to_end"),
        TARGET: collect_examples(results, kept, "example_rise", "example_start_loss", "example_final_loss"),
    }
    frame = pd.concat([_tidy(name, count_examples(examples)) for name, examples in found.items()], ignore_index=True)
    cells = frame.groupby(["towards", "turning_from", "rise_from"])["examples"].sum()
    norm = LogNorm(1, max(2, cells.max() if len(cells) else 2))
    figure, axes = panels(2, 2, height=3.6)
    left, right, lower, unused = axes.flat
    unused.remove()
    lower.set_subplotspec(lower.get_gridspec()[1, :])
    titles = {
        "towards the end of the line (assumption holds)": END,
        "towards the target (the end only comes close)": TARGET,
        "towards the target, by fit": TARGET,
    }
    for place, (ax, (title, towards)) in enumerate(zip((left, right, lower), titles.items(), strict=True)):
        heading(ax, title, f"{_words(found[towards])}\n{len(kept)} runs; {left_out(rows)}")
        shown = frame[frame["towards"] == towards]
        if place < 2:
            _draw_map(ax, shown, frame, norm)
        else:
            _draw_fits(ax, shown)
        if shown.empty:
            say(ax, "no converged run of squared error\nwith Gauss lengths")
    for ax in (left, right):
        ax.set_ylabel("largest rise of the squared distance,\nover that at the start")
    bar = figure.colorbar(ScalarMappable(norm, COUNTS), ax=right, label="examples", pad=0.03, use_gridspec=False)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    entries = [
        Line2D([], [], color=INK, lw=1, ls="--", label="π/2"),
        Line2D([], [], color=GREY, lw=0.8, ls=":", label=f"rounding ({ROUNDING:g})"),
        Patch(facecolor=MONOTONE, label="turn by less than π/2, not rising"),
        Patch(facecolor=NON_MONOTONE, label="turn by less than π/2, rising"),
    ]
    others = len(everything) - len(rows)
    missing = max(examples.missing for examples in found.values())
    note = (
        "Theorem 3: a curve that turns by less than π/2 in all and ends at its target never moves away from it. Left, "
        "the target is the output at the end of the line, and by the theorem none below π/2 should rise. Right and "
        "below, it is the example's own target, and the assumption fails: outputs end near it, not at it, and may pass "
        "it however little they turn. Turning: sum of the angles between tangents at successive α, a lower bound of "
        "the Gauss length. Below, in brackets: examples with such a fit; on the bars: rising of those below π/2. "
        f"Rises up to {ROUNDING:g} of the start count as rounding, so as none. {explain_converged(results)}"
        + (f" {others} runs with another loss are left out." if others else "")
        + (f" {missing} examples without a turning or a distance at the start are left out." if missing else "")
    )
    compose(figure, f"Theorem 3 by example: {subject(rows)}", note, entries)
    return Drawing(figure, frame)


def count_examples(examples: Examples) -> np.ndarray:
    """Return how many examples each bin has, shape (T, R, F): bins of turning, rise and fit.

    Args:
        examples: The examples. Those beyond the outer bins of turning and rise count as in these.
    """
    turning = examples.turning.clip(TURNINGS[0], TURNINGS[-1])
    rise = np.where(examples.rising, examples.rise.clip(ROUNDING, RISES[-1]), RISES[0])
    fit = np.searchsorted(FITS, examples.fit, side="right")  # the number of its bin, from 1: one edge is infinite
    numbers = np.arange(len(FITS)) + 0.5
    return np.histogramdd((turning, rise, fit), (TURNINGS, RISES, numbers))[0].astype(int)


def _draw_map(ax: Axes, shown: pd.DataFrame, frame: pd.DataFrame, norm: LogNorm) -> None:
    """Draw numbers of examples by turning and rise, on axes that suit the whole frame."""
    ax.grid(visible=False)
    if len(shown):
        middles = {side: (shown[f"{side}_from"] + shown[f"{side}_to"]) / 2 for side in ("turning", "rise")}
        look = {"weights": shown["examples"], "bins": (TURNINGS, RISES), "cmap": COUNTS, "norm": "log"}
        sns.histplot(
            x=middles["turning"], y=middles["rise"], ax=ax, rasterized=True, **look, vmin=norm.vmin, vmax=norm.vmax
        )
    ax.axvline(TURNING_LIMIT, color=INK, lw=1, ls="--")
    ax.axhline(ROUNDING, color=GREY, lw=0.8, ls=":")
    low, high = (frame["turning_from"].min(), frame["turning_to"].max()) if len(frame) else (0.1, 10)
    limits = np.array([min(low, TURNING_LIMIT / 2), max(high, 2 * TURNING_LIMIT)])
    log_axis(ax.xaxis, limits)
    ax.set_xlim(limits)
    ax.set_yscale("log")
    ax.set_ylim(RISES[0], max(frame["rise_to"].max() if len(frame) else 1.0, 1.0))
    powers = 10.0 ** np.arange(-4, np.log10(RISES[-1]) + 1, 2)
    ax.yaxis.set_major_locator(FixedLocator([np.sqrt(RISES[0] * RISES[1]), *powers]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value > ROUNDING else "none"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("total turning (rad), log scale")


def _draw_fits(ax: Axes, shown: pd.DataFrame) -> None:
    """Draw by fit which share of the examples turn by less than pi / 2, and which of these rise."""
    below, rising = shown["turning_to"] <= TURNING_LIMIT, shown["rise_from"] > 0
    counts = [shown[chosen].groupby("fit_from")["examples"].sum() for chosen in (below | True, below, below & rising)]
    numbers, below, rising = (group.reindex(FITS[:-1], fill_value=0).to_numpy() for group in counts)
    ticks = [f"{name}\n({number})" for name, number in zip(FIT_NAMES, numbers, strict=True)]
    for part, colour in ((below, MONOTONE), (rising, NON_MONOTONE)):
        sns.barplot(x=ticks, y=100 * part / np.maximum(numbers, 1), color=colour, saturation=1, ax=ax, zorder=2)
    highest = 0.0
    for place, (number, m, k) in enumerate(zip(numbers, below, rising, strict=True)):
        if m:
            ax.text(place, 100 * m / number, f"{k} of {m}", ha="center", va="bottom", fontsize=8)
            highest = max(highest, 100 * m / number)
    ax.tick_params(axis="x", labelsize=8, labelrotation=0)
    ax.set(
        ylim=(0, min(1.15 * highest, 106) or 100),
        ylabel="examples (%)",
        xlabel="loss at the end, over that at the start",
    )


def _words(examples: Examples) -> str:
    below = examples.below
    return (
        f"{len(below)} examples; {int(below.sum())} below π/2, {int((examples.rising & below).sum())} of these rising"
    )


def _tidy(name: str, counts_TRF: np.ndarray) -> pd.DataFrame:
    """Return the bins that have examples; a rise from 0 is none. A line's end is met exactly: it has no bins of fit."""
    places = np.argwhere(counts_TRF)
    turning, rise, fit = places.T
    data = {"towards": name, "turning_from": TURNINGS[turning], "turning_to": TURNINGS[turning + 1]}
    data |= {"rise_from": np.where(rise > 0, RISES[rise], 0.0), "rise_to": RISES[rise + 1]}
    edges = FITS if name == TARGET else np.full_like(FITS, np.nan)
    data |= {"fit_from": edges[fit], "fit_to": edges[fit + 1], "examples": counts_TRF[tuple(places.T)]}
    return pd.DataFrame(data, columns=COLUMNS)
