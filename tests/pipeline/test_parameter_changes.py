"""DVC notices every parameter: a change of any leaf of params.yaml runs the stages that read it, and no others.

A stage depends on the values of the parameters that it reads by a file of them, which stage `inputs` writes; which they
are is said in `stages.parameter_files`.

DVC looks stages up in its run cache by a hash that leaves some keys out, so a stage that should run can be skipped
where it ran before. The projects here have the real dvc.yaml and parameters of every kind; the command of each stage is
replaced by one that notes that it ran and writes constant outputs, but for the files of parameters, which are real.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from parameter_classes import kinds
from pydantic import BaseModel
from small import HEADER
from small_project import ROOT

from stages.config import Params, Run, load
from stages.config.yaml_reader import read_yaml
from stages.inputs import parameters_of
from stages.parameter_files import keys_by_file, parameter_files
from stages.shared.files import json_bytes, write_json

WRITE = """\
echo "$1" >> ran.txt
shift
for out; do
  case "$out" in
    *.*) mkdir -p "$(dirname "$out")"; echo constant > "$out" ;;
    *) mkdir -p "$out"; echo constant > "$out/file"; [ ! -d "parts/$out" ] || cp -R "parts/$out/." "$out" ;;
  esac
done
"""
DATASETS = """
datasets:
  digits: {source: digits, test_fraction: 0.2, split_seed: 0, image_size: 10, mean: 0.3, std: 0.4}
  mnist: {source: mnist, root: data/raw, image_size: 14, mean: [0.1], std: [0.3]}
  folder: {source: image_folder, train: a, test: b, image_size: 8, mean: null, std: null}
  sentences: {source: esperanto, sentences: 50, seed: 0, vocabulary: 300, block: 16, test_fraction: 0.1,
              evaluation_examples: 4, evaluation_seed: 0}
  text: {source: text, file: a.txt, vocabulary: 300, block: 16, test_fraction: 0.1, evaluation_examples: 4,
         evaluation_seed: 0}
"""
SUITES = """
claims: {accuracy_does_not_differ: [images], noisy_quadratic: []}
plot: {figure_05: [images], figure_29: [], table_1_mine: [images]}
suites:
  images:
    dataset: digits
    threshold: 2.0
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 2
    lines:
      fresh: {kind: fresh, count: 2, initialization: own, optima: all, among: {optimizer: [adam]}}
      permuted: {kind: permuted, point: initial, count: 2, among: {}}
      snapshots: {kind: snapshots, among: {}}
      noise: {kind: noise, count: 2, among: {}}
      zero: {kind: zero, among: {}}
      layers: {kind: layers, of: layer, rest: initial, among: {}}
      pairs: {kind: pairs, start: final, end: final, matching: weights, among: {}}
    planes:
      plane:
        points:
          a: {point: initial, among: {optimizer: [adam], seed: [0]}}
          b: {point: final, among: {optimizer: [adam], seed: [0]}}
          c: {point: final, among: {optimizer: [adam], seed: [1]}}
        grid: 5
        margin: 0.1
    runs: {network: mlp, hidden: [8], activation: relu, gain: 2.0, outputs: 12, loss: cross_entropy, lr: 0.1,
           epochs: 4, batch_size: 128, snapshots: [1], train_size: 100, label_corruption: 0.1, data_seed: 0,
           crop_padding: 1, flip: true, clip_norm: 1.0, weight_decay: 0.1, schedule: constant}
    grids:
      adam: {optimizer: [adam], betas: [[0.9, 0.99]], epsilon: [1.0e-8], seed: [0, 1], order_seed: [1]}
      rmsprop: {optimizer: [rmsprop], smoothing: [0.9], milestones: [[1, 2]], decay: [0.1], seed: [0], warmup: [2],
                average_from: [3]}
      grafted: {optimizer: [sgd], momentum: [0.9], magnitude: [adam], seed: [0]}
      switched: {optimizer: [sgd], switch_after: [1], switch_optimizer: [adam], switch_lr: [0.1], seed: [0]}
      kfac: {optimizer: [kfac], damping: [0.1], factor_decay: [0.9], factor_interval: [5], inverse_interval: [9],
             kl_clip: [0.1], seed: [0]}
  convolutional:
    dataset: digits
    threshold: 2.0
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 2
    lines:
      statistics: {kind: statistics, count: 2, among: {batch_norm: [true]}, batch_norm:
                   {estimate: momentum, batch_size: 32, momentum: 0.2, examples: 64, order: redrawn}}
    planes: {}
    runs: {loss: cross_entropy, epochs: 4, batch_size: 128, optimizer: sgd, lr: 0.1, seed: 0}
    grids:
      normalised: {network: [vgg], layers: [11], batch_norm: [true]}
      resnet: {network: [resnet], layers: [8], width_multiplier: [0.5], batch_norm: [false], initialization: [fixup],
               scalar_lr_factor: [0.1], steps: [9]}
      custom: {network: [custom], factory: ["a:b"], weights: [[a, b]]}
  language:
    dataset: sentences
    threshold: 5.0
    tolerance: 0.0
    gauss_examples: 0
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: roberta, layers: 1, hidden_size: 8, heads: 2, dropout: 0.1, loss: cross_entropy, optimizer: adam,
           lr: 0.01, epochs: 1, batch_size: 4}
    grids: {main: {seed: [0]}}
