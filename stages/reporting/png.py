"""Pictures that the report draws by itself, as PNG."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from stages.figures.style import RESOLUTION, in_few_colours


def png_bytes(drawing: Figure) -> bytes:
    """Return a drawing as a PNG of few colours, the same bytes each time."""
    png = io.BytesIO()
    drawing.savefig(png, format="png", dpi=RESOLUTION, pil_kwargs={"compress_level": 0})
    return in_few_colours(png)


def size_of(file: Path) -> tuple[int, int]:
    """Return width and height of a picture in pixels."""
    with Image.open(file) as picture:
        return picture.size
