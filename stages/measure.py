"""Stage `measure`: curves and outcomes -> reports/{measures.csv, power_law.csv, metrics.json}."""

import pandas as pd

from stages.command import main
from stages.config import Measure
from stages.config.job import Job
from stages.lines.curves import load_curves
from stages.measures.table import outcomes_of, power_laws, summarise, tabulate
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import write_json
from stages.shared.progress import bar


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


def measures(job: Job) -> None:
    """Measure the lines of all suites."""
    settings: Measure = job.params.measure
    refuse_unknown_suites(job)
    if not job.params.suites:
        raise UserError(f"{job.data} holds lines of no suite; run one of them first, or without --partial")
    tables, laws, metrics = [], [], {}
    progress = bar("measure", "suite", len(job.params.suites))
    for name, suite in job.params.suites.items():
        outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
        curves = load_curves(job.curves_file(name))
        table = tabulate(name, suite, job.params.runs(name), outcomes, curves, settings.plateau_share)
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
    main(measures, __doc__, partial=True)
