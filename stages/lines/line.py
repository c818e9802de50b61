"""A line as a value: two endpoints in weight space, named by run and point."""

from dataclasses import dataclass

import numpy as np

from stages.config import Run
from stages.measures.table import OWN_LINE
from stages.networks.build import initial_parameters
from stages.seeds import derive
from stages.training.run_files import RunFolder


@dataclass(frozen=True)
class Endpoint:
    """A point that a stored run holds, or that its configuration lets one draw."""

    run_id: str
    point: str
    """`initial`, `final`, `epoch_N` for a snapshot, or `fresh_SCHEME_N`: the N-th initialisation by a scheme."""

    @property
    def stored(self) -> bool:
        """Whether the run's file holds it."""
        return not self.point.startswith("fresh_")


@dataclass(frozen=True)
class Line:
    """theta_alpha = (1 - alpha) start + alpha end, in the network and on the data of the run at its end."""

    kind: str
    start: Endpoint
    end: Endpoint
    draw: int | None = None
    """Number of the fresh initialisation at its start."""

    def content(self) -> dict:
        """Return what identifies the line, as plain values."""
        ends = {"start": [self.start.run_id, self.start.point], "end": [self.end.run_id, self.end.point]}
        return {"kind": self.kind} | ends


def own_line(run_id: str) -> Line:
    """Return the line of the paper: from a run's own initialisation to where it ended."""
    return Line(OWN_LINE, Endpoint(run_id, "initial"), Endpoint(run_id, "final"))


def fresh_line(kind: str, run_id: str, scheme: str, number: int) -> Line:
    """Return the line from the N-th initialisation by a scheme, which is of no run, to where a run ended."""
    return Line(kind, Endpoint(run_id, f"fresh_{scheme}_{number}"), Endpoint(run_id, "final"), number)


def weights(endpoint: Endpoint, run: Run, image: tuple[int, ...], classes: int, stored: RunFolder) -> np.ndarray:
    """Return a point as a vector, shape (D,).

    Args:
        endpoint: The point.
        run: The configuration of its run.
        image: Shape (C, H, W) of an example.
        classes: Of the dataset.
        stored: The runs of the suite.

    Returns:
        The weights, in the order of the network's parameters.
    """
    if endpoint.stored:
        return stored.weights(endpoint.run_id, endpoint.point)
    scheme, number = endpoint.point.removeprefix("fresh_").rsplit("_", 1)
    fresh = run.model_copy(update={"initialization": scheme, "seed": derive("fresh", int(number))})
    return initial_parameters(fresh, image, classes)[2].numpy()
