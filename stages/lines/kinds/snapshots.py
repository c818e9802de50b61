"""Lines from points that training passed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from stages.config.line_kind import LineKind
from stages.lines.line import Endpoint, Line
from stages.shared.errors import UserError

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class SnapshotLines(LineKind):
    """Lines from each snapshot of a run but that of its initial weights to its final weights (Frankle 2020)."""

    kind: Literal["snapshots"]

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse runs without snapshots on the way."""
        for run in runs:
            if not any(0 < epoch < run.epochs for epoch in run.snapshots):
                raise UserError(
                    f"{key}.among: got {dict(self.among)}, expected runs with `snapshots` between the first and "
                    "the last epoch"
                )

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield a line a snapshot."""
        for key, run in runs.items():
            for epoch in run.snapshots:
                if 0 < epoch < run.epochs:
                    yield Line(name, Endpoint(key, f"epoch_{epoch}"), Endpoint(key, "final"), epoch)
