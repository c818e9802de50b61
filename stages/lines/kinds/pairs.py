"""Lines between different runs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from stages.config.line_kind import LineKind
from stages.config.lines import architecture, require
from stages.lines.line import Endpoint, Line, UnitMatching
from stages.shared.errors import UserError

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class PairLines(LineKind):
    """Lines between different runs: between all pairs of equal points, or from each initialisation to other optima.

    Losses are those on the data of the run at the end.
    """

    kind: Literal["pairs"]
    start: Literal["initial", "final"]
    """Point of the first run."""
    end: Literal["initial", "final"]
    """Point of the second run."""
    matching: Literal["weights", "activations"] | None = None
    """Permutation of the end's hidden units that makes them most like those of the start, by their weights or by their
    activations (Ainsworth et al. 2022); null for none."""

    @model_validator(mode="after")
    def _ends(self) -> "PairLines":
        if (self.start, self.end) == ("final", "initial"):
            raise ValueError("start: got 'final', expected initial: a line to an initialisation starts at another")
        if self.matching and (self.start, self.end) != ("final", "final"):
            raise ValueError(f"matching: got {self.matching!r}, expected null: it is of lines from final to final")
        return self

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse one run alone, different architectures, and units that cannot be permuted."""
        if len(runs) < 2 or len({architecture(run) for run in runs}) > 1:
            raise UserError(
                f"{key}.among: got {dict(self.among)}, which {len(runs)} runs have, expected what two or more "
                "runs of one architecture have"
            )
        if self.matching:
            require(key, "permutable", "whose units can be permuted", runs)

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a pair."""
        pairs = combinations if self.start == self.end else permutations
        for first, second in pairs(runs, 2):
            change = UnitMatching(self.matching, first) if self.matching else None
            yield Line(name, Endpoint(first, self.start), Endpoint(second, self.end, change))
