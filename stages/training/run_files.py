"""A trained run as a file: named weights at each point kept, and its course."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.errors import UserError
from stages.files import read_about, read_arrays
from stages.training.stack import Trained


def to_arrays(trained: Trained, about: dict) -> tuple[dict[str, np.ndarray], dict]:
    """Return a run as named arrays, `initial.`, `final.` and `epoch_N.` before each parameter's name, and a header."""
    points = {"initial": trained.initial, "final": trained.final}
    points |= {f"epoch_{done}": theta for done, theta in trained.snapshots.items()}
    arrays = {
        f"{point}.{name}": value.numpy()
        for point, theta in points.items()
        for name, value in trained.layout.split(theta).items()
    }
    arrays |= {"epoch_loss": trained.epoch_loss.numpy(), "epoch_distance": trained.epoch_distance.numpy()}
    return arrays, about | {"parameters": list(trained.layout.names), "diverged": trained.diverged}


def vector(arrays: dict[str, np.ndarray], about: dict, point: str) -> np.ndarray:
    """Return the parameters of one point of a run's arrays as a vector (D,), in the order of the network."""
    return np.concatenate([arrays[f"{point}.{name}"].reshape(-1) for name in about["parameters"]])


@dataclass(frozen=True)
class RunFolder:
    """The runs of a suite as stage `train_grid` leaves them, a file each."""

    folder: Path

    def path(self, run_id: str) -> Path:
        """Return where a run is."""
        return self.folder / f"{run_id}.safetensors"

    def diverged(self, run_id: str) -> bool:
        """Return whether a run ended with a loss or weights that are not finite."""
        try:
            return read_about(self.path(run_id))["diverged"]
        except KeyError as error:
            raise UserError(f"{self.path(run_id)} holds no run; delete it and run `dvc repro`") from error

    def weights(self, run_id: str, point: str) -> np.ndarray:
        """Return the weights of a run at a point as a vector.

        Args:
            run_id: The run.
            point: `initial`, `final`, or `epoch_N` for a snapshot.

        Returns:
            Shape (D,), in the order of the network's parameters.

        Raises:
            UserError: If the run is missing or damaged, or holds no such point.
        """
        arrays, about = read_arrays(self.path(run_id))
        try:
            return vector(arrays, about, point)
        except KeyError as error:
            raise UserError(f"{self.path(run_id)} holds no point {point}; add the epoch to `snapshots`") from error
