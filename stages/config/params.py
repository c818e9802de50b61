"""The whole of params.yaml as one frozen object."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Union

import yaml
from pydantic import Field, model_validator

from stages.config.batch_norm_statistics import BatchNormStatistics
from stages.config.declared import declared_claims, declared_items, item_of, of_theory
from stages.config.discovery import find_classes
from stages.config.lines import Lines, Plane, check_lines, check_planes
from stages.config.run import NETWORKS, Run
from stages.config.schema import Count, Frozen, Name, NonNegative, NonNegativeInt, Positive, Seed, parse
from stages.config.source import Source
from stages.config.yaml_reader import read_yaml
from stages.shared.errors import UserError

SOURCES = find_classes("stages.datasets.sources", Source)
if TYPE_CHECKING:
    AnySource = Source
else:
    AnySource = Annotated[Union[SOURCES], Field(discriminator="source")]  # noqa: UP007 (of a tuple)


class Alphas(Frozen):
    """The grid of alpha along a line: `points` values from `start` to `stop`, both included."""

    start: float = 0.0
    """First value of alpha; 0 is the start of a line."""
    stop: float = 1.0
    """Last value of alpha; 1 is the end of a line."""
    points: Annotated[int, Field(ge=3)] = 50
    """Number of values."""

    @model_validator(mode="after")
    def _increasing(self) -> "Alphas":
        if self.start >= self.stop:
            raise ValueError(f"start: got {self.start}, expected a number below stop, {self.stop}")
        return self


class Refinement(Frozen):
    """A finer grid for a run's own line, around the largest rise of its training loss."""

    levels: NonNegativeInt = 2
    """Number of refinements, each around the largest rise on the grid of the one before."""
    points: Count = 2
    """Number of new alphas in each of the intervals on both sides of the rise's start and top."""


class GaussRefinement(Frozen):
    """Alphas that are added along a run's own line until its Gauss lengths are resolved."""

    tolerance: Annotated[float, Field(gt=0)] = 0.02
    """Relative change of the mean Gauss lengths, when every second alpha is left out, at which none is added."""
    most_alphas: NonNegativeInt = 400
    """Largest number of alphas; none is added to a grid of as many or more."""


class Interpolate(Frozen):
    """Group `interpolate`: the evaluation of lines."""

    alphas: Alphas = Alphas()
    """Grid of alpha, for every line."""
    batch_norm: BatchNormStatistics = BatchNormStatistics()
    """Statistics of batch norm along a line."""
    refinement: Refinement = Refinement()
    """Finer grid around the largest rise of a run's own line."""
    gauss_refinement: GaussRefinement = GaussRefinement()
    """Alphas that are added where the Gauss lengths of a run's own line are not resolved."""


class Measure(Frozen):
    """Group `measure`: settings of measures and intervals."""

    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence level of all intervals."""
    bootstrap: Count = 1000
    """Number of bootstrap resamples for the intervals of the power law."""
    bootstrap_seed: Seed = 0
    """Seed of the resamples."""
    plateau_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Proportion of a line's whole fall at which its plateau ends."""


RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


class NoisyQuadratic(Frozen):
    """The noisy quadratic model: lines from random starts to the end of noisy gradient descent."""

    dimension: Count = 100
    """Number of parameters theta; the loss is 1/2 theta^T K theta with K = diag(1, 1/2, ..., 1/dimension)."""
    learning_rates: Annotated[tuple[Annotated[float, Field(gt=0, lt=2)], ...], Field(min_length=1)] = RATES
    """Learning rates; the model diverges from 2 on."""
    steps: Count = 1_000_000
    """Number of training steps; with few, slow coordinates still descend."""
    samples: Count = 2000
    """Number of lines for each learning rate."""
    seed: Seed = 0
    """Seed of starts and noise."""

    @model_validator(mode="after")
    def _once(self) -> "NoisyQuadratic":
        if len(set(self.learning_rates)) < len(self.learning_rates):
            raise ValueError(f"learning_rates: got {list(self.learning_rates)}, expected each once")
        return self


