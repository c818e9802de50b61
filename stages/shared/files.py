"""Reading and writing files: no file is ever half-written, and equal content gives equal bytes."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from stages.shared.errors import DamagedError, UserError


@contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; move it there on success, remove it on failure.

    Raises:
        UserError: If the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")  # ignored by git and DVC, if left over
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; free or unlock it and run again") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        elif temporary.exists():  # false too where the folder could not be made
            temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON."""
    write_bytes(path, json_bytes(content))


def read_json(path: Path) -> dict:
    """Read a JSON object that `write_json` wrote.

    Args:
        path: The file.

    Returns:
        The object.

    Raises:
        UserError: If the file is missing.
        DamagedError: If the file holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; run the stage that makes it (`dvc repro`)") from error
    except ValueError as error:
        raise DamagedError(f"{path} is damaged ({error}); delete it and run `dvc repro`") from error
    if not isinstance(content, dict):
        raise DamagedError(f"{path} was not written by this pipeline; delete it and run `dvc repro`")
    return content


def json_bytes(content: object) -> bytes:
    """Return `content` as indented JSON."""
    return (json.dumps(content, indent=2, allow_nan=True) + "\n").encode()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; a file that has not changed since is read once a process.

    Raises:
        OSError: If it cannot be read.
    """
    status = path.stat()
    return _digest_file(path.resolve(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=65536)
def _digest_file(path: Path, changed: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def digest_arrays(arrays: dict[str, np.ndarray], header: dict) -> str:
    """Return the SHA-256 of a header and named arrays: names, types, shapes and values, whatever their order."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def write_arrays(path: Path, arrays: dict[str, np.ndarray], header: dict) -> None:
    """Write named arrays and a JSON header as safetensors, with a checksum of both.

    The header is one entry, because safetensors does not keep the order of several.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = {key: value for key, value in header.items() if key != "sha256"}
    text = json.dumps(header | {"sha256": digest_arrays(arrays, header)}, sort_keys=True)
    write_bytes(path, safetensors.numpy.save(arrays, metadata={"about": text}))


def read_header(path: Path) -> dict:
    """Return the JSON header that `write_arrays` wrote, without reading the arrays."""
    with _opened(path) as file:
        return _header(path, file)


def read_some_arrays(path: Path, names: Sequence[str]) -> tuple[dict[str, np.ndarray], dict]:
    """Read the header and some of the arrays that `write_arrays` wrote, without holding them to the checksum.

    Args:
        path: A safetensors file.
        names: Names of the arrays.

    Returns:
        The arrays by name, and the header.

    Raises:
        DamagedError: If the file is truncated, or has no such array.
        UserError: If it is missing or cannot be read.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in names}, _header(path, file)


def read_arrays(path: Path, verify: bool = True) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `write_arrays` wrote.

    Args:
        path: A safetensors file.
        verify: Whether to hold the arrays to the checksum in the header.

    Returns:
        The arrays by name, and the header.

    Raises:
        DamagedError: If the file is truncated or not what was written.
        UserError: If it is missing or cannot be read.
    """
    with _opened(path) as file:
        header = _header(path, file)
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iterator)
    content = {key: value for key, value in header.items() if key != "sha256"}
    if verify and digest_arrays(arrays, content) != header["sha256"]:
        raise DamagedError(f"{path} was changed after it was written (checksum differs); delete it and run `dvc repro`")
    return arrays, header


@contextmanager
def _opened(path: Path) -> Generator[safe_open, None, None]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; run the stage that makes it (`dvc repro`)") from error
    except SafetensorError as error:
        raise DamagedError(f"{path} is damaged ({error}); delete it and run `dvc repro`") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; mend that and run again") from error


def _header(path: Path, file: safe_open) -> dict:
    try:
        header = json.loads((file.metadata() or {})["about"])
        if not isinstance(header["sha256"], str):
            raise ValueError("no checksum")
        return header
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{path} was not written by this pipeline; delete it and run `dvc repro`") from error
