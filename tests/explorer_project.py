"""A project of some runs whose curves and measures agree, as the stages before `report` leave it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

sys.path.append(str(Path(__file__).parent / "figures"))

from figures_results import MEASURE, SUITES, ended, results

from stages.config.job import Job
from stages.lines.curves import save_curves
from stages.shared.csv_files import write_csv

AGAIN = 12
"""Number of runs that the second suite has from the first one."""


def explorer_job(folder: Path) -> Job:
    """Return a job over three suites: the first has a diverged run, the second some runs of it, the third none."""
    made = results(("classifiers",), seeds=2)
    made = ended(made, "diverged", made.measures.index == 3)
    table = pd.concat([made.measures, made.measures[:AGAIN].assign(suite="again")], ignore_index=True)
    suites = {
        "classifiers": SUITES["classifiers"],
        "again": SUITES["classifiers"].model_copy(update={"tolerance": 0.5}),
        "empty": SUITES["residual"],
    }
    params = SimpleNamespace(suites=suites, suite=suites.__getitem__, measure=MEASURE)
    job = Job(params, None, folder / "data", folder / "reports")
    for name in ("classifiers", "again"):
        save_curves(job.curves_file(name), made.curves["classifiers"])
    write_csv(job.reports / "measures.csv", table)
    return job
