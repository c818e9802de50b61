import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from stages.config import load
from stages.measures.registry import declared_measures
from stages.measures.table import OUTCOMES, OWN_LINE, describe
from tools import by_scale

PROJECT = Path(__file__).resolve().parents[2]
QUIET = {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}

TOY = {
    ".gitignore": "/data/\n__pycache__/\n",
    ".dvcignore": "__pycache__\n",
    "stages/__init__.py": "",
    "stages/common.py": "from pathlib import Path\n",
    "stages/train.py": """
import sys
def main():
    from stages.common import Path
    Path("data/runs").mkdir(parents=True, exist_ok=True)
    Path("data/runs", sys.argv[1]).write_text(sys.argv[1])
main()
""",
    "stages/measure.py": """
import shutil
from stages import common
assert common.Path("data/runs/classifiers").exists()
shutil.copytree("source", "reports", dirs_exist_ok=True)
""",
    "dvc.yaml": """
stages:
  train:
    foreach: ${suites}
    do:
      cmd: python -m stages.train ${key}
      deps: [stages/__init__.py, stages/common.py, stages/train.py]
      params:
      - suites.${key}
      outs:
      - data/runs/${key}
  measure:
    cmd: python -m stages.measure
    deps: [stages, source, data/runs]
    params: [suites, plot]
    metrics:
    - reports/metrics.json: {cache: false}
    outs:
    - reports/measures.csv: {cache: false}
    - reports/power_law.csv: {cache: false}
    - reports/figures: {cache: false}
    - reports/tables: {cache: false}
    - reports/claims.json: {cache: false}
    - reports/verdicts.json: {cache: false}
    - reports/README.md: {cache: false}
    - reports/index.html: {cache: false}
""",
}


NUMBERS = [name for name in declared_measures() if name != "monotonic"]
MONOTONE = {"min_delta": 0.0, "monotonic": True, "bump_alpha": None, "bump_width": None, "relative_delta": None}
GAUSS_LENGTHS = [name for name in declared_measures() if "gauss" in name or "half_pi" in name]
AMONG = {"layers": [8], "batch_norm": [True], "initialization": ["standard"]}
RUNS = {
    "classifiers": {"network": "mlp", "activation": "relu", "loss": "cross_entropy"},
    "residual": {"network": "resnet", "layers": 8, "batch_norm": True, "loss": "cross_entropy"},
    "autoencoders": {"network": "autoencoder", "activation": "relu", "loss": "squared_error"},
}
SHAPES = {"residual": {"initialization": ["standard", "block_identity"]}}
FRESH = {
    "fresh": {"kind": "fresh", "count": 3, "initialization": "own", "among": AMONG},
    "fresh_block_identity": {"kind": "fresh", "count": 2, "initialization": "block_identity", "among": AMONG},
}


OTHERS = {
    "pairs": {"kind": "pairs", "start": "final", "end": "final", "matching": None, "among": {"hidden": [[16]]}},
    "crossed": {"kind": "pairs", "start": "initial", "end": "final", "matching": None, "among": {"hidden": [[16]]}},
    "noise": {"kind": "noise", "count": 2, "among": {"hidden": [[16]]}},
    "zero": {"kind": "zero", "among": {"hidden": [[16]]}},
    "snapshots": {"kind": "snapshots", "among": {"hidden": [[16]]}},
    "layers": {"kind": "layers", "of": "layer", "rest": "final", "among": {"hidden": [[16]]}},
}


@pytest.fixture(scope="session")
def params_file(tmp_path_factory):
    """The project's parameters with three small suites and few figures, so that tests hold whatever the defaults are.

    Runs of the suite `residual` have no hidden layers, and lines from fresh initialisations.
    """
    values = yaml.safe_load((PROJECT / "params.yaml").read_text())
    values["suites"] = {
        name: {
            "dataset": "digits",
            "threshold": 3.0,
            "tolerance": 0.001,
            "gauss_examples": 8,
            "path_examples": 0,
            "lines": {"residual": FRESH, "classifiers": OTHERS}.get(name, {}),
            "planes": {},
            "runs": runs | {"epochs": 2, "batch_size": 10, "seed": 0, "snapshots": [1]},
            "grids": {
                "main": SHAPES.get(name, {"hidden": [[8, 8], [16]]})
                | {"optimizer": ["sgd", "adam"], "lr": [0.1, 0.001]}
            },
        }
        for name, runs in RUNS.items()
    }
    values["claims"] = {"small_learning_rates_are_monotone": ["classifiers"], "noisy_quadratic": []}
    values["plot"] = {"figure_05": ["classifiers"], "figure_27": ["autoencoders"], "table_1": ["classifiers"]}
    path = tmp_path_factory.mktemp("parameters") / "params.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def params(params_file):
    return load(params_file)


