"""What a stage script is asked to do, and where its files are."""

from dataclasses import dataclass, replace
from pathlib import Path

from stages.config.params import Params


@dataclass(frozen=True)
class Job:
    """What a stage script is asked to do."""

    params: Params
    name: str | None
    """The suite or dataset asked for; None for a stage over all of them."""
    data: Path
    reports: Path
    pipeline: Path = Path("dvc.yaml")
    """Where the stages are, beside the parameters."""
    whole: Params | None = None
    """All parameters, where `params` is only what can be had of them without running more."""

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Suites of the parameters that are left out, since their lines have not been evaluated."""
        return tuple(name for name in (self.whole or self.params).suites if name not in self.params.suites)

    def finished(self) -> "Job":
        """Return the same job without what wants more to be run first."""
        done = [name for name in self.params.suites if all(path.exists() for path in self.files_of(name))]
        theory = all(self.theory_file(model).exists() for model in type(self.params.theory).model_fields)
        return replace(self, params=self.params.only(done, theory), whole=self.params)

    def files_of(self, suite: str) -> tuple[Path, ...]:
        """Return what the stages over all suites read of one."""
        return self.training_folder(suite) / "runs.csv", self.curves_file(suite), self.landscape_file(suite)

    @property
    def inputs_folder(self) -> Path:
        """Where stage `inputs` says what results depend on beside parameters and this project's code."""
        return self.data / "inputs"

    def dataset_file(self, dataset: str) -> Path:
        """Return where the checked tensors of a dataset are."""
        return self.data / "datasets" / f"{dataset}.safetensors"

    def runs_folder(self, suite: str) -> Path:
        """Return where the weights of a suite's runs are, a file each."""
        return self.data / "runs" / suite

    def training_folder(self, suite: str) -> Path:
        """Return where the tables of a suite's training are: runs.csv and epochs.csv."""
        return self.data / "training" / suite

    def theory_file(self, model: str) -> Path:
        """Return where the lines of a model of the theory are."""
        return self.data / "theory" / f"{model}.csv"

    def curves_file(self, suite: str) -> Path:
        """Return where the curves of a suite's lines are."""
        return self.data / "curves" / f"{suite}.safetensors"

    def landscape_file(self, suite: str) -> Path:
        """Return where the planes and trajectories of a suite are."""
        return self.data / "landscapes" / f"{suite}.safetensors"
