"""Theorem 3 on trained networks: the total turning of each example's output, and whether its loss rises."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stages.figures.base import Drawing, admitted, explain_admitted, left_out, subject
from stages.figures.bundles import RATES
from stages.figures.declare import figure
from stages.figures.style import COLOURS, GREY, NON_MONOTONE, canvas, caption, heading, legend, log_axis, say
from stages.results.results import Results

LIMIT = np.pi / 2  # of theorem 3
ROUNDING = 1e-5
"""Rise over the value at the start up to which it counts as rounding of single precision, so as none."""
# Edges of bins, of which pi / 2 and the level of rounding are some; the outer bins also take what is beyond them.
TURNINGS = LIMIT * 10.0 ** (np.arange(-24, 25) / 12)
RISES = ROUNDING * 10.0 ** np.array([-0.5, *np.arange(0, 37) / 4])
FITS = np.array([0, 1e-4, 1e-3, 1e-2, 1e-1, 1, np.inf])
FIT_NAMES = ("< 0.0001", "< 0.001", "< 0.01", "< 0.1", "< 1", "≥ 1")
COUNTS = RATES.reversed()
BELOW = COLOURS[9]
END, TARGET = "end of the line", "target"
COLUMNS = ["towards", "turning_from", "turning_to", "rise_from", "rise_to", "fit_from", "fit_to", "examples"]


# Shape letters: N = examples of all lines; T, R, F = bins of turning, rise and fit.
@dataclass(frozen=True)
class Examples:
    """Examples of several lines, and the squared distance of their outputs to some target."""

    turning: np.ndarray
    """(N,) radians."""
    rise: np.ndarray
    """(N,) min Delta of the squared distance, over that at the start of the line."""
    fit: np.ndarray
    """(N,) squared distance at alpha = 1, over that at the start of the line."""
    missing: int
    """Number of those left out: without a turning, or at their target from the start."""

    @property
    def below(self) -> np.ndarray:
        """(N,) whether each turns by less than pi / 2."""
        return self.turning < LIMIT

    @property
    def rising(self) -> np.ndarray:
        """(N,) whether each rises by more than rounding."""
        return self.rise > ROUNDING

    def counts(self) -> np.ndarray:
        """Return how many examples each bin has, shape (T, R, F)."""
        turning = self.turning.clip(TURNINGS[0], TURNINGS[-1])
        rise = np.where(self.rising, self.rise.clip(ROUNDING, RISES[-1]), RISES[0])
        fit = np.searchsorted(FITS, self.fit, side="right")  # the number of its bin, from 1: one edge is infinite
        numbers = np.arange(len(FITS)) + 0.5
        return np.histogramdd((turning, rise, fit), (TURNINGS, RISES, numbers))[0].astype(int)


@figure(
    32,
    "example_turning",
    shows="Theorem 3 example by example.",
    paper="A theorem, without an experiment.",
    claims=("theorem_3",),
)
def example_turning(results: Results) -> Drawing:
    """Theorem 3: rise of each example's squared error against the total turning of its output.

    Args:
        results: The pooled suites.

    Returns:
        Left, the target is where the line ends, as the theorem assumes; middle, the real one, to which networks only
        come close; right, how that depends on how close.
    """
    everything = results.lines()
    rows = everything[everything["loss"] == "squared_error"]
    kept = admitted(rows)
    found = {
        END: gather(results, kept, "example_rise_to_end", "example_start_to_end"),
        TARGET: gather(results, kept, "example_rise", "example_start_loss", "example_final_loss"),
    }
    counts = {name: examples.counts() for name, examples in found.items()}
    norm = LogNorm(1, max(2, *(int(counts_TRF.sum(2).max()) for counts_TRF in counts.values())))
    figure, (axes,) = canvas(1, 3, width=4.9, height=4.2)
    titles = ("towards the end of the line (assumption holds)", "towards the target (the end only comes close)")
    for ax, (name, examples), title in zip(axes, found.items(), titles, strict=False):
        _map(ax, counts[name].sum(2), sum(counts.values()).sum(2), norm)
        heading(ax, title, f"{_words(examples)}\n{len(kept)} runs; {left_out(rows)}")
        ax.set_ylabel("largest rise of the squared distance,\nover that at the start")
    _fits(axes[2], found[TARGET])
    heading(axes[2], "towards the target, by fit", f"{_words(found[TARGET])}\n{len(kept)} runs; {left_out(rows)}")
    _legend(figure, axes, norm)
    others = len(everything) - len(rows)
    missing = max(examples.missing for examples in found.values())
    note = (
        "Theorem 3: a curve that turns by less than π/2 in all and ends at its target never moves away from it. Left, "
        "the target is the output at the end of the line, and by the theorem none below π/2 should rise. Middle and "
        "right, it is the example's own target, and the assumption fails: outputs end near it, not at it, and may pass "
        "it however little they turn. Turning: sum of the angles between tangents at successive α, a lower bound of "
        "the Gauss length. "
        f"Rises up to {ROUNDING:g} of the start count as rounding, so as none. {explain_admitted(results)}"
        + (f" {others} runs with another loss are left out." if others else "")
        + (f" {missing} examples without a turning or a distance at the start are left out." if missing else "")
    )
    caption(figure, f"Theorem 3 by example: {subject(rows)}", note)
    return Drawing(figure, pd.concat([_tidy(name, part) for name, part in counts.items()], ignore_index=True))


def gather(results: Results, rows: pd.DataFrame, rise: str, start: str, end: str | None = None) -> Examples:
    """Gather the examples of some lines.

    Args:
        results: The pooled suites.
        rows: Rows of `Results.lines`.
        rise: Field of `Curves` that holds min Delta of the squared distance to a target.
        start: Field that holds the distance at the first alpha.
        end: Field that holds it at the last; None if it is 0.

    Returns:
        Those that have a turning and a distance at the start.
    """
    numbers = [int(number) for _, number in results.values(rows, "examples")]

    def joined(name: str) -> np.ndarray:
        parts = [values[:n] for (_, values), n in zip(results.values(rows, name), numbers, strict=True)]
        return np.concatenate(parts).astype(float) if parts else np.empty(0)

    turning, rises, starts = joined("gauss_turning"), joined(rise), joined(start)
    ends = np.zeros_like(starts) if end is None else joined(end)
    good = np.isfinite([turning, rises, starts, ends]).all(0) & (starts > 0)
    starts = starts[good]
    return Examples(turning[good], rises[good] / starts, ends[good] / starts, int((~good).sum()))


def _map(ax: Axes, counts_TR: np.ndarray, shown_TR: np.ndarray, norm: LogNorm) -> None:
    """Draw numbers of examples by turning and rise, on axes that suit all that is `shown`."""
    ax.grid(visible=False)
    counts = np.ma.masked_equal(counts_TR.T, 0)
    ax.pcolormesh(TURNINGS, RISES, counts, norm=norm, cmap=COUNTS, rasterized=True, edgecolors="none")
    if not counts_TR.any():
        say(ax, "no admitted run of squared error\nwith Gauss lengths")
    ax.axvline(LIMIT, color="0.1", lw=1, ls="--")
    ax.axhline(ROUNDING, color=GREY, lw=0.8, ls=":")
    columns, lines = (np.flatnonzero(shown_TR.any(axis)) for axis in (1, 0))
    low, high = (TURNINGS[columns[0]], TURNINGS[columns[-1] + 1]) if columns.size else (0.1, 10)
    limits = np.array([min(low, LIMIT / 2), max(high, 2 * LIMIT)])
    log_axis(ax.xaxis, limits)
    ax.set_xlim(limits)
    top = RISES[lines[-1] + 1] if lines.size else 1.0
    ax.set_yscale("log")
    ax.set_ylim(RISES[0], max(top, 1.0))
    powers = 10.0 ** np.arange(-4, np.log10(RISES[-1]) + 1, 2)
    ax.yaxis.set_major_locator(FixedLocator([np.sqrt(RISES[0] * RISES[1]), *powers]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value > ROUNDING else "none"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("total turning of the example's output (rad), log scale")


def _fits(ax: Axes, examples: Examples) -> None:
    """Draw by fit how many examples turn by less than pi / 2, and how many of these rise."""
    counts_TRF = examples.counts()
    limit = int(np.searchsorted(TURNINGS, LIMIT))
    numbers = counts_TRF.sum((0, 1))
    below, rising = counts_TRF[:limit].sum((0, 1)), counts_TRF[:limit, 1:].sum((0, 1))
    shares = [100 * part / np.maximum(numbers, 1) for part in (below, rising)]
    places = np.arange(len(numbers))
    ax.bar(places, shares[0], color=BELOW, width=0.8, zorder=2)
    ax.bar(places, shares[1], color=NON_MONOTONE, width=0.8, zorder=3)
    for place, height, n, m, k in zip(places, shares[0], numbers, below, rising, strict=True):
        if n:
            ax.text(place, height + 1.5, f"{k} of\n{m}", ha="center", va="bottom", fontsize=8)
    if not numbers.any():
        say(ax, "no admitted run of squared error\nwith Gauss lengths")
    ax.grid(visible=False, axis="x")
    ax.set_xticks(places, [f"{name}\n({n})" for name, n in zip(FIT_NAMES, numbers, strict=True)], fontsize=8)
    ax.set(ylim=(0, 122), ylabel="examples (%)", xlabel="own loss at the end, over that at the start (examples)")
    ax.yaxis.set_major_locator(FixedLocator(range(0, 101, 20)))


def _legend(figure: Figure, axes: np.ndarray, norm: LogNorm) -> None:
    bar = figure.colorbar(ScalarMappable(norm, COUNTS), ax=axes[:2], label="examples", pad=0.02, aspect=30)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    entries = [
        Line2D([], [], color="0.1", lw=1, ls="--", label="π/2"),
        Line2D([], [], color=GREY, lw=0.8, ls=":", label=f"rounding ({ROUNDING:g})"),
        Patch(facecolor=BELOW, label="turn by less than π/2"),
        Patch(facecolor=NON_MONOTONE, label="of these rising"),
    ]
    legend(figure, entries)


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
