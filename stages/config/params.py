"""The whole of params.yaml as one frozen object."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from stages.config.declared import declared_claims, declared_items, item_of, of_theory
from stages.config.lines import Lines, Plane, check_lines, check_planes
from stages.config.run import OF_TEXT, Run
from stages.config.schema import Count, Frozen, Name, NonNegative, NonNegativeInt, Positive, Seed, parse
from stages.config.yaml_reader import read_yaml
from stages.shared.errors import UserError

SMALLEST_VOCABULARY = 256 + 5
"""Every byte, and the special tokens."""


class DigitsSource(Frozen):
    """scikit-learn's bundled 1,797 handwritten digits, 8 x 8."""

    source: Literal["digits"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    split_seed: Seed
    image_size: Count | None = None
    """Pixels of a side after resizing; null for images as they are."""
    mean: float | None = None
    std: Positive | None = None


class TorchvisionSource(Frozen):
    """A set that torchvision can load; fetched into `root` unless it lies there or under MLI_DATA_ROOT."""

    source: Literal["mnist", "fashion_mnist", "cifar10", "cifar100"]
    root: str
    image_size: Count | None = None
    """Pixels of a side after resizing; null for images as they are."""
    mean: tuple[float, ...] | None = None
    std: tuple[Positive, ...] | None = None


class ImageFolderSource(Frozen):
    """Images of your own in torchvision's ImageFolder layout: one folder a class."""

    source: Literal["image_folder"]
    train: str
    test: str
    image_size: Count
    """Pixels of a side after resizing."""
    mean: tuple[float, ...] | None = None
    std: tuple[Positive, ...] | None = None


class _Text(Frozen):
    """How a text becomes blocks of tokens, and which of them lines are evaluated on."""

    vocabulary: Annotated[int, Field(ge=SMALLEST_VOCABULARY)]
    """Tokens of the byte-level BPE that is trained on the training part, at most."""
    block: Annotated[int, Field(ge=8)]
    """Tokens of an example."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Of the text, from its end."""
    evaluation_examples: Count
    """Blocks of each split that losses are evaluated on; those of the training split are drawn at random."""
    evaluation_seed: Seed
    """Of that draw, and of the tokens that are to be predicted in them."""


class EsperantoSource(_Text):
    """Sentences that this project makes itself, from roots, endings and a grammar."""

    source: Literal["esperanto"]
    sentences: Count
    seed: Seed


class TextSource(_Text):
    """A UTF-8 text file of your own."""

    source: Literal["text"]
    file: str


Source = Annotated[
    DigitsSource | TorchvisionSource | ImageFolderSource | EsperantoSource | TextSource, Field(discriminator="source")
]


class Alphas(Frozen):
    """The grid of alpha along a line: `points` values from `start` to `stop`, both included."""

    start: float
    stop: float
    points: Annotated[int, Field(ge=3)]

    @model_validator(mode="after")
    def _increasing(self) -> "Alphas":
        if self.start >= self.stop:
            raise ValueError(f"start: got {self.start}, expected a number below stop, {self.stop}")
        return self


class BatchNormStatistics(Frozen):
    """How batch-norm statistics are re-estimated at each alpha, on the training split in its stored order."""

    estimate: Literal["cumulative", "momentum", "batch"]
    batch_size: Annotated[int, Field(ge=2)]
    momentum: Annotated[float, Field(gt=0, le=1)]
    examples: Annotated[int, Field(ge=2)] | None


class Refinement(Frozen):
    """Further alphas for a run's own line, around the largest rise of its training loss."""

    levels: NonNegativeInt
    """How often to look more closely, each time around what the time before found."""
    points: Count
    """New alphas in each of the intervals on both sides of the rise's start and top."""


class Interpolate(Frozen):
    """Group `interpolate`: how lines are evaluated."""

    alphas: Alphas
    batch_norm: BatchNormStatistics
    refinement: Refinement
    repeats: NonNegativeInt
    """How often to evaluate a run's own line again, where it has batch norm, with its training examples in another
    order, so with statistics of other batches."""


class Measure(Frozen):
    """Group `measure`: how numbers are made from lines."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap: Count
    bootstrap_seed: Seed
    plateau_share: Annotated[float, Field(gt=0, lt=1)]
    """Of a line's whole fall: how much of it is left of a plateau."""


class NoisyQuadratic(Frozen):
    """The noisy quadratic model: lines between its starts and where noisy gradient descent ends."""

    dimension: Count
    learning_rates: Annotated[tuple[Annotated[float, Field(gt=0, lt=2)], ...], Field(min_length=1)]
    steps: Count
    samples: Count
    seed: Seed

    @model_validator(mode="after")
    def _once(self) -> "NoisyQuadratic":
        if len(set(self.learning_rates)) < len(self.learning_rates):
            raise ValueError(f"learning_rates: got {list(self.learning_rates)}, expected each once")
        return self


class TwoLayerLinear(Frozen):
    """Two-layer linear networks that are trained by gradient descent on teachers that they can match."""

    instances: Count
    scales: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)]
    inputs: Count
    outputs: Count
    hidden: Count
    examples: Count
    steps: Count
    learning_rate: Positive
    tolerance: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed

    @model_validator(mode="after")
    def _sizes(self) -> "TwoLayerLinear":
        if len(set(self.scales)) < len(self.scales):
            raise ValueError(f"scales: got {list(self.scales)}, expected each once")
        if self.hidden > self.inputs:
            raise ValueError(f"hidden: got {self.hidden}, expected at most inputs, {self.inputs}")
        if self.inputs > self.examples:
            raise ValueError(f"inputs: got {self.inputs}, expected at most examples, {self.examples}")
        return self


