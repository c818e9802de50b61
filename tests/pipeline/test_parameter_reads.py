"""A stage reads no parameter but those that `stages.parameter_files` lists for it, or it would miss their changes."""

from typing import get_args

import pytest
from parameter_classes import kinds

from stages.config import Params, Run, load
from stages.config.job import Job
from stages.config.run import ARCHITECTURES
from stages.config.schema import Frozen
from stages.download import download
from stages.interpolate import interpolate
from stages.measure import measures
from stages.parameter_files import PARAMETERS
from stages.plot import plot
from stages.report import report
from stages.simulate import simulate
from stages.train_grid import train_grid

SUITES = ("tiny", "small_autoencoders")
RUN = [
    ("download", download, ("digits",)),
    ("train_grid", train_grid, SUITES),
    ("interpolate", interpolate, SUITES),
    ("simulate", simulate, (None,)),
    ("measure", measures, (None,)),
    ("plot", plot, (None,)),
    ("report", report, (None,)),
]
WITHOUT_EFFECT = {"interpolate": {"Params.measure", "Measure.plateau_share"}}
"""Fields that a stage reads although its results do not depend on them: `interpolate` chooses lines by the table of
measures, but by none of its columns on plateaus."""
LINES = """\
    lines:
      fresh: {kind: fresh, count: 1, initialization: own, among: {optimizer: [adam]}}
      layers: {kind: layers, of: layer, rest: initial, among: {optimizer: [sgd]}}
    planes:
      plane:
        points:
          a: {point: initial, among: {optimizer: [adam], batch_norm: [false]}}
          b: {point: final, among: {optimizer: [adam], batch_norm: [false]}}
          c: {point: final, among: {optimizer: [sgd], batch_norm: [false]}}
        grid: 3
        margin: 0.1
"""


def listed(stage: str) -> set[str]:
    """Return the fields that a stage may read, as Class.field: those of its keys, above them and below them."""
    fields = set()
    if any(key.startswith("suites") for key in PARAMETERS[stage]):
        fields |= {field for kind in (Run, *ARCHITECTURES) for field in kinds(kind)}
    for key in PARAMETERS[stage]:
        model: object = Params
        for part in key.split("."):
            if part.startswith("{"):
                model = get_args(model)[1]
            else:
                fields.add(f"{model.__name__}.{part}")
                model = model.model_fields[part].annotation
        fields |= set(kinds(model))
    return fields


@pytest.fixture
def read(monkeypatch) -> set[str]:
    """The fields of parameters that are read while a test runs, as Class.field."""
    found: set[str] = set()
    usual = Frozen.__getattribute__

    def noted(self: Frozen, name: str) -> object:
        if name in type(self).model_fields:
            found.add(f"{type(self).__name__}.{name}")
        elif name in ("model_dump", "model_dump_json", "__dict__"):
            found.update(kinds(type(self)))
        return usual(self, name)

    monkeypatch.setattr(Frozen, "__getattribute__", noted)
    return found


def test_a_stage_reads_only_what_is_listed_for_it(tiny_project, monkeypatch, read):
    monkeypatch.chdir(tiny_project)
    text = (tiny_project / "params.yaml").read_text()
    (tiny_project / "params.yaml").write_text(text.replace("    lines: {}\n    planes: {}\n", LINES, 1))
    assert [stage for stage, _, _ in RUN] == list(PARAMETERS)
    strangers = {}
    for stage, function, names in RUN:
        for name in names:
            job = Job(load(tiny_project / "params.yaml"), name, tiny_project / "data", tiny_project / "reports")
            read.clear()
            function(job)
            assert read & listed(stage)
            strangers[stage] = strangers.get(stage, set()) | (read - listed(stage))
    assert {stage: fields for stage, fields in strangers.items() if fields} == WITHOUT_EFFECT
