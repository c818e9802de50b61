"""Networks of the user's: made ready for lines, and their weights read from files, or refused in a sentence."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.networks.batch_norm import batch_norms
from stages.networks.build import build
from stages.networks.evaluation import evaluate_points, task_of
from stages.networks.user_factory import call_factory, factory_identity, factory_source
from stages.shared.errors import UserError
from stages.training.checkpoint import checksum_file, read_checkpoint
from stages.training.keys import run_key
from stages.training.pretrained import load_pretrained

WHOLE = BatchNormStatistics(estimate="cumulative", batch_size=1000, momentum=0.1, examples=None)


class Net(nn.Module):
    """Batch norm on images, on sequences and on vectors, dropout, something in place, a frozen and a tied parameter."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4, eps=0.01), nn.BatchNorm1d(4), nn.BatchNorm1d(8)])
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.hidden = nn.Linear(36, 8)
        self.out = nn.Linear(8, 3)
        self.again = nn.Linear(8, 8)
        self.twice = nn.Linear(8, 8)
        self.twice.weight = self.again.weight
        self.frozen = nn.Parameter(torch.full((8,), 0.5), requires_grad=False)
        self.register_buffer("shift", torch.tensor(0.25))

    def forward(self, x):
        x = self.norms[1](self.relu(self.norms[0](self.conv(x))).flatten(2)).flatten(1)
        x = self.norms[2](self.hidden(self.dropout(x))) * self.frozen + self.shift
        return self.out(self.twice(self.again(x).tanh()))


# Factories, named as `test_user_network:NAME`: this file is the user's module.
net = Net


USERS_NET = """from torch import nn

from users_activation import activation


class Net(nn.Linear):
    def __init__(self):
        super().__init__(9, 3)

    def forward(self, x):
        return activation(super().forward(x.flatten(1)))
"""


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(9, 3))


def broken():
    return 1 / 0


def number():
    return 3


not_callable = 3


def toy():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(70, 1, 3, 3, generator=random)
    y = torch.randint(3, (70,), generator=random)
    return Dataset("toy", x[:50], y[:50], x[50:], y[50:], 3, "0" * 64)


def run_of(named="net", batch_norm=True, **changes):
    values = {"dataset": "toy", "network": "custom", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1}
    values |= {"epochs": 3, "batch_size": 10, "seed": 0, "batch_norm": batch_norm}
    values["factory"] = f"test_user_network:{named}"
    return Run(**(values | changes))


@pytest.fixture
def files(tmp_path):
    """Weights before and after a training in plain torch, in both formats; and the trained network."""
    torch.manual_seed(0)
    network, data = Net(), toy()
    first, last = tmp_path / "first.safetensors", tmp_path / "last.pt"
    state = network.state_dict()
    save_file({name: value.clone() for name, value in state.items()}, first)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(network(data.train_x), data.train_y).backward()
        optimizer.step()
    torch.save(network.state_dict(), last)
    return first, last, network


def test_weights_in_both_formats_are_those_of_the_network(files):
    first, last, network = files
    run = run_of(weights=(str(first), str(last)))
    found = load_pretrained(run, toy())
    parameters = {name: value for name, value in network.named_parameters() if value.requires_grad}
    assert set(found.layout.names) == set(parameters)
    assert not {"frozen", "twice.weight"} & set(found.layout.names)
    for name, value in found.layout.split(found.final).items():
        torch.testing.assert_close(value, parameters[name].detach())
    assert not torch.equal(found.initial, found.final)
    assert not found.diverged


def test_the_network_gives_what_torch_gives_with_the_statistics_of_the_whole_training_split(files):
    first, last, network = files
    run, data = run_of(weights=(str(first), str(last))), toy()
    task = task_of(run, data, torch.device("cpu"))
    assert len(batch_norms(task.network)) == 3
    with torch.no_grad():
        losses, _ = evaluate_points(task, load_pretrained(run, data).final[None], WHOLE)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = 1.0
    network.dropout.p = 0.0
    with torch.no_grad():
        network.train()
        network(data.train_x)
        network.eval()
        expected = F.cross_entropy(network(data.train_x), data.train_y)
    assert float(losses.loss[0]) == pytest.approx(float(expected), rel=1e-5)


def test_a_custom_network_keeps_its_modules_and_is_drawn_by_the_seed():
    network = build(run_of(), (1, 3, 3), 3)
    assert not network.training
    assert isinstance(network.dropout, nn.Dropout)
    assert isinstance(network.norms[0], nn.BatchNorm2d)
    assert list(batch_norms(network)) == ["norms.0", "norms.1", "norms.2"]
    torch.testing.assert_close(network.conv.weight, build(run_of(), (1, 3, 3), 3).conv.weight)
    assert not torch.equal(network.conv.weight, build(run_of(seed=1), (1, 3, 3), 3).conv.weight)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("missing", "cannot import"),
        ("broken", "failed .ZeroDivisionError"),
        ("number", "gave int, expected a torch.nn.Module"),
        ("not_callable", "failed .TypeError"),
    ],
)
def test_a_factory_that_gives_no_network_is_refused(factory, words):
    with pytest.raises(UserError, match=f"factory: .*test_user_network:{factory}.*{words}|{words}"):
        call_factory(f"test_user_network:{factory}")


