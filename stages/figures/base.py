"""What figures and tables are made from, what they give, and the words and counts that they share."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from stages.config.run import OF_TEXT
from stages.results.results import Results

OPTIMIZERS = {"sgd": "SGD", "rmsprop": "RMSProp", "adam": "Adam", "kfac": "K-FAC"}  # in the paper's order
NETWORKS = {
    "mlp": "MLP",
    "autoencoder": "autoencoder",
    "simple_cnn": "SimpleCNN",
    "lenet": "LeNet",
    "alexnet": "AlexNet",
    "vgg": "VGG",
    "resnet": "ResNet",
    "resnet_imagenet": "ResNet (ImageNet's)",
    "roberta": "RoBERTa",
}
VARIANTS = {  # of residual networks, by batch norm and initialisation; the paper's names, in its order
    (True, "standard"): "BN",
    (True, "block_identity"): "BN-I",
    (False, "standard"): "NBN",
    (False, "block_identity"): "NBN-I",
    (False, "fixup"): "NBN-F",
}
ACTIVATIONS = {"relu": "ReLU"}
UNITS = {"cross_entropy": "nats", "squared_error": "squared error per image"}


@dataclass(frozen=True)
class Drawing:
    """A figure and the tidy data that it shows."""

    figure: Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Table:
    """A table as tidy data and as Markdown."""

    data: pd.DataFrame
    markdown: str


def admitted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the suite's loss threshold admits."""
    return rows[rows["status"] == "converged"]


def left_out(rows: pd.DataFrame) -> str:
    """Say how many lines the loss threshold keeps out, and how many are not finite."""
    above, diverged = (int((rows["status"] == status).sum()) for status in ("above threshold", "diverged"))
    return f"{above} above threshold, {diverged} diverged left out"


def count(rows: pd.DataFrame, shown: int | None = None) -> str:
    """Say how many lines of `rows` are shown and how many are not, and why.

    Args:
        rows: Lines that belong into a panel, whatever their status.
        shown: How many are drawn, if not all that are admitted.

    Returns:
        One line for a title.
    """
    kept = len(admitted(rows))
    shown = kept if shown is None else shown
    missing = f"{kept - shown} without the value, " if shown != kept else ""
    return f"{shown} shown; {missing}{left_out(rows)}"


def split(rows: pd.DataFrame) -> str:
    """Say how many admitted lines are non-monotone."""
    kept = admitted(rows)
    return f"{int((~kept['monotonic']).sum())} of {len(kept)} non-monotone"


def limit(results: Results, name: str) -> str:
    """Write out the threshold or tolerance; by suite where they differ."""
    limits = results.limits(name)
    if len(set(limits.values())) == 1:
        return number(next(iter(limits.values())))
    return ", ".join(f"{number(value)} ({suite})" for suite, value in limits.items())


def explain(results: Results) -> str:
    """Say which runs are admitted and which lines count as non-monotone, for the note below a figure."""
    return f"{explain_admitted(results)} Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(results, 'tolerance')}."


def explain_admitted(results: Results) -> str:
    """Say which runs are admitted, for the note below a figure that does not tell monotone lines from others."""
    shared = len(results.lines(once=False)) - len(results.lines())
    text = f"Admitted: final training loss ≤ {limit(results, 'threshold')}."
    return text + (f" {shared} runs that several suites share count once." if shared else "")


def number(value: float) -> str:
    """Write a number in few digits."""
    return f"{value:.3g}"


def unit(rows: pd.DataFrame) -> str:
    """Return the unit of the loss in brackets, or nothing where there is no row to tell."""
    units = dict.fromkeys(UNITS.get(loss, loss) for loss in rows["loss"])
    return f" ({' or '.join(units)})" if units else ""


def subject(rows: pd.DataFrame) -> str:
    """Name the datasets and kinds of network, for titles."""
    datasets = ", ".join(dict.fromkeys(rows["dataset"].astype(str)))
    networks = ", ".join(dict.fromkeys(NETWORKS.get(name, str(name)) for name in _networks(rows)))
    return f"{datasets}, {networks}" if datasets else "no run"


def _networks(rows: pd.DataFrame) -> pd.Series:
    return rows["network"].where(rows["network"] != "custom", rows["factory"]) if len(rows) else rows["network"]


def architecture(row: pd.Series) -> str:
    """Name a network with its size, such as `MLP 64-64`, `LeNet` or `ResNet-20`; not its width multiplier."""
    name = NETWORKS.get(row["network"], str(row["network"]))
    if row["network"] == "custom":
        return str(row["factory"])
    if row["network"] in OF_TEXT:
        return f"{name} of {int(row['layers'])} layers of {int(row['hidden_size'])}"
    if pd.notna(row["layers"]):
        return f"{name}-{int(row['layers'])}"
    return f"{name} {row['hidden']}" if pd.notna(row["hidden"]) else name


def normalisation(row: pd.Series) -> str | None:
    """Say whether a network has batch norm; of a residual one which variant it is, as the paper calls it."""
    if row["network"] in OF_TEXT:
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
        "optimizer": OPTIMIZERS.get(row["optimizer"], str(row["optimizer"])),
        "lr": f"lr {row['lr']:g}",
        "switch_optimizer": _switch(row),
        "magnitude": None if pd.isna(row["magnitude"]) else f"step size of {OPTIMIZERS[row['magnitude']]}",
        "seed": f"seed {row['seed']}",
    }
    return ", ".join(text for name, text in words.items() if name not in set(leave) and pd.notna(text))


def _switch(row: pd.Series) -> str | None:
    if pd.isna(row["switch_after"]):
        return None
    return f"{OPTIMIZERS[row['switch_optimizer']]} after {row['switch_after']:g} epochs, lr {row['switch_lr']:g}"


def optimizers(rows: pd.DataFrame) -> list[str]:
    """Return the optimizers of `rows`: the paper's first and in its order, then others by name."""
    present = {str(name) for name in rows["optimizer"]}
    return [name for name in OPTIMIZERS if name in present] + sorted(present - set(OPTIMIZERS))
