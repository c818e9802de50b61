"""Check that the report on records of other machines is made from the packs that are committed beside it."""

import io
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.config import load
from stages.config.job import Job
from stages.measure import measures
from stages.report import report
from stages.results.gathering import gather_from
from stages.results.origin_folder import known_origins
from stages.results.packs import unpack
from stages.shared.csv_files import read_csv
from stages.shared.origins import HERE
from stages.shared.store import Store

MADE = ("measures.csv", "power_law.csv", "metrics.json", "claims.json", "verdicts.json")
"""Files that are made again and compared."""


def check(root: Path, params: Path, reports: Path) -> Iterator[str]:
    """Measure the lines in the packs beside some parameters and judge claims again, and compare with what is committed.

    Args:
        root: The project's root.
        params: File of the parameters, relative to the root; packs are in `packs` beside it.
        reports: Folder of reports, relative to the root.

    Yields:
        A line a fault.
    """
    packs = sorted((root / params.parent / "packs").glob("*.pack"))
    committed = root / reports / "measures.csv"
    remedy = f"run `make {params.parent}-report`"
    if not packs:
        return
    if not committed.exists():
        yield f"{reports / 'measures.csv'}: missing, but {params.parent / 'packs'} holds records; {remedy}"
        return
    table = read_csv(committed)
    if "origin" in table and HERE in set(table["origin"]):
        return  # a report on runs of this machine too, which no pack holds
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        store, made = Store(Path(folder) / "store"), Path(folder) / "reports"
        for pack in packs:
            unpack(pack, store)
        shutil.copytree(root / reports, made)  # with its figures and tables, which the pages name
        whole = Job(load(root / params), None, Path(folder), made, params.with_name("dvc.yaml"))
        job = gather_from(whole, store, known_origins(store))
        measures(job)
        report(job)
        other = [name for name in MADE if not _same(root / reports / name, made / name)]
    yield from (f"{reports / name}: not what the records in {params.parent / 'packs'} give; {remedy}" for name in other)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.read_bytes() == other.read_bytes()
