"""Stage `measure`: curves and outcomes -> reports/{measures.csv, power_law.csv, metrics.json}."""

import pandas as pd

from stages.command import main
from stages.config import Measure, Run
from stages.config.job import Job
from stages.lines.curves import load_curves
from stages.measures.table import outcomes_of, power_laws, summarise, tabulate
from stages.results.gathering import gather
from stages.results.measures_file import write_measures
from stages.results.precedence import one_origin
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import write_json
from stages.shared.progress import bar
from stages.shared.store import Store


def refuse_unknown_suites(job: Job) -> None:
    """Refuse artifacts of suites that params.yaml no longer has.

    The stage depends on whole folders, so the digests in dvc.lock would depend on suites of the past.

    Args:
        job: The job.

    Raises:
        UserError: If there is such an artifact.
    """
    for folder in (job.curves_file("any").parent, job.training_folder("any").parent):
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            known = path.name.removesuffix(".safetensors") in (job.whole or job.params).suites
            if not known and not path.name.endswith(".tmp"):  # DVC ignores the rests of a killed stage too
                raise UserError(f"{path} is of no suite in the parameters; delete it (rm -r {path}) and run again")


def chosen_runs(job: Job, suite: str, outcomes: pd.DataFrame) -> tuple[Run, ...]:
    """Return the configuration of each run in a table of outcomes that does not hold all runs of its suite.

    Args:
        job: The job.
        suite: Name of the suite.
        outcomes: The table of runs.

    Returns:
        The runs, in the order of the table.

    Raises:
        UserError: If a run is none of the suite.
    """
    known = {Store.key(run.spec()): run for run in job.params.runs(suite)}
    if unknown := set(outcomes["configuration"]) - set(known):
        raise UserError(f"{job.training_folder(suite)} has a run of other parameters, {min(unknown)}; run it again")
    return tuple(known[configuration] for configuration in outcomes["configuration"])


def measures(job: Job) -> None:
    """Measure the lines of all suites."""
    settings: Measure = job.params.measure
    refuse_unknown_suites(job)
    if not job.params.suites:
        raise UserError(f"{job.data} holds lines of no run; train and evaluate some first, or unpack records")
    tables, laws, metrics, known = [], [], {}, {}
    progress = bar("measure", "suite", len(job.params.suites))
    for name, suite in job.params.suites.items():
        outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
        curves = load_curves(job.curves_file(name))
        runs = job.params.runs(name) if job.progress is None else chosen_runs(job, name, outcomes)
        table = tabulate(name, suite, runs, outcomes, curves, settings.plateau_share)
        tables.append(table)
        known |= dict(zip(outcomes["run_id"], runs, strict=True))
        counted = one_origin(table)
        laws.append(power_laws(name, counted, settings))
        metrics[name] = summarise(counted, laws[-1], settings)
        progress.update()
    progress.close()
    rows = pd.concat(tables, ignore_index=True)
    write_measures(job.reports / "measures.csv", rows, known)
    write_csv(job.reports / "power_law.csv", pd.concat(laws, ignore_index=True))
    write_json(job.reports / "metrics.json", metrics)
    diverged = int((rows["status"] == "diverged").sum())
    print(f"measure: {len(rows)} lines of {len(tables)} suites, {diverged} of diverged runs, in {job.reports}")


if __name__ == "__main__":
    main(measures, __doc__, partial=gather)
