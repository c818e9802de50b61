"""The lines that `lines` of a suite lists in addition to the runs' own lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from stages.config import Lines, Run, of_runs
from stages.lines.line import Line


@dataclass(frozen=True)
class SuiteRuns:
    """The runs of a suite and their properties that decide which lines to evaluate."""

    runs: Mapping[str, Run]
    """Configurations by run."""
    table: pd.DataFrame
    """The measures of the runs' own lines."""
    shapes: Callable[[str], Mapping[str, tuple[int, ...]]]
    """A function from a run to the shape of each parameter by its name, in the order of the network."""


def list_requested_lines(wanted: Mapping[str, Lines], suite: SuiteRuns) -> list[Line]:
    """List the lines that a suite wants in addition to the runs' own lines.

    Args:
        wanted: Entries of `lines`, by name.
        suite: The runs of the suite.

    Returns:
        The lines, entry by entry.
    """
    lines: list[Line] = []
    for name, entry in wanted.items():
        chosen = {key: run for key, run in suite.runs.items() if of_runs(entry.among, run)}
        lines += entry.lines(name, chosen, suite)
    return lines
