"""The task of stage `simulate`: sampling the lines of a model of the paper's theory."""

import numpy as np

from stages.shared.csv_files import csv_bytes
from stages.shared.store import Store
from stages.theory import noisy_quadratic, two_layer_linear
from stages.workers.task import TaskPaths

SIMULATIONS = {"noisy_quadratic": noisy_quadratic.simulate_lines, "two_layer_linear": two_layer_linear.simulate_lines}
"""Functions that return a table with a row for each point of each line, by the model's key in the parameters."""


def sample_task(paths: TaskPaths, model: str, parameters: dict, identity: str) -> None:
    """Sample the lines of a model and keep them as a CSV file in the store.

    Args:
        paths: Where the store is.
        model: The model's key in `theory` of the parameters.
        parameters: The arguments of its simulation.
        identity: The key under which the store keeps the lines.
    """
    table = SIMULATIONS[model](**parameters)
    content = np.frombuffer(csv_bytes(table), np.uint8)
    Store(paths.store).put("theory", identity, {"csv": content}, {"lines": len(table)})
