"""Baselines: the same work as it is usually written, with care, without this project.

(a) One network at a time, `torch.optim`, a `DataLoader` over a torchvision-like dataset of images with `ToTensor`.
(b) The code of (a) with the data resident in tensors.
(c) `loss-landscapes` from PyPI for curves of the loss, with data in tensors.
(d) Gauss length by double backward passes through an interpolated forward pass, one alpha at a time; batch-norm
    statistics are either held fixed at each alpha, or differentiated by double backward passes too.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.datasets.torchvision_operators import torchvision

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


class Images(TorchDataset):
    """Images as torchvision's MNIST returns them: each time, bytes become a PIL image and then a tensor."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        """Convert images of shape (N, 1, H, W) to bytes."""
        self.bytes = (x[:, 0] * 255).round().to(torch.uint8).numpy()
        self.labels = y.tolist()
        self.transform = torchvision.transforms.ToTensor()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image and its class."""
        return self.transform(Image.fromarray(self.bytes[index], mode="L")), self.labels[index]


def build_network(run: Run, inputs: int, outputs: int) -> nn.Sequential:
    """Build the network of a classifier from `torch.nn` alone."""
    torch.manual_seed(run.seed)
    layers: list[nn.Module] = [nn.Flatten()]
    before = inputs
    for after in run.hidden:
        layers.append(nn.Linear(before, after))
        if run.batch_norm:
            layers.append(nn.BatchNorm1d(after))
        layers.append(ACTIVATIONS[run.activation]())
        before = after
    return nn.Sequential(*layers, nn.Linear(before, outputs))


def build_optimizer(run: Run, parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimizer of a run from `torch.optim`."""
    if run.optimizer == "sgd":
        return torch.optim.SGD(parameters, run.lr, momentum=run.momentum)
    if run.optimizer == "adam":
        return torch.optim.Adam(parameters, run.lr, run.betas, run.epsilon)
    return torch.optim.RMSprop(parameters, run.lr, run.smoothing, run.epsilon)


