"""What stacked training is held to: one network of `torch.nn`, `torch.optim`, a loop. Nothing of stacks in it."""

from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import nn

from stages.config import Run
from stages.networks.batch_norm import BatchNorm
from stages.networks.build import build
from stages.shared.seeds import derive

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
    layers.append(nn.Linear(widths[-1], run.outputs or outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            layer.weight.data *= run.gain
    return nn.Sequential(*layers)


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


def optimizer(run: Run, groups: list[dict], name: str, lr: float) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(groups, lr, momentum=run.momentum, weight_decay=run.weight_decay)
    if name == "adam":
        return torch.optim.Adam(groups, lr, run.betas, run.epsilon, run.weight_decay)
    return torch.optim.RMSprop(groups, lr, run.smoothing, run.epsilon, run.weight_decay)


class Grafted:
    """Steps of two optimizers from one point, of which the one gives the direction, the other the length."""

    def __init__(self, both: list[torch.optim.Optimizer]) -> None:
        self.both = both
        self.param_groups = [group for one in both for group in one.param_groups]

    def step(self) -> None:
        parameters = [p for group in self.both[0].param_groups for p in group["params"]]
        here = [p.detach().clone() for p in parameters]
        steps = []
        for one in self.both:
            one.step()
            steps.append([p.detach() - start for p, start in zip(parameters, here, strict=True)])
            for p, start in zip(parameters, here, strict=True):
                p.data.copy_(start)
        direction, length = (torch.cat([part.flatten() for part in step]).norm() for step in steps)
        for p, part in zip(parameters, steps[0], strict=True):
            p.data.add_(part * length / direction)


def start(run: Run, net: nn.Module, switched: bool):
    if switched:
        return optimizer(run, parameters(run, net), run.switch_optimizer, run.switch_lr)
    if run.magnitude:
        both = [optimizer(run, parameters(run, net), name, run.lr) for name in (run.optimizer, run.magnitude)]
        return Grafted(both)
    return optimizer(run, parameters(run, net), run.optimizer, run.lr)


def train(run: Run, x: torch.Tensor, labels: torch.Tensor, classes: int) -> tuple[list, list, list[float]]:
    """Return initial and final parameters and the epoch losses, in double precision."""
    net = network(run, tuple(x.shape[1:]), x[0].numel() if run.network == "autoencoder" else classes).double()
    initial = [p.detach().clone() for p in net.parameters()]
    optim = start(run, net, switched=False)
    seed = run.seed if run.order_seed is None else run.order_seed
    order = torch.Generator().manual_seed(derive("order", seed))
    crops = torch.Generator().manual_seed(derive("augmentation", seed))
    each = -(-len(x) // run.batch_size)
    steps = min(run.steps or each * run.epochs, each * run.epochs)
    warming = each * run.warmup
    if warming:
        warm_up = torch.optim.lr_scheduler.LinearLR(optim, 1 / warming, total_iters=warming - 1)
    average = torch.optim.swa_utils.AveragedModel(net)
    losses, done = [], 0
    for epoch in range(run.epochs):
        total, seen = 0.0, 0
        if epoch == run.switch_after:
            optim = start(run, net, switched=True)
        elif epoch in run.milestones:
            for group in optim.param_groups:
                group["lr"] *= run.decay
        for batch in torch.randperm(len(x), generator=order).split(run.batch_size):
            if done == steps:
                break
            outputs = net(augmented(x[batch], run, x.min().item(), crops))
            if run.network == "autoencoder":
                loss = (outputs - x[batch].flatten(1)).pow(2).sum() / len(batch)
            elif run.loss == "squared_error":
                loss = (outputs - F.one_hot(labels[batch], classes)).pow(2).sum() / len(batch)
            else:
                loss = F.cross_entropy(outputs, labels[batch])
            net.zero_grad()
            loss.backward()
            if run.clip_norm:
                torch.nn.utils.clip_grad_norm_(net.parameters(), run.clip_norm)
            rates = [group["lr"] for group in optim.param_groups]
            for group in optim.param_groups:
                group["lr"] *= 1 - done / steps if run.schedule == "linear" else 1
            optim.step()
            for group, rate in zip(optim.param_groups, rates, strict=True):
                group["lr"] = rate
            total, seen, done = total + loss.item() * len(batch), seen + len(batch), done + 1
            if done < warming:
                warm_up.step()
        if seen:
            losses.append(total / seen)
        if run.average_from is not None and epoch + 1 >= run.average_from:
            average.update_parameters(net)
    end = net if run.average_from is None else average.module
    return initial, [p.detach() for p in end.parameters()], losses
