"""Compare two folders of reports value by value: every CSV and JSON file of the first with the same file of the second.

    python tools/compare_reports.py OLD NEW [--columns COLUMNS.yaml] [--tolerance 0]

OLD is a folder, or a commit of git whose `reports/` is compared. Prints what differs; the exit status is 1 if any value
does. Columns of tables and keys of JSON that were renamed or dropped are named in COLUMNS.yaml, by file:
`figures/figure_05.csv: {old: new, gone: null}`. Rows may stand in another order.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
import yaml

from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError

Columns = Mapping[str, Mapping[str, str | None]]


def compare(old: Path, new: Path, columns: Columns, tolerance: float) -> Iterator[str]:
    """Find what differs between two folders of reports.

    Args:
        old: The first folder.
        new: The second folder.
        columns: By file, relative to the folders: columns or keys of the first with their names in the second, None
            for one that was dropped.
        tolerance: Largest relative difference of numbers that counts as none.

    Yields:
        A line for each file that is missing or new, and for each column or value that differs.
    """
    before, after = _files(old), _files(new)
    yield from (f"{name}: only in {new}" for name in sorted(after - before))
    for name in sorted(before):
        if name not in after:
            yield f"{name}: only in {old}"
        elif name.endswith(".json"):
            values = _renamed(_json(old / name), columns.get(name, {})), _json(new / name)
            yield from compare_values(name, *values, tolerance)
        else:
            tables = read_csv(old / name), read_csv(new / name)
            yield from compare_tables(name, *tables, columns.get(name, {}), tolerance)


def compare_tables(
    name: str, old: pd.DataFrame, new: pd.DataFrame, columns: Mapping[str, str | None], tolerance: float
) -> Iterator[str]:
    """Find what differs between two tables whose rows may stand in another order.

    Args:
        name: What to call the table.
        old: The first table.
        new: The second table, which may have more columns.
        columns: Columns of the first with their names in the second, None for one that was dropped.
        tolerance: Largest relative difference of numbers that counts as none.

    Yields:
        A line for each column that is missing, and for each one in which values differ.
    """
    kept = {column: columns.get(column, column) for column in old if columns.get(column, column) is not None}
    missing = [column for column, now in kept.items() if now not in new]
    if missing:
        yield f"{name}: no column {', '.join(missing)}"
        kept = {column: now for column, now in kept.items() if now in new}
    first, second = old[list(kept)], new[list(kept.values())].set_axis(list(kept), axis=1)
    if len(old) != len(new):
        lost = _spelled_rows(first) - _spelled_rows(second)
        missing_rows = f", {lost.total()} of the first are not among them" if lost else ", all of the first among them"
        yield f"{name}: {len(old)} rows, now {len(new)}{missing_rows}"
        return
    if len(list(_different(first, second, tolerance))):
        first, second = _sorted(first), _sorted(second)
    yield from (f"{name}: {line}" for line in _different(first, second, tolerance))


def compare_values(name: str, old: object, new: object, tolerance: float) -> Iterator[str]:
    """Find what differs between two values of JSON: mappings and lists of them, text, numbers.

    Args:
        name: Where the values stand.
        old: The first value.
        new: The second value.
        tolerance: Largest relative difference of numbers that counts as none.

    Yields:
        A line for each value that differs, is missing or is new.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key in old and key in new:
                yield from compare_values(f"{name}: {key}", old[key], new[key], tolerance)
            else:
                yield f"{name}: {key}: {'gone' if key in old else 'new'}"
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from compare_values(f"{name}: {place}", *pair, tolerance)
    elif not _same(pd.Series([old], dtype=object), pd.Series([new], dtype=object), tolerance).all():
        yield f"{name}: {old!r}, now {new!r}"


def _files(folder: Path) -> set[str]:
    found = [*folder.rglob("*.csv"), *folder.rglob("*.json")]
    return {path.relative_to(folder).as_posix() for path in found}


def _json(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def _renamed(value: object, names: Mapping[str, str | None]) -> object:
    """Return a value of JSON in which the keys of mappings have their new names, without those that were dropped."""
    if not isinstance(value, dict):
        return value
    return {names.get(key, key): _renamed(one, names) for key, one in value.items() if names.get(key, key) is not None}


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by text and whole numbers first, then by numbers that may differ in their last digits."""
    exact = [column for column in table if not pd.api.types.is_float_dtype(table[column])]
    keys = [*exact, *(column for column in table if column not in exact)]
    spelled = pd.DataFrame({key: table[key] if key not in exact else table[key].astype(str) for key in keys})
    return table.loc[spelled.sort_values(keys, kind="stable").index].reset_index(drop=True)


def _spelled_rows(table: pd.DataFrame) -> Counter:
    """Count the rows of a table, each as text; a whole number is spelled like the same number as a float."""
    numbers = table.select_dtypes("number").columns
    return Counter(map(tuple, table.astype(dict.fromkeys(numbers, float)).astype(str).to_numpy()))


def _different(old: pd.DataFrame, new: pd.DataFrame, tolerance: float) -> Iterator[str]:
    """Say of each column in how many rows it differs, with the first of them."""
    for column in old:
        same = _same(old[column].reset_index(drop=True), new[column].reset_index(drop=True), tolerance)
        if not same.all():
            row = int(np.flatnonzero(~same)[0])
            example = f"row {row}: {old[column].iloc[row]}, now {new[column].iloc[row]}"
            yield f"column {column} differs in {int((~same).sum())} of {len(same)} rows, {example}"


def _same(old: pd.Series, new: pd.Series, tolerance: float) -> np.ndarray:
    """Return for each pair of values whether they are equal; missing values equal each other."""
    both_missing = (old.isna() & new.isna()).to_numpy()
    numbers = [pd.to_numeric(one, errors="coerce").to_numpy(float) for one in (old, new)]
    close = np.isclose(numbers[1], numbers[0], rtol=tolerance, atol=0)
    return both_missing | close | (old.astype(str).to_numpy() == new.astype(str).to_numpy())


def _reports_of(commit: str, folder: Path) -> Path:
    """Unpack `reports/` of a commit below a folder, and return where it is."""
    done = subprocess.run(["git", "archive", commit, "reports"], capture_output=True)
    if done.returncode:
        raise UserError(f"{commit} is neither a folder nor a commit with reports ({done.stderr.decode().strip()})")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "reports"


def main() -> int:
    """Compare, print what differs, and return the exit status: 0 if nothing does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", help="a folder of reports, or a commit")
    parser.add_argument("new", type=Path, help="a folder of reports")
    parser.add_argument("--columns", type=Path, help="YAML: by file, columns that were renamed or dropped")
    parser.add_argument("--tolerance", type=float, default=0.0, help="largest relative difference that counts as none")
    given = parser.parse_args()
    columns = yaml.safe_load(given.columns.read_text(encoding="utf-8")) if given.columns else {}
    with tempfile.TemporaryDirectory() as temporary:
        try:
            old = Path(given.old) if Path(given.old).is_dir() else _reports_of(given.old, Path(temporary))
            if not given.new.is_dir():
                raise UserError(f"{given.new} is no folder of reports; name one")
            found = list(compare(old, given.new, columns, given.tolerance))
            files = len(_files(old))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    print("\n".join(found) if found else f"{files} files hold the same values")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
