"""Descriptions of lines: two endpoints in weight space, each given by a run, a point, and a change of its weights."""

from dataclasses import dataclass

from stages.config.batch_norm_statistics import LineStatistics
from stages.config.lines import OWN_LINE


@dataclass(frozen=True)
class RandomPermutation:
    """A random permutation of the hidden units in each layer, which leaves the network's function as it is."""

    number: int
    """Number of the random permutation, from 0."""

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["permuted", self.number]


@dataclass(frozen=True)
class ParameterExchange:
    """The parameters of one layer or block, taken from another point of the run."""

    parameters: tuple[str, ...]
    """Names of the parameters."""
    point: str
    """The point that they are taken from, as in `Endpoint.point`."""

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["exchanged", self.point, *self.parameters]


@dataclass(frozen=True)
class UnitMatching:
    """The permutation of hidden units that makes them most similar to those of another run's final network."""

    by: str
    """The quantity that is compared: `weights` or `activations`."""
    run_id: str
    """The other run."""

    def content(self) -> list:
        """Return what identifies the change, as plain values."""
        return ["matched", self.by, self.run_id]


@dataclass(frozen=True)
class Endpoint:
    """A point in weight space: one that a run's file holds, or one that is drawn anew."""

    run_id: str
    point: str
    """`initial`, `final` or `epoch_N` for weights in the run's file; `fresh_SCHEME_N` for the N-th initialisation by a
    scheme, `noise_N` for Gaussian noise as large as the final weights, or `zero`."""
    change: RandomPermutation | ParameterExchange | UnitMatching | None = None

    def content(self) -> list:
        """Return what identifies the endpoint, as plain values."""
        return [self.run_id, self.point, *(self.change.content() if self.change else ())]

    @property
    def reads(self) -> tuple[str, ...]:
        """The runs whose files hold the weights of this endpoint."""
        own = () if self.point.startswith("fresh_") or self.point == "zero" else (self.run_id,)
        return (*own, self.change.run_id) if isinstance(self.change, UnitMatching) else own


@dataclass(frozen=True)
class Line:
    """The line theta_alpha = (1 - alpha) start + alpha end, in the network and on the data of the run at its end."""

    kind: str
    """`initial_to_final` for the run's own line, else the name of the entry under `lines` in params.yaml."""
    start: Endpoint
    end: Endpoint
    draw: int | None = None
    """Number of the fresh initialisation, permutation or noise at one end, or of the evaluation with `statistics`; for
    a snapshot, its epoch."""
    part: str | None = None
    """The layer or block that changes along the line, if all others stay fixed."""
    statistics: LineStatistics | None = None
    """How batch-norm statistics are estimated; None for what `interpolate.batch_norm` says."""

    def content(self) -> dict:
        """Return what identifies the endpoints, and statistics and draw if the line has its own, as plain values."""
        ends = {"start": self.start.content(), "end": self.end.content()}
        if self.statistics is None:
            return ends
        return ends | {"batch_norm": self.statistics.model_dump(mode="json"), "draw": self.draw}

    @property
    def reads(self) -> tuple[str, ...]:
        """The runs whose files hold the weights of the endpoints, each once."""
        return tuple(dict.fromkeys(self.start.reads + self.end.reads))


def own_line(run_id: str) -> Line:
    """Return a run's own line, from its initial to its final weights."""
    return Line(OWN_LINE, Endpoint(run_id, "initial"), Endpoint(run_id, "final"))
