"""The lines that a suite asks for beside the runs' own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

import pandas as pd

from stages.config import (
    FreshLines,
    LayerLines,
    Lines,
    NoiseLines,
    PairLines,
    PermutedLines,
    Run,
    SnapshotLines,
    ZeroLines,
    of_runs,
)
from stages.lines.line import Endpoint, Exchanged, Line, Matched, Permuted
from stages.lines.parts import blocks, layers
from stages.measures.contrast import contrast


@dataclass(frozen=True)
class Asked:
    """What lines are asked of."""

    runs: Mapping[str, Run]
    """The runs of the suite."""
    table: pd.DataFrame
    """The measures of the runs' own lines."""
    shapes: Callable[[str], Mapping[str, tuple[int, ...]]]
    """Returns the shape of each parameter of a run by its name, in the order of the network."""


def requested(wanted: Mapping[str, Lines], asked: Asked) -> list[Line]:
    """Return the lines that a suite asks for.

    Args:
        wanted: Which lines, by the name of their kind.
        asked: The runs, and what they did.

    Returns:
        The lines, kind by kind.
    """
    lines: list[Line] = []
    for name, entry in wanted.items():
        chosen = {key: run for key, run in asked.runs.items() if of_runs(entry.among, run)}
        lines += KINDS[type(entry)](name, entry, chosen, asked)
    return lines


def _fresh(name: str, entry: FreshLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    """Yield lines to each of the two runs that `contrast` chooses, as far as there are."""
    admitted = asked.table[(asked.table["status"] == "converged")].astype({"monotonic": bool})
    for row in contrast(admitted[admitted["run_id"].isin(chosen)]):
        if row is not None:
            key = row["run_id"]
            scheme = chosen[key].initialization if entry.initialization == "own" else entry.initialization
            for number in range(entry.count):
                yield Line(name, Endpoint(key, f"fresh_{scheme}_{number}"), Endpoint(key, "final"), number)


def _permuted(name: str, entry: PermutedLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    for key in chosen:
        for number in range(entry.count):
            ends = {point: Endpoint(key, point) for point in ("initial", "final")}
            ends[entry.point] = Endpoint(key, entry.point, Permuted(number))
            yield Line(name, ends["initial"], ends["final"], number)


def _snapshots(name: str, entry: SnapshotLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    for key, run in chosen.items():
        for epoch in run.snapshots:
            if 0 < epoch < run.epochs:
                yield Line(name, Endpoint(key, f"epoch_{epoch}"), Endpoint(key, "final"), epoch)


def _noise(name: str, entry: NoiseLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    for key in chosen:
        for number in range(entry.count):
            yield Line(name, Endpoint(key, f"noise_{number}"), Endpoint(key, "final"), number)


def _zero(name: str, entry: ZeroLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    for key in chosen:
        yield Line(name, Endpoint(key, "zero"), Endpoint(key, "final"))


def _layers(name: str, entry: LayerLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    divide = layers if entry.of == "layer" else blocks
    for key in chosen:
        for part, parameters in divide(asked.shapes(key)).items():
            rest = Endpoint(key, entry.rest)
            moved = "initial" if entry.rest == "final" else "final"
            other = Endpoint(key, entry.rest, Exchanged(parameters, moved))
            start, end = (other, rest) if entry.rest == "final" else (rest, other)
            yield Line(name, start, end, part=part)


def _pairs(name: str, entry: PairLines, chosen: dict[str, Run], asked: Asked) -> Iterator[Line]:
    pairs = combinations if entry.start == entry.end else permutations
    for first, second in pairs(chosen, 2):
        change = Matched(entry.matching, first) if entry.matching else None
        yield Line(name, Endpoint(first, entry.start), Endpoint(second, entry.end, change))


KINDS = {
    FreshLines: _fresh,
    PermutedLines: _permuted,
    SnapshotLines: _snapshots,
    NoiseLines: _noise,
    ZeroLines: _zero,
    LayerLines: _layers,
    PairLines: _pairs,
}