def _others(name, own):
    """Yield the rows of the runs at the end of lines of a kind, and what tells the lines apart."""
    for row in own:
        for start in own if name in ("pairs", "crossed") else []:
            if (name == "crossed" and start is not row) or start["run_id"] < row["run_id"]:
                yield row, {"start_run_id": start["run_id"]}
        if name in ("noise", "snapshots"):
            yield from ((row, {"draw": draw}) for draw in {"noise": (0, 1), "snapshots": (1,)}[name])
        if name == "layers":
            yield from ((row, {"part": part}) for part in ("layers.1", "layers.3"))
        if name == "zero":
            yield row, {"normalized_distance": None}


def fabricate(reports, params):
    """Write what the stages would, with made-up numbers.

    One run diverged, one is above the threshold, one of the classifiers and one of the residual networks is monotone.
    """
    rows = []
    for suite in params.suites:
        for i, run in enumerate(params.runs(suite)):
            row = describe(run) | {
                "suite": suite,
                "run_id": f"{suite}{i:04}",
                "line": OWN_LINE,
                "draw": None,
                "part": None,
            }
            row |= {"start_run_id": row["run_id"]}
            row |= dict.fromkeys([*OUTCOMES, *NUMBERS], 0.25)
            row |= {"status": "converged", "monotonic": False}
            if run.network == "autoencoder":
                row |= dict.fromkeys(["train_accuracy", "test_accuracy", "min_delta_error", "plateau_length_error"])
            rows.append(row)
        own = rows[-len(params.runs(suite)) :]
        if suite == "residual":
            own[0] |= MONOTONE
        for name, entry in params.suite(suite).lines.items():
            other = {"line": name} | dict.fromkeys(GAUSS_LENGTHS)
            if suite == "residual":
                rows += [row | other | {"draw": draw} for row in own[:2] for draw in range(entry.count)]
            else:
                rows += [row | other | told for row, told in _others(name, own[4:])]
    rows[0] |= {"status": "diverged", "monotonic": None, "final_train_loss": float("inf")}
    rows[0] |= dict.fromkeys(NUMBERS)
    rows[1] |= {"status": "above threshold"}
    rows[2] |= MONOTONE
    for name in ("figures", "tables"):
        (reports / name).mkdir(parents=True)
    pd.DataFrame(rows).to_csv(reports / "measures.csv", index=False)
    pd.DataFrame({"suite": list(params.suites), "exponent": 1.0}).to_csv(reports / "power_law.csv", index=False)
    (reports / "metrics.json").write_text(json.dumps(dict.fromkeys(params.suites, {"runs": 1})))
    for name in ("claims.json", "verdicts.json"):
        judged = {claim: {"verdict": "reproduced", "suites": list(suites)} for claim, suites in params.claims.items()}
        (reports / name).write_text(json.dumps(judged))
    (reports / "README.md").write_text("![one](figures/figure_05_what.png)\n[data](tables/table_1_what.csv)\n")
    (reports / "index.html").write_text('<img src="figures/figure_05_what.png">')
    for key in params.plot:
        if key.startswith("figure"):
            stem = reports / "figures" / f"{key}_what"
            Image.new("L", (4, 3)).save(stem.with_suffix(".png"))
        else:
            stem = reports / "tables" / f"{key}_what"
            stem.with_suffix(".md").write_text("| a |\n|---|\n| 1 |\n")
        stem.with_suffix(".csv").write_text("a\n1\n")


@pytest.fixture
def reports(tmp_path, params):
    """A folder of reports as they should be."""
    fabricate(tmp_path / "reports", params)
    return tmp_path / "reports"


@pytest.fixture(scope="session")
def original(tmp_path_factory, params_file, params):
    """A toy project in git whose pipeline was run and committed."""
    root = tmp_path_factory.mktemp("toy")
    python = Path(sys.executable).parent
    where = {"DVC_SITE_CACHE_DIR": str(tmp_path_factory.mktemp("site")), "PATH": f"{python}:{os.environ['PATH']}"}

    def run(*command):
        environment = os.environ | QUIET | where
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)

    for name, text in TOY.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "params.yaml").write_text(params_file.read_text())
    fabricate(root / "source", params)
    run("git", "init", "--quiet")
    run(sys.executable, "-m", "dvc", "init", "--quiet")
    run(sys.executable, "-m", "dvc", "repro", "--quiet")
    for path, content in by_scale.files(root).items():
        (root / path).write_bytes(content)
    run("git", "add", "--all")
    run("git", "-c", "user.name=toy", "-c", "user.email=toy", "commit", "--quiet", "--message", "toy")
    return root


@pytest.fixture
def clone(original, tmp_path, monkeypatch):
    """A clone of the toy project, without data, as the working directory."""
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", original, root], check=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return root
