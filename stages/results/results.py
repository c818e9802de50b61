"""The results of some suites, which figures, tables and claims are made from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stages.config import OWN_LINE, Measure, Suite
from stages.config.job import Job
from stages.lines.curves import Curves
from stages.lines.landscape import Landscape
from stages.results.sources import Files, Sources
from stages.shared.errors import UserError


@dataclass(frozen=True)
class Results:
    """The pooled suites that `plot` or `claims` in params.yaml names for a figure, table or claim.

    Everything but the configuration is read when it is asked for.
    """

    suites: dict[str, Suite]
    """Configuration of each suite; empty for what is made from the paper's theory."""
    measure: Measure
    """Settings of confidence and of bootstrap intervals."""
    sources: Sources

    @classmethod
    def of(cls, job: Job, pooled: tuple[str, ...]) -> "Results":
        """Return the results of some suites of a pipeline.

        Args:
            job: The parameters and folders of the pipeline.
            pooled: Names of the suites.

        Returns:
            Their results, of which nothing has been read yet.
        """
        return cls({suite: job.params.suite(suite) for suite in pooled}, job.params.measure, Files(job))

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Rows of reports/measures.csv that belong to these suites, one a line."""
        table = self.sources.measures()
        return table[table["suite"].isin(list(self.suites))]

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """Training curves, one epoch a row.

        Columns: `suite`, `run_id`, `epoch`, `loss`, the mean of its minibatch losses, and `distance`,
        |theta_t - theta_0| after it.
        """
        tables = [self.sources.epochs(suite).assign(suite=suite) for suite in self.suites]
        return pd.concat([pd.DataFrame(), *tables], ignore_index=True)

    @cached_property
    def curves(self) -> dict[str, Curves]:
        """What was found along the lines of each suite."""
        return {suite: self.sources.curves(suite) for suite in self.suites}

    @cached_property
    def landscapes(self) -> dict[str, Landscape]:
        """Planes and trajectories of each suite."""
        return {suite: self.sources.landscape(suite) for suite in self.suites}

    def theory(self, model: str) -> pd.DataFrame:
        """Return the lines of a model of the paper's theory, one a row."""
        return self.sources.theory(model)

    def only(self, *suites: str) -> "Results":
        """Return the results of some of these suites."""
        return Results({suite: self.suites[suite] for suite in suites}, self.measure, self.sources)

    def lines(self, once: bool = True) -> pd.DataFrame:
        """Return the rows of the paper's kind of line, with `monotonic` and `batch_norm` as plain booleans.

        A row without a verdict has a value that is not finite and counts as diverged, whatever its end point.

        Args:
            once: Whether a run that several of the pooled suites hold counts once, in the first of them.

        Returns:
            The rows in the order of the measures, numbered anew.
        """
        rows = self.measures[self.measures["line"] == OWN_LINE]
        return self._plain(rows.drop_duplicates("run_id") if once else rows)

    def other_lines(self, suite: str, name: str) -> pd.DataFrame:
        """Return the rows of the lines that `lines` of a suite calls `name`, as `lines` does here."""
        return self._plain(self.measures[(self.measures["suite"] == suite) & (self.measures["line"] == name)])

    @staticmethod
    def _plain(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.reset_index(drop=True)
        verdict = rows["monotonic"].astype(str)
        unknown = ~verdict.isin(["True", "False"])
        return rows.assign(
            status=rows["status"].mask(unknown, "diverged"),
            monotonic=verdict == "True",
            batch_norm=rows["batch_norm"].astype(str) == "True",
        )

    def values(self, rows: pd.DataFrame, field: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each row the alphas, shape (A,), and what `field` of its suite's curves holds for its line.

        Args:
            rows: Rows of `lines` or `other_lines`.
            field: Name of an array of `Curves` with a line per entry.

        Returns:
            A pair a row.

        Raises:
            UserError: If a row's line is not among the curves.
        """
        places = {
            (suite, *line): i
            for suite, curves in self.curves.items()
            for i, line in enumerate(
                zip(curves.run_ids, curves.lines, curves.starts, curves.draws, curves.parts, strict=True)
            )
        }
        found = []
        draws = [None if pd.isna(draw) else int(draw) for draw in rows["draw"]]
        parts = [None if pd.isna(part) else part for part in rows["part"]]
        names = rows["suite"], rows["run_id"], rows["line"], rows["start_run_id"]
        for key in zip(*names, draws, parts, strict=True):
            suite, run = key[:2]
            if key not in places:
                raise UserError(f"curves of {suite}: no line of run {run}, which measures.csv has; run `dvc repro`")
            curves = self.curves[suite]
            found.append((curves.alphas, getattr(curves, field)[places[key]]))
        return found

    def limits(self, name: str) -> dict[str, float]:
        """Return the `threshold` or `tolerance` of each suite."""
        return {key: getattr(suite, name) for key, suite in self.suites.items()}
