"""What stacked training is held to: one network of `torch.nn`, `torch.optim`, a loop. Nothing of the engine in it."""

import torch
import torch.nn.functional as F
from torch import nn

from stages.config import Run
from stages.seeds import derive

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def network(run: Run, inputs: int, outputs: int) -> nn.Sequential:
    torch.manual_seed(derive("initialisation", run.seed))
    layers = [nn.Flatten()]
    widths = (inputs, *run.hidden)
    for before, after in zip(widths, run.hidden, strict=False):
        layers.append(nn.Linear(before, after))
        if run.batch_norm:
            layers.append(nn.BatchNorm1d(after))
        layers.append(ACTIVATIONS[run.activation]())
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def optimizer(run: Run, parameters) -> torch.optim.Optimizer:
    if run.optimizer == "sgd":
        return torch.optim.SGD(parameters, run.lr, momentum=run.momentum, weight_decay=run.weight_decay)
    if run.optimizer == "adam":
        return torch.optim.Adam(parameters, run.lr, run.betas, run.epsilon, run.weight_decay)
    return torch.optim.RMSprop(parameters, run.lr, run.smoothing, run.epsilon, run.weight_decay)


def train(run: Run, x: torch.Tensor, labels: torch.Tensor, classes: int) -> tuple[list, list, list[float]]:
    """Return initial and final parameters and the epoch losses, in double precision."""
    inputs = x[0].numel()
    net = network(run, inputs, inputs if run.network == "autoencoder" else classes).double()
    initial = [p.detach().clone() for p in net.parameters()]
    optim = optimizer(run, net.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optim, list(run.milestones), run.decay)
    order = torch.Generator().manual_seed(derive("order", run.seed if run.order_seed is None else run.order_seed))
    losses = []
    for _ in range(run.epochs):
        total = 0.0
        for batch in torch.randperm(len(x), generator=order).split(run.batch_size):
            outputs = net(x[batch])
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
