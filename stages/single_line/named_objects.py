"""Objects named on the command line: `package.module:name` or `FILE.py:name`, with arguments."""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from torch import nn

from stages.networks.user_factory import call_factory
from stages.shared.errors import UserError


def parse_arguments(option: str, given: Sequence[str]) -> dict[str, object]:
    """Return keyword arguments of the form `name=value`; a value that is no Python literal is text.

    Args:
        option: Name of the option, for messages.
        given: The arguments.

    Returns:
        Values by name.

    Raises:
        UserError: If an argument has no name.
    """
    found: dict[str, object] = {}
    for argument in given:
        name, sign, value = argument.partition("=")
        if not sign or not name.isidentifier():
            raise UserError(f"{option}: got {argument!r}, expected name=value, such as num_classes=10")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def find_object(option: str, named: str) -> Any:
    """Import an object.

    Args:
        option: Name of the option, for messages.
        named: `package.module:name` or `FILE.py:name`; the name may have dots.

    Returns:
        The object.

    Raises:
        UserError: If there is none, or its module fails.
    """
    # Before a module that may import torchvision.
    from stages.datasets import torchvision_operators  # noqa: F401

    module, _, name = _importable(option, named).partition(":")
    try:
        return attrgetter(name)(importlib.import_module(module))
    except Exception as error:  # whatever the user's code does
        said = " ".join(str(error).split())
        raise UserError(
            f"{option}: cannot import {named!r} ({type(error).__name__}: {said}), expected package.module:name"
        ) from error


def call_object(option: str, named: str, arguments: Mapping[str, object]) -> Any:
    """Import a function or class and call it.

    Args:
        option: Name of the option, for messages.
        named: The function, as `find_object` takes it.
        arguments: Its keyword arguments.

    Returns:
        What it returns.

    Raises:
        UserError: If there is none, or it fails.
    """
    function = find_object(option, named)
    try:
        return function(**arguments)
    except Exception as error:
        said = " ".join(str(error).split())
        raise UserError(f"{option}: {named!r} failed ({type(error).__name__}: {said}); mend it or its --arg") from error


def network_builder(named: str, arguments: Mapping[str, object]) -> Callable[[], nn.Module]:
    """Return a function that builds a network.

    Args:
        named: The factory, as `find_object` takes it.
        arguments: Its keyword arguments.

    Returns:
        The function, which raises a UserError if there is no such factory or it gives no network.
    """
    importable = _importable("--factory", named)
    return lambda: call_factory(importable, arguments)


def _importable(option: str, named: str) -> str:
    """Return `module:name`, the module of a file loaded under the name of the file."""
    place, sign, name = named.rpartition(":")
    if not sign or not name:
        raise UserError(f"{option}: got {named!r}, expected package.module:name or FILE.py:name")
    if not place.endswith(".py"):
        return named
    path = Path(place)
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise UserError(f"{option}: there is no file {place}; name one, as in FILE.py:name")
    if path.stem not in sys.modules:
        sys.path.insert(0, str(path.parent.resolve()))
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[path.stem]
            said = " ".join(str(error).split())
            raise UserError(f"{option}: cannot import {place} ({type(error).__name__}: {said}); mend it") from error
    return f"{path.stem}:{name}"
