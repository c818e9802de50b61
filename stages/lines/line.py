"""A line as a value: two endpoints in weight space, named by run and point."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """A point that a stored run holds."""

    run_id: str
    point: str
    """`initial`, `final`, or `epoch_N` for a snapshot."""


@dataclass(frozen=True)
class Line:
    """theta_alpha = (1 - alpha) start + alpha end, in the network and on the data of the run at its end."""

    kind: str
    start: Endpoint
    end: Endpoint

    def content(self) -> dict:
        """Return what identifies the line, as plain values."""
        ends = {"start": [self.start.run_id, self.start.point], "end": [self.end.run_id, self.end.point]}
        return {"kind": self.kind} | ends


def own_line(run_id: str) -> Line:
    """Return the line of the paper: from a run's own initialisation to where it ended."""
    return Line("initial_to_final", Endpoint(run_id, "initial"), Endpoint(run_id, "final"))
