"""Outcomes of runs: training curves and evaluations of final weights, as they are in the store and in tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.config import Run
from stages.shared.store import Store

EVALUATED = ("final_train_loss", "train_accuracy", "final_test_loss", "test_accuracy")
"""Columns that hold the evaluation of the final weights, in the order of the store's entries."""


@dataclass(frozen=True)
class Outcome:
    """Result of training and evaluating a run, without its weights."""

    run_id: str
    run: Run
    diverged: bool
    """Whether a loss or a weight was not finite at the end of an epoch."""
    epoch_loss: np.ndarray
    """Mean of the minibatch losses during each epoch, shape (epochs done,)."""
    epoch_distance: np.ndarray
    """Distance |theta_t - theta_0| after each epoch, shape (epochs done,)."""
    numbers: np.ndarray
    """Values of `EVALUATED`, shape (4,)."""

    @property
    def configuration(self) -> str:
        """Digest of the configuration."""
        return Store.key(self.run.spec())


def stored_outcome(store: Store, run_id: str, run: Run, evaluation: str) -> Outcome:
    """Read the outcome of a run from the store, without reading the run's weights.

    Args:
        store: The store, which has the run and its evaluation.
        run_id: The identity of the run.
        run: Its configuration.
        evaluation: Key of the evaluation of its final weights.

    Returns:
        The outcome.
    """
    curve, about = store.some("runs", run_id, ("epoch_loss", "epoch_distance"))
    numbers = store.get("evaluations", evaluation)[0]["numbers"]
    return Outcome(run_id, run, about["diverged"], curve["epoch_loss"], curve["epoch_distance"], numbers)


def status(diverged: bool, final_train_loss: float, threshold: float) -> str:
    """Return the status of a run: `diverged` (not finite), `above threshold`, or `converged`."""
    if diverged or not np.isfinite(final_train_loss):
        return "diverged"
    return "converged" if final_train_loss <= threshold else "above threshold"


def tabulate_outcomes(outcomes: Sequence[Outcome], threshold: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of a suite's training, both in the order of the outcomes.

    Args:
        outcomes: The outcomes.
        threshold: Largest final training loss of a converged run.

    Returns:
        A table with a row a run, and a table with a row a run and epoch.
    """
    rows = []
    for outcome in outcomes:
        ended = status(outcome.diverged, outcome.numbers[0], threshold)
        numbers = np.where(ended == "diverged", np.nan, outcome.numbers)
        done = len(outcome.epoch_loss)
        rows.append(
            {
                "run_id": outcome.run_id,
                "configuration": outcome.configuration,
                "status": ended,
                "epochs_done": done,
                "final_epoch_loss": outcome.epoch_loss[-1] if done else np.nan,
            }
            | dict(zip(EVALUATED, numbers, strict=True))
        )
    counts = [len(outcome.epoch_loss) for outcome in outcomes]
    epochs = {
        "run_id": np.repeat([outcome.run_id for outcome in outcomes], counts),
        "epoch": np.concatenate([np.arange(1, count + 1) for count in counts]),
        "loss": np.concatenate([outcome.epoch_loss for outcome in outcomes]),
        "distance": np.concatenate([outcome.epoch_distance for outcome in outcomes]),
    }
    return pd.DataFrame(rows), pd.DataFrame(epochs)
