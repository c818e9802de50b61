"""Stage `measure`: curves and outcomes -> reports/{measures.csv, power_law.csv, metrics.json}."""

import pandas as pd

from stages.command import Job, main
from stages.config import Measure, Run, Suite
from stages.errors import UserError
from stages.files import read_csv, write_csv, write_json
from stages.lines.curves import Curves, load_curves
from stages.measures.table import OUTCOMES, describe, measure_lines, power_laws, summarise
from stages.progress import bar
from stages.store import Store


def tabulate(name: str, suite: Suite, runs: tuple[Run, ...], outcomes: pd.DataFrame, curves: Curves) -> pd.DataFrame:
    """Return the rows of a suite: configuration, outcome and measures of each line.

    Args:
        name: The suite's name.
        suite: The suite.
        runs: Its runs, in the order of its grids.
        outcomes: The table of runs that stage `train_grid` writes, in the same order.
        curves: The lines that stage `interpolate` writes.

    Returns:
        One row a line.

    Raises:
        UserError: If the tables are not of the same runs.
    """
    ids = list(outcomes["run_id"])
    if list(outcomes["configuration"]) != [Store.key(run.spec()) for run in runs] or set(curves.run_ids) != set(ids):
        raise UserError(f"suites.{name}: its runs, outcomes and curves are not of the same grid; run `dvc repro`")
    configuration = pd.DataFrame([describe(run) for run in runs], index=ids)
    lines = pd.DataFrame({"suite": name, "run_id": curves.run_ids, "line": curves.lines})
    configuration = configuration.loc[lines["run_id"]].reset_index(drop=True)
    ended = outcomes.set_index("run_id").loc[lines["run_id"], list(OUTCOMES)].reset_index(drop=True)
    measured = measure_lines(curves, suite.tolerance)
    ended.loc[measured["monotonic"].isna(), "status"] = "diverged"  # also if only the way between is not finite
    return pd.concat([lines, configuration, ended, measured], axis=1)


def refuse_strangers(job: Job) -> None:
    """Refuse artifacts of suites that params.yaml no longer has.

    The stage depends on their folders as wholes, so dvc.lock would depend on what there once was.

    Args:
        job: The job.

    Raises:
        UserError: If there is one.
    """
    for folder in (job.curves_file("any").parent, job.training_folder("any").parent):
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            known = path.name.removesuffix(".safetensors") in job.params.suites
            if not known and not path.name.endswith(".tmp"):  # what a killed stage left is ignored by DVC too
                raise UserError(f"{path} is of no suite in the parameters; delete it (rm -r {path}) and run again")


def measures(job: Job) -> None:
    """Measure the lines of all suites."""
    settings: Measure = job.params.measure
    refuse_strangers(job)
    tables, laws, metrics = [], [], {}
    progress = bar("measure", "suite", len(job.params.suites))
    for name, suite in job.params.suites.items():
        path = job.training_folder(name) / "runs.csv"
        outcomes = read_csv(path)
        if not {"run_id", "configuration", *OUTCOMES} <= set(outcomes):
            raise UserError(f"{path} lacks columns; delete it and run `dvc repro`")
        table = tabulate(name, suite, job.params.runs(name), outcomes, load_curves(job.curves_file(name)))
        tables.append(table)
        laws.append(power_laws(name, table, settings))
        metrics[name] = summarise(table, laws[-1], settings)
        progress.update()
    progress.close()
    rows = pd.concat(tables, ignore_index=True)
    write_csv(job.reports / "measures.csv", rows)
    write_csv(job.reports / "power_law.csv", pd.concat(laws, ignore_index=True))
    write_json(job.reports / "metrics.json", metrics)
    diverged = int((rows["status"] == "diverged").sum())
    print(f"measure: {len(rows)} lines of {len(tables)} suites, {diverged} of diverged runs, in {job.reports}")


if __name__ == "__main__":
    main(measures, __doc__)
