"""Which instructions the libraries below PyTorch use: the same on every processor that has them."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

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


PRODUCTS = """
import hashlib

import stages
import torch

source = torch.Generator().manual_seed(0)
digest = hashlib.sha256()
for rows, inputs, outputs in ((32, 64, 64), (32, 64, 10), (128, 784, 300)):
    a, b = (torch.randn(8, *shape, generator=source) for shape in ((rows, inputs), (inputs, outputs)))
    for made in (torch.bmm(a, b), a[0] @ b[0], a.mT @ torch.randn(8, rows, outputs, generator=source)):
        digest.update(made.numpy().tobytes())
for function in (torch.exp, torch.log, torch.tanh, torch.erf):
    digest.update(function(torch.rand(10_000, generator=source)).numpy().tobytes())
print(digest.hexdigest())
"""

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
        env={name: value for name, value in os.environ.items() if name != "MKL_CBWR"} | more,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_this_processor_does_not_refuse_the_branch_of_mkl(mkl):
    """An AMD refuses AVX2, for one, and says nothing: the branch is 2 then, MKL's own choice."""
    assert output(BRANCH, mkl) == "3\n"


def test_products_are_those_of_a_processor_of_another_maker(mkl, tmp_path):
    """MKL is made to believe that the processor is not Intel's, or else that it is."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    found = {output(PRODUCTS)}
    for intel in (0, 1):
        (tmp_path / "maker.c").write_text(f"int mkl_serv_intel_cpu_true(void) {{ return {intel}; }}")
        library = tmp_path / f"maker{intel}.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "maker.c"], check=True)
        found.add(output(PRODUCTS, LD_PRELOAD=str(library)))
    assert len(found) == 1
