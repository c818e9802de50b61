"""Packs: the records of a suite's runs in one small file, which travels between machines without weights."""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.lines.landscape import Landscape, load_landscape, save_landscape
from stages.results.evaluated_runs import EvaluatedRun, from_arrays, to_arrays
from stages.results.local_runs import SuiteRecords
from stages.results.origin_folder import LANDSCAPE, OriginFolder
from stages.shared.errors import UserError
from stages.shared.files import json_bytes, read_arrays, write_arrays, write_bytes
from stages.shared.origins import Origin, check_name
from stages.shared.store import Store

FORMAT = "records of monotonic linear interpolation, version 1"
CONTENTS = "pack.json"
RECORD = re.compile(r"[0-9a-f]{12}\.safetensors")
"""Names of the files of records: the digest of a run's configuration."""


@dataclass(frozen=True)
class Pack:
    """Content of a pack."""

    origin: Origin
    suite: str
    commit: str
    """Commit of the project's code that computed, or nothing if it is not known."""
    runs: dict[str, bytes]
    """Content of the file of each run, by its name."""
    landscape: Landscape
    """Planes and trajectories."""


def write_pack(path: Path, records: SuiteRecords, origin: Origin, suite: str, commit: str) -> None:
    """Write the records of a suite as one compressed file; equal records give equal bytes.

    Args:
        path: The file.
        records: The records.
        origin: Where they were computed.
        suite: Name of the suite.
        commit: Commit of the project's code that computed, or nothing.
    """
    with TemporaryDirectory() as folder:
        files = {f"{run.configuration}.safetensors": _file_of(run, Path(folder) / "run") for run in records.runs}
        save_landscape(Path(folder) / LANDSCAPE, records.landscape)
        files[LANDSCAPE] = (Path(folder) / LANDSCAPE).read_bytes()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    about = {"format": FORMAT, "suite": suite, "origin": asdict(origin), "commit": commit, "files": digests}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted((files | {CONTENTS: json_bytes(about)}).items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    write_bytes(path, packed.getvalue())


def _file_of(run: EvaluatedRun, path: Path) -> bytes:
    write_arrays(path, *to_arrays(run))
    return path.read_bytes()


def read_pack(path: Path) -> Pack:
    """Read a pack, and hold every file in it to its digest and to its form.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        UserError: If the file is missing, damaged, truncated, or no pack.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; name a file that `python tools/store.py pack` wrote") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; mend that and run again") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or no pack ({error}); copy it again from where it was packed") from error
    try:
        return _checked(files, json.loads(files.pop(CONTENTS)))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no pack that this version reads ({error}); pack the records again") from error
    except UserError as error:
        raise UserError(f"{path} is damaged or no pack: {error}") from error


def _checked(files: Mapping[str, bytes], about: Mapping) -> Pack:
    """Return a pack after reading each of its files as what it should be."""
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']!r}")
    origin = Origin(**about["origin"])
    check_name(origin.name, "origin")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", about["suite"]) or set(files) != set(about["files"]):
        raise ValueError("its list of contents does not fit")
    runs = {}
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            if hashlib.sha256(content).hexdigest() != about["files"][name]:
                raise ValueError(f"checksum of {name}")
            file = Path(folder) / "file.safetensors"
            file.write_bytes(content)
            if name == LANDSCAPE:
                landscape = load_landscape(file)
            elif RECORD.fullmatch(name):
                from_arrays(*read_arrays(file), origin.text)
                runs[name] = content
            else:
                raise ValueError(f"file {name}")
    return Pack(origin, about["suite"], about["commit"], runs, landscape if LANDSCAPE in files else Landscape({}, {}))


def unpack(path: Path, store: Store) -> str:
    """Put the records of a pack into a store.

    Args:
        path: The file.
        store: The store.

    Returns:
        A sentence on what was done.

    Raises:
        UserError: If the file is no intact pack, or its origin's name is taken by another; the store is as it was then.
    """
    pack = read_pack(path)
    new, replaced = OriginFolder(store, pack.origin.name).put(pack.origin, pack.suite, pack.runs, pack.landscape)
    return (
        f"{path}: {len(pack.runs)} runs of suite {pack.suite}, origin {pack.origin.name} ({pack.origin.text}): {new} "
        f"new, {replaced} replaced, {len(pack.runs) - new - replaced} already there"
    )
