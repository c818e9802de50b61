"""params.yaml as typed, frozen, validated objects; the grid expands here."""

from stages.config.params import (
    Alphas,
    BatchNormStatistics,
    DigitsSource,
    FreshLines,
    ImageFolderSource,
    Interpolate,
    Measure,
    Params,
    Source,
    Suite,
    TorchvisionSource,
    expand,
    load,
    of_runs,
)
from stages.config.run import Run

__all__ = [
    "Alphas",
    "BatchNormStatistics",
    "DigitsSource",
    "FreshLines",
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
    "of_runs",
]
