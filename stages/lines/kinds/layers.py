"""Lines along which a part of the network moves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from stages.config.line_kind import LineKind
from stages.config.lines import require
from stages.lines.layers_and_blocks import group_by_block, group_by_layer
from stages.lines.line import Endpoint, Line, ParameterExchange

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class LayerLines(LineKind):
    """Lines along which one layer or block moves from initial to final; the rest stays (Vlaar and Frankle 2022)."""

    kind: Literal["layers"]
    of: Literal["layer", "block"]
    """Part that moves; blocks are those of residual networks and transformers."""
    rest: Literal["initial", "final"]
    """Point at which the other parameters stay."""

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse blocks of networks that have none."""
        if self.of == "block":
            require(key, "has_blocks", "that has blocks", runs)

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a layer or block of each run."""
        divide = group_by_layer if self.of == "layer" else group_by_block
        for key in runs:
            for part, parameters in divide(suite.shapes(key)).items():
                rest = Endpoint(key, self.rest)
                moved = "initial" if self.rest == "final" else "final"
                other = Endpoint(key, self.rest, ParameterExchange(parameters, moved))
                start, end = (other, rest) if self.rest == "final" else (rest, other)
                yield Line(name, start, end, part=part)
