"""Captured steps: on a GPU CUDA graphs, on a CPU a tape that repeats operations without the Python around them."""

import pytest
import torch
from test_stack import CPU, GRAFTED, KFAC, RESNET, SWITCHED, mixed, toy, variant  # noqa: F401 (a fixture)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stages.shared.errors import say_once
from stages.training import cuda_graphs
from stages.training.training_loop import train

WAITING = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
WAITING |= {torch.ops.aten.lift_fresh.default}  # of a tensor that is made of Python's numbers, a copy to the GPU


class Tape(TorchDispatchMode):
    """Keeps the operations that are done while it is entered, and repeats them on the same tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function not in WAITING, f"{function} in a captured step waits for the GPU"
        kwargs = kwargs or {}
        found = function(*args, **kwargs)
        given = {memory(leaf) for leaf in tensors((args, kwargs))}
        writes = function._schema.is_mutable
        views = not writes and all(memory(leaf) in given for leaf in tensors(found))
        if not views:
            self.operations.append((function, args, kwargs, None if writes else found))
        return found

    def repeat(self) -> None:
        with torch.no_grad():
            for function, args, kwargs, found in self.operations:
                new = function(*args, **kwargs)
                if found is not None:
                    for kept, value in zip(tensors(found), tensors(new), strict=True):
                        kept.detach().copy_(value)


def tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class TapeRecorder:
    """Stands in for `CudaRecorder`; recording takes the step, so that the first repetition is left out."""

    recorded = repeated = 0

    def warm_up(self, function) -> None:
        function()

    def record(self, function):
        tape, done = Tape(), []
        with tape:
            function()
        TapeRecorder.recorded += 1

        def replay() -> None:
            if done:
                TapeRecorder.repeated += 1
                tape.repeat()
            done.append(True)

        return replay


@pytest.fixture
def taped(monkeypatch):
    """Return a function that trains with captured steps, and says how many were captured and repeated."""
    for module in ("optimizers", "grafting", "stack"):  # NumPy's roots are no operations of PyTorch
        monkeypatch.setattr(f"stages.training.{module}.square_root", torch.sqrt)
    monkeypatch.setattr(cuda_graphs, "WARM_UP_STEPS", 1)

    def run(runs, data):
        TapeRecorder.recorded = TapeRecorder.repeated = 0
        with monkeypatch.context() as patch:
            patch.setattr("stages.training.stack.choose_recorder", lambda runs, device: TapeRecorder())
            found = train(runs, data, CPU)
        return found, TapeRecorder.recorded, TapeRecorder.repeated

    return run


FAMILIES = {
    "all optimizers, data and orders": mixed(),
    "batch norm, linear schedule, clipped": mixed(
        batch_norm=True, activation="relu", schedule="linear", steps=11, clip_norm=0.3
    ),
    "switched": SWITCHED,
    "grafted": GRAFTED,
    "augmented": mixed(**RESNET | {"batch_norm": True, "crop_padding": 1, "flip": True, "epochs": 2})[:3],
    "fixup": mixed(**RESNET | {"initialization": "fixup", "scalar_lr_factor": 0.1, "epochs": 2})[:3],
    "milestones": [variant(optimizer="adam", lr=0.01, milestones=(1, 2), decay=0.1), variant(milestones=(2,))],
}


@pytest.mark.parametrize("runs", FAMILIES.values(), ids=FAMILIES.keys())
def test_captured_steps_have_the_bits_of_others(toy, runs, taped):  # noqa: F811
    before = torch.get_rng_state()
    found, recorded, repeated = taped(runs, toy)
    assert torch.equal(torch.get_rng_state(), before)
    plain = train(runs, toy, CPU)
    assert recorded >= 2 or runs[0].epochs == 2  # the smaller batch is captured in the third epoch
    assert repeated >= 3
    for one, other in zip(found, plain, strict=True):
        assert torch.equal(one.final, other.final)
        assert torch.equal(one.epoch_loss, other.epoch_loss)
        assert torch.equal(one.epoch_distance, other.epoch_distance)


def test_a_stack_that_a_diverged_run_leaves_is_captured_anew(toy, taped):  # noqa: F811
    setting = {"hidden": (8, 8), "activation": "relu", "loss": "squared_error", "epochs": 5}
    runs = [variant(lr=0.001, seed=1, **setting), variant(lr=1e6, seed=3, **setting)]
    runs += [variant(optimizer="adam", lr=0.01, seed=seed, **setting) for seed in (2, 5)]
    found, recorded, _ = taped(runs, toy)
    assert [run.diverged for run in found] == [False, True, False, False]
    assert recorded == 3  # both sizes of batches by those that stay, the larger one before
    for one, other in zip(found, train(runs, toy, CPU), strict=True):
        torch.testing.assert_close(one.final, other.final, rtol=0, atol=0, equal_nan=True)


class Failing(TapeRecorder):
    def record(self, function):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


def test_steps_that_cannot_be_captured_are_taken_all_the_same(toy, monkeypatch, capsys):  # noqa: F811
    say_once.cache_clear()
    runs = mixed()
    expected = train(runs, toy, CPU)
    monkeypatch.setattr("stages.training.stack.choose_recorder", lambda runs, device: Failing())
    for one, other in zip(train(runs, toy, CPU), expected, strict=True):
        assert torch.equal(one.final, other.final)
    assert capsys.readouterr().err == (
        "steps run without CUDA graphs: a step could not be captured (operation not permitted when stream is "
        "capturing)\n"
    )


def test_what_cannot_be_captured_is_said_once(capsys):
    say_once.cache_clear()
    cuda = torch.device("cuda")
    for _ in range(2):
        assert cuda_graphs.choose_recorder(KFAC, cuda) is None
    assert capsys.readouterr().err.count("steps run without CUDA graphs: kfac decides on the CPU") == 1
    text = {"network": "roberta", "hidden": None, "activation": None, "layers": 1, "hidden_size": 8, "heads": 2}
    assert "masked on the CPU" in cuda_graphs.find_capture_obstacle([variant(**text)])
    own = {"network": "custom", "hidden": None, "activation": None, "factory": "tools.digests:users_network"}
    assert "of your own" in cuda_graphs.find_capture_obstacle([variant(**own)])
    assert all(cuda_graphs.find_capture_obstacle(runs) is None for runs in FAMILIES.values())
    assert cuda_graphs.choose_recorder(KFAC, CPU) is None
    assert not capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("runs", FAMILIES.values(), ids=FAMILIES.keys())
def test_cuda_graphs_have_the_bits_of_other_steps(toy, runs, monkeypatch):  # noqa: F811
    place = torch.device("cuda")
    monkeypatch.setattr(cuda_graphs, "WARM_UP_STEPS", 1)  # so that the smaller batch of each epoch is captured too
    before = torch.cuda.get_rng_state()
    captured = train(runs, toy, place)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    monkeypatch.setattr("stages.training.stack.choose_recorder", lambda runs, device: None)
    for one, other in zip(captured, train(runs, toy, place), strict=True):
        assert torch.equal(one.final, other.final)
        assert torch.equal(one.epoch_loss, other.epoch_loss)
