"""A project over one suite, as the stages before `report` leave it: three figures and a table."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
from PIL import Image

sys.path.append(str(Path(__file__).parent / "figures"))

from figures_results import MEASURE, SUITES

from stages.config.job import Job
from stages.figures.failure_rate import failure_rates
from stages.lines.curves import save_curves
from stages.measures.registry import declared_measures
from stages.results.failures import DISTANCE_BINS, distance_bins
from stages.results.results import Results
from stages.shared.csv_files import write_csv
from stages.shared.files import write_json
from stages.theory import noisy_quadratic

FIGURES = ("figure_05_rise_by_learning_rate", "figure_10_test_accuracy_mine", "figure_42_failure_rate_by_distance")
CLASSIFIERS = (
    "small_learning_rates_are_monotone",
    "large_learning_rates_break_monotonicity",
    "adaptive_optimizers_break_monotonicity",
    "batch_norm_breaks_monotonicity",
    "distance_predicts_failure",
    "gauss_length_predicts_failure",
    "short_paths_are_monotone",
    "power_law",
    "accuracy_does_not_differ",
)


def report_job(folder: Path, made: Results, judged: tuple[str, ...] = CLASSIFIERS) -> Job:
    """Return a job of stage `report` on the results of suite `classifiers`, which judges some claims and the theory."""
    plotted = {"figure_05": ("classifiers",), "figure_10_mine": ("classifiers",), "figure_42": ("classifiers",)}
    plotted |= {"table_1": ("classifiers",)}
    claims = dict.fromkeys(judged, ("classifiers",)) | {"noisy_quadratic": ()}
    params = SimpleNamespace(plot=plotted, claims=claims, measure=MEASURE, suites=SUITES, suite=SUITES.__getitem__)
    job = Job(params, None, folder / "data", folder / "reports")
    save_curves(job.curves_file("classifiers"), made.curves["classifiers"])
    write_csv(
        job.reports / "measures.csv",
        made.measures.assign(**dict.fromkeys(set(declared_measures()) - set(made.measures), 0.5)),
    )
    lines = noisy_quadratic.simulate_lines(dimension=5, learning_rates=(0.1,), steps=10, samples=20, seed=0)
    write_csv(job.theory_file("noisy_quadratic"), lines)
    write_csv(job.theory_file("two_layer_linear"), lines.head(0))
    numbers = {"lines": 9, "converged": 7, "non_monotone": 2, "mean_normalized_distance": 1.5, "power": None}
    write_json(job.reports / "metrics.json", {"classifiers": numbers})
    write_json(job.reports / "findings.json", {"figure_05": "All is well & good.", "table_1": "One of two rises."})
    (job.reports / "figures").mkdir()
    for stem in FIGURES:
        Image.new("RGB", (40, 30), "navy").save(job.reports / "figures" / f"{stem}.png")
        write_csv(job.reports / "figures" / f"{stem}.csv", pd.DataFrame({"x": [1]}))
    kept = Results.of(job, ("classifiers",)).lines()
    rates = failure_rates(kept, distance_bins(kept).astype(object), DISTANCE_BINS, 0.95)
    write_csv(job.reports / "figures" / f"{FIGURES[-1]}.csv", rates.rename(columns={"group": "normalized_distance"}))
    (job.reports / "tables").mkdir()
    (job.reports / "tables" / "table_1.md").write_text("**Title: a < b**\n\n| a | b |\n|---|---:|\n| 1 | 2<br>3 |\n")
    cells = {"optimizer": ["sgd"], "batch_norm": [True], "lr": [0.1], "non_monotone": [3], "converged": [10]}
    cells |= {"paper_non_monotone": [0.25], "paper_non_monotone_count": [8], "non_monotone_agrees": [None]}
    write_csv(job.reports / "tables" / "table_1.csv", pd.DataFrame(cells))
    return job
