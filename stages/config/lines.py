"""Lines and planes of a suite, beside the own lines of its runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from stages.config.discovery import find_classes
from stages.config.line_kind import LineKind
from stages.config.run import NETWORKS, Run
from stages.config.schema import Frozen, Name, NonNegative
from stages.shared.errors import UserError

OWN_LINE = "initial_to_final"
"""Kind of a run's own line, the paper's: from its initial to its final weights."""


class PlanePoint(Frozen):
    """A point of one run."""

    point: Literal["initial", "final"]
    """End of the run's training at which the point is."""
    among: dict[str, list]
    """Choice of the run: keys of a run, each with a list of values; one run of the suite has them."""


class Plane(Frozen):
    """A section of weight space through three points, with the paths of runs whose two ends are among the points."""

    points: Annotated[dict[Name, PlanePoint], Field(min_length=3)]
    """Points by name. The first three span the plane; others are projected onto it."""
    grid: Annotated[int, Field(ge=3)] = 25
    """Number of grid points a side."""
    margin: NonNegative = 0.1
    """Width of the margin around all that is shown, as a proportion of its extent."""


def of_runs(among: Mapping[str, list], run: Run) -> bool:
    """Return whether each field that `among` names has one of its values in a run."""
    values = {field: [tuple(one) if isinstance(one, list) else one for one in some] for field, some in among.items()}
    return all(getattr(run, field) in some for field, some in values.items())


def architecture(run: Run) -> tuple:
    """Return the properties that two runs must share for a line to lead from one to the other."""
    return run.loss, run.architecture.shape()


def require(key: str, property_name: str, which: str, runs: Sequence[Run]) -> None:
    """Refuse runs of networks without a property.

    Args:
        key: Key of the lines in the parameters, for the message.
        property_name: Name of a property of `Network`, such as `permutable`.
        which: The property in words, as a relative clause.
        runs: The runs.

    Raises:
        UserError: If a run's network does not have it.
    """
    networks = [name for name, kind in NETWORKS.items() if getattr(kind, property_name)]
    for run in runs:
        if run.network not in networks:
            raise UserError(
                f"{key}.among: got network {run.network}, expected one {which}: {', '.join(networks)}; narrow `among`"
            )


LINE_KINDS = find_classes("stages.lines.kinds", LineKind)
if TYPE_CHECKING:
    Lines = Any
else:
    Lines = Annotated[Union[LINE_KINDS], Field(discriminator="kind")]  # noqa: UP007 (of a tuple)


def check_lines(where: str, wanted: Mapping[str, LineKind], runs: tuple[Run, ...]) -> None:
    """Refuse lines that the runs of a suite cannot have.

    Args:
        where: Key at which they stand, for messages.
        wanted: The lines by their name.
        runs: The runs of the suite.

    Raises:
        UserError: If there is one.
    """
    for name, entry in wanted.items():
        key = f"{where}.{name}"
        if name == OWN_LINE:
            raise UserError(f"{key}: got the name that the runs' own lines have, expected another, such as fresh")
        entry.check(key, _chosen(f"{key}.among", entry.among, runs))


def check_planes(where: str, wanted: Mapping[str, Plane], runs: tuple[Run, ...]) -> None:
    """Refuse planes that the runs of a suite cannot have.

    Args:
        where: Key at which they stand, for messages.
        wanted: The planes by their name.
        runs: The runs of the suite.

    Raises:
        UserError: If there is one.
    """
    for name, plane in wanted.items():
        kinds, spanned = set(), set()
        for label, point in plane.points.items():
            key = f"{where}.{name}.points.{label}"
            chosen = _chosen(f"{key}.among", point.among, runs)
            if len(chosen) > 1:
                raise UserError(f"{key}.among: got what {len(chosen)} runs have, expected what one run has")
            kinds.add(architecture(chosen[0]))
            found = (point.point, repr(chosen[0].spec()))
            if found in spanned:
                raise UserError(f"{key}: got a point that another name has too, expected each once")
            spanned.add(found)
        if len(kinds) > 1:
            raise UserError(f"{where}.{name}.points: got runs of different architectures, expected one")


def _chosen(key: str, among: Mapping[str, list], runs: tuple[Run, ...]) -> list[Run]:
    for field in among:
        if field not in Run.model_fields:
            raise UserError(f"{key}.{field}: no such key of a run; remove it or correct its spelling")
    chosen = [run for run in runs if of_runs(among, run)]
    if not chosen:
        raise UserError(f"{key}: got {dict(among)}, expected what some run of the suite has")
    return chosen
