"""Lines from initialisations that no training started from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from stages.config.line_kind import LineKind
from stages.config.schema import Count
from stages.lines.line import Endpoint, Line
from stages.shared.errors import UserError

if TYPE_CHECKING:
    from stages.config.run import Run
    from stages.lines.requested_lines import SuiteRuns


class FreshLines(LineKind):
    """Lines from initialisations that no training started from to the final weights of runs.

    By default they lead to two runs: the non-monotone one of largest min delta, and a monotone one of the same setting
    but for optimizer and learning rate if there is one, else that of median distance.
    """

    kind: Literal["fresh"]
    count: Count
    """Number of lines to each run."""
    initialization: Literal["own", "standard", "block_identity"] = "own"
    """Scheme of the initialisations: the run's own, or another one of a residual network."""

    optima: Literal["contrasting", "all"] = "contrasting"
    """Runs that the lines lead to: the two contrasting ones, or every converged run that `among` chooses."""

    def check(self, key: str, runs: Sequence["Run"]) -> None:
        """Refuse a scheme that a run's network lacks."""
        for run in runs:
            if self.initialization not in ("own", *run.architecture.initializations()):
                raise UserError(
                    f"{key}.initialization: got {self.initialization!r}, expected own, or `among` without network "
                    f"{run.network} of initialization {run.initialization}, which has no other"
                )

    def lines(self, name: str, runs: Mapping[str, "Run"], suite: "SuiteRuns") -> Iterator[Line]:
        """Yield lines to each of the chosen runs, as far as there are."""
        from stages.measures.contrast import contrast  # pandas takes half a second to import

        converged = suite.table[suite.table["status"] == "converged"].astype({"monotonic": bool})
        chosen = converged[converged["run_id"].isin(runs)]
        if self.optima == "all":
            ends = list(chosen["run_id"])
        else:
            ends = [row["run_id"] for row in contrast(chosen) if row is not None]
        for key in ends:
            scheme = runs[key].initialization if self.initialization == "own" else self.initialization
            for number in range(self.count):
                yield Line(name, Endpoint(key, f"fresh_{scheme}_{number}"), Endpoint(key, "final"), number)
