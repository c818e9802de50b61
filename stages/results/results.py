"""The results of some suites, which figures, tables and claims are made from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stages.config import OWN_LINE, Measure, Suite
from stages.config.job import Job
from stages.lines.curves import Curves
from stages.lines.landscape import Landscape
from stages.results.precedence import one_origin
from stages.results.sources import Files, Sources
from stages.results.variant import Variant, vary_measures
from stages.shared.errors import UserError


@dataclass(frozen=True)
class Results:
    """Results of the suites that `plot` or `claims` in params.yaml names for one figure, table or claim.

    Everything but the configuration is read at its first use.
    """

    suites: dict[str, Suite]
    """Configuration of each suite by name; empty for a figure, table or claim about the paper's theory."""
    measure: Measure
    """Confidence of intervals, and resamples and seed of the bootstrap."""
    sources: Sources
    """Files or memory that results are read from."""
    variant: Variant = Variant()
    """The analysis of these results: by default that of the parameters."""

    @classmethod
    def of(cls, job: Job, pooled: tuple[str, ...]) -> "Results":
        """Return the results of some suites of a pipeline.

        Args:
            job: The parameters and folders of the pipeline.
            pooled: Names of the suites.

        Returns:
            Their results.
        """
        return cls({suite: job.params.suite(suite) for suite in pooled}, job.params.measure, Files(job))

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Rows of reports/measures.csv of these suites, one a line; of each run those of one origin."""
        table = self.sources.measures()
        return vary_measures(one_origin(table[table["suite"].isin(list(self.suites))]), self.suites, self.variant)

    @property
    def gauss_length(self) -> str:
        """Name of the column of Gauss lengths by the estimator of the variant."""
        return f"gauss_length_{self.variant.estimator}"

    def varied(self, variant: Variant) -> "Results":
        """Return the same runs, analysed in another way."""
        return Results(self.suites, self.measure, self.sources, variant)

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """Training curves, one epoch a row.

        Columns: `suite`, `run_id`, `epoch`, `loss` (the mean of the epoch's minibatch losses) and `distance`
        (|theta_t - theta_0| after the epoch).
        """
        tables = [self.sources.epochs(suite).assign(suite=suite) for suite in self.suites]
        return pd.concat([pd.DataFrame(), *tables], ignore_index=True)

    @cached_property
    def curves(self) -> dict[str, Curves]:
        """Curves along the lines of each suite."""
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
        return Results({suite: self.suites[suite] for suite in suites}, self.measure, self.sources, self.variant)

    def lines(self, once: bool = True) -> pd.DataFrame:
        """Return the rows of the runs' own lines, each from a run's initial to its final weights.

        `monotonic` and `batch_norm` are plain booleans. A row without a verdict, since a loss on its line is not
        finite, has the status `diverged`, even if its run has not diverged.

        Args:
            once: True to count a run that several of the pooled suites hold once, in the first of them.

        Returns:
            The rows in the order of reports/measures.csv, with a new index.
        """
        rows = self.measures[self.measures["line"] == OWN_LINE]
        return self._plain(rows.drop_duplicates("run_id") if once else rows)

    def other_lines(self, suite: str, name: str) -> pd.DataFrame:
        """Return the rows of one kind of line, in the form of `lines`.

        Args:
            suite: Name of a suite.
            name: Name of a kind of line in `lines` of the suite.

        Returns:
            The rows in the order of reports/measures.csv, with a new index.
        """
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
        """Return the alphas and one field of the curves for each row.

        Args:
            rows: Rows of `lines` or `other_lines`.
            field: Name of an array of `Curves` whose first axis is that of lines.

        Returns:
            A pair for each row: alphas of shape (A,), and the entry of the array for its line.

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
        """Return the `threshold` or the `tolerance` of each suite, as the variant has it, by the suite's name."""
        return {key: getattr(self.variant, name)(suite) for key, suite in self.suites.items()}
