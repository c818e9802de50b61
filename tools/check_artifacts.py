"""Check that what is committed belongs together: lock, dependencies and reports. Runs nothing and needs no data.

    python tools/check_artifacts.py [--pipeline dvc.yaml paper/dvc.yaml mnist/dvc.yaml mine/dvc.yaml]

Prints one line a fault and exits with 1 if there is any.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dvc.exceptions import DvcException

from stages.config import load
from stages.shared.errors import UserError
from tools import by_scale
from tools.artifacts import claims, digests, lock, packs, pictures, tables, tracked
from tools.artifacts.pipeline import Pipeline, read

DEFAULT, BESIDE = Path("dvc.yaml"), (Path("paper/dvc.yaml"), Path("mnist/dvc.yaml"), Path("mine/dvc.yaml"))


def check(root: Path, files: list[Path]) -> Iterator[str]:
    """Run every check.

    A pipeline beside the default one may not have been run, or only in part: that is no fault, but its reports are
    checked only when it was run to the end.

    Args:
        root: The project's root, which is the working directory too.
        files: dvc.yaml files, relative to the root.

    Yields:
        A line a fault.
    """
    absent = [file for file in files if not (root / file).is_file()]
    yield from (f"{file}: missing; run from the project's root" for file in absent)
    pipelines = read(root, [file for file in files if file not in absent])
    yield from lock.stale(pipelines)
    for pipeline in pipelines:
        yield from lock.orphans(pipeline)
        yield from digests.stale(root, pipeline, load(root / pipeline.option("params", "params.yaml")))
        if pipeline.file == DEFAULT:
            yield from lock.missing(pipeline)
        if pipeline.file == DEFAULT or not pipeline.unlocked:
            yield from _reports(root, pipeline)
        else:
            ran = len(pipeline.stages) - len(pipeline.unlocked)
            print(f"{pipeline.file}: {ran} of {len(pipeline.stages)} stages were run; its reports are not checked")
            yield from packs.check(
                root, Path(pipeline.option("params", "params.yaml")), Path(pipeline.option("reports", "reports"))
            )
    yield from by_scale.stale(root)
    if (root / ".git").exists():
        yield from tracked.too_large(root)
    else:
        print("no git repository: sizes of tracked files are not checked")


def _reports(root: Path, pipeline: Pipeline) -> Iterator[str]:
    params = load(root / pipeline.option("params", "params.yaml"))
    reports = pipeline.option("reports", "reports")
    yield from tables.check(reports, params)
    yield from pictures.check(reports, list(params.plot))
    yield from claims.check(reports, params)


def main() -> None:
    """Check the project in the working directory and exit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", nargs="+", type=Path, help="dvc.yaml files (default: all of this project)")
    root = Path.cwd()
    files = parser.parse_args().pipeline or [DEFAULT, *(path for path in BESIDE if (root / path).exists())]
    faults: list[str] = []
    try:
        for fault in check(root, files):
            faults.append(fault)
    except DvcException as error:
        faults.append(f"{error}; `dvc status` says more")
    except UserError as error:
        faults.append(str(error))
    for fault in faults:
        print(fault)
    sys.exit(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}" if faults else 0)


if __name__ == "__main__":
    main()
