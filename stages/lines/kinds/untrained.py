"""Lines from points that are no initialisation of a network."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from stages.config.line_kind import LineKind
from stages.config.schema import Count
from stages.lines.line import Endpoint, Line

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class NoiseLines(LineKind):
    """Lines from Gaussian noise, in each tensor as large as the final weights, to the final weights of a run.

    They are those of Tao, Li and Zhan (2024).
    """

    kind: Literal["noise"]
    count: Count
    """Number of draws of the noise, a line each."""

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a draw of each run."""
        for key in runs:
            for number in range(self.count):
                yield Line(name, Endpoint(key, f"noise_{number}"), Endpoint(key, "final"), number)


class ZeroLines(LineKind):
    """The line from all weights zero to the final weights of a run (Tao, Li and Zhan 2024)."""

    kind: Literal["zero"]

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a run."""
        for key in runs:
            yield Line(name, Endpoint(key, "zero"), Endpoint(key, "final"))
