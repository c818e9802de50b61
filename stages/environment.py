"""The environment that a result depends on beside parameters, data and this project's code."""

import os
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.store import Store

PACKAGES = ("torch", "torchvision", "transformers", "numpy", "scipy")
"""Packages whose code computes a result."""
PRODUCTS = ("MKL_CBWR", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
"""Variables that choose the kernels of matrix products and convolutions; `stages/__init__.py` gives each a value."""
PORTABLE_PRODUCTS = "COMPATIBLE"
"""The value of MKL_CBWR under which processors of all makers compute the same bits."""
TF32_OVERRIDES = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")
"""Variables by which NVIDIA's libraries and PyTorch round products on a GPU to TF32."""


def environment() -> dict[str, str]:
    """Describe the environment of this process by what a result computed in it depends on.

    PyTorch is imported only where MLI_DEVICE asks for a GPU, so that a pipeline with nothing to do stays quick.

    Returns:
        Plain values by name: package versions, the device (`cpu`, or the name of the card with its CUDA version), the
        instruction set and the variables that choose products on a processor, and the precision of products.

    Raises:
        UserError: If MLI_DEVICE is no device of this machine.
    """
    return dict(_described(*(os.environ.get(name, "") for name in ("MLI_DEVICE", *PRODUCTS, *TF32_OVERRIDES))))


@lru_cache
def _described(*variables: str) -> tuple[tuple[str, str], ...]:
    """Return the environment for these values of the variables that are part of it, which key the cache."""
    found = {package: version_of(package) for package in PACKAGES} | _processor()
    found |= {name: os.environ.get(name, "") for name in PRODUCTS}
    if found["MKL_CBWR"] != PORTABLE_PRODUCTS:
        found["maker"] = _cpu_information("vendor_id")
    found |= {"device": "cpu", "precision": "float32"}
    if (os.environ.get("MLI_DEVICE") or "cpu") != "cpu":
        import torch

        from stages.workers.device import device

        if device().type == "cuda":
            found["device"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
            if any(os.environ.get(name, "0") not in ("", "0") for name in TF32_OVERRIDES):
                found["precision"] = "tf32"
    return tuple(found.items())


def identity(content: dict) -> str:
    """Return the key of a result: what `content` (plain JSON values) says of it, computed in this environment."""
    return Store.key(content | {"environment": environment()})


def version_of(package: str) -> str:
    """Return the version of an installed package, without that of its build; `none` where it is not installed."""
    try:
        return version(package).partition("+")[0]  # a build (+cpu) changes nothing on a processor
    except PackageNotFoundError:
        return "none"


def _processor() -> dict[str, str]:
    machine = platform.machine()
    has_avx2 = "avx2" in _cpu_information("flags").split()
    return {"machine": machine, "instructions": "AVX2" if has_avx2 else "other"}


def _cpu_information(field: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo; empty where there is no such file or field."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field)
    return next(values, "")
