"""Which instructions the libraries below PyTorch use: the same on every processor that has them."""

import os
import subprocess
import sys

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
