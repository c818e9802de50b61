"""From a trained run to the arrays of its file."""

import numpy as np

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