"""
EVERY = read_yaml(DATASETS + HEADER.split("\n", 2)[2] + SUITES)
EVERY["interpolate"]["gauss_refinement"] = {"tolerance": 0.1, "most_alphas": 20}
PIPELINES = ("dvc.yaml", "paper/dvc.yaml", "mnist/dvc.yaml", "mine/dvc.yaml")


def leaves(values: object, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every scalar and every empty list or mapping."""
    if isinstance(values, dict | list) and values:
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            yield from leaves(value, (*path, key))
    else:
        yield path


def changed(values: dict, path: tuple) -> dict:
    """Return the parameters with another value at one path."""
    values = copy.deepcopy(values)
    place = values
    for part in path[:-1]:
        place = place[part]
    old = place[path[-1]]
    if isinstance(old, bool):
        new = not old
    elif isinstance(old, int | float):
        new = old + 1
    elif isinstance(old, dict | list):
        new = type(old)([("x", 1)])
    elif path[-1] == "dataset":  # a stage depends on the file of its dataset
        new = next(name for name in values["datasets"] if name != old)
    else:
        new = 1 if old is None else f"{old}x"
    place[path[-1]] = new
    return values


def parts() -> Iterator[tuple[str, dict, list[tuple]]]:
    """Yield small parameters that make up EVERY: a name, the parameters and the paths of the leaves to change in them.

    DVC checks all stages and reads and writes dvc.lock after each that ran, so few stages are quick.
    """
    groups = {key: value for key, value in EVERY.items() if key not in ("datasets", "suites")}
    for name, suite in EVERY["suites"].items():
        dataset = {suite["dataset"]: EVERY["datasets"][suite["dataset"]]}
        nothing = {key: {} if isinstance(value, dict) else value for key, value in suite.items()}
        for part in (key for key, value in suite.items() if value and isinstance(value, dict)):
            values = {"datasets": dataset, "suites": {name: nothing | {part: suite[part]}}} | groups
            yield f"{name}.{part}", values, [path for path in leaves(values) if path[:3] == ("suites", name, part)]
    values = {"datasets": EVERY["datasets"], "suites": {name: nothing}} | groups
    yield "others", values, [*leaves(values)]


