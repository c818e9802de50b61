"""Evaluated runs: all that reports need of a run, without its weights, which are a thousand times as large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from stages.config import OWN_LINE, Alphas, BatchNormStatistics, Params, Run
from stages.config.schema import parse
from stages.lines.curves import EXAMPLE_FIELDS, HEADER_FIELDS, Curves
from stages.lines.evaluator import collect_curves
from stages.lines.line import Endpoint, Line
from stages.lines.line_evaluation import LineEvaluation
from stages.shared.errors import DamagedError, UserError
from stages.shared.origins import HERE
from stages.training.outcomes import Outcome

OF_LINES = tuple(f.name for f in fields(Curves) if f.name not in (*HEADER_FIELDS, "alphas", "examples"))
"""Fields of `Curves` with an entry for each line."""


@dataclass(frozen=True)
class EvaluatedLine:
    """A line to the final weights of a run, with what was found along it."""

    line: Line
    arrays: dict[str, np.ndarray] | None
    """Values of `OF_LINES`; None for a line with an end that is not finite."""
    number: int
    """Position among the lines of the suite, by which lines that are not runs' own are sorted."""


@dataclass(frozen=True)
class EvaluatedRun:
    """A run that was trained and whose own line was evaluated, in one suite."""

    outcome: Outcome
    dataset: str
    """Checksum of the dataset."""
    lines: tuple[EvaluatedLine, ...]
    """Its own line, then the others."""
    evaluation: dict
    """How its lines were evaluated, as of `describe_evaluation`."""
    origin: str = HERE
    """`here`, or the text of the origin that it is a record of."""

    @property
    def configuration(self) -> str:
        """Digest of the run's configuration, as in runs.csv."""
        return self.outcome.configuration


def describe_evaluation(params: Params, suite: str) -> dict:
    """Return how the lines of a suite are evaluated, as plain values."""
    settings, wanted = params.interpolate, params.suite(suite)
    return {
        "alphas": settings.alphas.model_dump(mode="json"),
        "batch_norm": settings.batch_norm.model_dump(mode="json"),
        "gauss_examples": wanted.gauss_examples,
        "path_examples": wanted.path_examples,
    }


def check_evaluation(run: EvaluatedRun, params: Params, suite: str) -> None:
    """Refuse a record whose lines were evaluated otherwise than the parameters say.

    Fewer examples whose outputs are kept are no reason: figures of outputs then leave the run out.

    Args:
        run: The record.
        params: The parameters.
        suite: Name of the suite.

    Raises:
        UserError: If it was.
    """
    recorded, wanted = run.evaluation, params.interpolate
    pairs = {
        "interpolate.alphas": (parse(Alphas, recorded["alphas"], "alphas"), wanted.alphas),
        "interpolate.batch_norm": (parse(BatchNormStatistics, recorded["batch_norm"], "batch_norm"), wanted.batch_norm),
        f"suites.{suite}.gauss_examples": (recorded["gauss_examples"], params.suite(suite).gauss_examples),
    }
    for key, (there, here) in pairs.items():
        if there != here:
            raise UserError(
                f"{key}: got {here}, but records of {run.origin} of suite {suite} were evaluated with {there}; set it "
                "so, or take another MLI_ORIGIN"
            )


def to_arrays(run: EvaluatedRun) -> tuple[dict[str, np.ndarray], dict]:
    """Return an evaluated run as the named arrays and the header of a file."""
    outcome = run.outcome
    arrays = {name: getattr(outcome, name) for name in ("epoch_loss", "epoch_distance", "numbers")}
    lines = []
    for place, found in enumerate(run.lines):
        line = found.line
        about = {"kind": line.kind, "start": line.start.run_id, "draw": line.draw, "part": line.part}
        lines.append(about | {"number": found.number, "finite": found.arrays is not None})
        arrays |= {f"lines.{place}.{name}": array for name, array in (found.arrays or {}).items()}
    header = {"run_id": outcome.run_id, "run": outcome.run.spec(), "diverged": outcome.diverged, "lines": lines}
    return arrays, header | {"dataset": run.dataset, "evaluation": run.evaluation}


