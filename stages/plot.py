"""Stage `plot`: measures.csv, data/{curves,landscapes,theory}/ -> reports/{figures,svg,tables}/, findings.json."""

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path

from stages.command import main
from stages.config.declared import declared_items, item_of
from stages.config.job import Job
from stages.config.params import Theory
from stages.results.gathering import gathered
from stages.results.paper_numbers import NUMBERS
from stages.shared.environment import identity, version_of
from stages.shared.errors import UserError
from stages.shared.files import digest_file, replacing, write_bytes, write_json
from stages.shared.source_files import local_imports
from stages.shared.store import Store
from stages.workers.fill import fill
from stages.workers.task import Task

ROOT = Path(__file__).resolve().parents[1]
DRAWING, RENDERING = Path("stages/figures/drawing.py"), Path("stages/figures/style.py")
PACKAGES = ("matplotlib", "seaborn", "pandas", "scikit-learn", "pillow", "contourpy", "kiwisolver", "tabulate")
"""Packages that draw, beside those of `stages.shared.environment`; the only font comes with Matplotlib."""


def plot(job: Job) -> None:
    """Write the figures and tables that `plot` in params.yaml names, drawing those that the store lacks.

    Args:
        job: The job.
    """
    wanted = {key: item_of(key) for key in job.params.plot}
    store = Store.default()
    keys = {key: figure_key(job, key) for key in wanted}

    def plan(missing: list[int]) -> list[Task]:
        from stages.figures.drawing import draw_task  # imports Matplotlib and seaborn, which take a second

        items = list(keys.items())
        return [Task(draw_task, (job, *items[position])) for position in missing]

    drawn = fill(store, {"figures": list(keys.values())}, plan, "plot", "figure", "stages.figures.drawing")["figures"]
    findings = {}
    with (
        replacing(job.reports / "figures") as figures,
        replacing(job.reports / "svg") as vectors,
        replacing(job.reports / "tables") as tables,
    ):
        for new in (figures, vectors, tables):
            new.mkdir()
        for key, base in wanted.items():
            files, about = store.get("figures", keys[key])
            if job.progress is not None and files["csv"].tobytes().count(b"\n") < 2:
                continue  # of the runs that there are, none is to be shown; the pages say so
            findings[key] = about["finding"]
            folder = figures if base.startswith("figure") else tables
            for ending, content in files.items():
                write_bytes((vectors if ending == "svg" else folder) / f"{about['stem']}.{ending}", content.tobytes())
            if about["step"] > 1:
                every = f"one alpha in {about['step']}, to stay small; the curves hold all"
                print(f"\nplot: {about['stem']}.csv holds {every}")
    write_json(job.reports / "findings.json", findings)
    numbers = [sum(base.startswith(kind) for base in wanted.values()) for kind in ("figure", "table")]
    print(f"plot: {numbers[0]} figures, {numbers[1]} tables in {job.reports}; {len(drawn)} drawn, the others reused")


def figure_key(job: Job, key: str) -> str:
    """Return the key of the files of a figure or table in the store.

    It depends on the source of the drawing code, the versions of the packages that draw, the files and rows that the
    figure is made from, and the parameters of its suites with the order of their keys.

    Args:
        job: The job.
        key: The key of `plot` in the parameters.

    Returns:
        The key.

    Raises:
        UserError: If a file is missing.
    """
    pooled = job.params.plot[key]
    theory = [job.theory_file(model) for model in Theory.model_fields]
    files = [file for file in theory if file.exists() or not pooled]  # pipelines without theory have none
    for suite in pooled:
        files += [job.curves_file(suite), job.landscape_file(suite), job.training_folder(suite) / "epochs.csv"]
    if item_of(key).startswith("table"):
        files.append(NUMBERS)
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
    """Return a digest of the header and of the rows of some suites, whose name is in the first column."""
    with path.open("rb") as file:
        header, *rows = file
    chosen = [row for row in rows if row.partition(b",")[0].decode() in pooled]
    return hashlib.sha256(b"".join([header, *chosen])).hexdigest()


@cache
def drawing_source(name: str) -> str:
    """Return a digest of the source of all modules that make a figure or table.

    Args:
        name: The figure or table, such as `figure_05`.

    Returns:
        The digest of the module that declares it, of all that this module imports, and of the rendering code.
    """
    digest = hashlib.sha256()
    for file in sorted({DRAWING} | local_imports(ROOT, {RENDERING, declared_items()[name].file})):
        digest.update(f"{file.as_posix()}:{digest_file(ROOT / file)};".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main(plot, __doc__, partial=gathered)
