"""Stage `plot`: reports/measures.csv and data/curves/ -> reports/{figures,svg,tables}/, rebuilt as a whole."""

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path

from stages.command import main
from stages.config.declared import declared_items, item_of
from stages.config.job import Job
from stages.config.params import Theory
from stages.shared.environment import identity, version_of
from stages.shared.errors import UserError
from stages.shared.files import digest_file, replacing, write_bytes
from stages.shared.progress import bar
from stages.shared.source_files import local_imports
from stages.shared.store import Store
from stages.workers import local, server

ROOT = Path(__file__).resolve().parents[1]
DRAWING, RENDERING = Path("stages/figures/drawing.py"), Path("stages/figures/style.py")
PACKAGES = ("matplotlib", "seaborn", "pandas", "scikit-learn", "pillow", "contourpy", "kiwisolver")
"""Packages that draw, beside those that `stages.shared.environment` names; the only font comes with Matplotlib."""


def plot(job: Job) -> None:
    """Rebuild every figure and table that `plot` in params.yaml names, drawing those whose inputs have changed.

    Args:
        job: The job.
    """
    wanted = {key: item_of(key) for key in job.params.plot}
    store = Store.default()
    keys = {key: figure_key(job, key) for key in wanted}
    missing = [key for key in wanted if not store.has("figures", keys[key])]
    with bar("plot", "figure", len(wanted), len(wanted) - len(missing)) as progress:
        if missing:
            server.start("stages.figures.drawing")  # while this process imports the same
            from stages.figures.drawing import draw_task

            for done in local.run_tasks(draw_task, [(job, key, store.folder, keys[key]) for key in missing]):
                progress.update(done)
    with (
        replacing(job.reports / "figures") as figures,
        replacing(job.reports / "svg") as vectors,
        replacing(job.reports / "tables") as tables,
    ):
        for new in (figures, vectors, tables):
            new.mkdir()
        for key, base in wanted.items():
            files, about = store.get("figures", keys[key])
            folder = figures if base.startswith("figure") else tables
            for ending, content in files.items():
                write_bytes((vectors if ending == "svg" else folder) / f"{about['stem']}.{ending}", content.tobytes())
            if about["step"] > 1:
                every = f"one alpha in {about['step']}, to stay small; the curves hold all"
                print(f"\nplot: {about['stem']}.csv holds {every}")
    numbers = [sum(base.startswith(kind) for base in wanted.values()) for kind in ("figure", "table")]
    print(f"plot: {numbers[0]} figures, {numbers[1]} tables in {job.reports}; {len(missing)} drawn, the others reused")


def figure_key(job: Job, key: str) -> str:
    """Return the identity of a figure or table.

    It holds the source of the drawing code, the versions of the packages that draw, the files and rows that the figure
    is made from, and the parameters of its suites with the order of their keys.

    Args:
        job: The job.
        key: The key of `plot` in the parameters.

    Returns:
        The key of its files in the store.

    Raises:
        UserError: If a file is missing.
    """
    pooled = job.params.plot[key]
    files = [job.theory_file(model) for model in Theory.model_fields] if not pooled else []
    for suite in pooled:
        files += [job.curves_file(suite), job.landscape_file(suite), job.training_folder(suite) / "epochs.csv"]
    try:
        digests = [digest_file(file) for file in files]
        rows = _rows(job.reports / "measures.csv", digest_file(job.reports / "measures.csv"), pooled)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; run the stage that makes it (`dvc repro`)") from error
    settings = [job.params.measure, *(job.params.suite(suite) for suite in pooled)]
    content = {
        "key": key,
        "suites": pooled,
        "files": digests,
        "rows": rows,
        "settings": [json.dumps(one.model_dump(mode="json")) for one in settings],
        "source": drawing_source(item_of(key)),
        "packages": {package: version_of(package) for package in PACKAGES},
    }
    return identity(content)


@lru_cache(maxsize=256)
def _rows(path: Path, digest: str, pooled: tuple[str, ...]) -> str:
    """Return a digest of the rows of some suites, whose name is in the first column, and of the header."""
    with path.open("rb") as file:
        header, *rows = file
    chosen = [row for row in rows if row.partition(b",")[0].decode() in pooled]
    return hashlib.sha256(b"".join([header, *chosen])).hexdigest()


@cache
def drawing_source(name: str) -> str:
    """Return a digest of the source of all modules that draw a figure or make a table.

    Args:
        name: The figure or table, such as `figure_05`.

    Returns:
        The digest of the module that declares it, of all that this imports, and of what turns a drawing into files.
    """
    digest = hashlib.sha256()
    for file in sorted({DRAWING} | local_imports(ROOT, {RENDERING, declared_items()[name].file})):
        digest.update(f"{file.as_posix()}:{digest_file(ROOT / file)};".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main(plot, __doc__, partial=True)
