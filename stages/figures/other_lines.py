"""Figures of lines to one optimum from elsewhere than its initialisation, and of lines of one layer."""

from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stages.config import LayerLines, NoiseLines, PermutedLines, SnapshotLines, ZeroLines
from stages.config.lines import Lines
from stages.figures.base import Drawing, admitted, explain_admitted, limit, number, setting, split, subject, unit
from stages.figures.bundles import loss_axis
from stages.figures.declare import figure
from stages.figures.fresh import band
from stages.figures.style import GREY, MONOTONE, NON_MONOTONE, canvas, caption, heading, legend, say
from stages.results.results import Results

COLUMNS = ["suite", "line", "run_id", "draw", "part", "alpha", "train_loss"]
SHADES = mpl.colormaps["viridis"]
DASHES = (0, (4, 1))
LAST = 0.9  # of the colour map: what is above is lost on white


@figure(
    21,
    "permuted",
    shows="Lines to and from permuted networks.",
    paper="Permutations preserve monotonicity.",
    claims=("permuted",),
)
def permuted(results: Results) -> Drawing:
    """Figure 21: lines whose initial, or whose final, network has its hidden units permuted: mean and deviation."""
    wanted = (
        ("initial network permuted", lambda entry: isinstance(entry, PermutedLines) and entry.point == "initial"),
        ("trained network permuted", lambda entry: isinstance(entry, PermutedLines) and entry.point == "final"),
    )
    return _grid(
        results,
        wanted,
        "Lines between permuted networks",
        "permuted networks",
        "Hidden units of all layers in random orders, which leave the function as it is but lead elsewhere in weight "
        "space.",
    )


@figure(
    37,
    "other_starts",
    shows="Lines from noise, from zero, and from points of training.",
    paper="Not in the paper.",
)
def other_starts(results: Results) -> Drawing:
    """Lines to an optimum from noise, from zero (Tao et al. 2024), and from points of training (Frankle 2020)."""
    wanted = (
        ("from noise", lambda entry: isinstance(entry, NoiseLines)),
        ("from all weights zero", lambda entry: isinstance(entry, ZeroLines)),
        ("from points of training", lambda entry: isinstance(entry, SnapshotLines)),
    )
    return _grid(
        results,
        wanted,
        "Lines to an optimum from elsewhere",
        "other starts",
        "Noise: Gaussian, in each tensor as large as the trained weights. Points of training: the weights after some "
        "epochs, the lighter the later.",
    )


@figure(
    38,
    "one_layer",
    shows="Lines along which one layer moves.",
    paper="Not in the paper.",
)
def one_layer(results: Results) -> Drawing:
    """Lines along which one layer or block moves from its initial to its trained weights (Vlaar and Frankle 2022)."""
    wanted = (
        ("the others initial", lambda entry: isinstance(entry, LayerLines) and entry.rest == "initial"),
        ("the others trained", lambda entry: isinstance(entry, LayerLines) and entry.rest == "final"),
    )
    return _grid(
        results,
        wanted,
        "Lines along which one layer moves",
        "one layer moving",
        "One layer (or block) goes from its initial to its trained weights, the others stay; from the input (dark) to "
        "the output (light). A layer's biases and batch norm move with it.",
    )


