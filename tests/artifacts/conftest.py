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
from tools.artifacts import tables

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
""",
}


@pytest.fixture(scope="session")
def params_file(tmp_path_factory):
    """The project's parameters with two small suites and few figures, so that tests hold whatever the defaults are."""
    values = yaml.safe_load((PROJECT / "params.yaml").read_text())
    values["suites"] = {name: values["suites"][name] for name in ("classifiers", "autoencoders")}
    for suite in values["suites"].values():
        network = suite["runs"]["network"]
        suite |= {"tolerance": 0.001, "threshold": 3.0}
        suite["runs"] = {"network": network, "epochs": 2, "batch_size": 10, "activation": "relu"}
        suite["runs"] |= {"loss": "cross_entropy" if network == "mlp" else "squared_error", "seed": 0}
        suite["grids"] = {"main": {"hidden": [[8, 8], [16]], "optimizer": ["sgd", "adam"], "lr": [0.1, 0.001]}}
    values["plot"] = {"figure_05": ["classifiers"], "figure_27": ["autoencoders"], "table_1": ["classifiers"]}
    path = tmp_path_factory.mktemp("parameters") / "params.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def params(params_file):
    return load(params_file)


def fabricate(reports, params):
    """Write what the stages would, with made-up numbers: one run diverged, one above the threshold."""
    rows = []
    for suite in params.suites:
        for i, run in enumerate(params.runs(suite)):
            row = {"suite": suite, "run_id": f"{suite}{i:04}", "line": "initial_to_final", "status": "converged"}
            row |= {name: getattr(run, name) for name in tables.SETTING} | {"hidden": "-".join(map(str, run.hidden))}
            row |= dict.fromkeys([*tables.TRAINING, *tables.MEASURES], 0.25) | {"monotonic": False}
            if run.network == "autoencoder":
                row |= dict.fromkeys(tables.OF_CLASSES)
            rows.append(row)
    rows[0] |= {"status": "diverged", "monotonic": None, "final_train_loss": float("inf")}
    rows[0] |= dict.fromkeys(tables.MEASURES)
    rows[1] |= {"status": "above threshold"}
    rows[2] |= {"min_delta": 0.0, "monotonic": True} | dict.fromkeys(tables.NO_BUMP)
    for name in ("figures", "tables"):
        (reports / name).mkdir(parents=True)
    pd.DataFrame(rows).to_csv(reports / "measures.csv", index=False)
    pd.DataFrame({"suite": list(params.suites), "exponent": 1.0}).to_csv(reports / "power_law.csv", index=False)
    (reports / "metrics.json").write_text(json.dumps(dict.fromkeys(params.suites, {"runs": 1})))
    for key in params.plot:
        if key.startswith("figure"):
            stem = reports / "figures" / f"{key}_what"
            stem.with_suffix(".svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
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
