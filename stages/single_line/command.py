"""The work of `python -m stages.line`, given its options."""

import argparse
import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from stages.shared.errors import UserError
from stages.single_line.checkpoint_order import in_order
from stages.single_line.checkpoints import read_weights
from stages.single_line.data_files import load_data
from stages.single_line.examples import Examples, examples_of
from stages.single_line.line_evaluator import Detail, LineEvaluator
from stages.single_line.line_result import LineResult
from stages.single_line.named_objects import call_object, find_object, network_builder, parse_arguments
from stages.single_line.options import LEAST, check_numbers, find_device
from stages.single_line.prepared_network import Checkpoint, Point, prepare_network
from stages.single_line.refinement import refine_line
from stages.single_line.text import number

if TYPE_CHECKING:
    from stages.single_line.report_files import Picture

FACTORY_WORD = "factory"
"""Word that stands for the weights of the network as the factory gives it."""
PLANE_EXAMPLES = 512
"""Largest number of examples on a plane."""


def run_command(given: argparse.Namespace, command: str) -> None:
    """Evaluate lines, print their numbers and write the report.

    Args:
        given: The options of `stages.line`.
        command: The command as it was given, for the page.

    Raises:
        UserError: If an option, a file or the network is faulty.
    """
    _check_options(given)
    warnings.filterwarnings("ignore", "There is a performance drop")  # of `vmap`, which computes it all the same
    device = find_device(given.device, "--device")
    builder = network_builder(given.factory, parse_arguments("--arg", given.arg))
    data = _data(given)
    names, order = in_order(given.checkpoints)
    wanted = [*names, *([given.plane] if given.plane else [])]
    checkpoints = [_checkpoint(name) for name in wanted]
    prepared = prepare_network(builder, checkpoints, data.x, given.entry, given.factory)
    evaluator = LineEvaluator(
        prepared,
        data.shuffled(),
        _loss(given.loss),
        given.batch_norm,
        given.batch,
        device,
        given.tolerance,
        say=lambda sentence: print(sentence, file=sys.stderr),
    )
    remarks = [*order, *data.remarks, *prepared.remarks]
    for remark in remarks:
        print(remark)
    short = _short_names(wanted)
    named = [replace(point, name=short.get(point.name, point.name)) for point in prepared.points]
    points, third = named[: len(names)], named[len(names) :]
    results = [_refine(evaluator, points[0], points[-1], given)]
    print(results[0], flush=True)
    from stages.single_line.report_files import write_report  # drawing takes seconds to import: numbers come first

    write_report(given.out, results, command, remarks)
    detail = Detail(int(results[0].row["examples"].iloc[0]), given.alphas)
    for place, point in enumerate(points[1:-1], 2):
        with _progress(f"line {place} of {len(points) - 1}") as progress:
            results.append(evaluator.evaluate(point, points[-1], detail, progress))
    pictures = _path_and_plane(evaluator, points, third, results, detail.examples)
    print(f"written: {write_report(given.out, results, command, remarks, pictures)}")


def _path_and_plane(
    evaluator: LineEvaluator,
    points: Sequence[Point],
    third: Sequence[Point],
    lines: Sequence[LineResult],
    examples: int,
) -> list["Picture"]:
    """Return pictures of the path through several checkpoints, and of the plane through three."""
    from stages.single_line.path_and_plane import draw_path, draw_plane, evaluate_plane, path_frame
    from stages.single_line.report_files import Picture

    pictures = []
    between = list(range(1, len(points) - 1))
    if between:
        frame = path_frame(points, evaluator.prepared.trainable, lines)
        print(frame[["checkpoint", "progress", "residual", "train_loss"]].to_string(index=False))
        pictures.append(Picture("path", "The path of training beside the line", draw_path(frame), frame))
        farthest = int(frame["residual"].iloc[1:-1].idxmax())
        between.remove(farthest)
        span = [0, len(points) - 1, farthest]
        shown = [*(points[place] for place in span), *(points[place] for place in between)]
        order = [int(place) for place in np.argsort([*span, *between])]
    elif third:
        shown, order = [points[0], points[-1]], []
    else:
        return []
    if third:
        shown, order = [*shown[:2], third[0], *shown[2:]], [place + (place > 1) for place in order]
    with _progress("plane") as progress:
        plane = evaluate_plane(evaluator, shown, min(examples, PLANE_EXAMPLES), order, progress)
    title = f"The plane through {shown[0].name}, {shown[1].name} and {shown[2].name}"
    return [*pictures, Picture("plane", title, draw_plane(plane), plane.frame())]


@contextmanager
def _progress(name: str) -> Generator[Callable[[float], None], None, None]:
    """Show a bar on a terminal, which a function moves to a share from 0 to 1."""
    with tqdm(total=100, desc=name, unit="%", disable=None, leave=False, smoothing=0) as shown:
        yield lambda share: shown.update(100 * share - shown.n)


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """Return names of checkpoints without folders, where these are different."""
    short = {name: Path(name).name or name for name in names}
    return short if len(set(short.values())) == len(short) else {}


def _check_options(given: argparse.Namespace) -> None:
    if len(given.checkpoints) < 2:
        raise UserError("CHECKPOINT: got one, expected at least two: before and after")
    if bool(given.data) == bool(given.dataset_factory):
        raise UserError("--data: give either --data or --dataset-factory")
    check_numbers({f"--{name.replace('_', '-')}": getattr(given, name) for name in LEAST})


def _data(given: argparse.Namespace) -> Examples:
    arguments = parse_arguments("--data-arg", given.data_arg)
    if given.dataset_factory:
        return examples_of(call_object("--dataset-factory", given.dataset_factory, arguments))
    transform = call_object("--transform", given.transform, {}) if given.transform else None
    return load_data(given.data, given.size, transform)


def _checkpoint(name: str) -> Checkpoint:
    if name == FACTORY_WORD and not Path(name).exists():
        return Checkpoint("the factory's weights", None)
    return Checkpoint(name, read_weights(Path(name)))


def _loss(named: str) -> str | Callable:
    if ":" not in named:
        return named
    found = find_object("--loss", named)
    return found() if isinstance(found, type) else found


def _refine(evaluator: LineEvaluator, start: Point, end: Point, given: argparse.Namespace) -> LineResult:
    """Return the final result of a line; each step before it is printed in a sentence."""
    with tqdm(total=100, unit="%", disable=None, leave=False, smoothing=0) as shown:

        def progress(step: str, share: float) -> None:
            shown.set_description(step, refresh=False)
            shown.update(100 * share - shown.n)

        steps = refine_line(evaluator, start, end, given.examples, given.alphas, given.gauss_examples, progress)
        for result, final in steps:
            if final:
                return result
            shown.reset()
            row = result.row.iloc[0]
            error = "" if result.noise != result.noise else f" ± {number(result.noise, 2)}"
            print(
                f"{row['examples']} examples, {row['alphas']} α: min Δ {number(result.min_delta)}{error}, loss "
                f"{number(result.curve['train_loss'].iloc[0])} to {number(result.curve['train_loss'].iloc[-1])}",
                flush=True,
            )
    raise AssertionError("a line has a final step")