def from_arrays(arrays: Mapping[str, np.ndarray], about: Mapping, origin: str) -> EvaluatedRun:
    """Return the evaluated run in a file that holds what `to_arrays` returned.

    Args:
        arrays: The arrays.
        about: The header.
        origin: Text of its origin.

    Returns:
        The evaluated run.

    Raises:
        DamagedError: If the file holds something else.
        UserError: If its configuration is none that this version knows.
    """
    try:
        curve = {name: arrays[name] for name in ("epoch_loss", "epoch_distance", "numbers")}
        run = parse(Run, about["run"], "run")
        outcome = Outcome(run_id=about["run_id"], run=run, diverged=about["diverged"], **curve)
        lines = []
        for place, line in enumerate(about["lines"]):
            prefix = f"lines.{place}."
            found = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            ends = Endpoint(line["start"], "initial"), Endpoint(outcome.run_id, "final")
            whole = Line(line["kind"], *ends, line["draw"], line["part"])
            lines.append(EvaluatedLine(whole, found if line["finite"] else None, line["number"]))
        return EvaluatedRun(outcome, about["dataset"], tuple(lines), dict(about["evaluation"]), origin)
    except (KeyError, TypeError) as error:
        raise DamagedError(f"no record of a run: it lacks {error}") from error


def join_curves(runs: Sequence[EvaluatedRun], request: LineEvaluation) -> Curves:
    """Return the curves of several evaluated runs: their own lines in this order, then the others by their number.

    Args:
        runs: The runs.
        request: How their lines were evaluated.

    Returns:
        The curves.
    """
    lines = [line for run in runs for line in run.lines]
    own = [line for line in lines if line.line.kind == OWN_LINE]
    others = sorted((line for line in lines if line.line.kind != OWN_LINE), key=lambda line: line.number)
    ordered = [*own, *others]
    found = [None if line.arrays is None else _known(line.arrays, request) for line in ordered]
    return collect_curves([line.line for line in ordered], found, request)


def _known(arrays: Mapping[str, np.ndarray], request: LineEvaluation) -> dict[str, Any]:
    """Return the arrays of a line that `Curves` has, as far as they are there; records may be older than a field."""
    known = {name: array for name, array in arrays.items() if name in OF_LINES}
    outputs = known.get("paths", np.zeros((0, 0, 0))).shape[2:]
    empty = {"paths": np.zeros((len(request.alphas()), 0, *outputs)), "gauss_smooth": np.zeros(0)}
    if "gauss_alphas" not in known and len(known.get("gauss_smooth", ())):
        # Gauss lengths of a record without the number of their alphas are those of the line's own grid.
        grids = {f"{name}_grid": known[name] for name in ("gauss_smooth", "gauss_turning")}
        known = known | grids | {"gauss_alphas": np.array(len(request.alphas()))}
    return empty | known


def split_curves(curves: Curves) -> dict[str, list[EvaluatedLine]]:
    """Return the lines of curves by the run at their end.

    Args:
        curves: The curves of a suite.

    Returns:
        Lines by run, in the order of the curves.
    """
    lines: dict[str, list[EvaluatedLine]] = {}
    for place, run_id in enumerate(curves.run_ids):
        ends = Endpoint(curves.starts[place], "initial"), Endpoint(run_id, "final")
        line = Line(curves.lines[place], *ends, curves.draws[place], curves.parts[place])
        arrays = {name: getattr(curves, name)[place] for name in OF_LINES}
        for name in EXAMPLE_FIELDS:
            arrays[name] = arrays[name][: curves.examples[place]]
        finite = bool(np.isfinite(arrays["distance"]))
        lines.setdefault(run_id, []).append(EvaluatedLine(line, arrays if finite else None, place))
    return lines
