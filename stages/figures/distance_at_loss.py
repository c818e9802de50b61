"""How far optimizers have travelled where their training loss is the same (Amari et al. 2020; appendix C.4)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stages.config.run import OPTIMIZER_OPTIONS
from stages.figures.base import OPTIMIZERS, UNITS, Drawing, optimizers, subject
from stages.figures.declare import figure
from stages.figures.style import OPTIMIZER_COLOURS, canvas, caption, heading, legend, log_axis, say
from stages.measures.contrast import SETTING
from stages.results.results import Results

LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)  # nats: absolute, since initial losses differ by network and would shift a share
OF_OPTIMIZER = {"optimizer", "lr"}.union(*OPTIMIZER_OPTIONS.values())
SEEDS = {"seed", "order_seed", "data_seed"}
TRAVELLED = r"distance $\|\theta_t-\theta_0\|\,/\,\|\theta_0\|$"
ALL, BEST = "all runs", "best learning rate"
COLUMNS = ["runs_of", "optimizer", "level", "runs", "reached", "shown", "low_quartile", "median", "high_quartile"]


@figure(
    31,
    "distance_at_loss",
    shows="Distance at equal training loss, by optimizer.",
    paper="In words: adaptive optimizers go farther.",
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
    panels = {
        ALL: _summarise(ALL, usable, reached, names),
        BEST: _summarise(BEST, best, _matched(best, reached, names), names, reached),
    }
    figure, (axes,) = canvas(1, 2, width=5.2, height=4.2, sharey=True)
    values = pd.concat(list(panels.values()))[["low_quartile", "high_quartile"]].to_numpy(float).ravel()
    for ax, (title, cells) in zip(axes, panels.items(), strict=True):
        _panel(ax, cells, names, values)
        above = int(((usable if title == ALL else best)["status"] == "above threshold").sum())
        runs = len(usable) if title == ALL else len(best)
        text = f"{runs} runs, {above} of them above threshold; {len(rows) - len(usable)} diverged left out"
        heading(ax, title, f"{text}\n{_shown(cells, names)}")
    marks = [
        Line2D([], [], color=OPTIMIZER_COLOURS[name], marker="o", label=OPTIMIZERS.get(name, name)) for name in names
    ]
    legend(figure, [*marks, Line2D([], [], color="0.4", marker="|", ms=10, ls="", label="quartiles")])
    others = len(everything) - len(rows)
    note = (
        "Median and quartiles of the distance after the first epoch whose mean minibatch loss is at or below a level, "
        f"over the runs that got there, whether or not they ended above the threshold. {ALL.capitalize()}: of every "
        "learning rate and setting, so that levels and optimizers have different runs. Best learning rate: of each "
        "setting and optimizer the one with the lowest final training loss (mean over seeds), and at each level only "
        "settings in which every optimizer got there. Points are moved sideways to be told apart."
        + (f" {others} runs with another loss, a switch or grafting are left out." if others else "")
    )
    caption(figure, f"Distance at equal training loss: {subject(rows)}", note)
    return Drawing(figure, pd.concat(list(panels.values()), ignore_index=True))


def travelled(rows: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the distance of each run where it first reached each level.

    Args:
        rows: Rows of `Results.lines` of runs whose final distance is known.
        epochs: `Results.epochs`.

    Returns:
        One row for each run and level that it got to: `run_id`, `level`, and `travelled` in units of |theta_0|.
    """
    norms = rows[["suite", "run_id"]].assign(norm=rows["distance"] / rows["normalized_distance"])
    path = epochs.merge(norms, on=["suite", "run_id"]).sort_values("epoch", kind="stable")
    parts = []
    for level in LEVELS:
        first = path[path["loss"] <= level].drop_duplicates(["suite", "run_id"])
        share = first["distance"].to_numpy(float) / first["norm"].to_numpy(float)
        parts.append(pd.DataFrame({"run_id": first["run_id"].to_numpy(object), "level": level, "travelled": share}))
    found = pd.concat(parts, ignore_index=True)
    return found[np.isfinite(found["travelled"]) & (found["travelled"] > 0)]