def test_a_module_that_cannot_be_imported_is_named():
    with pytest.raises(UserError, match="no_such_module"):
        call_factory("no_such_module:network")


def _linear(path, change=lambda state: state):
    torch.save(change(linear().state_dict()), path)
    return str(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {}, "lacks 1.bias, 1.weight"),
        (lambda state: state | {"2.weight": torch.zeros(1)}, "has besides 2.weight"),
        (lambda state: state | {"1.bias": torch.zeros(4)}, r"1.bias has shape \(4,\), expected \(3,\)"),
        (lambda state: [1, 2], "holds no state_dict"),
    ],
)
def test_what_is_no_state_dict_of_the_network_is_refused(tmp_path, change, words):
    good, bad = _linear(tmp_path / "good.pt"), _linear(tmp_path / "bad.pt", change)
    with pytest.raises(UserError, match=words):
        load_pretrained(run_of("linear", False, weights=(good, bad)), toy())


def test_what_a_line_does_not_move_has_to_be_as_the_factory_gives_it(files, tmp_path):
    first, last, network = files
    torch.save(network.state_dict() | {"shift": torch.tensor(0.5)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="shift is neither trained nor a statistic of batch norm, but not what"):
        load_pretrained(run_of(weights=(str(first), str(tmp_path / "other.pt"))), toy())


def tracked():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2, track_running_stats=True), nn.Flatten(), nn.Linear(2, 3)
    )


def test_running_statistics_of_no_batch_norm_are_not_passed_over(tmp_path):
    network = tracked()
    torch.save(network.state_dict(), tmp_path / "a.pt")
    torch.save(network.state_dict() | {"1.running_mean": torch.ones(2)}, tmp_path / "b.pt")
    run = run_of("tracked", False, weights=(str(tmp_path / "a.pt"), str(tmp_path / "b.pt")))
    with pytest.raises(UserError, match=r"1\.running_mean is neither trained nor a statistic of batch norm"):
        load_pretrained(run, toy())


def test_a_pickle_is_refused_and_never_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harmed"), "w"))

    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(UserError, match="not readable as weights"):
        read_checkpoint(path)
    torch.save(Harm(), path)
    with pytest.raises(UserError, match="not readable as weights"):
        read_checkpoint(path)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02]q\x00."])
def test_files_that_are_no_weights_are_refused_and_named(tmp_path, name, content):
    path = tmp_path / name
    with pytest.raises(UserError, match=f"{name}: No such file"):
        read_checkpoint(path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{name} (is not readable as weights|holds no state_dict)"):
        read_checkpoint(path)


def test_half_of_a_file_is_refused(files):
    for path in files[:2]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(UserError, match="not readable as weights"):
            read_checkpoint(path)


def test_weights_that_are_not_finite_are_a_diverged_run(tmp_path):
    good = _linear(tmp_path / "good.pt")
    bad = _linear(tmp_path / "bad.pt", lambda state: state | {"1.bias": torch.tensor([0, torch.inf, 0])})
    assert load_pretrained(run_of("linear", False, weights=(good, bad)), toy()).diverged


def test_the_identity_of_a_run_is_what_its_files_hold(tmp_path):
    first, last = tmp_path / "a.pt", tmp_path / "b.pt"
    first.write_bytes(b"1")
    last.write_bytes(b"2")
    run = run_of(weights=(str(first), str(last)))
    key = run_key(run, "0" * 64)
    assert run_key(run, "0" * 64) == key
    last.write_bytes(b"34")
    assert run_key(run, "0" * 64) != key
    last.unlink()
    with pytest.raises(UserError, match="b.pt: No such file or directory; `weights` of a run names this file"):
        run_key(run, "0" * 64)
    with pytest.raises(UserError, match="b.pt"):
        checksum_file(last)


def test_the_identity_of_a_run_holds_the_source_of_its_network_and_of_what_that_imports(tmp_path, monkeypatch):
    """The networks of both sources have the same layers and weights."""
    texts = {"users_net": USERS_NET, "users_activation": "from torch.nn.functional import silu as activation\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def key() -> str:
        factory_identity.cache_clear()
        factory_source.cache_clear()
        return run_key(run_of("linear", False, factory="users_net:Net"), "0" * 64)

    before = key()
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text.replace("silu", "tanh") + "\n", encoding="utf-8")
        assert key() != before
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        assert key() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"factory": None}, "factory: this key is missing"),
        ({"network": "lenet", "factory": None, "batch_norm": False, "weights": ("a", "b")}, "network lenet is trained"),
        ({"weights": ("a", "b"), "snapshots": (1,)}, "snapshots"),
        ({"factory": "no_colon"}, "factory"),
        ({"weights": ("a",)}, "weights"),
    ],
)
def test_configurations_that_contradict_themselves_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        run_of(**changes)
