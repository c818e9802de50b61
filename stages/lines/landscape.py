"""The planes and trajectories of a suite, in one file."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays


# Shape letters: X, Y = points of the grid, M = marked points, P = points of a path.
@dataclass(frozen=True)
class Surface:
    """What was found on a plane; coordinates in weight distance."""

    labels: tuple[str, ...]
    """Names of the marked points, those that span the plane first."""
    runs: tuple[str, ...]
    """The run of each marked point."""
    kinds: tuple[str, ...]
    """`initial` or `final`, of each marked point."""
    paths: tuple[str, ...]
    """Runs whose trajectories are projected onto the plane."""
    x: np.ndarray
    """(X,)"""
    y: np.ndarray
    """(Y,)"""
    loss_train: np.ndarray
    """(Y, X)"""
    loss_test: np.ndarray
    """(Y, X)"""
    accuracy_train: np.ndarray
    """(Y, X)"""
    accuracy_test: np.ndarray
    """(Y, X)"""
    marks: np.ndarray
    """(M, 3) x, y, and the distance off the plane."""
    steps: np.ndarray
    """(all P, 3) the same of the points of all paths, one path after the other."""
    lengths: np.ndarray
    """Points of each path."""


@dataclass(frozen=True)
class Trajectory:
    """What a training passed; all of shape (P,). See `measures.projection.Progress` for the coordinates."""

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
    """Of a suite."""

    planes: dict[str, Surface]
    """By name."""
    trajectories: dict[str, Trajectory]
    """By run, of those with snapshots that did not diverge."""


OF_HEADER = ("labels", "runs", "kinds", "paths")
OF_ARRAYS = tuple(f.name for f in fields(Surface) if f.name not in OF_HEADER)


def save_landscape(path: Path, landscape: Landscape) -> None:
    """Write the planes and trajectories of a suite."""
    arrays, planes = {}, {}
    for name, plane in landscape.planes.items():
        planes[name] = {field: getattr(plane, field) for field in OF_HEADER}
        arrays |= {
            f"planes.{name}.{f.name}": getattr(plane, f.name) for f in fields(Surface) if f.name not in OF_HEADER
        }
    for run_id, trajectory in landscape.trajectories.items():
        arrays |= {f"trajectories.{run_id}.{name}": array for name, array in vars(trajectory).items()}
    write_arrays(path, arrays, {"planes": planes, "order": list(planes), "trajectories": list(landscape.trajectories)})


def load_landscape(path: Path) -> Landscape:
    """Read the planes and trajectories of a suite.

    Args:
        path: The file.

    Returns:
        They.

    Raises:
        UserError: If the file is missing, damaged, changed, or of another kind.
    """
    arrays, about = read_arrays(path)
    try:
        planes = {
            name: Surface(
                **{field: tuple(about["planes"][name][field]) for field in OF_HEADER},
                **{field: arrays[f"planes.{name}.{field}"] for field in OF_ARRAYS},
            )
            for name in about["order"]
        }
        trajectories = {
            run_id: Trajectory(**{f.name: arrays[f"trajectories.{run_id}.{f.name}"] for f in fields(Trajectory)})
            for run_id in about["trajectories"]
        }
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} holds no landscape; delete it and run `dvc repro`") from error
    return Landscape(planes, trajectories)
