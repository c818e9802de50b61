"""params.yaml as typed, frozen, validated objects; the grid expands here."""

from stages.config.params import (
    Alphas,
    BatchNormStatistics,
    DigitsSource,
    ImageFolderSource,
    Interpolate,
    Measure,
    Params,
    Source,
    Suite,
    TorchvisionSource,
    expand,
    load,
)
from stages.config.run import Run

__all__ = [
    "Alphas",
    "BatchNormStatistics",
    "DigitsSource",
    "ImageFolderSource",
    "Interpolate",
    "Measure",
    "Params",
    "Run",
    "Source",
    "Suite",
    "TorchvisionSource",
    "expand",
    "load",
]
