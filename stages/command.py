"""What every stage script shares: its command line, its places, and how it ends when something is wrong."""

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
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


def main(stage: Callable[[Job], None], description: str, per: str | None = None) -> None:
    """Run a stage from the command line and exit.

    Args:
        stage: The stage; it takes a job and gives nothing back.
        description: For --help.
        per: `suite` or `dataset` for a stage that runs once for each; None for a stage over all.
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
    given = parser.parse_args()
    try:
        stage(Job(load(given.params), getattr(given, "name", None), given.data, given.reports))
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\ninterrupted; what was finished is kept, run again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        sys.exit(f"error: cannot use the file{name}: {error.strerror or error}; mend it and run again")
