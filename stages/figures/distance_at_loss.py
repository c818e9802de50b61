"""How far optimizers have travelled where their training loss is the same (Amari et al. 2020; appendix C.4)."""

import itertools

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, say
from stages.figures.outputs import Drawing
from stages.figures.style import GREY, log_axis, shades
from stages.figures.words import UNITS, optimizer_name, optimizers, subject
from stages.results.results import Results
from stages.results.travelled import LEVELS, best_rates, travelled

TRAVELLED = r"distance $\|\theta_t-\theta_0\|\,/\,\|\theta_0\|$"
ALL, BEST = "all runs", "best learning rate"
COLUMNS = ["panel", "optimizer", "level", "runs", "reached", "shown", "low_quartile", "median", "high_quartile"]


@figure(
    31,
    "distance_at_loss",
    shows="Distance at equal training loss, by optimizer.",
    paper="In words: adaptive optimizers go farther.",
    finding=findings_of_numbers.of_travel,
)
def distance_at_loss(results: Results) -> Drawing:
    """Distance travelled by the first epoch whose mean training loss is at or below a level, by optimizer.

    Args:
        results: The pooled suites.

    Returns:
        Medians and quartiles over the runs that got there: over all of them, and where every optimizer trained with its
        best learning rate on the same settings.
    """
    everything = results.lines()
    single = everything["switch_after"].isna() & everything["magnitude"].isna()
    rows = everything[single & (everything["loss"] == "cross_entropy")]
    usable = rows[rows["status"] != "diverged"]
    reached = travelled(usable, results.epochs)
    names = optimizers(rows)
    best = best_rates(rows)
    frame = pd.concat(
        [
            _summarise(ALL, usable, reached, reached, names),
            _summarise(BEST, best, reached, _matched(best, reached, names), names),
        ],
        ignore_index=True,
    )
    titles = {}
    for panel, runs in ((ALL, usable), (BEST, best)):
        above = int((runs["status"] == "above threshold").sum())
        text = f"{len(runs)} runs, {above} of them above threshold; {len(rows) - len(usable)} diverged left out"
        titles[panel] = f"{text}\n{_shown(frame[frame['panel'] == panel], names)}"
    facets = Facets(frame, titles, height=3.8, sharex=True, sharey=True)
    for ax, _, cells in facets.parts():
        _draw(
            ax,
            cells[cells["shown"] > 0],
            names,
            "no run of every optimizer\nreached a level" if len(cells) else "no run",
        )
        log_axis(ax.yaxis, frame[["low_quartile", "high_quartile"]].to_numpy(float).ravel(), fit=True)
    facets.set_axis_labels(f"training loss ({UNITS['cross_entropy']}), log scale", f"{TRAVELLED}, log scale")
    looks = shades(names).items()
    entries = [Line2D([], [], color=grey, marker=marker, label=optimizer_name(name)) for name, (grey, marker) in looks]
    entries.append(Line2D([], [], color=GREY, marker="|", ms=10, ls="", label="quartiles"))
    others = len(everything) - len(rows)
    note = (
        "Median and quartiles of the distance after the first epoch whose mean minibatch loss is at or below a level, "
        f"over the runs that got there, whether or not they ended above the threshold. {ALL.capitalize()}: of every "
        "learning rate and setting, so that levels and optimizers have different runs. Best learning rate: of each "
        "setting and optimizer the one with the lowest final training loss (mean over seeds), and at each level only "
        "settings in which every optimizer got there. Points are moved sideways to be told apart."
        + (f" {others} runs with another loss, a switch or grafting are left out." if others else "")
    )
    compose(facets.figure, f"Distance at equal training loss: {subject(rows)}", note, entries)
    return Drawing(facets.figure, frame)


def _matched(rows: pd.DataFrame, reached: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return what runs of `rows` reached, without the settings and levels that some optimizer did not get to."""
    found = reached.merge(rows[["run_id", "setting", "optimizer"]], on="run_id")
    there = found.groupby(["setting", "level"])["optimizer"].transform("nunique")
    return found[there == len(names)]


def _summarise(
    panel: str, rows: pd.DataFrame, reached: pd.DataFrame, shown: pd.DataFrame, names: list[str]
) -> pd.DataFrame:
    """Return counts, median and quartiles of a panel by optimizer and level, over what is `shown` of `reached`."""
    cells = []
    for name, level in itertools.product(names, LEVELS):
        own = rows["run_id"][rows["optimizer"] == name]
        there, here = (
            part["travelled"][(part["level"] == level) & part["run_id"].isin(own)].to_numpy(float)
            for part in (reached, shown)
        )
        quartiles = np.quantile(here, [0.25, 0.5, 0.75]) if here.size else [np.nan] * 3
        cells.append([panel, name, level, len(own), len(there), len(here), *quartiles])
    return pd.DataFrame(cells, columns=COLUMNS)


def _draw(ax: Axes, cells: pd.DataFrame, names: list[str], empty: str) -> None:
    """Draw the medians of each optimizer over the levels, and their quartiles; training goes from left to right."""
    sideways = cells["optimizer"].map(lambda name: 1.08 ** ((len(names) - 1) / 2 - names.index(name))).astype(float)
    cells = cells.assign(place=cells["level"] * sideways)
    palette = {name: grey for name, (grey, _) in shades(names).items()}
    markers = {name: marker for name, (_, marker) in shades(names).items()}
    look = {"palette": palette, "errorbar": None, "markeredgewidth": 0, "legend": False}
    look |= {"style": "optimizer", "markers": markers, "dashes": False, "ms": 7}
    if cells.empty:
        say(ax, empty)
    else:
        sns.lineplot(cells, x="place", y="median", hue="optimizer", hue_order=names, ax=ax, **look)
        colours = list(cells["optimizer"].map(palette))
        ax.vlines(cells["place"], cells["low_quartile"], cells["high_quartile"], colours, lw=1.2)
    ax.set_xscale("log")
    ax.set_xlim(max(LEVELS) * 1.6, min(LEVELS) / 1.6)
    ax.xaxis.set_major_locator(FixedLocator(LEVELS))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="", ylabel="")


def _shown(cells: pd.DataFrame, names: list[str]) -> str:
    """Say how many runs of each optimizer are shown at each level, two optimizers a line."""
    parts = []
    for name in names:
        numbers = cells["shown"][cells["optimizer"] == name].astype(str)
        parts.append(f"{optimizer_name(name)} {', '.join(numbers)}")
    pairs = ["; ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return "\n".join(["shown at each level, from the highest:", *pairs])