def _grid(
    results: Results, wanted: tuple[tuple[str, Callable[[Lines], bool]], ...], title: str, what: str, about: str
) -> Drawing:
    """Draw a row for each run that has such lines, a column for each kind."""
    kinds = [
        {suite: [name for name, entry in one.lines.items() if of(entry)] for suite, one in results.suites.items()}
        for _, of in wanted
    ]
    groups = {  # by suite and run
        place: rows for place, names in enumerate(kinds) if (rows := _rows(results, names)) is not None
    }
    ends = list(dict.fromkeys(end for rows in groups.values() for end in _ends(admitted(rows))))
    asked = {end for rows in groups.values() for end in _ends(rows)}
    figure, axes = canvas(max(len(ends), 1), len(wanted), width=4.8, sharex=True)
    own = results.lines(once=False)
    data, shown = [], [own.head(0)]
    for ax in axes.flat:
        ax.set(xlabel="α", ylabel="training loss", xlim=(0, 1))
        ax.tick_params(labelbottom=True)
    for (suite, run_id), row in zip(ends or [(None, None)], axes, strict=True):
        end = own[(own["suite"] == suite) & (own["run_id"] == run_id)]
        for place, ((name, _), ax) in enumerate(zip(wanted, row, strict=True)):
            rows = groups.get(place)
            group = own.head(0) if rows is None else rows[(rows["suite"] == suite) & (rows["run_id"] == run_id)]
            kept = admitted(group)
            if kept.empty:
                say(ax, "no admitted run" if asked and not ends else f"no suite with lines\nof {what}")
                heading(ax, name, setting(end.iloc[0], ["dataset"]) if len(end) else "")
                continue
            _panel(ax, results, end, kept)
            counts = f"{split(kept)}, largest min Δ {number(kept['min_delta'].max())}"
            heading(ax, name, f"{setting(end.iloc[0], ['dataset'])}\n{counts}")
            data.append(_tidy(results, kept))
            shown.append(end)
    handles = [
        Line2D([], [], color=MONOTONE, label="mean, the own line monotone"),
        Line2D([], [], color=NON_MONOTONE, label="mean, the own line not"),
        Patch(facecolor=GREY, alpha=0.25, label="± standard deviation"),
        Line2D([], [], color="0.1", ls=":", lw=1.5, label="the run's own line"),
    ]
    kinds_drawn = [_drawn_as_band(rows) for rows in groups.values()]
    handles = handles if any(kinds_drawn) else handles[3:]
    if not all(kinds_drawn):
        handles.append(Line2D([], [], color=GREY, ls=DASHES, lw=1.3, label="a non-monotone line"))
    legend(figure, handles)
    about += f" {len(asked) - len(ends)} runs that are not admitted are left out." if len(asked) > len(ends) else ""
    note = f"{about} {explain_admitted(results)} Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(results, 'tolerance')}."
    caption(figure, f"{title}: {subject(pd.concat(shown))}", note)
    return Drawing(figure, pd.concat(data, ignore_index=True) if data else pd.DataFrame(columns=COLUMNS))


def _rows(results: Results, names: dict[str, list[str]]) -> pd.DataFrame | None:
    found = [results.other_lines(suite, name) for suite, some in names.items() for name in some]
    return pd.concat(found, ignore_index=True) if found else None


def _ends(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from zip(rows["suite"], rows["run_id"], strict=True)


def _drawn_as_band(rows: pd.DataFrame) -> bool:
    """Return whether lines are draws of one kind, shown by their mean; else each is drawn."""
    return bool(rows["draw"].notna().all() and (rows["draw"].astype(float).min() == 0))


def _panel(ax: Axes, results: Results, end: pd.DataFrame, rows: pd.DataFrame) -> None:
    colour = MONOTONE if bool(end["monotonic"].iloc[0]) else NON_MONOTONE
    if _drawn_as_band(rows):
        band(ax, results, end, rows, colour)
        return
    pairs = results.values(rows, "loss_train")
    ((alphas, own),) = results.values(end, "loss_train")
    highest = max(float(values.max()) for _, values in [*pairs, (alphas, own)])
    for place, ((_, row), (alphas, values)) in enumerate(zip(rows.iterrows(), pairs, strict=True)):
        label = row["part"] if pd.notna(row["part"]) else None
        label = label or (f"epoch {int(row['draw'])}" if pd.notna(row["draw"]) else None)
        shade = colour if label is None else SHADES(LAST * place / max(len(pairs) - 1, 1))
        ax.plot(alphas, values, color=shade, lw=1.3, ls="-" if row["monotonic"] else DASHES, label=label)
    ax.plot(alphas, own, color="0.1", ls=":", lw=1.5)
    ax.set_xlim(alphas[0], alphas[-1])
    ax.set_ylabel(f"training loss{unit(end)}{loss_axis(ax, float(own[0]), highest)}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=7, loc="best", handlelength=1.4, labelspacing=0.25)


def _tidy(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    parts = [
        pd.DataFrame({name: row[name] for name in COLUMNS[:5]} | {"alpha": np.round(alphas, 6), "train_loss": values})
        for (_, row), (alphas, values) in zip(rows.iterrows(), results.values(rows, "loss_train"), strict=True)
    ]
    return pd.concat(parts, ignore_index=True)
