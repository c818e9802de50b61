"""Classes that modules of a folder declare, such as networks: a new module is found, and no list names it.

`stages.shared.source_files` takes a call of `find_classes` or `import_named`, with a literal package and assigned to a
name, for an import of all modules of that package.
"""

from collections.abc import Callable
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import create_model
from pydantic_core import PydanticUndefined

from stages.config.schema import Frozen

STAGES = Path(__file__).resolve().parents[1]
Declared = TypeVar("Declared", bound=Frozen)


def find_classes(package: str, base: type[Declared]) -> tuple[type[Declared], ...]:
    """Import the modules of a package and return the classes that they declare.

    Args:
        package: Dotted name of a package of `stages`, whose modules import neither PyTorch nor other slow libraries.
        base: What the classes derive from.

    Returns:
        The classes, by the name of their module and in its order.
    """
    found = []
    for file in sorted(STAGES.joinpath(*package.split(".")[1:]).glob("[!_]*.py")):
        module = import_module(f"{package}.{file.stem}")
        found += [kind for kind in vars(module).values() if _is_declared(kind, base, module.__name__)]
    return tuple(found)


def _is_declared(kind: object, base: type, module: str) -> bool:
    return isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module and kind.__name__[0] != "_"


def with_fields(base: type[Frozen], shared: str, kinds: tuple[type[Frozen], ...]) -> type[Frozen]:
    """Return a class that has the fields of several kinds beside its own, as a run has those of all networks.

    Args:
        base: The class that is extended.
        shared: Dotted name of the module that declares fields of several kinds; its order is the order of the fields.
        kinds: The kinds, such as the networks. Fields of their own come last.

    Returns:
        The class. A field without a default may be None in it, which is what it is for other kinds.

    Raises:
        TypeError: If two kinds declare fields of one name.
    """
    owners = [kind for kind in vars(import_module(shared)).values() if _is_declared(kind, Frozen, shared)]
    fields: dict[str, Any] = {}
    places: dict[str, type] = {}
    for owner in dict.fromkeys([*owners, *(one for kind in kinds for one in kind.__mro__ if issubclass(one, Frozen))]):
        hints = get_type_hints(owner, include_extras=True)
        for name in [name for name in owner.model_fields if name in get_annotations(owner)]:
            if name in places or name in base.model_fields:
                raise TypeError(f"{owner.__name__}.{name}: declared elsewhere too; declare it once, in {shared}")
            default = owner.model_fields[name].default
            required = default is PydanticUndefined
            places[name], fields[name] = owner, (hints[name] | None, None) if required else (hints[name], default)
    return create_model(f"{base.__name__}With", __base__=base, __module__=base.__module__, **fields)


def import_named(package: str, reference: str) -> Callable:
    """Import a function or class by its name, as a declaration gives it.

    Args:
        package: Dotted name of the package that usually holds it.
        reference: `module:name`.

    Returns:
        The function or class.
    """
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
