"""The one import of torchvision, which also works beside a build of PyTorch that it was not compiled for.

Without its compiled operators `import torchvision` fails with "operator torchvision::nms does not exist". So operators
that cannot be loaded are declared first, without code: datasets do not need them, and calling them still fails.
"""

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch

DESCRIBED = ("nms", "qnms")
"""Operators that `import torchvision` needs."""
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def declare_missing_operators() -> list[str]:
    """Declare the operators of `DESCRIBED` that cannot be loaded, and return their names."""
    spec = importlib.util.find_spec("torchvision")  # finds the package without importing it
    folders = spec.submodule_search_locations if spec else []
    for library in [Path(folder, f"_C{suffix}") for folder in folders for suffix in EXTENSION_SUFFIXES]:
        if library.exists():
            try:
                torch.ops.load_library(str(library))  # as torchvision does itself; loading twice is harmless
            except OSError:
                continue
    missing = [name for name in DESCRIBED if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", SCHEMA)
    return missing


DECLARED = declare_missing_operators()

import torchvision  # noqa: E402 (only after its operators are declared)

__all__ = ["DECLARED", "torchvision"]
