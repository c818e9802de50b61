"""The run store: finished work by the content of what it was made from, outside of what DVC rebuilds.

DVC empties a stage's outputs before it runs the stage. Work that is kept here is found again by the next attempt,
experiment or grid, run by run.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from stages.shared.errors import DamagedError, UserError
from stages.shared.files import read_about, read_arrays, write_arrays

KEY_LENGTH = 12


class Store:
    """A folder of safetensors files, one a key."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made when something is kept."""
        self.folder = folder

    @classmethod
    def default(cls) -> "Store":
        """Return the store at MLI_STORE, or else `.cells` in the DVC root, which queued experiments share.

        Returns:
            The store, whose folder can be written.

        Raises:
            UserError: If it cannot.
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
        """Return the identity of what `content`, plain JSON values, describes."""
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]

    def path(self, kind: str, key: str) -> Path:
        """Return where the entry is or would be."""
        return self.folder / kind / key[:2] / f"{key}.safetensors"

    def put(self, kind: str, key: str, arrays: dict[str, np.ndarray], about: dict) -> None:
        """Keep an entry, read-only, since what a stage puts out may be a link to it."""
        write_arrays(self.path(kind, key), arrays, about)
        self.path(kind, key).chmod(0o444)

    def get(self, kind: str, key: str) -> tuple[dict[str, np.ndarray], dict]:
        """Return the arrays and header of an entry.

        Args:
            kind: The kind of entry.
            key: Its key.

        Returns:
            Arrays by name, and the header.

        Raises:
            UserError: If it is missing or damaged.
        """
        return read_arrays(self.path(kind, key))

    def about(self, kind: str, key: str) -> dict:
        """Return the header of an entry."""
        return read_about(self.path(kind, key))

    def has(self, kind: str, key: str) -> bool:
        """Return whether an intact entry is kept; a damaged one is removed, to be made again."""
        path = self.path(kind, key)
        if not path.exists():
            return False
        try:
            read_arrays(path)
        except DamagedError:
            path.unlink(missing_ok=True)
            return False
        return True
