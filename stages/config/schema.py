"""The base class of parameters: frozen and strictly typed, without unknown keys; errors name the full key."""

import json
from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from stages.shared.errors import UserError

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Proportion = Annotated[float, Field(ge=0, le=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class TrainingOnly:
    """Marks a field, by `Annotated`, that changes how a network is trained or initialised, but not its shape."""


class Frozen(BaseModel):
    """Parameters: immutable, strict about types, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Frozen)


def parse(model: type[Model], values: object, key: str) -> Model:
    """Build `model` from plain YAML values.

    Args:
        model: The class to build.
        values: What `read_yaml` gave: mappings with text keys, lists, plain scalars.
        key: The full key at which `values` stand in params.yaml, for the message.

    Returns:
        The checked object.

    Raises:
        UserError: If a key is unknown, missing or ill-typed: the full key, the value and what was expected.
    """
    try:
        # JSON mode takes lists for tuples and is strict about every scalar.
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise UserError(explain(error, key)) from None


def explain(error: ValidationError, key: str) -> str:
    """Return the first error of a validation as one sentence."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    if path[:1] == ["datasets"]:
        del path[2:3]  # the tag of a union, which is no key
    if path[:1] == ["suites"] and path[2:3] == ["lines"]:
        del path[4:5]
    where = ".".join([*([key] if key else []), *path])
    if first["type"] == "value_error":  # keys that contradict each other: the message begins with one of them
        return ".".join([*([where] if where else []), first["msg"].removeprefix("Value error, ")])
    where = where or "params.yaml"
    if first["type"] == "union_tag_invalid":
        return f"{where}.{_tag(first)}: got {first['ctx']['tag']!r}, expected one of {first['ctx']['expected_tags']}"
    if first["type"] == "union_tag_not_found":
        return f"{where}.{_tag(first)}: this key is missing; add it"
    if first["type"] == "string_pattern_mismatch":
        return f"{where}: got {first['input']!r}, expected lower-case letters, digits and _, a letter first"
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key; remove it or correct its spelling"
    if first["type"] == "missing":
        return f"{where}: this key is missing; add it"
    value = first["input"]
    shown = f"a mapping of {len(value)} keys" if isinstance(value, Mapping) else repr(value)
    message = first["msg"].removeprefix("Input should be ")
    hint = ""
    if isinstance(value, str) and _is_number(value):
        hint = f" ({value} is text here; write a number without quotes, with a digit before its point)"
    return f"{where}: got {shown}, expected {message}{hint}"


def _tag(error: ErrorDetails) -> str:
    """Return the key whose value selects a member of a union."""
    return error["ctx"]["discriminator"].strip("'")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