class Theory(Frozen):
    """Group `theory`: the models of appendices A.1 and D.2."""

    noisy_quadratic: NoisyQuadratic
    two_layer_linear: TwoLayerLinear


class Suite(Frozen):
    """A named experiment: a grid of runs, the lines to evaluate on them, the loss that admits a run into tables."""

    dataset: Name
    runs: dict[str, object]
    grids: dict[Name, dict[str, list]]
    threshold: Positive
    tolerance: NonNegative
    gauss_examples: NonNegativeInt
    path_examples: NonNegativeInt
    lines: dict[Name, Lines]
    planes: dict[Name, Plane]


class Params(Frozen):
    """The whole of params.yaml."""

    datasets: dict[Name, Source]
    interpolate: Interpolate
    measure: Measure
    theory: Theory
    plot: dict[str, tuple[Name, ...]]
    claims: dict[str, tuple[Name, ...]]
    suites: Annotated[dict[Name, Suite], Field(min_length=1)]

    def runs(self, suite: str) -> tuple[Run, ...]:
        """Return the runs of a suite in the order of its grids, each once."""
        return expand(suite, self.suite(suite))

    def only(self, suites: Sequence[str], theory: bool) -> "Params":
        """Return the parameters without the other suites, and without the figures, tables and claims that want them.

        Args:
            suites: Those that stay.
            theory: Whether what is made from group `theory` stays.
        """

        def kept(wanted: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
            return {key: some for key, some in wanted.items() if (set(some) <= set(suites) if some else theory)}

        left = {name: self.suites[name] for name in suites}
        return self.model_copy(update={"suites": left, "plot": kept(self.plot), "claims": kept(self.claims)})

    def suite(self, name: str) -> Suite:
        """Return a suite by its name.

        Raises:
            UserError: If there is none of that name.
        """
        if name not in self.suites:
            raise UserError(f"suites.{name}: no such suite, expected one of {', '.join(self.suites)}")
        return self.suites[name]


def load(path: Path) -> Params:
    """Read and check params.yaml, every suite's grid included.

    Args:
        path: The file.

    Returns:
        The parameters.

    Raises:
        UserError: If the file is missing or no YAML, or any key is unknown, missing or ill-typed.
    """
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; run from the project's root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from error
    params = parse(Params, values, "")
    for name, suite in params.suites.items():
        if suite.dataset not in params.datasets:
            known = ", ".join(params.datasets)
            raise UserError(f"suites.{name}.dataset: got {suite.dataset!r}, expected one of datasets: {known}")
        runs = expand(name, suite)
        _check_examples(name, suite, runs, params.datasets[suite.dataset])
        check_lines(f"suites.{name}.lines", suite.lines, runs)
        check_planes(f"suites.{name}.planes", suite.planes, runs)
    for name, suites in params.plot.items():
        if bool(suites) == of_theory(declared_items()[item_of(name)]):
            expected = "none: it is made from group theory" if suites else "at least one suite"
            raise UserError(f"plot.{name}: got {list(suites)}, expected {expected}")
        _check_suites(f"plot.{name}", suites, params)
    for name, suites in params.claims.items():
        if name not in declared_claims():
            raise UserError(f"claims.{name}: no such claim, expected one of {', '.join(declared_claims())}")
        if bool(suites) == of_theory(declared_claims()[name]):
            expected = "none: it is judged by group theory" if suites else "at least one suite"
            raise UserError(f"claims.{name}: got {list(suites)}, expected {expected}")
        _check_suites(f"claims.{name}", suites, params)
    return params


def _check_suites(key: str, suites: tuple[str, ...], params: Params) -> None:
    for suite in suites:
        if suite not in params.suites:
            raise UserError(f"{key}: got {suite!r}, expected suites among {', '.join(params.suites)}")


def expand(name: str, suite: Suite) -> tuple[Run, ...]:
    """Expand a suite's grids into runs: for each grid the product of its lists over the values of `runs`.

    Args:
        name: The suite's name, for messages.
        suite: The suite.

    Returns:
        The runs in the order of the grids, each once.

    Raises:
        UserError: If a grid is empty, sets a key that `runs` sets too, or a combination is no valid run.
    """
    if not suite.grids:
        raise UserError(f"suites.{name}.grids: got no grid, expected at least one")
    runs: dict[str, Run] = {}
    for grid_name, grid in suite.grids.items():
        where = f"suites.{name}.grids.{grid_name}"
        for key, choices in grid.items():
            if not choices:
                raise UserError(f"{where}.{key}: got an empty list, expected at least one value")
            if key == "dataset" or key in suite.runs:
                raise UserError(f"{where}.{key}: set elsewhere in the suite too; keep one of the two")
        for values in itertools.product(*grid.values()):
            chosen = dict(zip(grid, values, strict=True))
            run = _run(name, grid_name, suite, chosen)
            runs.setdefault(repr(run.spec()), run)
    return tuple(runs.values())


def _check_examples(name: str, suite: Suite, runs: tuple[Run, ...], source: Source) -> None:
    """Refuse language models of images, other networks of text, and Gauss lengths of language models."""
    of_text = isinstance(source, _Text)
    for run in runs:
        if (run.network in OF_TEXT) != of_text:
            expected = f"one of {', '.join(OF_TEXT)}" if of_text else f"none of {', '.join(OF_TEXT)}"
            raise UserError(
                f"suites.{name}: got network {run.network} on dataset {run.dataset}, whose source is {source.source}; "
                f"expected {expected}"
            )
    for key in ("gauss_examples", "path_examples"):
        if of_text and getattr(suite, key):
            raise UserError(
                f"suites.{name}.{key}: got {getattr(suite, key)}, expected 0: logits of tokens have no path here"
            )


def _run(name: str, grid_name: str, suite: Suite, chosen: dict) -> Run:
    if "dataset" in suite.runs:
        raise UserError(f"suites.{name}.runs.dataset: the dataset is the suite's; set suites.{name}.dataset")
    try:
        return parse(Run, {"dataset": suite.dataset} | suite.runs | chosen, "")
    except UserError as error:
        varied = any(str(error).startswith((f"{field}:", f"{field}.")) for field in chosen)
        place = f"grids.{grid_name}" if varied else "runs"
        raise UserError(f"suites.{name}.{place}.{error}") from None
