"""The results of drawing: a picture or a Markdown table, with the tidy data that it shows."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure and the tidy data that it shows."""

    figure: Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Table:
    """A table as tidy data and as Markdown."""

    data: pd.DataFrame
    markdown: str
