"""The numbers that the paper states, from `paper/numbers.csv`: one number a row, with its place, count and setting."""

import csv
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.shared.errors import UserError

NUMBERS = Path(__file__).resolve().parents[2] / "paper" / "numbers.csv"
NEVER = "never"
"""Value of `switch_after` of runs that are never switched, beside others that are."""
SCALE = ("dataset", "network", "hidden", "activation")
"""Columns of the setting that the runs of a table share: they say at which scale they are."""

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class PaperNumber(BaseModel):
    """A number that the paper states."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    place: Annotated[str, Field(pattern=r"^(table|figure|section) [A-D]?[\d.]+$")]
    """Where it stands, such as `table 1` or `section 4.1`."""
    quantity: Literal[
        "non_monotone",
        "monotone",
        "min_delta",
        "mean_min_delta",
        "violation_ratio",
        "gauss_length",
        "distance",
        "r_squared",
        "test_accuracy",
    ]
    """Name of the quantity that is counted or measured."""
    value: float | None
    """The number; None for a cell without runs."""
    error: Annotated[float, Field(ge=0)] | None
    """Number after its plus-minus sign: the standard error of the mean in tables 5 to 7."""
    count: Count | None
    """Number of runs behind it."""
    total: Count | None
    """Number of runs that were trained, converged or not."""
    unit: Literal["proportion", "nats", "rad", "norm of weights", "percent", "1"]
    """Its unit."""
    dataset: str | None
    """Datasets, with spaces between them; None if the paper does not say or it is of a model."""
    network: str | None
    """Kind of network."""
    hidden: str | None
    """Units of the hidden layers, as in measures.csv."""
    activation: str | None
    """Activation function; None if several are pooled."""
    optimizer: str | None
    """Optimizer, which gives the direction of a step where `magnitude` names another."""
    lr: Positive | None
    """Learning rate."""
    batch_norm: bool | None
    """Whether with batch norm; None if both are pooled."""
    initialization: str | None
    """Initialisation of residual networks."""
    switch_after: Count | Literal["never"] | None
    """Epochs after which another optimizer takes over; `never` if none does where it does in other cells."""
    switch_optimizer: str | None
    """That optimizer."""
    switch_lr: Positive | None
    """Its learning rate."""
    magnitude: str | None
    """Optimizer that lends the length of a step."""
    monotone: bool | None
    """Whether the runs behind it have monotone lines; None for all runs."""
    note: str | None
    """Remark for a reader; None if there is none."""

    @model_validator(mode="after")
    def _consistent(self) -> "PaperNumber":
        if (self.value is None) != (self.count == 0 and self.quantity == "non_monotone"):
            raise ValueError("value: a number is missing, or stands where no run is counted")
        if self.value is not None and self.unit == "proportion" and not 0 <= self.value <= 1:
            raise ValueError(f"value: got {self.value}, expected a proportion in [0, 1]")
        if self.count is not None and self.total is not None and self.count > self.total:
            raise ValueError(f"count: got {self.count}, expected at most total, {self.total}")
        return self


def read_paper_numbers(path: Path = NUMBERS) -> pd.DataFrame:
    """Read the numbers of the paper.

    Args:
        path: The CSV file, its columns in the order of the fields of `PaperNumber`; empty is None.

    Returns:
        One row a number, with the fields of `PaperNumber` as columns. Missing numbers are NaN, missing words None.

    Raises:
        UserError: If the file is missing or a line is wrong; it names the line and the column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; restore it (git checkout paper/numbers.csv)") from error
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a readable table ({error}); restore it") from error
    expected = list(PaperNumber.model_fields)
    if head != expected:
        raise UserError(f"{path}: got columns {', '.join(head)}, expected {', '.join(expected)}")
    return pd.DataFrame([_number(path, place, line, head) for place, line in enumerate(lines, 2)], columns=expected)


def _number(path: Path, place: int, line: list[str], head: list[str]) -> dict:
    if len(line) != len(head):
        raise UserError(f"{path}, line {place}: got {len(line)} fields, expected {len(head)}")
    try:
        return dict(PaperNumber.model_validate({name: text or None for name, text in zip(head, line, strict=True)}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:1]) or "row"
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{path}, line {place}, {where}: got {first['input']!r}; {message}") from None
