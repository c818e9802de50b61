"""The file of a suite's landscape: loss surfaces on planes, and trajectories of training."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays


# Shape letters: X, Y = points of the grid, M = marked points, P = points of a path.
@dataclass(frozen=True)
class Surface:
    """Losses and accuracies on a plane; coordinates are Euclidean distances of weights."""

    labels: tuple[str, ...]
    """Names of the marked points; the first three span the plane."""
    runs: tuple[str, ...]
    """The run of each marked point."""
    kinds: tuple[str, ...]
    """Point of the run, `initial` or `final`, of each marked point."""
    paths: tuple[str, ...]
    """Runs whose trajectories are projected onto the plane."""
    x: np.ndarray
    """Coordinates of the grid's columns, shape (X,)."""
    y: np.ndarray
    """Coordinates of the grid's rows, shape (Y,)."""
    loss_train: np.ndarray
    """Mean training loss, shape (Y, X)."""
    loss_test: np.ndarray
    """Mean test loss, shape (Y, X)."""
    accuracy_train: np.ndarray
    """Training accuracy, shape (Y, X)."""
    accuracy_test: np.ndarray
    """Test accuracy, shape (Y, X)."""
    marks: np.ndarray
    """Coordinates x and y of the marked points and their distances from the plane, shape (M, 3)."""
    steps: np.ndarray
    """x, y and distance from the plane of the points of all paths, one path after the other, shape (sum of P, 3)."""
    lengths: np.ndarray
    """Number P of points of each path, shape (paths,)."""


@dataclass(frozen=True)
class Trajectory:
    """The points through which a run was trained, shape (P,) each; see `measures.projection.Progress`."""

    epoch: np.ndarray
    progress: np.ndarray
    residual: np.ndarray
    remaining: np.ndarray
    cosine: np.ndarray
    step_cosine: np.ndarray
    loss_train: np.ndarray
    loss_test: np.ndarray
    accuracy_train: np.ndarray
    accuracy_test: np.ndarray


@dataclass(frozen=True)
class Landscape:
    """Planes and trajectories of a suite."""

    planes: dict[str, Surface]
    """Loss surfaces by the name of the plane."""
    trajectories: dict[str, Trajectory]
    """Trajectories by run, of the runs with snapshots that did not diverge."""


SURFACE_HEADER = ("labels", "runs", "kinds", "paths")
SURFACE_ARRAYS = tuple(f.name for f in fields(Surface) if f.name not in SURFACE_HEADER)


def save_landscape(path: Path, landscape: Landscape) -> None:
    """Write the planes and trajectories of a suite."""
    arrays: dict[str, np.ndarray] = {}
    planes = {}
    for name, plane in landscape.planes.items():
        planes[name] = {field: getattr(plane, field) for field in SURFACE_HEADER}
        arrays |= {f"planes.{name}.{field}": getattr(plane, field) for field in SURFACE_ARRAYS}
    for run_id, trajectory in landscape.trajectories.items():
        arrays |= {f"trajectories.{run_id}.{name}": array for name, array in vars(trajectory).items()}
    write_arrays(path, arrays, {"planes": planes, "order": list(planes), "trajectories": list(landscape.trajectories)})


def load_landscape(path: Path) -> Landscape:
    """Read the planes and trajectories of a suite.

    Args:
        path: The file.

    Returns:
        The planes and trajectories.

    Raises:
        UserError: If the file is missing, damaged, changed, or of another kind.
    """
    arrays, about = read_arrays(path)
    try:
        planes = {name: _load_surface(f"planes.{name}", about["planes"][name], arrays) for name in about["order"]}
        trajectories = {
            run_id: Trajectory(**{f.name: arrays[f"trajectories.{run_id}.{f.name}"] for f in fields(Trajectory)})
            for run_id in about["trajectories"]
        }
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} holds no landscape; delete it and run `dvc repro`") from error
    return Landscape(planes, trajectories)


def _load_surface(prefix: str, header: dict[str, list], arrays: dict[str, np.ndarray]) -> Surface:
    """Return a surface from its header and the arrays whose names have its prefix."""
    values: dict[str, Any] = {field: tuple(header[field]) for field in SURFACE_HEADER}
    return Surface(**values | {field: arrays[f"{prefix}.{field}"] for field in SURFACE_ARRAYS})
