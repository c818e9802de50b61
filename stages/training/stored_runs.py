"""Trained runs in the store: the weights at each point that was kept, and the training curve."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.shared.errors import DamagedError, UserError
from stages.shared.files import read_json
from stages.shared.store import Store

REMEDY = "run stage train_grid of its suite again (`dvc repro --force --single-item`), which trains what is missing"


def vector(arrays: Mapping[str, np.ndarray], about: Mapping, point: str) -> np.ndarray:
    """Return the parameters at one point of a run as a vector, shape (D,), in the order of the network."""
    return np.concatenate([arrays[f"{point}.{name}"].reshape(-1) for name in about["parameters"]])


@dataclass(frozen=True)
class StoredRuns:
    """The runs in a store, as stage `train_grid` keeps them."""

    store: Store

    def path(self, run_id: str) -> Path:
        """Return the file of a run."""
        return self.store.path("runs", run_id)

    def digests(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the content of each run that the store has; the others are left out."""
        return {run_id: self._header(run_id)["sha256"] for run_id in run_ids if self.path(run_id).exists()}

    def diverged(self, run_id: str) -> bool:
        """Return whether a run ended with a loss or weights that are not finite."""
        try:
            return self._header(run_id)["diverged"]
        except KeyError as error:
            raise UserError(f"{self.path(run_id)} is not a run; delete it and {REMEDY}") from error

    def shapes(self, run_id: str) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter of a run by its name, in the order of the network."""
        arrays, about = self._read(run_id)
        return {name: arrays[f"initial.{name}"].shape for name in about["parameters"]}

    def weights(self, run_id: str, point: str) -> np.ndarray:
        """Return the weights of a run at a point as a vector.

        Args:
            run_id: The run.
            point: `initial`, `final`, or `epoch_N` for a snapshot.

        Returns:
            Shape (D,), in the order of the network's parameters.

        Raises:
            UserError: If the run is missing or damaged, or has no such point.
        """
        arrays, about = self._read(run_id)
        try:
            return vector(arrays, about, point)
        except KeyError as error:
            raise UserError(f"{self.path(run_id)} holds no point {point}; add the epoch to `snapshots`") from error

    def _read(self, run_id: str) -> tuple[dict[str, np.ndarray], dict]:
        try:
            return self.store.get("runs", run_id)
        except DamagedError as error:
            raise self._damaged(run_id) from error

    def _header(self, run_id: str) -> dict:
        try:
            return self.store.header("runs", run_id)
        except DamagedError as error:
            raise self._damaged(run_id) from error

    def _damaged(self, run_id: str) -> UserError:
        return UserError(f"{self.path(run_id)} is damaged; delete it and {REMEDY}")


def check_runs(file: Path, stored: StoredRuns, suite: str, run_ids: Iterable[str], environment: Mapping) -> None:
    """Refuse runs that are not those that stage `train_grid` listed, or whose weights are no longer in the store.

    Args:
        file: The suite's list of runs.
        stored: The runs in the store.
        suite: Name of the suite.
        run_ids: The identities of its runs with the present parameters.
        environment: The present environment.

    Raises:
        UserError: If a run is not listed, not in the store, or not the one that was listed.
    """
    listed, found = read_json(file), stored.digests(run_ids)
    for run_id in run_ids:
        if run_id not in listed:
            raise UserError(
                f"{file} has no run {run_id}: suite {suite} was not trained with these parameters in this environment "
                f"(PyTorch {environment['torch']}, {environment['device']}, {environment['MKL_CBWR']}); run train_grid "
                "first, with the same MLI_ variables, or `dvc repro`"
            )
        if run_id not in found:
            raise UserError(f"{stored.path(run_id)} is missing, the weights of a run of suite {suite}; {REMEDY}")
        if found[run_id] != listed[run_id]:
            raise UserError(
                f"{stored.path(run_id)} holds other weights than stage train_grid of suite {suite} listed in {file}; "
                f"{REMEDY}"
            )
