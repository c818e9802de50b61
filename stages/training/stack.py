"""A stack: runs of one architecture that are trained together, with a leading dimension of runs."""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from stages.config import Run
from stages.config.run import OPTIMIZERS
from stages.datasets.dataset import Dataset
from stages.networks.batch_norm import batch_norms
from stages.networks.build import initial_parameters
from stages.networks.evaluation import SMALLEST_NORMALISED
from stages.networks.losses import example_losses
from stages.shared.seeds import generator
from stages.training.cuda_graphs import CapturedStep, choose_recorder
from stages.training.curvature import LinearLayer, kronecker_factors, linear_layers
from stages.training.minibatches import Minibatches
from stages.training.optimizer_factory import optimizer_of
from stages.training.optimizers import Optimizer
from stages.training.parameter_groups import ParameterGroups
from stages.training.precision import use_training_precision
from stages.training.schedule import learning_rate, optimizer_names, warmup_factor
from stages.training.square_root import square_root
from stages.training.stack_key import stack_key
from stages.training.stacked_layers import StackedLayers

CLIP_EPSILON = 1e-6  # as in `torch.nn.utils.clip_grad_norm_`


# Shape letters: R = runs in the stack, D = parameters of a run, P = parameters in a group, B = examples of a step,
# N = training examples, V = views of the data (see `Minibatches`), S = steps of an epoch, K = columns of an optimizer's
# `rates`.
class Stack:
    """Runs that are trained together. A row holds the weights of one run and does not depend on any other row."""

    def __init__(self, runs: Sequence[Run], dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
        """Draw the initial weights of all runs.

        Args:
            runs: Runs with equal `stack_key`, in the order of `schedule.stacking_order`.
            dataset: Their data.
            device: Where to train.
            dtype: Of weights and data.

        Raises:
            ValueError: If the runs cannot be stacked.
        """
        if len({stack_key(run) for run in runs}) != 1:
            raise ValueError("runs that are trained together agree in their stack key")
        self.runs = list(runs)
        built = [initial_parameters(run, dataset.shape, dataset.classes) for run in runs]
        self.network, self.layout, _ = built[0]
        self.network.to(device)  # moves its buffers: the parameters are those of theta
        self.theta = torch.stack([theta for _, _, theta in built]).to(device, dtype)
        self.start = self.theta.clone()
        self.groups = ParameterGroups(self.layout, len(runs))
        uses_kfac = any(OPTIMIZERS[name].needs_curvature for run in runs for name in run.optimizers)
        self.linear_layers: tuple[LinearLayer, ...] = linear_layers(self.network, self.layout) if uses_kfac else ()
        self.optimizers = self._make_optimizers(0)
        self.custom = runs[0].architecture.user_defined
        if self.custom:
            from stages.networks.user_network import training_mode  # torchvision takes seconds to import

            training_mode(self.network)
        elif runs[0].dropout:
            self.network.train()
        self.step_seeds = generator("dropout", runs[0].order)
        smallest = SMALLEST_NORMALISED if batch_norms(self.network) else 1
        self.minibatches = Minibatches(runs, dataset, smallest, device, dtype)
        epoch_steps = len(self.minibatches.slices)
        self.steps = min(runs[0].steps or epoch_steps * runs[0].epochs, epoch_steps * runs[0].epochs)
        self.done = 0
        self.recorder = choose_recorder(runs, device)
        self._outputs = vmap(self._forward) if len(runs) > 1 else self._forward_alone
        self._set_up_rows()

    def _make_optimizers(self, epoch: int) -> list[tuple[slice, Optimizer]]:
        """Return new optimizers for an epoch, each with its rows: adjacent runs with the same optimizer."""
        made = []
        for names, group in groupby(range(len(self.runs)), lambda row: optimizer_names(self.runs[row], epoch)):
            rows = list(group)
            span = slice(rows[0], rows[-1] + 1)
            lr_factors = self.groups.lr_factors(self.network, self.runs[0].scalar_lr_factor, self.theta)
            weights = self.groups.split(self.theta[span])
            made.append((span, optimizer_of(*names, self.runs[span], weights, lr_factors, self.linear_layers)))
        return made

    def _set_up_rows(self) -> None:
        """Set up what depends on the rows: leaves that are views of theta, captured steps, and the sum of losses."""
        self.leaves = [view.detach().requires_grad_() for view in self.layout.split(self.theta).values()]
        self.captured: dict[int, CapturedStep] = {}  # by the size of the batch
        self.total = torch.zeros(len(self.runs), dtype=torch.float64, device=self.theta.device)

    def keep(self, rows: list[int]) -> None:
        """Go on with the given rows only, in increasing order."""
        chosen = torch.tensor(rows, device=self.theta.device)
        self.theta, self.start = self.theta[chosen], self.start[chosen]
        self.runs = [self.runs[row] for row in rows]
        kept: list[tuple[slice, Optimizer]] = []
        for span, optimizer in self.optimizers:
            inside = [row - span.start for row in rows if span.start <= row < span.stop]
            if inside:
                first = kept[-1][0].stop if kept else 0
                new_span = slice(first, first + len(inside))
                optimizer.keep(torch.tensor(inside, device=self.theta.device), self.groups.split(self.theta[new_span]))
                kept.append((new_span, optimizer))
        self.optimizers = kept
        self.minibatches.keep(self.runs)
        self._set_up_rows()

    def train_epoch(self, number: int) -> Tensor:
        """Train one epoch.

        Args:
            number: Of the epoch, from 0.

        Returns:
            Mean of the minibatch losses, weighted by their sizes, shape (R,), in double precision.
        """
        if number == self.runs[0].switch_after:
            self.optimizers = self._make_optimizers(number)
            self.captured.clear()
        batches = self.minibatches.slices
        if self.runs[0].steps is not None:
            batches = batches[: self.steps - self.done]
        order_VN, crops_V3N = self.minibatches.draw_epoch(batches)
        rates_SRK = self._rates(number, len(batches))
        self.total.zero_()
        with use_training_precision(self.theta.device):
            for batch, rates_RK in zip(batches, rates_SRK, strict=True):
                self._take_step(order_VN[:, batch], crops_V3N[..., batch], rates_RK)
        self.done += len(batches)
        return (self.total / sum(batch.stop - batch.start for batch in batches)).cpu()

    def _rates(self, epoch: int, steps: int) -> Tensor:
        """Return the `rates` of all optimizers in the steps of an epoch, shape (S, R, K), padded with zeros."""
        rates_R = torch.tensor([learning_rate(run, epoch) for run in self.runs], dtype=torch.float64)
        factors = [1.0] * steps
        if self.runs[0].schedule == "linear":
            factors = [1 - (self.done + step) / self.steps for step in range(steps)]
        lr_SR = torch.stack([rates_R * factor for factor in factors])
        epoch_steps = len(self.minibatches.slices)
        warmups = [[warmup_factor(run, self.done + step, epoch_steps) for run in self.runs] for step in range(steps)]
        lr_SR1 = (lr_SR * torch.tensor(warmups, dtype=torch.float64))[..., None].to(self.theta.dtype)
        columns = max(optimizer.rate_columns for _, optimizer in self.optimizers)
        rates_SRK = lr_SR1.new_zeros(steps, len(self.runs), columns)
        for rows, optimizer in self.optimizers:
            rates_SRK[:, rows, : optimizer.rate_columns] = optimizer.rates(lr_SR1[:, rows])
        return rates_SRK.to(self.theta.device)

    def _take_step(self, *examples_and_rates: Tensor) -> None:
        """Take one step as `_add_step` does, by a captured CUDA graph where that is possible."""
        if self.recorder is None:
            self._add_step(*examples_and_rates)
            return
        size = examples_and_rates[0].shape[1]
        if size not in self.captured:
            self.captured[size] = CapturedStep(self._add_step, examples_and_rates, self.recorder)
        self.captured[size](*examples_and_rates)

    def _add_step(self, index_VB: Tensor, crops_V3B: Tensor, rates_RK: Tensor) -> None:
        """Take one step and add its losses, summed over the examples, to `total`."""
        x, target = self.minibatches.gather(index_VB, crops_V3B)
        self.total += self._step(x, target, rates_RK).double() * index_VB.shape[1]

    def _forward(self, leaves: list[Tensor], x: Tensor) -> Tensor:
        """Return the outputs of one run."""
        return functional_call(self.network, dict(zip(self.layout.names, leaves, strict=True)), (x,))

    def _forward_alone(self, leaves: list[Tensor], x: Tensor) -> Tensor:
        """Return the outputs of a stack of one, with the dimension of runs."""
        leaves, x = [leaf[0] for leaf in leaves], x[0]
        if x.dim() == 4 and not self.custom:  # faster, but a user's network may need the usual memory format
            x = x.contiguous(memory_format=torch.channels_last)
        if not self.network.training:
            return self._forward(leaves, x)[None]
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=self.step_seeds)))
            return self._forward(leaves, x)[None]

    def _step(self, x: Tensor, target: Tensor, rates_RK: Tensor) -> Tensor:
        """Update the weights by one step, and return the loss before it, shape (R,)."""
        with nullcontext() if self.custom else StackedLayers():
            outputs = self._outputs(self.leaves, x)
        losses = example_losses(self.runs[0].loss, outputs.flatten(0, 1), target.flatten(0, 1))
        losses_R = losses.view(len(self.runs), -1).mean(1)
        gradients = self.groups.join(torch.autograd.grad(losses_R.sum(), self.leaves))
        if self.runs[0].clip_norm is not None:
            gradients = clip_gradients(gradients, self.runs[0].clip_norm)
        for rows, optimizer in self.optimizers:
            if optimizer.wants_curvature:
                optimizer.observe(self._curvature(rows, x[rows]))
            rates = rates_RK[rows, : optimizer.rate_columns]
            optimizer.step([gradient[rows] for gradient in gradients], rates)
        return losses_R.detach()

    def _curvature(self, rows: slice, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the Kronecker factors of some rows for K-FAC."""
        leaves = {name: leaf.detach()[rows] for name, leaf in zip(self.layout.names, self.leaves, strict=True)}
        with StackedLayers():
            return kronecker_factors(self.network, self.linear_layers, self.runs[0].loss, leaves, x)

    def distances(self) -> Tensor:
        """Return |theta_t - theta_0| of each run, shape (R,), in double precision."""
        return (self.theta - self.start).double().norm(dim=1).cpu()


def clip_gradients(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """Scale down the gradient of each run whose norm exceeds a limit.

    Args:
        gradients: The gradient of each group of parameters, shape (R, P).
        limit: Largest norm of a run's whole gradient.

    Returns:
        The gradients, of the same shapes.
    """
    norm_R = square_root(torch.stack([gradient.square().sum(1) for gradient in gradients]).sum(0))
    factor_R1 = (limit / (norm_R + CLIP_EPSILON)).clamp(max=1)[:, None]
    return [gradient * factor_R1 for gradient in gradients]
