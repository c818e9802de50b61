import json

import pytest
import torch
import torch.nn.functional as F

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.networks.build import build, initial_parameters
from stages.shared.seeds import derive
from stages.training.curvature import hessian_root, kronecker_factors, linear_layers
from stages.training.training_loop import train

CPU = torch.device("cpu")


def kfac(**changes) -> Run:
    base = {"dataset": "toy", "network": "mlp", "hidden": [4], "activation": "tanh", "loss": "cross_entropy"}
    base |= {"optimizer": "kfac", "lr": 0.05, "epochs": 2, "batch_size": 20, "seed": 0, "momentum": 0.0}
    return Run.model_validate_json(json.dumps(base | changes))


@pytest.fixture(scope="module")
def toy() -> Dataset:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(50, 1, 1, 3, generator=random)
    y = torch.randint(3, (50,), generator=random)
    return Dataset("toy", x[:40], y[:40], x[40:], y[40:], 3, "0" * 64)


def layers_of(run: Run) -> tuple:
    network = build(run, (1, 1, 3), 3).double()
    return network, [module for module in network.modules() if isinstance(module, torch.nn.Linear)]


def slow_factors(run: Run, theta: torch.Tensor, x: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """One example and one possible target at a time: E[g g^T] over what the network predicts."""
    network, layers = layers_of(run)
    torch.nn.utils.vector_to_parameters(theta, network.parameters())
    seen: dict = {}
    for layer in layers:
        layer.register_forward_hook(lambda module, given, out: seen.__setitem__(module, (given[0], out)))
    sums = [(0.0, 0.0) for _ in layers]
    for example in x:
        outputs = network(example[None])
        if run.loss == "cross_entropy":
            weights = outputs.softmax(1)[0].tolist()
            losses = [F.cross_entropy(outputs, torch.tensor([label])) for label in range(3)]
        else:  # a Gaussian of variance 1/2: targets one standard deviation off in each direction, on both sides
            ends = torch.eye(3).double().repeat(2, 1) * torch.tensor([1.0] * 3 + [-1.0] * 3)[:, None] * 0.5**0.5
            weights = [0.5] * 6
            losses = [(outputs - (outputs.detach() + end)).square().sum() for end in ends]
        for i, layer in enumerate(layers):
            a = torch.cat([seen[layer][0][0].detach(), torch.ones(1).double()])
            g_total = 0.0
            for weight, loss in zip(weights, losses, strict=True):
                (g,) = torch.autograd.grad(loss, seen[layer][1], retain_graph=True)
                g_total = g_total + weight * torch.outer(g[0], g[0])
            sums[i] = (sums[i][0] + torch.outer(a, a) / len(x), sums[i][1] + g_total / len(x))
    return sums


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_factors_are_expectations_under_what_the_network_predicts(toy, loss):
    run = kfac(hidden=[4, 5], loss=loss)
    network, layout, _ = initial_parameters(run, (1, 1, 3), 3)
    theta = torch.randn(2, layout.size, generator=torch.Generator().manual_seed(1)).double()
    x = torch.stack([toy.train_x[:7], toy.train_x[7:14]]).double()
    found = kronecker_factors(network, linear_layers(network, layout), loss, layout.split(theta), x)
    for row in range(2):
        for (a, g), (slow_a, slow_g) in zip(found, slow_factors(run, theta[row], x[row]), strict=True):
            torch.testing.assert_close(a[row], slow_a)
            torch.testing.assert_close(g[row], slow_g)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_the_root_is_one_of_the_hessian(loss):
    outputs = torch.randn(1, 4, generator=torch.Generator().manual_seed(2)).double()
    root = hessian_root(loss, outputs)[:, 0]
    target = torch.tensor([1])

    def value(z: torch.Tensor) -> torch.Tensor:
        if loss == "cross_entropy":
            return F.cross_entropy(z[None], target)
        return (z - F.one_hot(target, 4)).square().sum()

    expected = torch.autograd.functional.hessian(value, outputs[0])
    torch.testing.assert_close(sum(torch.outer(s, s) for s in root), expected)


def dense_training(run: Run, dataset: Dataset) -> tuple[torch.Tensor, int]:
    """K-FAC with Kronecker products written out and inverted as they stand; and how many steps were clipped."""
    _, layout, theta = initial_parameters(run, (1, 1, 3), 3)
    theta, clipped = theta.double(), 0
    network, layers = layers_of(run)
    x, y = dataset.train_x.double(), dataset.train_y
    order = torch.Generator().manual_seed(derive("order", run.order))
    velocity = torch.zeros_like(theta)
    step = estimates = 0
    factors = None
    for _ in range(run.epochs):
        for batch in torch.randperm(len(x), generator=order).split(run.batch_size):
            if step % run.factor_interval == 0:
                estimates += 1
                old = min(run.factor_decay, 1 - 1 / estimates)
                new = slow_factors(run, theta, x[batch])
                factors = [
                    tuple(old * k + (1 - old) * n for k, n in zip(kept, fresh, strict=True))
                    for kept, fresh in zip(factors or new, new, strict=True)
                ]
            if step % run.inverse_interval == 0:
                used = factors
            torch.nn.utils.vector_to_parameters(theta, network.parameters())
            network.zero_grad()
            F.cross_entropy(network(x[batch]), y[batch]).backward()
            moves, predicted = [], 0.0
            for layer, (a, g) in zip(layers, used, strict=True):
                gradient = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1)
                gradient = gradient + run.weight_decay * torch.cat([layer.weight, layer.bias[:, None]], 1).detach()
                curvature = torch.kron(g, a) + run.damping * torch.eye(g.numel() // len(g) * len(a)).double()
                v = torch.linalg.solve(curvature, gradient.flatten()).view_as(gradient)
                predicted += (v * gradient).sum()
                moves.append(v)
            limit = (run.kl_clip / (run.lr**2 * predicted)) ** 0.5 if run.kl_clip else torch.tensor(2.0)
            clipped += bool(limit < 1)
            flat = torch.cat([torch.cat([v[:, :-1].flatten(), v[:, -1]]) * min(1.0, float(limit)) for v in moves])
            velocity = run.momentum * velocity + flat
            theta = theta - run.lr * velocity
            step += 1
    return theta, clipped


@pytest.mark.parametrize(
    ("changes", "clips"),
    [
        ({"damping": 0.01, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1}, False),
        ({"factor_interval": 2, "inverse_interval": 3, "factor_decay": 0.4, "momentum": 0.5, "lr": 0.3}, True),
        ({"factor_interval": 3, "inverse_interval": 2, "weight_decay": 0.1, "kl_clip": 0.01}, True),
    ],
)
def test_training_is_that_with_dense_kronecker_products(toy, changes, clips):
    runs = [kfac(hidden=[3, 2], epochs=3, seed=seed, **changes) for seed in (0, 1)]
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        expected, clipped = dense_training(run, toy)
        assert bool(clipped) == clips
        torch.testing.assert_close(found.final, expected, rtol=1e-7, atol=1e-9)


def test_one_step_is_the_exact_natural_gradient_of_a_linear_network(toy):
    """Under squared error its Fisher information is the Hessian, A (x) 2 I: a step of rate 1 ends at the minimum."""
    run = kfac(hidden=[], loss="squared_error", epochs=1, batch_size=40, lr=1.0, kl_clip=None, damping=1e-12)
    found = train([run], toy, CPU, torch.float64)[0]
    inputs = torch.cat([toy.train_x.flatten(1), torch.ones(40, 1)], 1).double()
    best = torch.linalg.lstsq(inputs, F.one_hot(toy.train_y, 3).double()).solution.T
    values = found.layout.split(found.final)
    torch.testing.assert_close(values["layers.1.weight"], best[:, :-1], rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(values["layers.1.bias"], best[:, -1], rtol=1e-6, atol=1e-8)


def test_batch_norm_parameters_follow_their_gradient(toy):
    run = kfac(batch_norm=True, epochs=1, batch_size=40, lr=0.1)
    found = train([run], toy, CPU, torch.float64)[0]
    start = found.layout.split(found.initial.double().requires_grad_())
    network = build(run, (1, 1, 3), 3)
    outputs = torch.func.functional_call(network, start, (toy.train_x.double(),))
    gradient = torch.autograd.grad(F.cross_entropy(outputs, toy.train_y), list(start.values()))
    for name, slope in zip(start, gradient, strict=True):
        moved = (found.layout.split(found.final)[name] - start[name]).detach()
        if name.startswith("layers.2."):
            torch.testing.assert_close(moved, -0.1 * slope)
        else:
            assert not torch.allclose(moved, -0.1 * slope, rtol=1e-2)


def test_a_diverged_run_leaves_its_company_alone(toy):
    bad = kfac(loss="squared_error", activation="relu", lr=1e30, kl_clip=None, epochs=4)
    good = kfac(loss="squared_error", activation="relu", lr=0.01, epochs=4, seed=3)
    worse, found = train([bad, good], toy, CPU)
    assert worse.diverged
    assert not found.diverged
    assert torch.equal(train([good], toy, CPU)[0].final, found.final)
