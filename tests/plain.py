"""What stacked training is held to: one network of `torch.nn`, `torch.optim`, a loop. Nothing of stacks in it."""

from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import nn

from stages.config import Run
from stages.networks.batch_norm import BatchNorm
from stages.networks.build import build
from stages.seeds import derive

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def network(run: Run, image: tuple[int, ...], outputs: int) -> nn.Module:
    if run.hidden is None:
        return convolutional(run, image, outputs)
    torch.manual_seed(derive("initialisation", run.seed))
    layers = [nn.Flatten()]
    widths = (prod(image), *run.hidden)
    for before, after in pairwise(widths):
        layers.append(nn.Linear(before, after))
        if run.batch_norm:
            layers.append(nn.BatchNorm1d(after))
        layers.append(ACTIVATIONS[run.activation]())
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def convolutional(run: Run, image: tuple[int, ...], outputs: int) -> nn.Module:
    """The project's own module, but for batch norm, which is PyTorch's."""
    net = build(run, image, outputs)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, BatchNorm):
                normal = nn.BatchNorm2d(len(child.weight))
                normal.load_state_dict(normal.state_dict() | child.state_dict())
                setattr(module, name, normal)
    return net


def parameters(run: Run, net: nn.Module) -> list[dict]:
    scalars = [p for name, p in net.named_parameters() if name.endswith(".value")]
    others = [p for name, p in net.named_parameters() if not name.endswith(".value")]
    return [{"params": others}, {"params": scalars, "lr": run.lr * run.scalar_lr_factor}]


def augmented(x: torch.Tensor, run: Run, black: float, source: torch.Generator) -> torch.Tensor:
    """Crops and mirror images, one image after the other."""
    if not run.crop_padding and not run.flip:
        return x
    padding, (height, width) = run.crop_padding, x.shape[2:]
    corners = torch.randint(2 * padding + 1, (2, len(x)), generator=source).T.tolist()
    mirrored = (torch.rand(len(x), generator=source) < 0.5).tolist() if run.flip else [False] * len(x)
    found = []
    for image, (top, left), flip in zip(x, corners, mirrored, strict=True):
        crop = F.pad(image, [padding] * 4, value=black)[:, top : top + height, left : left + width]
        found.append(crop.flip(2) if flip else crop)
    return torch.stack(found)


def optimizer(run: Run, groups: list[dict]) -> torch.optim.Optimizer:
    if run.optimizer == "sgd":
        return torch.optim.SGD(groups, run.lr, momentum=run.momentum, weight_decay=run.weight_decay)
    if run.optimizer == "adam":
        return torch.optim.Adam(groups, run.lr, run.betas, run.epsilon, run.weight_decay)
    return torch.optim.RMSprop(groups, run.lr, run.smoothing, run.epsilon, run.weight_decay)


def train(run: Run, x: torch.Tensor, labels: torch.Tensor, classes: int) -> tuple[list, list, list[float]]:
    """Return initial and final parameters and the epoch losses, in double precision."""
    net = network(run, tuple(x.shape[1:]), x[0].numel() if run.network == "autoencoder" else classes).double()
    initial = [p.detach().clone() for p in net.parameters()]
    optim = optimizer(run, parameters(run, net))
    schedule = torch.optim.lr_scheduler.MultiStepLR(optim, list(run.milestones), run.decay)
    seed = run.seed if run.order_seed is None else run.order_seed
    order = torch.Generator().manual_seed(derive("order", seed))
    crops = torch.Generator().manual_seed(derive("augmentation", seed))
    losses = []
    for _ in range(run.epochs):
        total = 0.0
        for batch in torch.randperm(len(x), generator=order).split(run.batch_size):
            outputs = net(augmented(x[batch], run, x.min().item(), crops))
            if run.network == "autoencoder":
                loss = (outputs - x[batch].flatten(1)).pow(2).sum() / len(batch)
            elif run.loss == "squared_error":
                loss = (outputs - F.one_hot(labels[batch], classes)).pow(2).sum() / len(batch)
            else:
                loss = F.cross_entropy(outputs, labels[batch])
            optim.zero_grad()
            loss.backward()
            optim.step()
            total += loss.item() * len(batch)
        losses.append(total / len(x))
        schedule.step()
    return initial, [p.detach() for p in net.parameters()], losses
