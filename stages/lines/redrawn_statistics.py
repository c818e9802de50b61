"""Batch-norm statistics from batches that are drawn anew at each alpha, as in the paper's release."""

import torch
from torch import Tensor

from stages.config import BatchNormStatistics
from stages.networks.batch_norm import Statistics, statistics_of
from stages.networks.evaluation import Task, combine, estimation_batches
from stages.shared.seeds import generator


def redraw(examples: int, draw: int, place: int) -> Tensor:
    """Return a random permutation of the training examples.

    Args:
        examples: Number of training examples.
        draw: Number of the evaluation of the line, from 0.
        place: Number of the alpha on the grid, from 0.

    Returns:
        The permutation, shape (examples,): the same for the same arguments.
    """
    return torch.randperm(examples, generator=generator(f"order of training examples at alpha {place}", draw))


def estimate_redrawn(
    task: Task, theta_PD: Tensor, settings: BatchNormStatistics, draw: int, first_place: int
) -> Statistics:
    """Estimate the batch-norm statistics of successive alphas, each from batches in an order of its own.

    Args:
        task: Network and data.
        theta_PD: Points at successive alphas, shape (P, D).
        settings: How the statistics of batches are combined, and the size of a batch.
        draw: Number of the evaluation of the line, from 0.
        first_place: Number of the first of these alphas on the grid, from 0.

    Returns:
        Means and variances of shape (P, C); empty without batch norm.
    """
    x = task.train.x
    places = range(first_place, first_place + len(theta_PD))
    orders = torch.stack([redraw(len(x), draw, place) for place in places]).to(x.device)

    def observe(theta: Tensor, batch: Tensor) -> Statistics:
        return statistics_of(task.network, task.layout.split(theta), batch)

    together = task.over_points(observe, (0, 0))
    batches = (orders[:, batch] for batch in estimation_batches(task, settings))
    return combine(((order.shape[1], together(theta_PD, x[order])) for order in batches), settings)
