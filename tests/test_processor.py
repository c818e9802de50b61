"""Which instructions the libraries below PyTorch use: the same on every processor that has them."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stages.shared.products import NAMES, SETTINGS
from tests.small_project import ROOT

CONVOLVE = """
import stages
import torch

torch.nn.functional.gelu(torch.nn.functional.conv2d(torch.ones(8, 16, 12, 12), torch.ones(16, 16, 3, 3)))
"""


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="a processor without AVX2")
def test_convolutions_and_gelu_are_those_of_avx2():
    environment = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    done = subprocess.run(
        [sys.executable, "-c", CONVOLVE],
        cwd=ROOT,
        env=environment | {"ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    used = [line.split(",") for line in done.stdout.splitlines() if ",exec,cpu," in line]
    kernels = {(fields[5], fields[6]) for fields in used if fields[5] != "reorder"}
    assert kernels == {("convolution", "jit:avx2"), ("eltwise", "jit:avx2")}


FUNCTIONS = """
import hashlib
import json

import stages
import numpy as np
import scipy.linalg
import torch
from stages.training.square_root import square_root

source = np.random.default_rng(0)
numbers, positive = source.standard_normal(10_007), source.uniform(0.01, 9, 10_007)
square = source.standard_normal((60, 60))
found = {}


def note(name, *arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    found[name] = digest.hexdigest()[:16]


for shape in SHAPES:
    stack, rows, inner, columns = shape
    sizes = (stack, rows, inner), (stack, inner, columns), (stack, rows, columns)
    a, b, c = (torch.from_numpy(source.standard_normal(size).astype("f")) for size in sizes)
    note(f"products {shape}", a @ b, a[0] @ b[0], a.mT @ c, c @ b.mT)
for kind in ("float32", "float64"):
    x, p = numbers.astype(kind), positive.astype(kind)
    for name, given in {"exp": x, "tanh": x, "sqrt": p, "log": p, "arccos": np.tanh(x)}.items():
        note(f"numpy {name} {kind}", getattr(np, name)(given))
    for name, given in {"exp": x, "tanh": x, "sigmoid": x, "erf": x, "log": p, "rsqrt": p}.items():
        note(f"torch {name} {kind}", getattr(torch, name)(torch.from_numpy(given)))
    note(f"root {kind}", square_root(torch.from_numpy(p)))
    symmetric = (square @ square.T).astype(kind)
    note(f"numpy eigh {kind}", *np.linalg.eigh(symmetric))
    note(f"torch eigh {kind}", *torch.linalg.eigh(torch.from_numpy(symmetric)))
    note(f"scipy eigh {kind}", *scipy.linalg.eigh(symmetric))
print(json.dumps(found))
"""
SHAPES = (
    (32, 64, 64, 128),
    (32, 16, 64, 128),
    (3, 10, 128, 300),
    (2, 128, 784, 128),
    (1, 300, 1024, 200),
    (5, 64, 64, 360),
)
FUNCTIONS = FUNCTIONS.replace("SHAPES", repr(SHAPES))

BRANCH = """
import ctypes
import sys

import stages

print(ctypes.CDLL(sys.argv[1]).mkl_serv_cbwr_get(1))
"""


@pytest.fixture
def mkl() -> str:
    library = str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")
    if not hasattr(ctypes.CDLL(library), "mkl_serv_cbwr_get"):
        pytest.skip("PyTorch without MKL")
    return library


def output(*command: str, **more: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in NAMES} | more,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_this_processor_does_not_refuse_the_portable_branch_of_mkl(mkl):
    """An AMD refuses AVX2, for one, and says nothing: the branch is 2 then, MKL's own choice."""
    assert output(BRANCH, mkl, MLI_PRODUCTS="portable") == "3\n"


@pytest.fixture
def recorded() -> dict:
    return json.loads((Path(__file__).parent / "functions.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="a processor without AVX2")
def test_portable_functions_are_those_that_were_recorded(mkl, recorded):
    assert json.loads(output(FUNCTIONS, MLI_PRODUCTS="portable")) == recorded


@pytest.mark.long
@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="a processor without AVX2")
def test_portable_functions_are_those_of_a_processor_of_another_maker(mkl, recorded, tmp_path):
    """MKL is made to believe that the processor is not Intel's, or else that it is."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    for intel in (0, 1):
        (tmp_path / "maker.c").write_text(f"int mkl_serv_intel_cpu_true(void) {{ return {intel}; }}")
        library = tmp_path / f"maker{intel}.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "maker.c"], check=True)
        assert json.loads(output(FUNCTIONS, MLI_PRODUCTS="portable", LD_PRELOAD=str(library))) == recorded


CHOSEN = """
import json
import os

import stages
from stages.shared import products
from stages.shared.environment import environment

print(json.dumps([{name: os.environ.get(name) for name in products.NAMES}, environment()]))
"""


@pytest.mark.parametrize("chosen", [None, *SETTINGS])
def test_one_variable_chooses_the_kernels_of_every_library(chosen):
    """Variables that a process of another choice left in the environment do not stay."""
    left = {} if chosen is None else SETTINGS["avx2"] | {"MLI_PRODUCTS": chosen}
    variables, described = json.loads(output(CHOSEN, **left))
    settings = SETTINGS[chosen or "avx2"]
    assert variables == {name: settings.get(name) for name in NAMES}
    assert ("maker" in described, "processor" in described) == (chosen != "portable", chosen == "native")


def test_an_unknown_choice_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import stages"],
        cwd=ROOT,
        env=os.environ | {"MLI_PRODUCTS": "fast"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "MLI_PRODUCTS: got 'fast', expected one of avx2, portable, native\n"


def test_an_environment_says_that_numpy_was_imported_too_early():
    late = CHOSEN.replace("import stages\n", "import numpy\nimport stages\n", 1)
    assert json.loads(output(late))[1]["kernels of NumPy"] == "chosen before stages was imported"
    assert "kernels of NumPy" not in json.loads(output(late, **SETTINGS["avx2"]))[1]
