"""Lines with permuted hidden units at one end."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from stages.config.line_kind import LineKind
from stages.config.lines import require
from stages.config.schema import Count
from stages.lines.line import Endpoint, Line, RandomPermutation

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class PermutedLines(LineKind):
    """Lines of runs with the hidden units of one end randomly permuted, which leaves the function there the same."""

    kind: Literal["permuted"]
    point: Literal["initial", "final"]
    """End that is permuted."""
    count: Count
    """Number of random permutations, a line each."""

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse networks whose units cannot be permuted."""
        require(key, "permutable", "whose units can be permuted", runs)

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a permutation of each run."""
        for key in runs:
            for number in range(self.count):
                ends = {point: Endpoint(key, point) for point in ("initial", "final")}
                ends[self.point] = Endpoint(key, self.point, RandomPermutation(number))
                yield Line(name, ends["initial"], ends["final"], number)
