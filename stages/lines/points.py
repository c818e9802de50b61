"""From an endpoint to its weights."""

import torch
from torch import Tensor

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.lines.line import Endpoint, Exchanged, Matched, Permuted
from stages.lines.matching import match_activations, match_weights
from stages.lines.symmetry import hidden_units, permute, random_permutations
from stages.networks.build import initial_parameters
from stages.networks.evaluation import Task
from stages.shared.seeds import derive, generator
from stages.training.root import square_root
from stages.training.run_files import RunFolder

EXAMPLES = 2048
"""Training examples, at most, by whose activations units are matched."""


class Points:
    """The weights of endpoints in the network and on the data of one run."""

    def __init__(self, run: Run, dataset: Dataset, task: Task, stored: RunFolder) -> None:
        """Draw nothing yet.

        Args:
            run: The run in whose network the weights are used.
            dataset: Its data.
            task: What it is evaluated on.
            stored: The runs of the suite.
        """
        self.run, self.dataset, self.task, self.stored = run, dataset, task, stored

    def weights(self, endpoint: Endpoint) -> Tensor:
        """Return the weights at an endpoint.

        Args:
            endpoint: The endpoint.

        Returns:
            Shape (D,), on the CPU, in the order of the network's parameters.

        Raises:
            UserError: If a run's file is missing or damaged, or does not hold the point.
        """
        theta = self._point(endpoint.run_id, endpoint.point)
        layout, change = self.task.layout, endpoint.change
        if isinstance(change, Exchanged):
            other = layout.split(self._point(endpoint.run_id, change.point))
            return layout.join(layout.split(theta) | {name: other[name] for name in change.parameters})
        if isinstance(change, Permuted):
            groups = hidden_units(self.task.network)
            return permute(theta, layout, groups, random_permutations(groups, change.number))
        if isinstance(change, Matched):
            groups, reference = hidden_units(self.task.network), self._point(change.run_id, "final")
            if change.by == "weights":
                orders = match_weights(reference, theta, layout, groups)
            else:
                orders = match_activations(self.task, reference, theta, groups, EXAMPLES)
            return permute(theta, layout, groups, orders)
        return theta

    def _point(self, run_id: str, point: str) -> Tensor:
        if point == "zero":
            return torch.zeros(self.task.layout.size)
        if point.startswith("noise_"):
            return self._noise(run_id, int(point.removeprefix("noise_")))
        if point.startswith("fresh_"):
            scheme, number = point.removeprefix("fresh_").rsplit("_", 1)
            fresh = self.run.model_copy(update={"initialization": scheme, "seed": derive("fresh", int(number))})
            return initial_parameters(fresh, self.dataset.shape, self.dataset.classes)[2]
        return torch.from_numpy(self.stored.weights(run_id, point))

    def _noise(self, run_id: str, number: int) -> Tensor:
        """Return Gaussian numbers of mean 0, in each tensor as large (root mean square) as the final weights are."""
        source = generator("noise", number)
        final = self.task.layout.split(self._point(run_id, "final"))
        return self.task.layout.join(
            {
                name: torch.randn(value.shape, generator=source) * square_root(value.double().square().mean()).float()
                for name, value in final.items()
            }
        )
