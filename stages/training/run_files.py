"""A trained run as a file: named weights at each point kept, and its course."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_about, read_arrays


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

    def shapes(self, run_id: str) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter of a run by its name, in the order of the network."""
        arrays, about = read_arrays(self.path(run_id))
        return {name: arrays[f"initial.{name}"].shape for name in about["parameters"]}

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
