"""A line as a value: two endpoints in weight space, each named by a run, a point, and what is changed there."""

from dataclasses import dataclass

from stages.config import OWN_LINE


@dataclass(frozen=True)
class Permuted:
    """The hidden units of each layer in another order, the same function: the N-th random order."""

    number: int

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["permuted", self.number]


@dataclass(frozen=True)
class Exchanged:
    """The parameters of one layer or block taken from another point of the run."""

    parameters: tuple[str, ...]
    point: str

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["exchanged", self.point, *self.parameters]


@dataclass(frozen=True)
class Matched:
    """The hidden units in the order in which they are most like those of another run's final network."""

    by: str
    """`weights` or `activations`."""
    run_id: str

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["matched", self.by, self.run_id]


@dataclass(frozen=True)
class Endpoint:
    """A point that a run's file holds, or that its configuration lets one draw."""

    run_id: str
    point: str
    """`initial`, `final`, `epoch_N` for a snapshot; or, of no training, `fresh_SCHEME_N`, the N-th initialisation by a
    scheme, `noise_N`, Gaussian noise as large as the final weights, or `zero`."""
    change: Permuted | Exchanged | Matched | None = None

    def content(self) -> list:
        """Return what identifies the endpoint, as plain values."""
        return [self.run_id, self.point, *(self.change.content() if self.change else ())]

    @property
    def reads(self) -> tuple[str, ...]:
        """The runs whose files are read for it."""
        own = () if self.point.startswith("fresh_") or self.point == "zero" else (self.run_id,)
        return (*own, self.change.run_id) if isinstance(self.change, Matched) else own


@dataclass(frozen=True)
class Line:
    """theta_alpha = (1 - alpha) start + alpha end, in the network and on the data of the run at its end."""

    kind: str
    """`initial_to_final` for the paper's, else its name under `lines` in params.yaml."""
    start: Endpoint
    end: Endpoint
    draw: int | None = None
    """Number of the fresh initialisation, permutation or noise at one end; of a snapshot its epoch."""
    part: str | None = None
    """The layer or block that moves, where the rest stays."""

    def content(self) -> dict:
        """Return what identifies where the line leads, as plain values."""
        return {"start": self.start.content(), "end": self.end.content()}

    @property
    def reads(self) -> tuple[str, ...]:
        """The runs whose files are read for it, each once."""
        return tuple(dict.fromkeys(self.start.reads + self.end.reads))


def own_line(run_id: str) -> Line:
    """Return the line of the paper: from a run's own initialisation to where it ended."""
    return Line(OWN_LINE, Endpoint(run_id, "initial"), Endpoint(run_id, "final"))
