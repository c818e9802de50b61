"""Words and counts that describe runs: names of optimizers and networks, settings, units, and how many lines rise."""

from collections.abc import Iterable

import pandas as pd

from stages.config.run import NETWORKS, OPTIMIZERS
from stages.results.results import Results
from stages.results.rows import converged

VARIANTS = {  # of residual networks, by batch norm and initialisation; the paper's names, in its order
    (True, "standard"): "BN",
    (True, "block_identity"): "BN-I",
    (False, "standard"): "NBN",
    (False, "block_identity"): "NBN-I",
    (False, "fixup"): "NBN-F",
}
ACTIVATIONS = {"relu": "ReLU"}
UNITS = {"cross_entropy": "nats", "squared_error": "squared error per image"}


def left_out(rows: pd.DataFrame) -> str:
    """Say how many lines are left out since their runs ended above the loss threshold or diverged."""
    above, diverged = (int((rows["status"] == status).sum()) for status in ("above threshold", "diverged"))
    return f"{above} above threshold, {diverged} diverged left out"


def count(rows: pd.DataFrame, shown: int | None = None) -> str:
    """Say how many lines of `rows` are shown and how many are not, and why.

    Args:
        rows: Lines that belong into a panel, whatever their status.
        shown: How many are drawn, if not all of converged runs.

    Returns:
        One line for a title.
    """
    kept = len(converged(rows))
    shown = kept if shown is None else shown
    missing = f"{kept - shown} without the value, " if shown != kept else ""
    return f"{shown} shown; {missing}{left_out(rows)}"


def split(rows: pd.DataFrame) -> str:
    """Say how many lines of converged runs are non-monotone."""
    kept = converged(rows)
    return f"{int((~kept['monotonic']).sum())} of {len(kept)} non-monotone"


def titles_of(rows: pd.DataFrame) -> dict[str, str]:
    """Return the panels of `rows`, by their column `panel`, with the counts that stand below their titles."""
    return {name: f"{split(group)}\n{count(group)}" for name, group in rows.groupby("panel", sort=False)}


def limit(results: Results, name: str) -> str:
    """Write out the threshold or tolerance; by suite where they differ."""
    limits = results.limits(name)
    if len(set(limits.values())) == 1:
        return number(next(iter(limits.values())))
    return ", ".join(f"{number(value)} ({suite})" for suite, value in limits.items())


def explain(results: Results) -> str:
    """Say which runs are shown and which lines count as non-monotone, for the note below a figure."""
    return f"{explain_converged(results)} Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(results, 'tolerance')}."


def explain_converged(results: Results) -> str:
    """Say which runs are shown, for the note below a figure that does not tell monotone lines from others."""
    shared = len(results.lines(once=False)) - len(results.lines())
    text = f"Shown: converged runs (final training loss ≤ {limit(results, 'threshold')})."
    return text + (f" {shared} runs that several suites share count once." if shared else "")


def number(value: float) -> str:
    """Write a number in few digits."""
    return f"{value:.3g}"


def unit(rows: pd.DataFrame) -> str:
    """Return the unit of the loss in brackets, on a line of its own if it is long; nothing where no row tells it."""
    units = " or ".join(dict.fromkeys(UNITS.get(loss, loss) for loss in rows["loss"]))
    return f"{' ' if len(units) < 8 else chr(10)}({units})" if units else ""


def subject(rows: pd.DataFrame) -> str:
    """Name the datasets and kinds of network, for titles."""
    datasets = ", ".join(dict.fromkeys(rows["dataset"].astype(str)))
    names = rows["network"].where(rows["network"] != "custom", rows["factory"]) if len(rows) else rows["network"]
    networks = ", ".join(dict.fromkeys(network_name(name) for name in names))
    return f"{datasets}, {networks}" if datasets else "no run"


def optimizer_name(name: str) -> str:
    """Return the label of an optimizer; the name itself for one that is not declared here."""
    return (OPTIMIZERS[name].label if name in OPTIMIZERS else None) or str(name)


def network_name(name: str) -> str:
    """Return the label of a kind of network; the name itself for one that is not declared here, such as a factory."""
    return (NETWORKS[name].label if name in NETWORKS else None) or str(name)


def architecture(row: pd.Series) -> str:
    """Name a network with its size, such as `MLP 64-64`, `LeNet` or `ResNet-20`; not its width multiplier."""
    name = network_name(row["network"])
    if row["network"] == "custom":
        return str(row["factory"])
    if _of_text(row):
        return f"{name} of {int(row['layers'])} layers of {int(row['hidden_size'])}"
    if pd.notna(row["layers"]):
        return f"{name}-{int(row['layers'])}"
    return f"{name} {row['hidden']}" if pd.notna(row["hidden"]) else name


def _of_text(row: pd.Series) -> bool:
    return row["network"] in NETWORKS and NETWORKS[row["network"]].of_text


def normalisation(row: pd.Series) -> str | None:
    """Say whether a network has batch norm; of a residual one which variant it is, as the paper calls it."""
    if _of_text(row):
        return None
    if str(row["network"]).startswith("resnet"):
        return VARIANTS[bool(row["batch_norm"]), row["initialization"]]
    return "batch norm" if row["batch_norm"] else "no batch norm"


def setting(row: pd.Series, leave: Iterable[str] = ()) -> str:
    """Describe a run in one line.

    Args:
        row: A row of measures.
        leave: Columns not to mention.

    Returns:
        Such as `digits, MLP 64-64, relu, batch norm, Adam, lr 0.01, seed 0`.
    """
    words = {
        "dataset": str(row["dataset"]),
        "network": architecture(row),
        "activation": ACTIVATIONS.get(row["activation"], row["activation"]),
        "batch_norm": normalisation(row),
        "optimizer": optimizer_name(row["optimizer"]),
        "lr": f"lr {row['lr']:g}",
        "switch_optimizer": _switch(row),
        "warmup": f"warm-up of {row['warmup']:g} epochs" if row["warmup"] else None,
        "average_from": None if pd.isna(row["average_from"]) else f"averaged from epoch {row['average_from']:g} on",
        "magnitude": None if pd.isna(row["magnitude"]) else f"step size of {optimizer_name(row['magnitude'])}",
        "seed": f"seed {row['seed']}",
    }
    return ", ".join(text for name, text in words.items() if name not in set(leave) and pd.notna(text))


def _switch(row: pd.Series) -> str | None:
    if pd.isna(row["switch_after"]):
        return None
    return f"{optimizer_name(row['switch_optimizer'])} after {row['switch_after']:g} epochs, lr {row['switch_lr']:g}"


def optimizers(rows: pd.DataFrame) -> list[str]:
    """Return the optimizers of `rows`: the paper's first and in its order, then others by name."""
    present = {str(name) for name in rows["optimizer"]}
    return [name for name in OPTIMIZERS if name in present] + sorted(present - set(OPTIMIZERS))
