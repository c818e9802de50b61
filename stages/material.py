"""What figures and claims are made from, as the stages before left it."""

import pandas as pd

from stages.command import Job
from stages.config.params import Theory
from stages.figures.base import Material
from stages.lines.curves import Curves
from stages.lines.landscape import Landscape
from stages.tables import read_csv


def theory_of(job: Job) -> dict[str, pd.DataFrame]:
    """Return the lines of each model of the theory."""
    return {model: read_csv(job.theory_file(model)) for model in Theory.model_fields}


def material_of(
    job: Job,
    pooled: tuple[str, ...],
    measures: pd.DataFrame,
    curves: dict[str, Curves],
    landscapes: dict[str, Landscape],
    epochs: dict[str, pd.DataFrame],
    theory: dict[str, pd.DataFrame],
) -> Material:
    """Return the material of some suites.

    Args:
        job: The job.
        pooled: The suites; none for what is made from the theory.
        measures: Of all suites.
        curves: Of these, at least.
        landscapes: Likewise.
        epochs: The course of training of each; empty where nobody asks for it.
        theory: Lines of the models.

    Returns:
        The material.
    """
    return Material(
        measures=measures[measures["suite"].isin(pooled)],
        curves={suite: curves[suite] for suite in pooled},
        suites={suite: job.params.suite(suite) for suite in pooled},
        measure=job.params.measure,
        theory={} if pooled else theory,
        epochs=pd.concat([pd.DataFrame(), *(epochs[suite] for suite in pooled if suite in epochs)], ignore_index=True),
        landscapes={suite: landscapes[suite] for suite in pooled},
    )
