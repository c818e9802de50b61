"""The own lines of runs, with batch-norm statistics that are estimated in another way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from stages.config.batch_norm_statistics import LineStatistics
from stages.config.line_kind import LineKind
from stages.config.schema import Count
from stages.lines.line import Endpoint, Line
from stages.shared.errors import UserError

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class StatisticsLines(LineKind):
    """The own lines of runs with batch norm, with statistics of batch norm that are estimated in another way."""

    kind: Literal["statistics"]
    batch_norm: LineStatistics
    """Estimation of the statistics, in place of `interpolate.batch_norm`."""
    count: Count = 1
    """Number of evaluations of each line, each with random permutations of its own."""

    @model_validator(mode="after")
    def _draws_differ(self) -> "StatisticsLines":
        if self.count > 1 and self.batch_norm.order == "stored":
            raise ValueError(f"count: got {self.count} with order stored, expected 1: all draws would be the same")
        return self

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse runs without batch norm, whose lines have no statistics."""
        for run in runs:
            if not run.batch_norm:
                raise UserError(f"{key}.among: got a run without batch norm, expected batch_norm: [true]")

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a draw of each run."""
        for key in runs:
            for number in range(self.count):
                yield Line(name, Endpoint(key, "initial"), Endpoint(key, "final"), number, statistics=self.batch_norm)
