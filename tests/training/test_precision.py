"""TF32 is of the products of training alone, part of a run's identity, and refused where there is none."""

import pytest
import torch
from test_stack import BASE, CPU, toy  # noqa: F401 (a fixture)

from stages.shared import environment as module
from stages.shared.environment import environment, training_precision
from stages.shared.errors import UserError
from stages.training.precision import use_training_precision
from stages.training.training_loop import train
from stages.workers import gpu_memory

CUDA = torch.device("cuda")
VARIABLE = "MLI_TRAINING_PRECISION"


def allowed() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.fixture(autouse=True)
def in_single_precision(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    before = allowed()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_tf32_is_set_while_training_and_restored(monkeypatch):
    with use_training_precision(CUDA):
        assert allowed() == (False, False)
    monkeypatch.setenv(VARIABLE, "tf32")
    with use_training_precision(CUDA):
        assert allowed() == (True, True)
    assert allowed() == (False, False)
    with pytest.raises(KeyError), use_training_precision(CUDA):
        raise KeyError
    assert allowed() == (False, False)


def test_each_epoch_of_training_is_entered_so(toy, monkeypatch):  # noqa: F811
    entered = []
    monkeypatch.setattr("stages.training.precision.training_precision", lambda kind: entered.append(kind) or "tf32")
    monkeypatch.setattr("stages.training.stack.Stack._take_step", lambda *_: entered.append(allowed()))
    train([BASE], toy, CPU)
    assert entered == (["cpu"] + [(True, True)] * 4) * 3


def test_values_that_are_refused(monkeypatch, toy):  # noqa: F811
    monkeypatch.setenv(VARIABLE, "bfloat16")
    for kind in ("cpu", "cuda"):
        with pytest.raises(UserError, match="MLI_TRAINING_PRECISION: got 'bfloat16', expected tf32"):
            training_precision(kind)
    monkeypatch.setenv(VARIABLE, "tf32")
    refused = "MLI_TRAINING_PRECISION: got 'tf32', which only a GPU computes"
    for call in (environment, lambda: train([BASE], toy, CPU)):
        with pytest.raises(UserError, match=refused):
            call()


def test_precision_and_fusion_are_part_of_the_identity_on_a_gpu_alone(monkeypatch):
    assert not {"training_precision", "updates"} & set(environment())
    monkeypatch.setenv("MLI_DEVICE", "cuda")
    monkeypatch.setattr("stages.shared.device.device", lambda: CUDA)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    found = []
    module._described.cache_clear()
    for precision, fused in (("", "0"), ("tf32", "0"), ("", "1"), ("tf32", "1")):
        monkeypatch.setenv(VARIABLE, precision)
        monkeypatch.setenv("MLI_FUSED_UPDATES", fused)
        found.append([environment()[name] for name in ("training_precision", "updates", "precision")])
    module._described.cache_clear()
    assert found == [
        ["float32", "unfused", "float32"],
        ["tf32", "unfused", "float32"],
        ["float32", "fused", "float32"],
        ["tf32", "fused", "float32"],
    ]


@pytest.mark.parametrize(
    ("free", "total", "jobs", "expected"),
    [(2**36, 2**36, 1, 1.0), (2**36, 2**36, 4, 1.0), (2**36, 2**36, 5, 0.5), (2**33, 2**36, 1, 0.5), (1, 2**36, 1, 0)],
)
def test_processes_divide_the_memory_of_a_gpu(monkeypatch, free, total, jobs, expected):
    monkeypatch.setenv("MLI_JOBS", str(jobs))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, total))
    monkeypatch.setattr(gpu_memory, "_available_bytes", gpu_memory._available_bytes.__wrapped__)
    assert gpu_memory.memory_factor("cuda") == pytest.approx(expected, abs=1e-9)
    assert gpu_memory.memory_factor("cpu") == 1.0
