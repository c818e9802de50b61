"""Check of the derivatives of a user's network along lines against finite differences."""

from dataclasses import replace

import torch
from torch import Tensor

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.lines.sweep import differentiate_outputs
from stages.networks.evaluation import task_of
from stages.networks.user_factory import seeded
from stages.networks.verification import default_dtype
from stages.shared.errors import UserError

VERSION = 1
"""Version of the check: raise it with any change, so that networks that passed before are checked again."""
EXAMPLES = 8
"""Number of training examples that are used."""
ALPHAS = (0.3, 0.7)
"""Positions along the line at which derivatives are checked."""
STEPS = {torch.float64: 1e-8, torch.float32: 1e-2}
"""Step of the finite differences, by precision; small, since a kink of a ReLU within a step counts as an error."""
TOLERANCES = {torch.float64: 1e-3, torch.float32: 0.1}
"""Largest accepted median over examples of the error relative to the largest derivative, by precision."""
NOISE = 0.5
"""Standard deviation of the line's displacement, relative to the root mean square of each parameter."""


def check_derivatives(run: Run, dataset: Dataset, settings: BatchNormStatistics) -> None:
    """Check the derivatives of a network's outputs along a line against finite differences.

    The first derivative is compared with differences of the outputs, the second with differences of the first. If the
    network runs in single precision only, its first derivative alone is checked, with a larger tolerance.

    Args:
        run: A run of network `custom`.
        dataset: Its data; the first `EXAMPLES` training examples are used.
        settings: How batch-norm statistics are estimated.

    Raises:
        UserError: If PyTorch cannot differentiate the network along a line, or the derivatives differ.
    """
    few = replace(dataset, train_x=dataset.train_x[:EXAMPLES], train_y=dataset.train_y[:EXAMPLES])
    whole = run.model_copy(update={"train_size": None})
    errors = []
    for dtype in STEPS:
        try:
            first, second = _differences(whole, few, settings, dtype)
        except UserError:
            raise
        except Exception as error:  # user code can raise anything, such as for products of two precisions
            errors.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        wrong = "first" if first > TOLERANCES[dtype] else "second" if second > TOLERANCES[dtype] else None
        if wrong:
            raise UserError(
                f"factory: {run.factory!r}: the {wrong} derivative of its outputs along a line is not what finite "
                f"differences give (they differ by {max(first, second):.2g} of the largest); something in it "
                "hides from differentiation (detach, .data, torch.no_grad, rounding, an autograd.Function) or is "
                "differentiated wrongly by PyTorch: replace that, or set the suite's gauss_examples to 0"
            )
        return
    raise UserError(
        f"factory: {run.factory!r}: its outputs cannot be differentiated along a line ({errors[-1]}); replace what "
        "PyTorch cannot differentiate forward, or set the suite's gauss_examples to 0"
    )


def _differences(run: Run, dataset: Dataset, settings: BatchNormStatistics, dtype: torch.dtype) -> tuple[float, float]:
    """Return the relative errors of the first and second derivative; the second is 0 in single precision."""
    task = task_of(run, dataset, torch.device("cpu"), dtype)
    own = {name: value.detach() for name, value in task.network.named_parameters()}
    source = torch.Generator().manual_seed(0)
    start = task.layout.join(own)
    end = task.layout.join({name: value + _noise(value, source) for name, value in own.items()})
    step = STEPS[dtype]
    alphas = torch.tensor([alpha + shift * step for alpha in ALPHAS for shift in (-1, 0, 1)], dtype=dtype)
    with torch.no_grad(), seeded(0), default_dtype(dtype):
        value, first, second = differentiate_outputs(task, start, end, alphas, settings, EXAMPLES)
    span = float(alphas[2] - alphas[0])
    gaps = [_median_gap(value, first, span)]
    gaps += [_median_gap(first, second, span)] if dtype == torch.float64 else [0.0]
    return gaps[0], gaps[1]


def _noise(value: Tensor, source: torch.Generator) -> Tensor:
    """Return Gaussian noise for a parameter, proportional to its root mean square."""
    scale = value.square().mean().sqrt().clamp(min=0.1)
    return NOISE * scale * torch.randn(value.shape, generator=source, dtype=torch.float64).to(value)


def _median_gap(function_AGO: Tensor, derivative_AGO: Tensor, span: float) -> float:
    """Return the median over alphas and examples of a derivative's relative error against central differences."""
    differences = (function_AGO[2::3] - function_AGO[0::3]) / span
    derivative = derivative_AGO[1::3]
    rounding = 1e3 * torch.finfo(function_AGO.dtype).eps * function_AGO.abs().amax() / span
    gap = ((differences - derivative).abs().amax(-1) - rounding).clamp(min=0)
    scale = torch.maximum(derivative.abs(), differences.abs()).amax(-1)
    return float((gap / scale.clamp(min=1e-30)).nan_to_num(nan=float("inf")).median())
