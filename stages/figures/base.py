"""What figures and tables are made from, what they give, and the words and counts that they share."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.config import OWN_LINE, Measure, Suite
from stages.config.run import OF_TEXT
from stages.errors import UserError
from stages.lines.curves import Curves
from stages.lines.landscape import Landscape

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
class Material:
    """What a figure or table may use: the pooled suites that `plot` in params.yaml names for it."""

    measures: pd.DataFrame
    """Rows of reports/measures.csv, one a line."""
    curves: dict[str, Curves]
    """Of each suite."""
    suites: dict[str, Suite]
    measure: Measure
    theory: dict[str, pd.DataFrame]
    """Lines of each model of the theory; empty for what is made from suites."""
    epochs: pd.DataFrame
    """`suite`, `run_id`, `epoch`, `loss`, the mean of its minibatch losses, and `distance`, |theta_t - theta_0| after
    it."""
    landscapes: dict[str, Landscape]
    """Planes and trajectories of each suite."""

    def lines(self, once: bool = True) -> pd.DataFrame:
        """Return the rows of the paper's kind of line, with `monotonic` and `batch_norm` as plain booleans.

        A row without a verdict has a value that is not finite and counts as diverged, whatever its end point.

        Args:
            once: Whether a run that several of the pooled suites hold counts once, in the first of them.

        Returns:
            The rows in the order of the measures, numbered anew.
        """
        rows = self.measures[self.measures["line"] == OWN_LINE]
        return self._plain(rows.drop_duplicates("run_id") if once else rows)

    def other_lines(self, suite: str, name: str) -> pd.DataFrame:
        """Return the rows of the lines that `lines` of a suite calls `name`, as `lines` does here."""
        return self._plain(self.measures[(self.measures["suite"] == suite) & (self.measures["line"] == name)])

    @staticmethod
    def _plain(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.reset_index(drop=True)
        verdict = rows["monotonic"].astype(str)
        unknown = ~verdict.isin(["True", "False"])
        return rows.assign(
            status=rows["status"].mask(unknown, "diverged"),
            monotonic=verdict == "True",
            batch_norm=rows["batch_norm"].astype(str) == "True",
        )

    def values(self, rows: pd.DataFrame, field: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each row the alphas, shape (A,), and what `field` of its suite's curves holds for its line.

        Args:
            rows: Rows of `lines` or `other_lines`.
            field: Name of an array of `Curves` with a line per entry.

        Returns:
            A pair a row.

        Raises:
            UserError: If a row's line is not among the curves.
        """
        places = {
            (suite, *line): i
            for suite, curves in self.curves.items()
            for i, line in enumerate(
                zip(curves.run_ids, curves.lines, curves.starts, curves.draws, curves.parts, strict=True)
            )
        }
        found = []
        draws = [None if pd.isna(draw) else int(draw) for draw in rows["draw"]]
        parts = [None if pd.isna(part) else part for part in rows["part"]]
        names = rows["suite"], rows["run_id"], rows["line"], rows["start_run_id"]
        for key in zip(*names, draws, parts, strict=True):
            suite, run = key[:2]
            if key not in places:
                raise UserError(f"curves of {suite}: no line of run {run}, which measures.csv has; run `dvc repro`")
            curves = self.curves[suite]
            found.append((curves.alphas, getattr(curves, field)[places[key]]))
        return found

    def limits(self, name: str) -> dict[str, float]:
        """Return the `threshold` or `tolerance` of each suite."""
        return {key: getattr(suite, name) for key, suite in self.suites.items()}


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


def limit(material: Material, name: str) -> str:
    """Write out the threshold or tolerance; by suite where they differ."""
    limits = material.limits(name)
    if len(set(limits.values())) == 1:
        return number(next(iter(limits.values())))
    return ", ".join(f"{number(value)} ({suite})" for suite, value in limits.items())


def explain(material: Material) -> str:
    """Say which runs are admitted and which lines count as non-monotone, for the note below a figure."""
    return f"{explain_admitted(material)} Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(material, 'tolerance')}."


def explain_admitted(material: Material) -> str:
    """Say which runs are admitted, for the note below a figure that does not tell monotone lines from others."""
    shared = len(material.lines(once=False)) - len(material.lines())
    text = f"Admitted: final training loss ≤ {limit(material, 'threshold')}."
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
