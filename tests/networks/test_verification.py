"""A network of the user's is the function that PyTorch computes, or it is refused with a sentence."""

import pytest
import torch
import torch.nn.functional as F
import zoo
from torch import nn
from zoo import CLASSES

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.lines.derivative_check import check_derivatives
from stages.lines.sweep import sweep_line
from stages.networks.batch_norm import batch_norms, statistic_buffers
from stages.networks.build import build, initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.networks.user_factory import call_factory, factory_identity, seeded
from stages.networks.user_network import custom, logits
from stages.networks.verification import verify
from stages.shared.errors import UserError
from stages.training.training_loop import train

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.nn.utils.weight_norm. is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:There is a performance drop because we have not yet implemented the batching"),
]
WHOLE = BatchNormStatistics(estimate="cumulative", batch_size=2048, momentum=0.1, examples=None)
SHAPE = (1, 8, 8)
RIGHT = (
    "lstm",
    "gru",
    "attention",
    "encoder",
    "vision_transformer",
    "frozen_backbone",
    "written_slices",
    "lazy",
    "flatten_by_name",
    "scaled_sum",
    "batch_norm_with_activation",
    "batch_norm_without_scale",
    "batch_norm_without_statistics",
    "synchronised_batch_norm",
    "zero_initialised_scale",
    "pretrained",
    "norm_after_norm",
    "hooks",
    "parametrized",
    "old_weight_norm",
    "in_place_on_a_shared_tensor",
    "dropouts",
    "wrapped",
    "named_tuple",
    "model_output",
    "mapping",
    "squeezed_views",
    "control_flow",
)
LIKE_OTHERS = ("gru", "encoder", "lazy", "scaled_sum", "batch_norm_without_scale", "synchronised_batch_norm")
LIKE_OTHERS += ("zero_initialised_scale", "norm_after_norm", "old_weight_norm", "named_tuple", "mapping")
LIKE_OTHERS += ("squeezed_views",)
"""Networks whose parts are checked as those of others are: the long tests verify them too."""
WRONG = {
    "random_in_evaluation": "other outputs each time",
    "writes_into_its_input": "writes into its input",
    "writes_into_a_buffer": "writes into inner.2.calls|writes into 2.calls",
    "writes_into_a_parameter": "writes into inner.a.weight",
    "mixes_examples": "other examples are beside it",
    "batch_norm_as_a_function": "other examples are beside it",
    "layers_in_a_list": "neither parameters nor buffers",
    "copied_weight": r"from module 2 \(Inner\) on",
    "twice_the_same_batch_norm": "called more than once",
    "batch_norm_by_hand": r"batch norm 2 \(OwnBatchNorm\) calls .* 0 times",
    "batch_norm_that_differs_in_training": r"from module 2 \(HalfBatchNorm\) on",
    "tracked_instance_norm": "writes into 1.running_mean in training mode",
    "spectral": "writes into .*_u in training mode|writes into .*_v in training mode",
    "several_outputs": "gives a tuple without logits",
    "other_outputs": r"outputs of shape \(2, 4\)",
    "three_channels": r"cannot take examples of shape \(1, 8, 8\).*3 channels",
    "all_frozen": "all parameters are frozen",
    "complex_parameter": "parameter inner.phase is of type torch.complex64",
    "extra_state": "module 2 keeps extra state",
    "other_default_dtype": "changes PyTorch's default dtype",
    "scripted": "gave a TorchScript module",
    "unused_head": "do not depend on 2 parameters .aux.weight",
    "auxiliary_heads": "do not depend on 4 parameters .aux.0.weight.* as of auxiliary heads",
}
UNDIFFERENTIABLE = {
    "detached": "first derivative .* is not what finite differences give",
    "rounded": "is not what finite differences give|cannot be differentiated",
    "orthogonal": "second derivative .* is not what finite differences give",
    "own_autograd_function": "cannot be differentiated|no second derivative",
}


@pytest.fixture(autouse=True)
def restored():
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope="module")
def data():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(60, *SHAPE, generator=random)
    y = torch.randint(CLASSES, (60,), generator=random)
    return Dataset("toy", x[:40], y[:40], x[40:], y[40:], CLASSES, "0" * 64)


