"""The store: finished work, each entry under a key that holds all that the result depends on.

DVC empties the outputs of a stage before it runs the stage. Entries of the store outlive that, so the next attempt,
experiment or grid computes only what is new. Weights are kept here and nowhere else.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stages.shared.errors import DamagedError, UserError
from stages.shared.files import read_arrays, read_header, read_some_arrays, write_arrays

KEY_LENGTH = 12


class Store:
    """A folder of safetensors files, one a key."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is created with the first entry."""
        self.folder = folder

    @classmethod
    def default(cls) -> "Store":
        """Return the store at MLI_STORE, or else `.cells` in the DVC root, which all experiments share.

        Returns:
            The store.

        Raises:
            UserError: If its folder cannot be written.
        """
        root = os.environ.get("DVC_ROOT", ".")
        folder = Path(os.environ.get("MLI_STORE") or Path(root) / ".cells").resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return cls(folder)
        except OSError as error:
            raise UserError(
                f"cannot write the store {folder}: {error.strerror}; mend it or set MLI_STORE to another folder"
            ) from error

    @staticmethod
    def key(content: dict) -> str:
        """Return the key of an entry: a digest of `content`, plain JSON values that describe all it depends on."""
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]

    def path(self, kind: str, key: str) -> Path:
        """Return where the entry is or would be."""
        return self.folder / kind / key[:2] / f"{key}.safetensors"

    def put(self, kind: str, key: str, arrays: dict[str, np.ndarray], header: dict) -> None:
        """Keep an entry: arrays by name and a header of plain JSON values, in a read-only file."""
        write_arrays(self.path(kind, key), arrays, header)
        self.path(kind, key).chmod(0o444)

    def get(self, kind: str, key: str) -> tuple[dict[str, np.ndarray], dict]:
        """Return the arrays and header of an entry.

        Args:
            kind: The kind of entry, such as `runs`.
            key: The key.

        Returns:
            Arrays by name, and the header.

        Raises:
            UserError: If the entry is missing or damaged.
        """
        return read_arrays(self.path(kind, key))

    def header(self, kind: str, key: str) -> dict:
        """Return the header of an entry without reading its arrays."""
        return read_header(self.path(kind, key))

    def some(self, kind: str, key: str, names: Sequence[str]) -> tuple[dict[str, np.ndarray], dict]:
        """Return some arrays of an entry and its header, without reading the others or checking the checksum."""
        return read_some_arrays(self.path(kind, key), names)

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Yield the kind and the file of every entry, sorted."""
        for path in sorted(self.folder.glob("*/??/*.safetensors")):
            yield path.parent.parent.name, path

    def has(self, kind: str, key: str) -> bool:
        """Return whether the store has an intact entry; a damaged one is removed, to be made again."""
        path = self.path(kind, key)
        if not path.exists():
            return False
        try:
            read_arrays(path)
        except DamagedError:
            path.unlink(missing_ok=True)
            return False
        return True
