"""Sources of results: the files of a pipeline, or memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import pandas as pd

from stages.config.job import Job
from stages.lines.curves import Curves, load_curves
from stages.lines.landscape import Landscape, load_landscape
from stages.results.measures_file import read_measures
from stages.shared.csv_files import read_csv
from stages.shared.files import digest_file


class Sources(Protocol):
    """A source of results."""

    def measures(self) -> pd.DataFrame:
        """Return the table reports/measures.csv: the lines of all suites, one a row."""

    def curves(self, suite: str) -> Curves:
        """Return the curves along the lines of a suite."""

    def landscape(self, suite: str) -> Landscape:
        """Return the planes and trajectories of a suite."""

    def epochs(self, suite: str) -> pd.DataFrame:
        """Return the training curves of a suite: `run_id`, `epoch`, `loss` and `distance`, an epoch a row."""

    def theory(self, model: str) -> pd.DataFrame:
        """Return the lines of a model of the paper's theory."""


@dataclass(frozen=True)
class Files:
    """Results in the files of a pipeline; a file that has not changed is read once in each process."""

    job: Job

    def measures(self) -> pd.DataFrame:
        """Read reports/measures.csv."""
        return _measures(*_version(self.job.reports / "measures.csv"))

    def curves(self, suite: str) -> Curves:
        """Read the curves of a suite."""
        return _curves(*_version(self.job.curves_file(suite)))

    def landscape(self, suite: str) -> Landscape:
        """Read the planes and trajectories of a suite."""
        return _landscape(*_version(self.job.landscape_file(suite)))

    def epochs(self, suite: str) -> pd.DataFrame:
        """Read the training curves of a suite."""
        return _table(*_version(self.job.training_folder(suite) / "epochs.csv"))

    def theory(self, model: str) -> pd.DataFrame:
        """Read the lines of a model."""
        return _table(*_version(self.job.theory_file(model)))


@dataclass(frozen=True)
class Memory:
    """Results in memory, for tests and notebooks."""

    table: pd.DataFrame
    curves_by_suite: Mapping[str, Curves] = field(default_factory=dict)
    landscapes_by_suite: Mapping[str, Landscape] = field(default_factory=dict)
    epochs_by_suite: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    theory_by_model: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def measures(self) -> pd.DataFrame:
        """Return the table of measures."""
        return self.table

    def curves(self, suite: str) -> Curves:
        """Return the curves of a suite."""
        return self.curves_by_suite[suite]

    def landscape(self, suite: str) -> Landscape:
        """Return the planes and trajectories of a suite; none if there are none in memory."""
        return self.landscapes_by_suite.get(suite, Landscape({}, {}))

    def epochs(self, suite: str) -> pd.DataFrame:
        """Return the training curves of a suite."""
        return self.epochs_by_suite[suite]

    def theory(self, model: str) -> pd.DataFrame:
        """Return the lines of a model."""
        return self.theory_by_model[model]


def _version(path: Path) -> tuple[Path, str]:
    """Return a file and the digest of its content, which together say what was read; the digest of none is empty."""
    return path, digest_file(path) if path.exists() else ""


@lru_cache(maxsize=64)
def _curves(path: Path, digest: str) -> Curves:
    return load_curves(path)


@lru_cache(maxsize=64)
def _landscape(path: Path, digest: str) -> Landscape:
    return load_landscape(path)


@lru_cache(maxsize=64)
def _measures(path: Path, digest: str) -> pd.DataFrame:
    return read_measures(path)


@lru_cache(maxsize=64)
def _table(path: Path, digest: str) -> pd.DataFrame:
    return read_csv(path)