def best_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the learning rate with the lowest mean final loss, of each optimizer in each setting.

    Args:
        rows: Rows of `Results.lines`.

    Returns:
        Those rows, and `setting`: the number of the setting, which is all of a run but its seeds and optimizer. A rate
        at which a run diverged is never the best.
    """
    same = [name for name in SETTING if name in rows and name not in OF_OPTIMIZER | SEEDS | {"suite"}]
    final = rows["final_train_loss"].astype(float).mask(rows["status"] == "diverged", np.inf)
    settings = rows.groupby(same, dropna=False).ngroup() if len(rows) else 0
    numbered = rows.assign(final_train_loss=final, setting=settings)
    keys = ["setting", "optimizer", "lr"]
    means = numbered.groupby(keys, as_index=False)["final_train_loss"].mean()
    order = means[np.isfinite(means["final_train_loss"])].sort_values(["final_train_loss", "lr"], kind="stable")
    order = order.drop_duplicates(["setting", "optimizer"])
    chosen = set(order[keys].itertuples(index=False, name=None))
    best = [key in chosen for key in numbered[keys].itertuples(index=False, name=None)]
    return numbered[np.array(best, dtype=bool)]


def _matched(rows: pd.DataFrame, reached: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return what runs of `rows` reached, without the settings and levels that some optimizer did not get to."""
    found = reached.merge(rows[["run_id", "setting", "optimizer"]], on="run_id")
    there = found.groupby(["setting", "level"])["optimizer"].transform("nunique")
    return found[there == len(names)]


def _summarise(
    title: str, rows: pd.DataFrame, shown: pd.DataFrame, names: list[str], reached: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return counts, median and quartiles by optimizer and level; `reached` where not all of it is `shown`."""
    cells = []
    for name in names:
        own = rows["run_id"][rows["optimizer"] == name]
        for level in LEVELS:
            there, here = (
                part["travelled"][(part["level"] == level) & part["run_id"].isin(own)].to_numpy(float)
                for part in (shown if reached is None else reached, shown)
            )
            quartiles = np.quantile(here, [0.25, 0.5, 0.75]) if here.size else [np.nan] * 3
            cells.append([title, name, level, len(own), len(there), len(here), *quartiles])
    return pd.DataFrame(cells, columns=COLUMNS)


def _panel(ax: Axes, cells: pd.DataFrame, names: list[str], values: np.ndarray) -> None:
    for i, name in enumerate(names):
        own = cells[(cells["optimizer"] == name) & (cells["shown"] > 0)]
        x = own["level"].to_numpy(float) * 1.08 ** ((len(names) - 1) / 2 - i)
        low, middle, high = (own[part].to_numpy(float) for part in COLUMNS[-3:])
        if len(own):
            error = np.array([middle - low, high - middle])
            ax.errorbar(x, middle, error, color=OPTIMIZER_COLOURS[name], marker="o", ms=5, lw=1.2, capsize=3)
    if not cells["shown"].any():
        say(ax, "no run of every optimizer\nreached a level" if len(cells) else "no run")
    log_axis(ax.yaxis, values)
    if np.isfinite(values).any():
        ax.set_ylim(np.nanmin(values) / 1.3, np.nanmax(values) * 1.3)
    ax.set_xscale("log")
    ax.set_xlim(max(LEVELS) * 1.6, min(LEVELS) / 1.6)
    ax.xaxis.set_major_locator(FixedLocator(LEVELS))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(labelleft=True)
    ax.set(xlabel=f"training loss ({UNITS['cross_entropy']}), log scale", ylabel=f"{TRAVELLED}, log scale")


def _shown(cells: pd.DataFrame, names: list[str]) -> str:
    """Say how many runs of each optimizer are shown at each level, two optimizers a line."""
    parts = []
    for name in names:
        numbers = cells["shown"][cells["optimizer"] == name].astype(str)
        parts.append(f"{OPTIMIZERS.get(name, name)} {', '.join(numbers)}")
    pairs = ["; ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return "\n".join(["shown at each level, from the highest:", *pairs])
