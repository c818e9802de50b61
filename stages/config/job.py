"""The job of a stage script: its parameters, and the paths of its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stages.config.params import Params


@dataclass(frozen=True)
class SuiteProgress:
    """How much of a suite there is."""

    evaluated: int
    """Number of its runs that are trained and whose own lines are evaluated, or that have diverged."""
    runs: int
    """Number of all of its runs."""
    origins: tuple[str, ...]
    """Origins of the evaluated runs: `here`, or a text on another machine."""

    def __str__(self) -> str:
        """Return the counts in words."""
        return f"{self.evaluated} of {self.runs} runs evaluated"


@dataclass(frozen=True)
class Job:
    """The parameters of a stage script and the folders that it reads and writes."""

    params: Params
    name: str | None
    """Name of the suite or dataset; None for a stage over all of them."""
    data: Path
    reports: Path
    pipeline: Path = Path("dvc.yaml")
    """File of the pipeline, beside the parameters."""
    whole: Params | None = None
    """All parameters, where `params` holds only suites of which there are evaluated runs; else None."""
    progress: Mapping[str, SuiteProgress] | None = None
    """How much there is of each suite of `whole`; None where suites are complete."""

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Names of the suites that are left out, since none of their runs has been evaluated."""
        return tuple(name for name in (self.whole or self.params).suites if name not in self.params.suites)

    def files_of(self, suite: str) -> tuple[Path, ...]:
        """Return the files of a suite that the stages over all suites read."""
        return self.training_folder(suite) / "runs.csv", self.curves_file(suite), self.landscape_file(suite)

    @property
    def inputs_folder(self) -> Path:
        """Folder of stage `inputs`, which writes down what results depend on."""
        return self.data / "inputs"

    def dataset_file(self, dataset: str) -> Path:
        """Return the path of a dataset's checked tensors."""
        return self.data / "datasets" / f"{dataset}.safetensors"

    def runs_file(self, suite: str) -> Path:
        """Return where the runs of a suite are listed: the digest of each run's weights, which the store has."""
        return self.data / "runs" / f"{suite}.json"

    def training_folder(self, suite: str) -> Path:
        """Return the folder of a suite's tables of training: runs.csv and epochs.csv."""
        return self.data / "training" / suite

    def theory_file(self, model: str) -> Path:
        """Return the path of the lines of a model of the theory."""
        return self.data / "theory" / f"{model}.csv"

    def curves_file(self, suite: str) -> Path:
        """Return the path of the curves along a suite's lines."""
        return self.data / "curves" / f"{suite}.safetensors"

    def landscape_file(self, suite: str) -> Path:
        """Return the path of a suite's planes and trajectories."""
        return self.data / "landscapes" / f"{suite}.safetensors"
