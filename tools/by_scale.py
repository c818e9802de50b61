"""Put the effect and verdict of each claim at each scale side by side: digits, MNIST 128 units wide, the paper's own.

`python -m tools.by_scale` writes reports/scale.md and reports/scale.csv from the `claims.json` of each pipeline that
has been run; with --check it fails if they are not what would be written.
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from stages.shared.csv_files import csv_bytes
from stages.shared.errors import UserError
from stages.shared.files import write_bytes

SCALES = {
    "digits": Path("reports/claims.json"),
    "MNIST, 128 units": Path("reports/mnist/claims.json"),
    "paper's own scale": Path("reports/paper/claims.json"),
}
"""The claims of each pipeline, from the smallest scale to the paper's."""
PAGE, DATA = Path("reports/scale.md"), Path("reports/scale.csv")
NUMBERS = ("effect", "low", "high", "paper_effect")
COLUMNS = ("claim", "statement", "scale", "verdict", "kind", *NUMBERS, "counts", "suites")
INTRODUCTION = """\
# How does each claim change with the scale?

One row a claim, one column a scale, from the `claims.json` of each pipeline that has been run (`python -m
tools.by_scale`). In a cell: the verdict, the effect with its interval, and the counts behind it; empty where the claim
was not judged. [How verdicts are made](../docs/verdicts.md) defines verdicts and effects. `scale.csv` has all numbers.
"""


def collect(root: Path) -> pd.DataFrame:
    """Return the claims of all scales.

    Args:
        root: The project's root.

    Returns:
        One row a claim and scale, with `COLUMNS`; what a file does not say is missing.

    Raises:
        UserError: If a file holds no claims.
    """
    rows = []
    for scale, name in SCALES.items():
        if not (root / name).is_file():
            continue
        try:
            claims = json.loads((root / name).read_text(encoding="utf-8"))
            for claim, found in claims.items():
                words = {field: found.get(field) for field in ("statement", "verdict", "kind", *NUMBERS)}
                listed = {"counts": _counts(found.get("counts")), "suites": " ".join(found["suites"])}
                rows.append({"claim": claim, "scale": scale} | words | listed)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise UserError(f"{name}: holds no claims ({error!r}); run its pipeline's stage report again") from error
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(NUMBERS, float))


def _counts(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{name} {count}" for name, count in (counts or {}).items())


def page(found: pd.DataFrame) -> str:
    """Return the table as Markdown: one row a claim, one column a scale."""
    scales = [scale for scale in SCALES if scale in set(found["scale"])]
    lines = []
    for claim, rows in found.groupby("claim", sort=False):
        cells = {row["scale"]: _cell(row) for row in rows.to_dict("records")}
        paper = rows["paper_effect"].dropna()
        stated = f"{paper.iloc[0]:.3g}" if len(paper) else ""
        lines.append([f"`{claim}`: {rows['statement'].iloc[0]}", stated, *(cells.get(scale, "") for scale in scales)])
    head = ["claim", "effect in the paper", *scales]
    return f"{INTRODUCTION}\n{pd.DataFrame(lines, columns=head).to_markdown(index=False, disable_numparse=True)}\n"


def _cell(row: dict) -> str:
    parts = [str(row["verdict"])]
    if pd.notna(row["effect"]):
        interval = f" ({row['low']:.3g} to {row['high']:.3g})" if pd.notna(row["low"]) else ""
        parts.append(f"{row['effect']:.3g}{interval}")
    return "<br>".join([*parts, *filter(None, [row["counts"]])])


def files(root: Path) -> dict[Path, bytes]:
    """Return what is to be written, by path; nothing if no pipeline has been run."""
    found = collect(root)
    return {} if found.empty else {DATA: csv_bytes(found), PAGE: page(found).encode()}


def stale(root: Path) -> list[str]:
    """Return one line for each file that is missing or is not what would be written."""
    return [
        f"{path}: not of the claims there are; run python -m tools.by_scale"
        for path, content in files(root).items()
        if not (root / path).is_file() or (root / path).read_bytes() != content
    ]


def main() -> None:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the files are not what would be written")
    root = Path.cwd()
    try:
        if parser.parse_args().check:
            faults = stale(root)
            sys.exit("\n".join(faults) if faults else 0)
        for path, content in files(root).items():
            write_bytes(root / path, content)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
