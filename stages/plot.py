"""Stage `plot`: reports/measures.csv and data/curves/ -> reports/figures/ and reports/tables/, rebuilt as a whole."""

from pathlib import Path

import matplotlib as mpl

from stages.command import Job, main
from stages.config.params import OF_THEORY
from stages.figures.base import Material
from stages.figures.registry import FIGURES, TABLES, known
from stages.figures.style import THEME, render
from stages.files import read_csv, replacing, write_bytes, write_csv
from stages.lines.curves import load_curves
from stages.lines.landscape import load_landscape
from stages.material import material_of, theory_of
from stages.progress import bar


def plot(job: Job) -> None:
    """Draw every figure and write every table that `plot` in params.yaml names."""
    wanted = {key: known(key) for key in job.params.plot}
    measures = read_csv(job.reports / "measures.csv")
    suites = dict.fromkeys(suite for pooled in job.params.plot.values() for suite in pooled)
    curves = {suite: load_curves(job.curves_file(suite)) for suite in suites}
    landscapes = {suite: load_landscape(job.landscape_file(suite)) for suite in suites}
    epochs = {suite: read_csv(job.training_folder(suite) / "epochs.csv").assign(suite=suite) for suite in suites}
    wanted_of_theory = any(base in OF_THEORY for base in wanted.values())
    theory = theory_of(job) if wanted_of_theory else {}
    with replacing(job.reports / "figures") as figures, replacing(job.reports / "tables") as tables:
        figures.mkdir()
        tables.mkdir()
        progress = bar("plot", "figure", len(wanted))
        for key, base in wanted.items():
            material = material_of(job, job.params.plot[key], measures, curves, landscapes, epochs, theory)
            if base in FIGURES:
                what = FIGURES[base][0]
                write_figure(figures / key.replace(base, f"{base}_{what}"), base, material)
            else:
                write_table(tables / key, base, material)
            progress.update()
        progress.close()
    numbers = [sum(base in registry for base in wanted.values()) for registry in (FIGURES, TABLES)]
    print(f"plot: {numbers[0]} figures, {numbers[1]} tables in {job.reports}")


def write_figure(stem: Path, base: str, material: Material) -> None:
    """Draw one figure and write it as SVG and PNG, and its data as CSV."""
    with mpl.rc_context(THEME):
        drawing = FIGURES[base][1](material)
    files, step = render(drawing)
    for ending, content in files.items():
        write_bytes(stem.with_name(f"{stem.name}.{ending}"), content)
    if step > 1:
        print(f"\nplot: {stem.name}.csv holds one alpha in {step}, to stay small; the curves hold all")


def write_table(stem: Path, base: str, material: Material) -> None:
    """Make one table and write it as CSV and Markdown."""
    table = TABLES[base][1](material)
    write_csv(stem.with_name(f"{stem.name}.csv"), table.data)
    write_bytes(stem.with_name(f"{stem.name}.md"), table.markdown.encode())


if __name__ == "__main__":
    main(plot, __doc__, partial=True)
