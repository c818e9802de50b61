"""What every stage script shares: its command line, its places, and how it ends when something is wrong."""

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stages.config import Params, load
from stages.errors import UserError


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


def main(stage: Callable[[Job], None], description: str, per: str | None = None, partial: bool = False) -> None:
    """Run a stage from the command line and exit.

    Args:
        stage: The stage; it takes a job and gives nothing back.
        description: For --help.
        per: `suite` or `dataset` for a stage that runs once for each; None for a stage over all.
        partial: Whether the stage, over all, can do with those that there are.
    """
    gc.freeze()  # what is imported stays: to look through it for garbage, at the end too, takes a quarter of the start
    parser = argparse.ArgumentParser(description=description)
    if per:
        parser.add_argument(f"--{per}", dest="name", required=True, help=f"which of the {per}s in the parameters")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of artifacts (default: %(default)s)")
    parser.add_argument(
        "--reports", type=Path, default=Path("reports"), help="folder of reports (default: %(default)s)"
    )
    if partial:
        parser.add_argument("--partial", action="store_true", help="only suites whose lines have been evaluated")
    given = parser.parse_args()
    try:
        pipeline = given.params.with_name("dvc.yaml")
        job = Job(load(given.params), getattr(given, "name", None), given.data, given.reports, pipeline)
        stage(job.finished() if getattr(given, "partial", False) else job)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\ninterrupted; what was finished is kept, run again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        sys.exit(f"error: cannot use the file{name}: {error.strerror or error}; mend it and run again")