class Project:
    """A project with the real dvc.yaml whose stages write constants, run through DVC's own API."""

    def __init__(self, folder: Path, values: dict):
        self.folder = folder
        pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
        for name, stage in pipeline["stages"].items():
            definition = stage.get("do", stage)
            outs = [*definition["outs"], *definition.get("metrics", ())]
            outs = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
            definition["deps"] = [dep for dep in definition["deps"] if not dep.startswith(("stages/", "paper/"))]
            definition["cmd"] = " ".join(["sh write.sh", f"{name}@${{key}}" if "do" in stage else name, *outs])
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": pipeline["stages"]}))
        (folder / "write.sh").write_text(WRITE)
        self.write(values)
        self.repo = Repo.init(str(folder), no_scm=True)
        outs = [Path(out.fs_path) for stage in self.stages() for out in stage.outs]
        for dep in {Path(dep.fs_path) for stage in self.stages() for dep in stage.deps} - set(outs):
            inside_one = any(out in dep.parents for out in outs)
            if not inside_one and any(dep in out.parents for out in outs) or dep.name == "params.yaml":
                continue
            path = folder / "parts" / dep.relative_to(folder) if inside_one else dep
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text("constant")

    def write(self, values: dict) -> None:
        """Write params.yaml, and the files of parameters that stage `inputs` is to write: values need not be valid."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        for name, content in parameter_files(values).items():
            write_json(self.folder / "parts" / "data" / "inputs" / name, content)

    def stages(self) -> list:
        """Return DVC's stages for the present params.yaml."""
        self.repo._reset()
        return list(self.repo.index.stages)

    def reproduce(self) -> set[str]:
        """Return the stages whose commands `dvc repro` ran, without those that run each time."""
        log = self.folder / "ran.txt"
        log.unlink(missing_ok=True)
        self.repo._reset()
        self.repo.reproduce()
        ran = log.read_text().split() if log.exists() else []
        assert len(ran) == len(set(ran))
        return set(ran) - {stage.addressing for stage in self.stages() if stage.always_changed}


def held(model: BaseModel) -> Iterator[str]:
    """Yield the fields that stand in checked parameters, as Class.field."""
    yield from (f"{type(model).__name__}.{name}" for name in model.model_fields_set)
    for value in dict(model).values():
        for part in value.values() if isinstance(value, dict) else [value]:
            if isinstance(part, BaseModel):
                yield from held(part)


def read_by(stages: list, values: dict) -> dict[str, set[str]]:
    """Return for each stage the keys in the files of parameters that it depends on in dvc.yaml."""
    files = keys_by_file(values)
    return {
        stage.addressing: {key for dep in stage.deps for key in files.get(inside_inputs(dep.fs_path), ())}
        for stage in stages
    }


def inside_inputs(path: str) -> str:
    """Return where a file lies in the folder that stage `inputs` writes."""
    return path.rpartition("/inputs/")[2]


def covers(keys: set[str], path: tuple) -> bool:
    """Return whether one of the keys is the path or begins it."""
    names = [str(part) for part in path]
    return any(names[: key.count(".") + 1] == key.split(".") for key in keys)


def test_the_parameters_here_hold_every_field_that_there_is(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(EVERY))
    params = load(tmp_path / "params.yaml")
    found = set(held(params))
    found |= {f"Run.{name}" for suite in params.suites for run in params.runs(suite) for name in run.model_fields_set}
    assert set(kinds(Params)) | set(kinds(Run)) == found


def test_the_files_hold_every_leaf_that_a_stage_reads(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(EVERY, sort_keys=False))
    written, keys = parameters_of(load(tmp_path / "params.yaml")), keys_by_file(EVERY)
    assert written.keys() == keys.keys()
    for name, content in written.items():
        held = {(*key.split("."), *path) for key, value in content.items() for path in leaves(value)}
        assert {path for path in leaves(EVERY) if covers(keys[name], path)} <= held


def test_a_change_of_any_leaf_changes_the_files_that_hold_it():
    before = contents(EVERY)
    for path in leaves(EVERY):
        after = contents(changed(EVERY, path))
        assert {name for name in before if after[name] != before[name]} == {
            name for name, keys in keys_by_file(EVERY).items() if covers(keys, path)
        }


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, True), (1, "1"), (None, "null"), ([], {}), (0.1, 0.1 + 1e-16)])
def test_values_that_are_written_alike_are_told_apart(old, new):
    first, second = (EVERY | {"theory": {"one": value}} for value in (old, new))
    assert contents(first)["parameters/simulate.json"] != contents(second)["parameters/simulate.json"]


