"""Carry finished work between machines without its weights, and keep the store small.

    python tools/store.py pack --params paper/params.yaml --suite S FILE    write the records of a suite to a file
    python tools/store.py unpack FILE...                                    take records of other machines
    python tools/store.py list                                              what the store holds
    python tools/store.py prune [--yes]                                     remove what no parameters name

A record is a run's configuration, training curve, evaluations and lines. The store is `.cells`, or MLI_STORE.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stages  # noqa: F401 (before NumPy, whose kernels it chooses)

# isort: split
from stages.config import load
from stages.config.job import Job
from stages.lines.line_evaluation import NUMERICS as LINES
from stages.results.local_runs import local_records, stored_records
from stages.results.origin_folder import OriginFolder, known_origins
from stages.results.packs import unpack, write_pack
from stages.shared.environment import environment
from stages.shared.errors import UserError
from stages.shared.files import read_header
from stages.shared.origins import Origin, check_name, describe, short_name
from stages.shared.store import Store
from stages.training.keys import EVALUATION_NUMERICS, NUMERICS, run_key

ROOT = Path(__file__).resolve().parent.parent
PRUNED = ("runs", "evaluations", "lines", "trajectories", "planes")
"""Kinds of entries that parameters name. Others are small, such as figures, or say that something was checked."""


def data_of(params: Path) -> Path:
    """Return the folder of artifacts of a pipeline: `data` of params.yaml, `data/paper` of paper/params.yaml."""
    folder = params.resolve().parent
    return Path("data") if folder == Path.cwd() else Path("data") / folder.name


def pack(params: Path, data: Path | None, suite: str, name: str | None, file: Path) -> str:
    """Write the records of a suite's runs that are evaluated so far to a file.

    Args:
        params: The parameters.
        data: The folder of artifacts; None for that of `data_of`.
        suite: Name of the suite.
        name: Name of the origin; None for one made from the environment.
        file: The file.

    Returns:
        A sentence on what was done.

    Raises:
        UserError: If there is no such suite, none of its runs is evaluated, or they are of another environment.
    """
    here = environment()
    text = describe(here)
    name = name or short_name(text)
    check_name(name, "--origin")
    job = Job(load(params), suite, data or data_of(params), Path("reports"))
    wanted = job.params.suite(suite)
    records = local_records(job, suite)
    if not records.runs:
        raise UserError(
            f"no run of suite {suite} is evaluated here, with the data in {job.dataset_file(wanted.dataset)}, the "
            f"store {Store.default().folder} and this environment; run stages train_grid and interpolate first"
        )
    if any(run_key(run.outcome.run, run.dataset) != run.outcome.run_id for run in records.runs):
        raise UserError(
            f"runs of suite {suite} were computed in another environment than this one ({text}), or another version; "
            "pack them with the MLI_ variables that they were computed with"
        )
    numerics = {"training": NUMERICS, "evaluation": EVALUATION_NUMERICS, "lines": LINES}
    write_pack(file, records, Origin(name, text, here, numerics), suite, commit())
    size = file.stat().st_size
    return (
        f"{file}: {len(records.runs)} of {len(job.params.runs(suite))} runs of suite {suite}, origin {name} ({text}), "
        f"{readable(size)}, {readable(size / len(records.runs))} a run"
    )


def commit() -> str:
    """Return the commit of the project's code; nothing without git or if the code differs from it."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--", "stages"])
    try:
        head, changed = (
            subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "" if changed else head


def show(store: Store) -> str:
    """Return a list of what a store holds: entries by kind, and records by origin and suite."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for kind, path in store.paths():
        counts[kind] += 1
        sizes[kind] += path.stat().st_size
    lines = [f"{store.folder}: {sum(counts.values())} entries, {readable(sum(sizes.values()))}"]
    lines += [f"  {kind}: {counts[kind]}, {readable(sizes[kind])}" for kind in sorted(counts)]
    for name in known_origins(store):
        folder = OriginFolder(store, name)
        lines.append(f"origin {name}: {folder.origin.text}, numerics {dict(folder.origin.numerics)}")
        for suite in folder.suites():
            files = folder.files(suite)
            lines.append(f"  {suite}: {len(files)} runs, {readable(sum(file.stat().st_size for file in files))}")
    return "\n".join(lines)


def unnamed(store: Store, files: list[Path]) -> list[Path]:
    """Return the entries of a store that no parameters name, in this environment and version of the code.

    Entries of runs on a dataset that has not been made are kept, since the keys of its runs cannot be told.

    Args:
        store: The store.
        files: The files of parameters.

    Returns:
        Files of the entries of `PRUNED` that none of them names.
    """
    named, lacking = set(), set()
    for file in files:
        job = Job(load(file), None, data_of(file), Path("reports"))
        lacking |= {name for name in job.params.datasets if not job.dataset_file(name).exists()}
        for suite in job.params.suites:
            named |= stored_records(job, suite, store)[1]
    entries = [path for kind, path in store.paths() if kind in PRUNED and (kind, path.stem) not in named]
    headers = {path: read_header(path) for path in entries}
    kept = {path.stem for path, about in headers.items() if _is_run(about) and about["run"]["dataset"] in lacking}
    return [path for path, about in headers.items() if not (_runs(path.stem, about) & kept or _of_any(about, lacking))]


def _is_run(about: dict) -> bool:
    """Return whether a header is that of a run, which holds the run's configuration."""
    return isinstance(about.get("run"), dict)


def _of_any(about: dict, lacking: set[str]) -> bool:
    """Return whether an entry may be of a dataset that has not been made: rows of planes do not name their runs."""
    return "row" in about and bool(lacking)


def _runs(key: str, about: dict) -> set[str]:
    """Return the runs that an entry is of, from its key and its header."""
    if "start" in about:
        return {about["start"][0], about["end"][0]}
    return {about["run"]} if isinstance(about.get("run"), str) else {key}


def prune(store: Store, files: list[Path], really: bool) -> str:
    """Remove the entries of a store that no parameters name, or say which these are.

    Args:
        store: The store.
        files: The files of parameters.
        really: Whether to remove them.

    Returns:
        A sentence on what was done.
    """
    paths = unnamed(store, files)
    size = sum(path.stat().st_size for path in paths)
    kinds = Counter(path.parent.parent.name for path in paths)
    counts = ", ".join(f"{kinds[kind]} of {kind}" for kind in sorted(kinds)) or "none"
    if really:
        for path in paths:
            path.unlink(missing_ok=True)
    done = "removed" if really else "would be removed; --yes removes them"
    named_by = ", ".join(map(str, files))
    return f"{store.folder}: {len(paths)} entries that {named_by} do not name ({counts}), {readable(size)}, {done}"


def readable(size: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def main(arguments: list[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write the records of a suite to a file")
    packing.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: %(default)s)")
    packing.add_argument("--data", type=Path, help="folder of artifacts (default: that of the pipeline)")
    packing.add_argument("--suite", required=True, help="which of the suites in the parameters")
    packing.add_argument("--origin", help="name of this machine, such as h200 (default: made from the environment)")
    packing.add_argument("file", type=Path)
    unpacking = commands.add_parser("unpack", help="take records of other machines")
    unpacking.add_argument("file", type=Path, nargs="+")
    commands.add_parser("list", help="what the store holds")
    pruning = commands.add_parser("prune", help="remove what no parameters name")
    pruning.add_argument("--params", type=Path, nargs="+", help="parameters (default: params.yaml, */params.yaml)")
    pruning.add_argument("--yes", action="store_true", help="remove it; without, only say what would be removed")
    given = parser.parse_args(arguments)
    try:
        if given.command == "pack":
            print(pack(given.params, given.data, given.suite, given.origin, given.file))
        elif given.command == "unpack":
            for file in given.file:
                print(unpack(file, Store.default()))
        elif given.command == "list":
            print(show(Store.default()))
        else:
            print(prune(Store.default(), given.params or pipelines(), given.yes))
    except UserError as error:
        sys.exit(f"error: {error}")


def pipelines() -> list[Path]:
    """Return the parameters of all pipelines: params.yaml, and those in folders that have a dvc.yaml too.

    Raises:
        UserError: If there are none.
    """
    found = [path for path in (Path("params.yaml"), *sorted(Path().glob("*/params.yaml"))) if path.is_file()]
    found = [path for path in found if path.with_name("dvc.yaml").exists()]
    if not found:
        raise UserError(f"no params.yaml beside a dvc.yaml in {os.getcwd()}; run from the project's root")
    return found


if __name__ == "__main__":
    main()