def resident_batches(x: Tensor, y: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches of tensors in memory."""
    for index in torch.randperm(len(x)).split(size):
        yield x[index], y[index]


def train_network(run: Run, dataset: Dataset, resident: bool, epochs: int) -> nn.Module:
    """Train one network: baseline (b) with `resident` data, else baseline (a)."""
    net = build_network(run, dataset.train_x[0].numel(), dataset.classes)
    optim = build_optimizer(run, net.parameters())
    loader = DataLoader(Images(dataset.train_x, dataset.train_y), run.batch_size, shuffle=True)
    for _ in range(epochs):
        batches = resident_batches(dataset.train_x, dataset.train_y, run.batch_size) if resident else loader
        for x, y in batches:
            loss = F.cross_entropy(net(x), y)
            optim.zero_grad()
            loss.backward()
            optim.step()
    return net


def set_weights(net: nn.Module, start: list[Tensor], end: list[Tensor], alpha: float) -> None:
    """Set a network's weights to those at alpha."""
    with torch.no_grad():
        for parameter, low, high in zip(net.parameters(), start, end, strict=True):
            parameter.copy_((1 - alpha) * low + alpha * high)


def evaluate_line(
    net: nn.Module, start: list[Tensor], end: list[Tensor], alphas: list[float], dataset: Dataset, resident: bool
) -> np.ndarray:
    """Return loss and accuracy on both splits at each alpha, with batch-norm statistics estimated at each."""
    normalised = any(isinstance(layer, nn.BatchNorm1d) for layer in net)
    size = 512
    found = []
    splits = ((dataset.train_x, dataset.train_y), (dataset.test_x, dataset.test_y))
    loaders = [DataLoader(Images(x, y), size) for x, y in splits]
    with torch.no_grad():
        for alpha in alphas:
            set_weights(net, start, end, alpha)
            if normalised:
                for layer in net:
                    if isinstance(layer, nn.BatchNorm1d):
                        layer.reset_running_stats()
                        layer.momentum = None
                net.train()
                for x, _ in zip(*(splits[0][0].split(size),) * 2, strict=True) if resident else loaders[0]:
                    net(x)
            net.eval()
            for (x_all, y_all), loader in zip(splits, loaders, strict=True):
                loss, hits = 0.0, 0
                batches = zip(x_all.split(size), y_all.split(size), strict=True) if resident else loader
                for x, y in batches:
                    outputs = net(x)
                    loss += F.cross_entropy(outputs, y, reduction="sum").item()
                    hits += (outputs.argmax(1) == y).sum().item()
                found.append((loss / len(x_all), hits / len(x_all)))
    return np.array(found)


def evaluate_landscape(start: nn.Module, end: nn.Module, steps: int, dataset: Dataset) -> np.ndarray:
    """Return the loss on both splits, shape (2, steps), at alphas 1/steps to 1, by `loss-landscapes`."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    with torch.no_grad():
        splits = ((dataset.train_x, dataset.train_y), (dataset.test_x, dataset.test_y))
        metrics = [Loss(F.cross_entropy, x, y) for x, y in splits]
        found = [loss_landscapes.linear_interpolation(start, end, m, steps, deepcopy_model=True) for m in metrics]
    return np.array(found)


def gauss_length(
    net: nn.Module,
    start: list[Tensor],
    end: list[Tensor],
    alphas: list[float],
    x: Tensor,
    train_x: Tensor | None = None,
) -> float:
    """Return the mean Gauss length of examples, by double backward, one alpha at a time.

    Args:
        net: The network, whose batch norm has the statistics to hold fixed.
        start: Weights at alpha 0.
        end: Weights at alpha 1.
        alphas: Positions along the line.
        x: The examples.
        train_x: Examples from which batch-norm statistics are estimated with their derivatives; None to hold them
            fixed.

    Returns:
        The mean over the examples, in radians.
    """
    net.eval()
    names = [name for name, _ in net.named_parameters()]
    held = [(layer.running_mean, layer.running_var) for layer in net if isinstance(layer, nn.BatchNorm1d)]
    speeds = []
    for value in alphas:
        alpha = torch.tensor(value, requires_grad=True)

        def weights(at: Tensor) -> dict[str, Tensor]:
            return {n: (1 - at) * a + at * b for n, a, b in zip(names, start, end, strict=True)}

        moving = None if train_x is None else _moving_statistics(net, weights, alpha, train_x)
        total = []
        for batch in x.split(1000):
            statistics = held
            if moving is not None:
                ahead = alpha - value
                flat = moving[0] + ahead * moving[1] + ahead * ahead / 2 * moving[2]
                parts = flat.split([part.numel() for pair in held for part in pair])
                statistics = list(zip(parts[::2], parts[1::2], strict=True))
            z, _ = _forward(net, weights(alpha), batch, statistics)
            _, v, a = _derivatives(z, alpha)
            unit = v / v.norm(dim=1, keepdim=True)
            across = a - (a * unit).sum(1, keepdim=True) * unit
            total.append(across.norm(dim=1) / v.norm(dim=1))
        speeds.append(torch.cat(total))
    return float(torch.trapezoid(torch.stack(speeds), torch.tensor(alphas), dim=0).mean())


def _forward(
    net: nn.Module, weights: dict[str, Tensor], x: Tensor, statistics: list[tuple[Tensor, Tensor]] | None
) -> tuple[Tensor, list[Tensor]]:
    """Return outputs, and the mean and variance by which each batch norm normalised: those given, or of the batch."""
    found: list[Tensor] = []
    for name, layer in net.named_children():
        own = {key: weights[f"{name}.{key}"] for key, _ in layer.named_parameters()}
        if not isinstance(layer, nn.BatchNorm1d):
            x = functional_call(layer, own, (x,))
            continue
        if statistics is None:
            mean, variance = x.mean(0), x.var(0, correction=0)
            found += [mean, variance * (len(x) / (len(x) - 1))]
        else:
            mean, variance = statistics[len(found) // 2]
            found += [mean, variance]
        x = (x - mean) * (torch.rsqrt(variance + layer.eps) * own["weight"]) + own["bias"]
    return x, found


def _moving_statistics(
    net: nn.Module, weights: Callable[[Tensor], dict[str, Tensor]], alpha: Tensor, train_x: Tensor
) -> tuple[Tensor, ...]:
    """Return all batch-norm statistics as one vector, averaged over batches of 512, with two derivatives."""
    sums: list[Tensor | float] = [0.0, 0.0, 0.0]
    for batch in train_x.split(512):
        _, found = _forward(net, weights(alpha), batch, None)
        terms = _derivatives(torch.cat(found), alpha)
        sums = [total + len(batch) / len(train_x) * term for total, term in zip(sums, terms, strict=True)]
    return tuple(sums)


def _derivatives(z: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return z with its first two derivatives by alpha, detached."""
    velocity = _forward_by_two_backwards(z, alpha, torch.zeros_like(z, requires_grad=True))
    acceleration = _forward_by_two_backwards(velocity, alpha, torch.zeros_like(z, requires_grad=True))
    return z.detach(), velocity.detach(), acceleration.detach()


def _forward_by_two_backwards(z: Tensor, alpha: Tensor, probe: Tensor) -> Tensor:
    """Return dz/dalpha for every output, by two backward passes: the derivative of a vector-Jacobian product."""
    (pulled,) = torch.autograd.grad(z, alpha, probe, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, probe, torch.ones_like(pulled), create_graph=True)
    return pushed
