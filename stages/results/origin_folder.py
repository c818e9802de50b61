"""Records of other machines, as a folder of the store keeps them: one folder for each origin and suite."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from stages.lines.landscape import Landscape, load_landscape, save_landscape
from stages.results.evaluated_runs import EvaluatedRun, from_arrays
from stages.results.local_runs import SuiteRecords
from stages.shared.errors import DamagedError, UserError
from stages.shared.files import read_arrays, read_json, replacing, write_bytes, write_json
from stages.shared.origins import Origin
from stages.shared.store import Store

LANDSCAPE = "landscape.safetensors"


def known_origins(store: Store) -> tuple[str, ...]:
    """Return the names of the origins whose records a store holds, sorted."""
    return tuple(sorted(path.parent.name for path in (store.folder / "origins").glob("*/origin.json")))


class OriginFolder:
    """The records of one origin in a store."""

    def __init__(self, store: Store, name: str) -> None:
        """Use a folder, which is created with the first record."""
        self.name = name
        self.folder = store.folder / "origins" / name

    @property
    def origin(self) -> Origin:
        """The origin.

        Raises:
            UserError: If the store holds no records of it, or their description is damaged.
        """
        path = self.folder / "origin.json"
        try:
            return Origin(**read_json(path))
        except (TypeError, DamagedError) as error:
            raise UserError(f"{path} is damaged; delete {self.folder} and unpack its records again") from error

    def suites(self) -> list[str]:
        """Return the names of the suites of which there are records, sorted."""
        return sorted(path.name for path in self.folder.glob("*") if path.is_dir() and not path.name.startswith("."))

    def files(self, suite: str) -> list[Path]:
        """Return the files of the records of a suite, sorted."""
        return sorted(path for path in (self.folder / suite).glob("*.safetensors") if path.name != LANDSCAPE)

    def records(self, suite: str) -> SuiteRecords:
        """Return the records of a suite.

        Args:
            suite: Name of the suite.

        Returns:
            The records, by configuration.

        Raises:
            UserError: If a file is damaged.
        """
        text = self.origin.text
        runs = []
        for path in self.files(suite):
            try:
                runs.append(from_arrays(*read_arrays(path), text))
            except DamagedError as error:
                raise UserError(f"{path} is damaged; delete {self.folder} and unpack its records again") from error
        file = self.folder / suite / LANDSCAPE
        return SuiteRecords(tuple(runs), load_landscape(file) if file.exists() else Landscape({}, {}))

    def put(self, origin: Origin, suite: str, files: Mapping[str, bytes], landscape: Landscape) -> tuple[int, int]:
        """Add the records of some runs of a suite; the folder of the suite changes in one step.

        Args:
            origin: The origin.
            suite: Name of the suite.
            files: Content of the file of each run, by its name.
            landscape: Planes and trajectories, which are added to those that there are.

        Returns:
            How many records are new, and how many replace others of the same runs.

        Raises:
            UserError: If the store holds records of another origin of this name.
        """
        if (self.folder / "origin.json").exists():
            check_same(self.origin, origin)
        target = self.folder / suite
        before = {path.name: path for path in self.files(suite)}
        file = target / LANDSCAPE
        old = load_landscape(file) if file.exists() else Landscape({}, {})
        with replacing(target) as folder:
            if target.exists():
                shutil.copytree(target, folder)
            else:
                folder.mkdir()
            for name, content in files.items():
                write_bytes(folder / name, content)
            planes = old.planes | landscape.planes
            save_landscape(folder / LANDSCAPE, Landscape(planes, old.trajectories | landscape.trajectories))
        write_json(self.folder / "origin.json", asdict(origin))
        changed = sum(name in before and before[name].read_bytes() != content for name, content in files.items())
        return len(set(files) - set(before)), changed


def check_same(known: Origin, new: Origin) -> None:
    """Refuse records of another origin under a name that is taken.

    Args:
        known: The origin whose records the store holds.
        new: The origin of other records.

    Raises:
        UserError: If they differ in environment or numerics.
    """
    for group in ("environment", "numerics"):
        one, other = dict(getattr(known, group)), dict(getattr(new, group))
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                raise UserError(
                    f"records of origin {known.name} are already here, with {key} {json.dumps(one.get(key))}, but "
                    f"these have {json.dumps(other.get(key))}; pack them again with another --origin"
                )


def select(records: Sequence[EvaluatedRun], configurations: Sequence[str]) -> list[EvaluatedRun]:
    """Return the records of some runs, in the order of their configurations."""
    found = {record.configuration: record for record in records}
    return [found[configuration] for configuration in configurations if configuration in found]
