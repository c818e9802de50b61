"""Stage `inputs`: what results depend on -> data/inputs/**.json.

DVC compares files. It sees neither the environment, nor the modules that a script or a network of yours imports, nor
images, texts and weights that lie anywhere. This stage runs each time and writes them down; other stages depend on what
it writes. Stages over all suites read digests of the suites from it too: as parameters of each of these stages, all
suites would stand in dvc.lock once a stage, and DVC reads and writes dvc.lock after every stage that ran.
"""

import hashlib
import json
from pathlib import Path

from stages.command import Job, main
from stages.config import Params
from stages.config.params import ImageFolderSource, Source, TextSource
from stages.environment import environment
from stages.files import digest_file, replacing, write_json
from stages.source import source_digests

MISSING = "missing"
ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("download", "train_grid", "interpolate", "simulate", "measure", "plot", "report")
"""Stages whose code is written down: each is a module of package `stages`."""
ORDER, SUITES, CODE = "order.json", "suites.json", "code"


def inputs(job: Job) -> None:
    """Write what the environment, the code of each stage, each dataset and each suite is made of.

    Args:
        job: The parameters and folders.

    Raises:
        UserError: If the environment or a factory of the parameters is none.
    """
    with replacing(job.inputs_folder) as folder:
        write_json(folder / "environment.json", environment())
        for name, source in job.params.datasets.items():
            write_json(folder / "datasets" / f"{name}.json", files_of(source))
        for name, suite in job.params.suites.items():
            order = {"order": order_of(suite.model_dump(mode="json"))}
            write_json(folder / "suites" / f"{name}.json", order | networks_of(job, name))
        for name in (ORDER, SUITES, *map(code_of, SCRIPTS)):
            write_json(folder / name, committed(name, ROOT, job.params))


def code_of(script: str) -> str:
    """Return the name of the file that holds the digests of a stage's code."""
    return f"{CODE}/{script}.json"


def committed(name: str, root: Path, params: Params) -> object:
    """Return what one of the files holds that depend on committed files alone: on parameters or on code.

    Args:
        name: `order.json`, `suites.json` or `code/SCRIPT.json`.
        root: The project's root.
        params: The parameters.

    Returns:
        A digest of the order of all keys, one digest for each suite, or one for each source file.

    Raises:
        KeyError: If the file depends on something else.
        UserError: If a source file is not Python.
    """
    if name == ORDER:
        return order_of(params.model_dump(mode="json"))
    if name == SUITES:
        return suite_digests({name: suite.model_dump(mode="json") for name, suite in params.suites.items()})
    if name.startswith(f"{CODE}/"):
        return source_digests(root, f"stages.{Path(name).stem}")
    raise KeyError(name)


def suite_digests(suites: dict[str, dict]) -> dict[str, str]:
    """Return a digest of the values and the order of each suite's keys.

    Args:
        suites: Plain values by name.

    Returns:
        The digests by name, in hexadecimal digits.
    """
    return {name: hashlib.sha256(json.dumps(suite).encode()).hexdigest() for name, suite in suites.items()}


def order_of(values: object) -> str:
    """Return a digest of the order of all keys, which DVC does not compare: rows, and the points of a plane, follow it.

    Args:
        values: Parameters as plain values.

    Returns:
        The digest, in hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(_keys(values)).encode()).hexdigest()


def _keys(values: object) -> object:
    if isinstance(values, dict):
        return [[key, _keys(value)] for key, value in values.items()]
    return [_keys(value) for value in values] if isinstance(values, list) else None


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