def test_the_order_of_keys_counts_since_rows_and_planes_follow_it():
    plane = EVERY["suites"]["images"]["planes"]["plane"]
    points = {"points": dict(reversed(plane["points"].items()))}
    suite = EVERY["suites"]["images"] | {"planes": {"plane": plane | points}}
    turned = EVERY | {"suites": EVERY["suites"] | {"images": suite}}
    assert turned == EVERY
    before, after = contents(EVERY), contents(turned)
    assert {name for name in before if after[name] != before[name]} == {
        f"parameters/{name}.json" for name in ("interpolate/images", "measure", "plot", "report")
    }


def contents(values: dict) -> dict[str, bytes]:
    """Return the bytes of the files of parameters."""
    return {name: json_bytes(content) for name, content in parameter_files(values).items()}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_each_stage_depends_on_its_own_file_of_parameters(pipeline, real_stages):
    for stage in real_stages[pipeline]:
        assert not any(isinstance(dep, ParamsDependency) for dep in stage.deps)
        own = stage.addressing.rpartition(":")[2].replace("@", "/")
        found = [inside_inputs(dep.fs_path) for dep in stage.deps if "/inputs/parameters" in dep.fs_path]
        assert found == ([] if own == "inputs" else [f"parameters/{own}.json"])


def test_small_parameters_make_up_all():
    everything = {path for path in leaves(EVERY) if path[0] != "suites" or len(path) > 3}
    assert everything <= {path for _, _, chosen in parts() for path in chosen}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_leaf_of_the_real_parameters_is_read_by_a_stage(pipeline, real_stages):
    values = read_yaml((ROOT / pipeline).with_name("params.yaml").read_text(encoding="utf-8"))
    keys = set().union(*read_by(real_stages[pipeline], values).values()) - {"suites"}  # by stages over all of them
    forgotten = {path[0] for path in leaves(values) if not covers(keys, path)}
    assert forgotten == set()


@pytest.fixture(scope="module")
def real_stages() -> dict[str, list]:
    """The stages of each of this project's pipelines, as DVC resolves them."""
    with Repo(str(ROOT), config={} if (ROOT / ".git").exists() else {"core": {"no_scm": True}}) as repo:
        stages = list(repo.index.stages)
    return {pipeline: [stage for stage in stages if stage.path == str(ROOT / pipeline)] for pipeline in PIPELINES}


@pytest.mark.parametrize(
    "key", ["image_size", *(pytest.param(key, marks=pytest.mark.long) for key in ("size", "nfiles"))]
)
def test_a_new_size_of_images_runs_its_download_by_whatever_name_dvc_has_for_it(tmp_path, monkeypatch, key):
    monkeypatch.chdir(tmp_path)
    name, nothing = "digits", {key: {} for key in ("runs", "grids", "lines", "planes")}
    suite = {key: value for key, value in EVERY["suites"]["images"].items() if not isinstance(value, dict)} | nothing
    values = EVERY | {"datasets": {name: {"source": "digits", key: 10}}, "suites": {"images": suite}}
    project = Project(tmp_path, values)
    assert "download@digits" in project.reproduce()
    project.write(changed(values, ("datasets", name, key)))
    assert project.reproduce() == {"download@digits"}


@pytest.mark.long
@pytest.mark.parametrize(("values", "paths"), [part[1:] for part in parts()], ids=[part[0] for part in parts()])
def test_a_change_of_any_leaf_runs_the_stages_that_read_it(tmp_path, monkeypatch, values, paths):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, values)
    every = read_by([stage for stage in project.stages() if not stage.always_changed], values)
    assert project.reproduce() == set(every)
    wrong, before = {}, set()
    for path in paths:
        project.write(changed(values, path))
        ran, expected = project.reproduce(), {stage for stage, keys in every.items() if covers(keys, path)}
        if not expected <= ran <= expected | before:  # DVC may run a stage again to go back from the change before
            wrong[path] = ran ^ expected
        before = expected
    assert not wrong
