import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, vmap

from stages.lines.jets import FixedExamples, MovingTensor
from stages.lines.taylor import TaylorMode, differentiate, differentiate_nested
from stages.networks.batch_norm import statistics_of
from stages.networks.fully_connected import FullyConnected


def moving(network: nn.Module) -> dict[str, MovingTensor]:
    random = torch.Generator().manual_seed(1)
    return {
        name: MovingTensor(p.detach(), *(torch.randn(p.shape, dtype=p.dtype, generator=random) for _ in range(2)))
        for name, p in network.named_parameters()
    }


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_carried_derivatives_are_nested_ones(activation, batch_norm):
    network = FullyConnected(6, (5, 4), 3, activation, batch_norm).double()
    x = torch.randn(11, 2, 3, dtype=torch.float64)

    def function(parameters):
        outputs = functional_call(network, parameters, (x,))
        return {"outputs": outputs} | statistics_of(network, parameters, x)

    carried, slow = differentiate(function, moving(network)), differentiate_nested(function, moving(network))
    assert carried.keys() == slow.keys()
    for name in carried:
        for ours, theirs in zip(carried[name], slow[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("which", [("shift", "x", "scale"), ("shift",), ("x",), ("scale",), ("shift", "scale")])
def test_a_sum_and_product_in_one_moves_with_each_of_its_arguments(which):
    shapes = {"shift": (1, 3), "x": (5, 3), "scale": (1, 3)}
    values = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    moves = {name: MovingTensor(values[name], *torch.randn(2, *shapes[name], dtype=torch.float64)) for name in which}

    def function(given):
        known = values | given
        return {"outputs": torch.addcmul(known["shift"], known["x"], known["scale"])}

    for ours, theirs in zip(
        differentiate(function, moves)["outputs"], differentiate_nested(function, moves)["outputs"], strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
        assert ours.shape == (5, 3)


def test_nested_derivatives_are_those_of_a_known_curve():
    jet = MovingTensor(torch.tensor(2.0), torch.tensor(3.0), torch.tensor(5.0))
    found = differentiate_nested(lambda given: {"cube": given["x"] ** 3}, {"x": jet})["cube"]
    # (x^3)' = 3 x^2 x', (x^3)'' = 6 x x'^2 + 3 x^2 x''
    assert [float(term) for term in found] == pytest.approx([8, 36, 6 * 2 * 9 + 3 * 4 * 5])


def test_a_function_without_a_rule_is_expanded_all_the_same():
    network = nn.Sequential(nn.Linear(4, 3), nn.Softplus(), nn.Linear(3, 2)).double()
    x = torch.randn(5, 4, dtype=torch.float64)

    def function(parameters):
        return {"outputs": functional_call(network, parameters, (x,))}

    found, slow = differentiate(function, moving(network)), differentiate_nested(function, moving(network))
    for ours, theirs in zip(found["outputs"], slow["outputs"], strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.abs().max() > 0


def test_expansion_stacks():
    network = FullyConnected(4, (3,), 2, "tanh", True).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    jets = moving(network)

    def at(scale):
        scaled = {name: MovingTensor(scale * jet.value, jet.first, None) for name, jet in jets.items()}
        return differentiate(lambda p: {"z": functional_call(network, p, (x,))}, scaled)["z"]

    scales = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    together = vmap(at)(scales)
    for row, scale in enumerate(scales):
        for term, alone in zip(together, at(scale), strict=True):
            torch.testing.assert_close(term[row], alone)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_on_a_line_is_as_one_that_is_not(bias):
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 4, bias=bias), nn.Tanh(), nn.Linear(4, 3)).double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    alpha = torch.tensor(0.3, dtype=torch.float64)
    start = {name: torch.randn_like(p) for name, p in network.named_parameters()}
    end = {name: torch.randn_like(p) for name, p in network.named_parameters()}
    values = {name: (1 - alpha) * start[name] + alpha * end[name] for name in start}
    plain = {name: MovingTensor(values[name], end[name] - start[name], None) for name in start}
    lined = {name: MovingTensor(*plain[name][:3], (start[name], end[name], alpha)) for name in start}

    def function(parameters):
        return {"outputs": functional_call(network, parameters, (x,))}

    held = FixedExamples(x)
    for _ in range(2):  # by products computed now, and by those kept
        found = differentiate(function, lined, held)["outputs"]
        for ours, theirs in zip(found, differentiate(function, plain)["outputs"], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)
    assert len(held.products) == 1
    with TaylorMode(held, derivatives=False) as mode:
        found = function({name: mode.track(*move) for name, move in lined.items()})["outputs"]
    torch.testing.assert_close(found, function(values)["outputs"], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("how", [{}, {"value": 2.0}, {"mode": "reflect"}])
def test_padding_does_not_move(how, monkeypatch):
    layer = nn.Conv2d(1, 2, 3).double()
    x = torch.randn(3, 1, 5, 5, dtype=torch.float64)

    def function(parameters):
        inside = functional_call(layer, parameters, (x,))
        return {"outputs": F.pad(inside, (1, 1, 0, 2), **how).square()}

    slow = differentiate_nested(function, moving(layer))["outputs"]
    monkeypatch.setattr("stages.lines.taylor.differentiate_nested", None)  # a rule that is missing would need it
    for ours, theirs in zip(differentiate(function, moving(layer))["outputs"], slow, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_one_layer_of_two_parts_of_the_examples_has_products_of_each():
    layer = nn.Linear(3, 2).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    alpha = torch.tensor(0.3, dtype=torch.float64)
    start = {name: torch.randn_like(p) for name, p in layer.named_parameters()}
    end = {name: torch.randn_like(p) for name, p in layer.named_parameters()}
    values = {name: (1 - alpha) * start[name] + alpha * end[name] for name in start}
    lined = {
        name: MovingTensor(values[name], end[name] - start[name], None, (start[name], end[name], alpha))
        for name in start
    }

    def function(parameters):
        left, right = (functional_call(layer, parameters, (part,)) for part in (x[:, :3], x[:, 3:]))
        return {"outputs": torch.tanh(left) * right}

    held = FixedExamples(x)
    torch.testing.assert_close(differentiate(function, lined, held)["outputs"].value, function(values)["outputs"])
    assert len(held.products) == 2


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU])
def test_the_activations_of_torch_have_rules_of_their_own(activation, monkeypatch):
    network = nn.Sequential(nn.Linear(4, 3), activation(), nn.Linear(3, 2)).double()
    x = torch.randn(5, 4, dtype=torch.float64)

    def function(parameters):
        return {"outputs": functional_call(network, parameters, (x,))}

    slow = differentiate_nested(function, moving(network))["outputs"]
    monkeypatch.setattr("stages.lines.taylor.differentiate_nested", None)  # a rule that is missing would need it
    for ours, theirs in zip(differentiate(function, moving(network))["outputs"], slow, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def _chunks(x):
    left, right = x.chunk(2, dim=1)
    return torch.cat((left.tanh(), right), dim=1)


def _written(x):
    out = torch.zeros_like(x)
    out[:, :1] = x[:, :1].tanh()
    return out


@pytest.mark.parametrize(
    "inner",
    [
        _chunks,
        _written,
        lambda x: torch.stack(x.unbind(1), dim=1),
        lambda x: torch.stack([x.sin(), x], dim=1),
        lambda x: torch.split(x, [1, 3], dim=1)[1].tanh(),
        lambda x: torch.einsum("ij,jk->ik", x, torch.eye(4, dtype=x.dtype)),
        lambda x: torch.addmm(input=x, mat1=x, mat2=torch.ones(4, 4, dtype=x.dtype)),
        lambda x: x.tanh().__iadd__(x),
        lambda x: F.layer_norm(x, (4,)),
        lambda x: F.gelu(x) * x.max(dim=1, keepdim=True).values,
    ],
)
def test_no_derivative_is_lost_in_functions_of_many_tensors(inner):
    network = nn.Linear(3, 4).double()
    x = torch.randn(5, 3, dtype=torch.float64)

    def function(parameters):
        return {"outputs": inner(functional_call(network, parameters, (x,)))}

    moves = moving(network)
    found = differentiate(function, moves)["outputs"]
    step = 1e-4
    low, middle, high = (
        function({name: v + t * a + t * t / 2 * b for name, (v, a, b, _) in moves.items()})["outputs"]
        for t in (-step, 0.0, step)
    )
    torch.testing.assert_close(found.value, middle)
    torch.testing.assert_close(found.first, (high - low) / (2 * step), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.second, (high - 2 * middle + low) / step**2, rtol=1e-3, atol=1e-4)
    assert found.first.abs().max() > 0.1
