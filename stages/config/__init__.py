"""params.yaml as typed, frozen, validated objects; the grid expands here."""

from typing import Any

from stages.config.batch_norm_statistics import BatchNormStatistics, LineStatistics
from stages.config.lines import (
    LINE_KINDS,
    OWN_LINE,
    Lines,
    Plane,
    PlanePoint,
    of_runs,
)
from stages.config.params import (
    Alphas,
    GaussRefinement,
    Interpolate,
    Measure,
    Params,
    Refinement,
    Suite,
    expand,
    load,
)
from stages.config.run import Run
from stages.config.source import Source

__all__ = [
    "Alphas",
    "BatchNormStatistics",
    "GaussRefinement",
    "Interpolate",
    "Refinement",
    "LineStatistics",
    "Lines",
    "Measure",
    "OWN_LINE",
    "Params",
    "Plane",
    "PlanePoint",
    "Run",
    "Source",
    "Suite",
    "expand",
    "load",
    "of_runs",
]


def __getattr__(name: str) -> Any:
    """Return a class of a kind of line, such as `FreshLines`, which is found and not imported by name."""
    for kind in LINE_KINDS:
        if kind.__name__ == name:
            return kind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
