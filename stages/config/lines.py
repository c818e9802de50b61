"""Which lines and planes a suite has beside the own lines of its runs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.config.run import NETWORK_OPTIONS, Run
from stages.config.schema import Count, Frozen, Name, NonNegative
from stages.shared.errors import UserError

OWN_LINE = "initial_to_final"
"""The paper's kind of line: from a network's own initialisation to where its training ended."""
PERMUTABLE = ("mlp", "autoencoder", "simple_cnn", "lenet", "alexnet", "vgg", "resnet")
"""Networks whose units `stages.lines.symmetry` knows how to permute."""
WITH_BLOCKS = ("resnet", "resnet_imagenet", "roberta")
OF_TRAINING = {"initialization", "scalar_lr_factor", "dropout"}
ARCHITECTURE = ("network", "loss", *sorted(set().union(*NETWORK_OPTIONS.values()) - OF_TRAINING))
"""Fields in which the ends of a line agree, so that one network has the weights of both."""


class _Lines(Frozen):
    among: dict[str, list]
    """Of which runs: keys of a run, each with the values it may have."""


class FreshLines(_Lines):
    """Lines from initialisations that no training started from to where two runs ended: a monotone one and another."""

    kind: Literal["fresh"]
    count: Count
    initialization: Literal["own", "standard", "block_identity"]


class PermutedLines(_Lines):
    """Lines of runs, the hidden units of one end randomly permuted; the function at that end stays the same."""

    kind: Literal["permuted"]
    point: Literal["initial", "final"]
    count: Count


class SnapshotLines(_Lines):
    """Lines from each snapshot of a run, but that of its initial weights, to where it ended (Frankle 2020)."""

    kind: Literal["snapshots"]


class NoiseLines(_Lines):
    """Lines from Gaussian noise, in each tensor as large as the final weights, to where a run ended.

    After Tao, Li and Zhan (2024).
    """

    kind: Literal["noise"]
    count: Count


class ZeroLines(_Lines):
    """The line from all weights zero to where a run ended (Tao, Li and Zhan 2024)."""

    kind: Literal["zero"]


class LayerLines(_Lines):
    """Lines along which one layer or block moves from initial to final; the rest stays (Vlaar and Frankle 2022)."""

    kind: Literal["layers"]
    of: Literal["layer", "block"]
    rest: Literal["initial", "final"]


class PairLines(_Lines):
    """Lines between different runs: between all pairs of equal points, or from each initialisation to other optima."""

    kind: Literal["pairs"]
    start: Literal["initial", "final"]
    end: Literal["initial", "final"]
    matching: Literal["weights", "activations"] | None
    """How the units of the end are permuted to be like those of the start (Ainsworth et al. 2022)."""

    @model_validator(mode="after")
    def _ends(self) -> "PairLines":
        if (self.start, self.end) == ("final", "initial"):
            raise ValueError("start: got 'final', expected initial: a line to an initialisation starts at another")
        if self.matching and (self.start, self.end) != ("final", "final"):
            raise ValueError(f"matching: got {self.matching!r}, expected null: it is of lines from final to final")
        return self


Lines = Annotated[
    FreshLines | PermutedLines | SnapshotLines | NoiseLines | ZeroLines | LayerLines | PairLines,
    Field(discriminator="kind"),
]


class PlanePoint(Frozen):
    """A point of one run."""

    point: Literal["initial", "final"]
    among: dict[str, list]
    """Which run: keys of a run with the values it may have; one run of the suite has them."""


class Plane(Frozen):
    """A section of weight space through three points, with the paths of runs whose ends are among the points."""

    points: Annotated[dict[Name, PlanePoint], Field(min_length=3)]
    """The first three span the plane; others are projected onto it."""
    grid: Annotated[int, Field(ge=3)]
    """Points a side."""
    margin: NonNegative
    """Around all that is shown, as a share of its extent."""


def of_runs(among: Mapping[str, list], run: Run) -> bool:
    """Return whether each field that `among` names has one of its values in a run."""
    values = {field: [tuple(one) if isinstance(one, list) else one for one in some] for field, some in among.items()}
    return all(getattr(run, field) in some for field, some in values.items())


def architecture(run: Run) -> tuple:
    """Return what runs must have in common for a line to lead from one to the other."""
    return (*(getattr(run, field) for field in ARCHITECTURE), run.initialization == "fixup")


def check_lines(where: str, wanted: Mapping[str, Lines], runs: tuple[Run, ...]) -> None:
    """Refuse lines that the runs of a suite cannot have.

    Args:
        where: The key at which they stand, for messages.
        wanted: The lines, by the name of their kind.
        runs: Of the suite.

    Raises:
        UserError: If there is one.
    """
    for name, entry in wanted.items():
        key = f"{where}.{name}"
        if name == OWN_LINE:
            raise UserError(f"{key}: got the name that the runs' own lines have, expected another, such as fresh")
        chosen = _chosen(f"{key}.among", entry.among, runs)
        if isinstance(entry, FreshLines) and entry.initialization != "own":
            _check_initialization(key, entry.initialization, chosen)
        if isinstance(entry, PairLines) and (len(chosen) < 2 or len({architecture(run) for run in chosen}) > 1):
            raise UserError(
                f"{key}.among: got {dict(entry.among)}, which {len(chosen)} runs have, expected what two or more "
                "runs of one architecture have"
            )
        if isinstance(entry, PermutedLines) or getattr(entry, "matching", None):
            _check_network(key, PERMUTABLE, "whose units can be permuted", chosen)
        if isinstance(entry, LayerLines) and entry.of == "block":
            _check_network(key, WITH_BLOCKS, "that has blocks", chosen)
        if isinstance(entry, SnapshotLines):
            for run in chosen:
                if not any(0 < epoch < run.epochs for epoch in run.snapshots):
                    raise UserError(
                        f"{key}.among: got {dict(entry.among)}, expected runs with `snapshots` between the first and "
                        "the last epoch"
                    )


def check_planes(where: str, wanted: Mapping[str, Plane], runs: tuple[Run, ...]) -> None:
    """Refuse planes that the runs of a suite cannot have.

    Args:
        where: The key at which they stand, for messages.
        wanted: The planes, by name.
        runs: Of the suite.

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


def _check_network(key: str, networks: tuple[str, ...], which: str, chosen: list[Run]) -> None:
    for run in chosen:
        if run.network not in networks:
            raise UserError(
                f"{key}.among: got network {run.network}, expected one {which}: {', '.join(networks)}; narrow `among`"
            )


def _check_initialization(key: str, initialization: str, chosen: list[Run]) -> None:
    for run in chosen:
        if run.initialization == "fixup" or "initialization" not in NETWORK_OPTIONS[run.network]:
            raise UserError(
                f"{key}.initialization: got {initialization!r}, expected own, or `among` without network {run.network} "
                f"of initialization {run.initialization}, which has no other"
            )
