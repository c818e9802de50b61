"""Running stages by calls of their functions, in a folder with small parameters."""

from pathlib import Path

from stages.config import load
from stages.config.job import Job
from stages.download import download
from stages.interpolate import interpolate
from stages.measure import measures
from stages.shared.files import read_arrays
from stages.train_grid import train_grid
from stages.training.keys import run_key

ROOT = Path(__file__).parents[1]
SUITES = ("tiny", "small_autoencoders")


def job(root, name=None):
    return Job(load(root / "params.yaml"), name, root / "data", root / "reports")


def run_all(root):
    download(job(root, "digits"))
    for suite in SUITES:
        train_grid(job(root, suite))
    for suite in SUITES:
        interpolate(job(root, suite))
    measures(job(root))


def contents(root):
    """Return the bytes of every output."""
    files = [path for folder in ("data", "reports") for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def kept(root, kind):
    return {path.stem: path.stat().st_mtime_ns for path in (root / ".cells" / kind).rglob("*.safetensors")}


def edit(root, old, new):
    text = (root / "params.yaml").read_text()
    assert old in text
    (root / "params.yaml").write_text(text.replace(old, new))


def keys(root, suite):
    made = job(root, suite)
    checksum = read_arrays(made.dataset_file("digits"))[1]["sha256"]
    return {run_key(run, checksum): run for run in made.params.runs(suite)}
