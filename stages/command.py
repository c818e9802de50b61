"""The command line that all stage scripts share, and how a script ends when something is wrong."""

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from stages.config import load
from stages.config.job import Job
from stages.shared.errors import UserError
from stages.shared.origins import refuse_origins
from stages.shared.terminal import escape_unprintable, use_utf8


def main(
    stage: Callable[[Job], None],
    description: str,
    per: str | None = None,
    partial: Callable[[Job], Job] | None = None,
) -> None:
    """Run a stage from the command line and exit.

    Args:
        stage: The stage; it takes a job and gives nothing back.
        description: For --help.
        per: `suite` or `dataset` for a stage that runs once for each; None for a stage over all.
        partial: For a stage over all that can do with the runs that there are: a function that narrows its job to
            them, for --partial.
    """
    use_utf8()
    escape_unprintable()
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
        parser.add_argument("--partial", action="store_true", help="report on the runs that there are")
    given = parser.parse_args()
    try:
        pipeline = given.params.with_name("dvc.yaml")
        job = Job(load(given.params), getattr(given, "name", None), given.data, given.reports, pipeline)
        if partial and given.partial:
            job = partial(job)
        elif partial:
            refuse_origins()
        stage(job)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\ninterrupted; what was finished is kept, run again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        sys.exit(f"error: cannot use the file{name}: {error.strerror or error}; mend it and run again")
