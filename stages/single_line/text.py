"""The numbers of a line in words."""

import math

from stages.single_line.line_result import LineResult

TREATMENTS = {
    "reestimated": "batch-norm statistics estimated anew at each α",
    "stored": "batch-norm statistics interpolated as stored",
    "batch": "each batch normalised by its own statistics",
    "none": "no batch norm",
}


def number(value: float, digits: int = 4) -> str:
    """Return a number in a few digits; "-" for NaN."""
    return "-" if math.isnan(value) else f"{value:.{digits}g}"


def lines_of(result: LineResult) -> list[tuple[str, str]]:
    """Return names and values of the numbers of a line, for a person."""
    row = result.row.iloc[0]
    curve = result.curve
    first, last = curve.iloc[0], curve.iloc[-1]
    verdict = {True: "monotone", False: "not monotone"}.get(row["monotonic"], "no verdict: a loss is not finite")
    noise = "" if math.isnan(result.noise) else f" ± {number(result.noise, 2)}"
    fine = row["min_delta_refined"]
    found = [
        ("min Δ", f"{number(result.min_delta)}{noise}, {verdict} at tolerance {number(row['tolerance'])}"),
        ("min Δ on a finer grid", number(fine)) if not math.isnan(fine) else ("", ""),
        ("barrier", number(row["barrier"])),
        ("the loss rises", _rises(result)),
        ("training loss", f"{number(first['train_loss'])} at α = 0, {number(last['train_loss'])} at α = 1"),
        ("training accuracy", f"{number(first['train_accuracy'])} at α = 0, {number(last['train_accuracy'])} at α = 1"),
        ("test loss", f"{number(first['test_loss'])} at α = 0, {number(last['test_loss'])} at α = 1"),
        ("distance", f"{number(row['distance'])}, {number(row['normalized_distance'])} times the norm of the start"),
        (
            "Gauss length",
            f"{number(row['gauss_length_smooth'])} rad by the paper's integral, "
            f"{number(row['gauss_length_turning'])} rad with corners",
        ),
        ("computed with", f"{row['examples']} training examples, {len(curve)} α; {TREATMENTS[row['batch_norm']]}"),
    ]
    return [(name, value) for name, value in found if name and "- at α" not in value and not value.startswith("- rad")]


def summarise(result: LineResult) -> str:
    """Return the numbers of a line in a few lines of text."""
    parts = lines_of(result)
    width = max(len(name) for name, _ in parts)
    head = f"line from {result.start} to {result.end}"
    return "\n".join([head, *(f"  {name:{width}}  {value}" for name, value in parts)])


def _rises(result: LineResult) -> str:
    largest = result.largest_rise()
    if largest is None:
        return "nowhere"
    text = f"from α = {largest.start:.3g} to {largest.top:.3g}"
    stretches = len(result.rises())
    return text + (f", on {stretches} stretches in all" if stretches > 1 else "")
