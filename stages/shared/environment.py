"""The environment: all that a result depends on beside parameters, data and the code of this project."""

import os
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.shared import products
from stages.shared.errors import UserError
from stages.shared.store import Store

PACKAGES = ("torch", "torchvision", "transformers", "numpy", "scipy")
"""Packages that compute results."""
TF32_OVERRIDES = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")
"""Variables that make NVIDIA's libraries and PyTorch round products on a GPU to TF32."""

TRAINING_PRECISION = "MLI_TRAINING_PRECISION"
"""Variable that lets products on a GPU round to TF32 in training, and only there."""
GPU_VARIABLES = (TRAINING_PRECISION, "MLI_FUSED_UPDATES")


def training_precision(kind: str) -> str:
    """Return the precision of matrix products in training, `float32` or `tf32`.

    Args:
        kind: Type of the device, `cpu` or `cuda`.

    Raises:
        UserError: If MLI_TRAINING_PRECISION is neither unset nor `tf32`, or the device is a CPU, which has no TF32.
    """
    value = os.environ.get(TRAINING_PRECISION, "")
    if value not in ("", "tf32"):
        raise UserError(f"{TRAINING_PRECISION}: got {value!r}, expected tf32, or nothing for single precision")
    if value and kind != "cuda":
        raise UserError(f"{TRAINING_PRECISION}: got 'tf32', which only a GPU computes; unset it, or set MLI_DEVICE")
    return value or "float32"


def environment() -> dict[str, str]:
    """Describe the environment of this process, as far as results depend on it.

    PyTorch is imported only if MLI_DEVICE asks for a GPU, so that a pipeline with nothing to do stays quick.

    Returns:
        Plain values by name: package versions, the device (`cpu`, or the name of the card with its CUDA version), the
        instruction set and the variables that choose products on a processor, and the precision of products; on a GPU
        also the precision of products in training, and whether updates of optimizers are fused.

    Raises:
        UserError: If this machine lacks the device of MLI_DEVICE, or another variable has a value that it cannot have.
    """
    variables = ("MLI_DEVICE", *products.NAMES, *TF32_OVERRIDES, *GPU_VARIABLES)
    return dict(_described(*(os.environ.get(name, "") for name in variables)))


@lru_cache
def _described(*variables: str) -> tuple[tuple[str, str], ...]:
    """Return the environment; the arguments, values of the variables that are part of it, key the cache."""
    found = {package: version_of(package) for package in PACKAGES} | _processor()
    found |= {name: os.environ.get(name, "") for name in products.NAMES}
    found |= _beyond_avx2({name: found[name] for name in products.NAMES})
    found |= {"device": "cpu", "precision": "float32"}
    kind = "cpu"
    if (os.environ.get("MLI_DEVICE") or "cpu") != "cpu":
        import torch

        from stages.shared.compiler import fuses_updates
        from stages.shared.device import device

        kind = device().type
        if kind == "cuda":
            found["device"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
            if any(os.environ.get(name, "0") not in ("", "0") for name in TF32_OVERRIDES):
                found["precision"] = "tf32"
            found["updates"] = "fused" if fuses_updates() else "unfused"
    in_training = training_precision(kind)
    if kind == "cuda":
        found["training_precision"] = in_training
    return tuple(found.items())


def identity(content: dict) -> str:
    """Return the key of a result that depends on `content`, plain JSON values, and on this environment."""
    return Store.key(content | {"environment": environment()})


def version_of(package: str) -> str:
    """Return the version of an installed package without its build tag; `none` if it is not installed."""
    try:
        return version(package).partition("+")[0]  # a build tag (+cpu) changes no result on a processor
    except PackageNotFoundError:
        return "none"


def _beyond_avx2(chosen: dict[str, str]) -> dict[str, str]:
    """Return what results depend on beyond AVX2, given the variables of the libraries that compute them."""
    found = {}
    if chosen != products.SETTINGS["portable"]:
        found["maker"] = _cpu_information("vendor_id")
    if chosen not in (products.SETTINGS["avx2"], products.SETTINGS["portable"]):
        vectors = sorted(flag for flag in _cpu_information("flags").split() if flag.startswith(("avx", "fma", "amx")))
        found["processor"] = " ".join([_cpu_information("model name"), *vectors])
    if products.numpy_was_first:
        found["kernels of NumPy"] = "chosen before stages was imported"
    return found


def _processor() -> dict[str, str]:
    machine = platform.machine()
    has_avx2 = "avx2" in _cpu_information("flags").split()
    return {"machine": machine, "instructions": "AVX2" if has_avx2 else "other"}


def _cpu_information(field: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo; empty if there is no such file or field."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field)
    return next(values, "")
