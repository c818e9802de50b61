"""Stage `inputs`: what results depend on -> data/inputs/**.json.

DVC compares files. It sees neither the environment, nor the modules that a script or a network of yours imports, nor
images, texts and weights that lie anywhere. This stage runs each time and writes them down; other stages depend on what
it writes. Parameters are among it: DVC would parse params.yaml again for each stage that lists some, and keep a copy of
their values in dvc.lock, which it reads and writes after every stage that ran.
"""

import hashlib
from pathlib import Path

from stages.command import main
from stages.config import Params
from stages.config.job import Job
from stages.config.params import ImageFolderSource, Source, TextSource
from stages.parameter_files import PARAMETERS, parameter_files
from stages.shared.environment import environment
from stages.shared.files import digest_file, replacing, write_json
from stages.shared.source_files import source_digests

MISSING = "missing"
ROOT = Path(__file__).resolve().parent.parent
CODE = "code"


def inputs(job: Job) -> None:
    """Write what the environment, the code and parameters of each stage, each dataset and each suite are made of.

    Args:
        job: The parameters and folders.

    Raises:
        UserError: If the environment or a factory of the parameters is none.
    """
    with replacing(job.inputs_folder) as folder:
        write_json(folder / "environment.json", environment())
        for name, source in job.params.datasets.items():
            write_json(folder / "datasets" / f"{name}.json", files_of(source))
        for name in job.params.suites:
            write_json(folder / "suites" / f"{name}.json", networks_of(job, name))
        known: dict[Path, set[Path]] = {}
        for name in PARAMETERS:
            write_json(folder / code_of(name), source_digests(ROOT, f"stages.{name}", known))
        for name, values in parameters_of(job.params).items():
            write_json(folder / name, values)


def code_of(script: str) -> str:
    """Return the name of the file that holds the digests of a stage's code."""
    return f"{CODE}/{script}.json"


def parameters_of(params: Params) -> dict[str, dict[str, object]]:
    """Return the values of the parameters that each stage reads, by the name of their file in data/inputs."""
    return parameter_files(params.model_dump(mode="json"))


def files_of(source: Source) -> dict[str, str]:
    """Return the digests of a source's own files; none where it is bundled or a published set.

    Args:
        source: One of the `datasets` of the parameters.

    Returns:
        By path: one digest of a text, one of a folder of images, or `missing`, which stage `download` refuses.
    """
    if isinstance(source, TextSource):
        return {source.file: _digest(Path(source.file).expanduser())}
    if isinstance(source, ImageFolderSource):
        return {folder: _digest(Path(folder).expanduser()) for folder in (source.train, source.test)}
    return {}


def networks_of(job: Job, suite: str) -> dict[str, object]:
    """Return what identifies the networks and weights of the user's in a suite; nothing where it has none.

    Args:
        job: The parameters.
        suite: The suite's name.

    Returns:
        The identity of each factory and the digest of each file of weights, by name.
    """
    given = job.params.suite(suite)
    if not {"factory", "weights"} & {*given.runs, *(key for grid in given.grids.values() for key in grid)}:
        return {}  # most suites: their runs need not be expanded
    runs = job.params.runs(suite)
    found: dict[str, object] = {}
    for factory in sorted({run.factory for run in runs if run.factory}):
        from stages.networks.factory import factory_identity  # torch and torchvision take seconds to import

        found[factory] = factory_identity(factory)
    for file in sorted({file for run in runs for file in run.weights or ()}):
        found[file] = _digest(Path(file))
    return found


def _digest(path: Path) -> str:
    """Return a digest of a file, or of the names and contents of all files in a folder."""
    try:
        if not path.is_dir():
            return digest_file(path)
        digest = hashlib.sha256()
        for file in sorted(path.rglob("*")):
            if file.is_file():
                digest.update(
                    f"{file.relative_to(path).as_posix()}:{digest_file(file)};".encode(errors="surrogateescape")
                )
        return digest.hexdigest()
    except OSError:  # the stage that reads it says what is wrong
        return MISSING


if __name__ == "__main__":
    main(inputs, "Write down what results depend on beside parameters and code.")
