"""The weights at the endpoints of lines."""

import torch
from torch import Tensor

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.lines.line import Endpoint, ParameterExchange, RandomPermutation, UnitMatching
from stages.lines.unit_matching import match_activations, match_weights
from stages.lines.unit_permutations import draw_permutations, find_hidden_units, permute_units
from stages.networks.build import initial_parameters
from stages.networks.evaluation import Task
from stages.shared.seeds import derive, generator
from stages.training.square_root import square_root
from stages.training.stored_runs import StoredRuns

MATCHING_EXAMPLES = 2048
"""Largest number of training examples whose activations are compared for matching units."""


class EndpointWeights:
    """Loads or draws the weights at endpoints, for the network and data of one run."""

    def __init__(self, run: Run, dataset: Dataset, task: Task, stored: StoredRuns) -> None:
        """Load and draw nothing yet.

        Args:
            run: The run whose network uses the weights.
            dataset: Its data.
            task: Its network and data, for evaluation.
            stored: The runs of the suite.
        """
        self.run, self.dataset, self.task, self.stored = run, dataset, task, stored

    def weights(self, endpoint: Endpoint) -> Tensor:
        """Return the weights at an endpoint.

        Args:
            endpoint: The endpoint.

        Returns:
            The weights, shape (D,), on the CPU, in the order of the network's parameters.

        Raises:
            UserError: If a run's file is missing or damaged, or does not hold the point.
        """
        theta = self._point(endpoint.run_id, endpoint.point)
        layout, change = self.task.layout, endpoint.change
        if isinstance(change, ParameterExchange):
            other = layout.split(self._point(endpoint.run_id, change.point))
            return layout.join(layout.split(theta) | {name: other[name] for name in change.parameters})
        if isinstance(change, RandomPermutation):
            groups = find_hidden_units(self.task.network)
            return permute_units(theta, layout, groups, draw_permutations(groups, change.number))
        if isinstance(change, UnitMatching):
            groups, reference = find_hidden_units(self.task.network), self._point(change.run_id, "final")
            if change.by == "weights":
                orders = match_weights(reference, theta, layout, groups)
            else:
                orders = match_activations(self.task, reference, theta, groups, MATCHING_EXAMPLES)
            return permute_units(theta, layout, groups, orders)
        return theta

    def _point(self, run_id: str, point: str) -> Tensor:
        """Return the weights at a point of `Endpoint.point`, shape (D,)."""
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
        """Return Gaussian noise with the root mean square of the final weights in each parameter, shape (D,)."""
        source = generator("noise", number)
        final = self.task.layout.split(self._point(run_id, "final"))
        return self.task.layout.join(
            {
                name: torch.randn(value.shape, generator=source) * square_root(value.double().square().mean()).float()
                for name, value in final.items()
            }
        )
