"""The classes of parameters and their fields."""

from collections.abc import Iterator
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel


def kinds(model: object) -> Iterator[str]:
    """Yield the fields of a parameter class and of all classes that its fields hold, as Class.field."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}"
            yield from kinds(field.annotation)
    elif get_origin(model) is not None:
        for part in get_args(model)[: 1 if get_origin(model) is Annotated else None]:
            yield from kinds(part)
