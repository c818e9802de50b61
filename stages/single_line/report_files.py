"""The files of a report on lines: their curves and measures as CSV, a picture, and a small page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from stages.shared.files import write_bytes
from stages.single_line.drawing import draw_curves, png_of
from stages.single_line.line_result import LineResult
from stages.single_line.text import lines_of

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Picture:
    """A further picture with its tidy data."""

    name: str
    """Name of its files without suffix."""
    title: str
    """Heading on the page."""
    figure: Figure
    data: pd.DataFrame


def write_report(
    folder: Path, results: Sequence[LineResult], command: str, remarks: Sequence[str], pictures: Sequence[Picture] = ()
) -> Path:
    """Write `curve.csv`, `measures.csv`, `curve.png`, the files of further pictures, and `index.html`.

    Args:
        folder: The folder, which is made.
        results: The lines.
        command: The command that made them.
        remarks: Sentences about what was read and how it was computed.
        pictures: Further pictures.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    curves = [one.curve.assign(start=one.start, end=one.end) for one in results]
    _write_csv(folder / "curve.csv", pd.concat(curves, ignore_index=True))
    _write_csv(folder / "measures.csv", pd.concat([one.row for one in results], ignore_index=True))
    write_bytes(folder / "curve.png", png_of(draw_curves(results)))
    for picture in pictures:
        _write_csv(folder / f"{picture.name}.csv", picture.data)
        write_bytes(folder / f"{picture.name}.png", png_of(picture.figure))
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    context = {
        "title": f"Line from {results[0].start} to {results[0].end}",
        "command": command,
        "lines": [(f"{one.start} → {one.end}", lines_of(one)) for one in results],
        "remarks": remarks,
        "pictures": [(picture.title, picture.name) for picture in pictures],
    }
    page = folder / "index.html"
    write_bytes(page, environment.get_template("line.html.j2").render(context).encode())
    return page


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    write_bytes(path, frame.to_csv(index=False, lineterminator="\n").encode())