def has_batch_norm(name):
    network = getattr(zoo, name)()
    modules = network.modules() if isinstance(network, nn.Module) else ()
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)


def run_of(name, **changes):
    values = {"dataset": "toy", "network": "custom", "factory": f"zoo:{name}", "loss": "cross_entropy", "seed": 0}
    values |= {"optimizer": "sgd", "lr": 0.05, "momentum": 0.0, "epochs": 2, "batch_size": 10}
    return Run(**(values | {"batch_norm": has_batch_norm(name)} | changes))


def plain_of(name, parameters):
    """Return the untouched network with these parameters, and the layers that normalise over a batch."""
    with seeded(0):
        network = call_factory(f"zoo:{name}")
        network.eval()(torch.zeros(2, *SHAPE))
    with torch.no_grad():
        for key, value in network.named_parameters():
            if key in parameters:
                value.copy_(parameters[key])
    return network, [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LIKE_OTHERS else name for name in RIGHT]
)
def test_a_network_that_is_right_passes(name, data):
    verify(run_of(name), data, [], trains=True)
    check_derivatives(run_of(name), data, WHOLE)
    factory_identity(f"zoo:{name}")


@pytest.mark.parametrize("name", RIGHT)
def test_its_loss_is_that_of_plain_pytorch(name, data):
    run = run_of(name)
    task = task_of(run, data, torch.device("cpu"))
    # Built by the same seed as the plain network, so that frozen parameters agree.
    with seeded(0):
        network = custom(run.factory, SHAPE)
    for key, value in network.state_dict().items():
        if key not in task.layout.names and key not in statistic_buffers(network):
            task.network.state_dict()[key].copy_(value)
    theta = torch.stack([initial_parameters(run.model_copy(update={"seed": s}), SHAPE, CLASSES)[2] for s in (0, 1)])
    with torch.no_grad():
        losses, _ = evaluate_points(task, theta, WHOLE)
        for row, point in enumerate(theta):
            plain, norms = plain_of(name, task.layout.split(point))
            for layer in norms:
                if type(layer) is nn.SyncBatchNorm:
                    layer.__class__ = nn.BatchNorm1d
                layer.training, layer.momentum = True, 1.0
            plain(data.train_x)
            for layer in norms:
                layer.training = not layer.track_running_stats
            expected = F.cross_entropy(logits(plain(data.train_x), name), data.train_y)
            # The running variance is of n - 1, as PyTorch's evaluation takes it; without one it is of n.
            torch.testing.assert_close(
                losses.loss[row].float(), expected, rtol=2e-2 if "statistics" in name else 1e-4, atol=1e-6
            )


