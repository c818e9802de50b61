"""Things that machines must agree on so that a task gives the same result on each: code, environment, factories."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stages.shared.environment import environment
from stages.shared.errors import UserError
from stages.shared.factory_source import factory_source
from stages.workers.task import Task


@dataclass(frozen=True)
class Agreement:
    """Things that must be the same on all machines for a task's result to be the same."""

    code: str
    """Digest of the code of the stages."""
    environment: dict[str, str]
    """The environment of the process that schedules the task, which the identity of its result holds."""
    factories: dict[str, dict]
    """Source of user-defined networks, by factory."""


def agreement_for(task: Task) -> Agreement:
    """Return the code, environment and factories that a worker must share with this process to do a task."""
    return Agreement(fingerprint(), environment(), {factory: factory_source(factory) for factory in task.factories})


def disagreement(expected: Agreement) -> str | None:
    """Say how this process differs from what a task expects, and how to mend that; None if it does not differ."""
    if fingerprint() != expected.code:
        return "has other code of the stages; bring its copy of the project up to date"
    here = environment()
    for name, value in expected.environment.items():
        if here.get(name) != value:
            got = here.get(name)
            return f"computes in another environment: {name} is {got!r}, expected {value!r} as where the stage runs"
    for factory, source in expected.factories.items():
        try:
            same = factory_source(factory) == source
        except UserError as error:
            return f"cannot use {factory!r} ({error}); bring its copy of the project up to date"
        if not same:
            return f"has other source of {factory!r}; bring its copy of your networks up to date"
    return None


@lru_cache
def fingerprint() -> str:
    """Return the digest of the code of the stages."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
