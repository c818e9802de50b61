"""The pipeline writes the same bytes in every locale, where names of files are not ASCII too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from small import HEADER
from small_project import Project, new_project

DESCRIPTIONS = Path("/usr/share/i18n/locales")  # from Debian's package `locales`
LOCALES = {"de_DE.ISO-8859-1": "de_DE", "tr_TR.UTF-8": "tr_TR", "C": None}
COLOURS = {"Größe": (200, 0, 0), "ĉevalo": (0, 100, 50), "İI": (0, 0, 200)}
PARAMS = (
    """datasets:
  images: {source: image_folder, train: bildoj/Bäume, test: bildoj/ŝtonoj, image_size: 4}
  text: {source: text, file: ĉevalo.txt, vocabulary: 300, block: 16, test_fraction: 0.2, evaluation_examples: 2,
         evaluation_seed: 0}
"""
    + "".join(HEADER.splitlines(keepends=True)[2:])
    + """claims: {}
plot: {figure_05: [colours]}
suites:
  colours:
    dataset: images
    threshold: 5.0
    tolerance: 0.001
    gauss_examples: 4
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: mlp, loss: cross_entropy, activation: relu, epochs: 1, batch_size: 4, seed: 0, optimizer: sgd}
    grids:
      main: {hidden: [[4]], batch_norm: [false], lr: [0.1, 0.01]}
"""
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """A folder of the locales, beside those of the system."""
    if shutil.which("localedef") is None or not (DESCRIPTIONS / "de_DE").exists():
        pytest.skip("no locales to compile; install Debian's package `locales`")
    folder = tmp_path_factory.mktemp("locales")
    for name, description in LOCALES.items():
        if description:
            charset = name.partition(".")[2]
            subprocess.run(["localedef", "-i", description, "-f", charset, folder / name], check=True)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project of images and a text whose names are in several alphabets, of which nothing was run."""
    made = new_project(tmp_path_factory.mktemp("new") / "project", PARAMS)
    for split in ("Bäume", "ŝtonoj"):
        for name, colour in COLOURS.items():
            folder = made.folder / "bildoj" / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (5, 4), tuple(part + number for part in colour)).save(folder / f"ĝi {number}.png")
    (made.folder / "ĉevalo.txt").write_text("Ĉu vi vidas la ĉevalon?\nJes…\n" * 60, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def usual(project, tmp_path_factory) -> dict[str, bytes]:
    """What a whole run in the locale of the tests writes."""
    return reproduced(project.copy(tmp_path_factory.mktemp("usual") / "project"))


def reproduced(project: Project) -> dict[str, bytes]:
    """Return what `dvc repro` writes, by path."""
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return project.contents() | {"dvc.lock": (project.folder / "dvc.lock").read_bytes()}


def downloaded(project: Project) -> tuple[dict[str, bytes], str]:
    """Return what the stage that reads the text writes, by path, and the line in which it tells of it."""
    done = project.run(sys.executable, "-m", "stages.download", "--dataset", "text")
    assert done.returncode == 0, done.stdout + done.stderr
    return project.contents(), done.stdout


@pytest.fixture
def use(project, compiled, monkeypatch):
    """A function that lets the commands of projects run in a locale."""

    def use(name: str) -> None:
        monkeypatch.setenv("LOCPATH", str(compiled))
        monkeypatch.setenv("LC_ALL", name)
        probe = project.run(sys.executable, "-c", "import locale; print(locale.nl_langinfo(locale.CODESET))")
        assert probe.stdout.strip() == {"C": "ANSI_X3.4-1968"}.get(name, name.partition(".")[2])

    return use


def test_a_stage_in_iso_8859_1_writes_the_same_bytes(project, use, tmp_path):
    expected, told = downloaded(project.copy(tmp_path / "usual"))
    assert told.endswith("…\n")
    use("de_DE.ISO-8859-1")
    written, told = downloaded(project.copy(tmp_path / "other"))
    assert written == expected
    assert "data/datasets/text.safetensors" in written
    assert told.endswith("\\u2026\n")  # which ISO-8859-1 lacks


@pytest.mark.long
@pytest.mark.parametrize("name", LOCALES)
def test_a_run_in_another_locale_writes_the_same_bytes(project, usual, use, tmp_path, name):
    use(name)
    written = reproduced(project.copy(tmp_path / "project"))
    assert written == usual
    assert "reports/index.html" in written