@pytest.mark.parametrize(
    "name", [n for n in RIGHT if n not in ("dropouts", "encoder", "vision_transformer", "synchronised_batch_norm")]
)
def test_its_training_is_that_of_plain_pytorch(name, data):
    run = run_of(name)
    [ours] = train([run], data, torch.device("cpu"))
    network = build(run, SHAPE, CLASSES)
    with torch.random.fork_rng():
        from stages.shared.seeds import derive

        torch.manual_seed(derive("initialisation", run.seed))
        plain = call_factory(run.factory).eval()
        plain(torch.zeros(2, *SHAPE))
    frozen = {key: value.clone() for key, value in plain.named_parameters() if not value.requires_grad}
    torch.testing.assert_close(dict(network.named_parameters()), dict(plain.named_parameters()))
    from stages.shared.seeds import generator

    source = generator("order", run.order)
    optimizer = torch.optim.SGD([value for value in plain.parameters() if value.requires_grad], lr=run.lr)
    plain.train()
    for _ in range(run.epochs):
        order = torch.randperm(len(data.train_x), generator=source)
        for batch in order.split(run.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(logits(plain(data.train_x[batch]), name), data.train_y[batch]).backward()
            optimizer.step()
    for key, value in ours.layout.split(ours.final).items():
        torch.testing.assert_close(value, dict(plain.named_parameters())[key].detach(), rtol=1e-3, atol=1e-5)
    for key, value in frozen.items():
        assert key not in ours.layout.names
        assert torch.equal(dict(plain.named_parameters())[key], value)


@pytest.mark.parametrize("name", WRONG)
def test_a_network_that_would_be_wrong_is_refused(name, data):
    run = run_of(name) if name not in ("other_default_dtype", "scripted") else run_of("lstm", factory=f"zoo:{name}")
    with pytest.raises(UserError, match=WRONG[name]) as error:
        verify(run, data, [], trains=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", UNDIFFERENTIABLE)
def test_derivatives_that_would_be_wrong_are_refused(name, data):
    verify(run_of(name), data, [], trains=True)
    with pytest.raises(UserError, match=UNDIFFERENTIABLE[name]):
        check_derivatives(run_of(name), data, WHOLE)


def test_a_factory_that_cannot_be_repeated_is_refused():
    with pytest.raises(UserError, match="other weights each time"):
        factory_identity("zoo:drawn_by_numpy")


def test_what_is_only_of_training_matters_only_there(data):
    for name in ("tracked_instance_norm", "spectral", "unused_head", "auxiliary_heads"):
        verify(run_of(name), data, [], trains=False)


def test_layers_of_batch_norm_that_are_not_called_have_no_statistics(data):
    run = run_of("auxiliary_heads")
    task = task_of(run, data, torch.device("cpu"))
    theta = initial_parameters(run, SHAPE, CLASSES)[2]
    with torch.no_grad():
        found = sweep_line(task, theta, 0.5 * theta, torch.tensor([0.0, 1.0]), WHOLE, 4, 0)
    network, norms = plain_of("auxiliary_heads", task.layout.split(theta))
    norms[0].training, norms[0].momentum = True, 1.0
    with torch.no_grad():
        network(data.train_x)
        expected = F.cross_entropy(network.eval()(data.train_x), data.train_y)
    assert found.loss_train[0] == pytest.approx(float(expected), rel=1e-5)


def test_a_frozen_part_that_depends_on_the_seed_is_refused_where_there_are_several(data):
    verify(run_of("frozen_backbone"), data, [], trains=True)
    with pytest.raises(UserError, match="0.weight is not trained and differs between seeds"):
        verify(run_of("frozen_backbone"), data, [], trains=True, several_seeds=True)
    verify(run_of("batch_norm_with_activation"), data, [], trains=True, several_seeds=True)


def test_the_statistics_of_files_are_read(data):
    """A prepared network that ignored them would differ in evaluation mode."""
    with seeded(3):
        network = call_factory("zoo:pretrained")
    network.train()(data.train_x)
    verify(run_of("pretrained"), data, [network.state_dict()], trains=True)


def test_rounding_of_numbers_that_are_zero_is_no_difference(data):
    with seeded(3):
        fresh = call_factory("zoo:norm_after_norm").state_dict()
    verify(run_of("norm_after_norm"), data, [fresh], trains=True)


def test_dropout_draws_in_training_and_not_in_evaluation(data):
    run = run_of("dropouts")
    first, again = (train([run], data, torch.device("cpu"))[0] for _ in range(2))
    other = train([run.model_copy(update={"factory": "zoo:scaled_sum"})], data, torch.device("cpu"))[0]
    assert torch.equal(first.final, again.final)
    assert first.layout != other.layout
    assert not build(run, SHAPE, CLASSES).training
    network = build(run, SHAPE, CLASSES)
    assert torch.equal(network(data.train_x), network(data.train_x))


def test_batch_norm_is_named_as_its_own_class():
    network = custom("zoo:batch_norm_with_activation", SHAPE)
    [(name, layer)] = batch_norms(network).items()
    assert name == "2"
    assert isinstance(layer, zoo.BatchNormAct)
    assert statistic_buffers(network) == {"2.running_mean", "2.running_var", "2.num_batches_tracked"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "SyntaxError"),
        ("raise RuntimeError('no card')\n", "RuntimeError: no card"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("import no_such_package\n", "no_such_package"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused(tmp_path, monkeypatch, text, words):
    (tmp_path / "users_broken.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "users_broken", raising=False)
    with pytest.raises(UserError, match=f"cannot import 'users_broken:network' .*{words}"):
        call_factory("users_broken:network")
