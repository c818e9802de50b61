"""The one place that imports torchvision, beside a torch that it was not built for too.

torchvision's compiled operators load only beside the torch of the same build (a processor-only torch with a GPU
torchvision, say, is another). Without them `import torchvision` fails with "operator torchvision::nms does not exist",
because it describes `nms` and `qnms` to torch whether they are there or not. Here they are declared before that, as
names without code: calling them still fails, but data sets need neither. Where the operators load, nothing is declared.
"""

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch

DESCRIBED = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def declare_missing() -> list[str]:
    """Declare those operators that torchvision describes on import but cannot load, and return their names."""
    spec = importlib.util.find_spec("torchvision")  # finds the package without importing it
    folders = spec.submodule_search_locations if spec else []
    for library in [Path(folder, f"_C{suffix}") for folder in folders for suffix in EXTENSION_SUFFIXES]:
        if library.exists():
            try:
                torch.ops.load_library(str(library))  # what torchvision does first itself; twice is once
            except OSError:
                continue
    missing = [name for name in DESCRIBED if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", SCHEMA)
    return missing


DECLARED = declare_missing()

import torchvision  # noqa: E402 (only after its operators are declared)

__all__ = ["DECLARED", "torchvision"]
