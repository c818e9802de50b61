"""Stage `inputs`: environment, code, parameters and the user's own files -> data/inputs/**.json.

DVC compares files. It sees neither the environment, nor the modules that a script or a user-defined network imports,
nor images, texts and weights outside of the project. This stage runs each time and writes them, or digests of them, to
files on which the other stages depend. Parameters are written too: if stages listed them, DVC would parse params.yaml
again for each stage, and copy their values into dvc.lock, which it reads and writes after every stage that ran.
"""

import hashlib
from pathlib import Path

from stages.command import main
from stages.config import Params, Source
from stages.config.job import Job
from stages.parameter_files import PARAMETERS, parameter_files
from stages.shared.environment import environment
from stages.shared.files import digest_file, replacing, write_json
from stages.shared.source_files import source_digests

MISSING = "missing"
ROOT = Path(__file__).resolve().parent.parent
CODE = "code"


def inputs(job: Job) -> None:
    """Write the environment, the code and parameters of each stage, and the user's files of each dataset and suite.

    Args:
        job: The job.

    Raises:
        UserError: If a variable of the environment or a factory of the parameters is faulty.
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
    """Return the parameters that each stage reads, by the name of their file in data/inputs."""
    return parameter_files(params.model_dump(mode="json"))


def files_of(source: Source) -> dict[str, str]:
    """Return the digests of the user's files that a dataset is made of; none for bundled and published datasets.

    Args:
        source: One of the `datasets` of the parameters.

    Returns:
        By path: the digest of a text or of a folder of images, or `missing`, which stage `download` reports.
    """
    return {path: _digest(Path(path).expanduser()) for path in source.paths()}


def networks_of(job: Job, suite: str) -> dict[str, object]:
    """Return what identifies the user-defined networks and weights in a suite; empty if it has none.

    Args:
        job: The job.
        suite: Name of the suite.

    Returns:
        The identity of each factory and the digest of each file of weights, by name.
    """
    given = job.params.suite(suite)
    if not {"factory", "weights"} & {*given.runs, *(key for grid in given.grids.values() for key in grid)}:
        return {}  # most suites: their runs need not be expanded
    runs = job.params.runs(suite)
    found: dict[str, object] = {}
    for factory in sorted({run.factory for run in runs if run.factory}):
        from stages.networks.user_factory import factory_identity  # torch and torchvision take seconds to import

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
    except OSError:  # the stage that reads it reports the error
        return MISSING


if __name__ == "__main__":
    main(inputs, "Write down what results depend on beside parameters and code.")