class TwoLayerLinear(Frozen):
    """Two-layer linear networks, trained by gradient descent on the outputs of teachers of the same size."""

    instances: Count = 200
    """Number of networks for each setting and scale."""
    scales: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)] = (0.01, 0.1, 1.0)
    """Scales of the initial weights."""
    inputs: Count = 4
    """Number of inputs."""
    outputs: Count = 4
    """Number of outputs of student and teacher; the other settings have as many as inputs."""
    hidden: Count = 2
    """Number of hidden units, at most that of inputs."""
    examples: Count = 40
    """Number of training examples, at least that of inputs."""
    steps: Count = 20_000
    """Largest number of training steps."""
    learning_rate: Positive = 0.05
    """Learning rate; with a large one a step from large weights leaps over the solution."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-8
    """Ratio of loss to initial loss at which a network has converged."""
    seed: Seed = 0
    """Seed of teachers, data and initial weights."""

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

    noisy_quadratic: NoisyQuadratic = NoisyQuadratic()
    """The model of appendix D.2."""
    two_layer_linear: TwoLayerLinear = TwoLayerLinear()
    """The model of appendix A.1: f(x) = V W x, trained by full-batch gradient descent in three settings."""


class Suite(Frozen):
    """A named experiment: a grid of runs, the lines to evaluate on them, and the loss at which a run has converged."""

    dataset: Name
    """Name of one of `datasets`."""
    runs: dict[str, object] = {}
    """Keys of a run that all runs of the suite share."""
    grids: dict[Name, dict[str, list]]
    """Keys of a run with lists of values. The runs of a grid are the product of its lists, those of a suite the runs of
    all its grids, each once. A key is in `runs` or in a grid, not in both."""
    threshold: Positive
    """Largest final training loss at which a run has converged; figures and tables are made from converged runs."""
    tolerance: NonNegative = 0.0
    """Smallest min delta that makes a line non-monotone, exclusive."""
    gauss_examples: NonNegativeInt = 0
    """Number of training examples that Gauss lengths are averaged over; 0 for no Gauss lengths."""
    path_examples: NonNegativeInt = 0
    """Number of training examples whose outputs along a run's own line are kept, for figure 3."""
    lines: dict[Name, Lines] = {}
    """Lines beside the runs' own, by a name for figures and tables."""
    planes: dict[Name, Plane] = {}
    """Sections of weight space, by a name for figures."""


class Params(Frozen):
    """The whole of params.yaml."""

    datasets: dict[Name, AnySource]
    """Datasets by name, each made into one file of tensors."""
    interpolate: Interpolate = Interpolate()
    """Evaluation of lines, for every suite."""
    measure: Measure = Measure()
    """Settings of measures and intervals."""
    theory: Theory = Theory()
    """Models of the paper's theory."""
    plot: dict[str, tuple[Name, ...]] = {}
    """Suites of each figure and table, which are pooled; none for those of the theory. A name may have an ending of
    your own, such as `figure_05_mine`."""
    claims: dict[str, tuple[Name, ...]] = {}
    """Suites that each claim is tested on; none for those of the theory."""
    suites: Annotated[dict[Name, Suite], Field(min_length=1)]
    """Experiments by name."""

    def runs(self, suite: str) -> tuple[Run, ...]:
        """Return the runs of a suite in the order of its grids, each once."""
        return expand(suite, self.suite(suite))

    def only(self, suites: Sequence[str], theory: bool) -> "Params":
        """Return the parameters without some suites.

        Args:
            suites: Names of the suites that stay.
            theory: Whether figures, tables and claims of the theory stay.

        Returns:
            The parameters; figures, tables and claims are made from those of their suites that stay, if any.
        """

        def kept(wanted: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
            left = {key: tuple(name for name in some if name in suites) for key, some in wanted.items()}
            return {key: left[key] for key, some in wanted.items() if left[key] or (theory and not some)}

        there = {name: self.suites[name] for name in suites}
        return self.model_copy(update={"suites": there, "plot": kept(self.plot), "claims": kept(self.claims)})

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
    of_text = source.of_text
    language_models = ", ".join(network for network, kind in NETWORKS.items() if kind.of_text)
    for run in runs:
        if run.architecture.of_text != of_text:
            raise UserError(
                f"suites.{name}: got network {run.network} on dataset {run.dataset}, whose source is {source.source}; "
                f"expected {'one' if of_text else 'none'} of {language_models}"
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
