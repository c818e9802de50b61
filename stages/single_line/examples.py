"""The examples that losses are computed on, as tensors in memory."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stages.networks.evaluation import Split
from stages.networks.losses import Loss
from stages.shared.errors import UserError
from stages.single_line.example_loss import ExampleLoss, Function

NAMED_LOSSES = ("cross_entropy", "squared_error")


@dataclass(frozen=True)
class Examples:
    """Inputs and targets of a training split, and of a test split where there is one."""

    x: Tensor
    """Training inputs, shape (N, ...): real numbers, or integers for tokens."""
    y: Tensor
    """Their targets, shape (N, ...): classes from 0, tokens, or real numbers."""
    test_x: Tensor | None = None
    test_y: Tensor | None = None
    name: str = "data"
    """Name for messages."""
    remarks: tuple[str, ...] = ()
    """Sentences about what was read and how."""

    def shuffled(self) -> "Examples":
        """Return the examples with the training split in a random order, always the same."""
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(0))
        return replace(self, x=self.x[order], y=self.y[order])

    def checked(self) -> "Examples":
        """Return the examples in single precision.

        Raises:
            UserError: If there are none, numbers of inputs and targets differ, or an input is not finite.
        """
        values: dict[str, Any] = {}
        for x, y, split in (("x", "y", "training"), ("test_x", "test_y", "test")):
            inputs, targets = getattr(self, x), getattr(self, y)
            if inputs is None or targets is None:
                continue
            if not len(inputs) or len(inputs) != len(targets):
                raise UserError(
                    f"{self.name}: got {len(inputs)} {split} inputs and {len(targets)} targets, expected as many, at "
                    "least 1"
                )
            if inputs.is_floating_point() and not bool(inputs.isfinite().all()):
                raise UserError(f"{self.name}: a {split} input is not finite; mend it")
            values[x] = inputs.float() if inputs.is_floating_point() else inputs.long()
            values[y] = targets.float() if targets.is_floating_point() else targets.long()
        return replace(self, **values)


def examples_of(data: Any) -> Examples:
    """Return data in any of the forms that people have as tensors.

    Args:
        data: `Examples`; a pair of tensors or arrays, inputs and targets; a map-style `torch.utils.data.Dataset` of
            such pairs; or a pair of these for a training and a test split.

    Returns:
        The examples.

    Raises:
        UserError: If the data are none of these.
    """
    if isinstance(data, Examples):
        return data.checked()
    if isinstance(data, Sequence) and len(data) == 2 and all(_is_split(part) for part in data):
        (x, y), (test_x, test_y) = (_tensors(part) for part in data)
        return Examples(x, y, test_x, test_y).checked()
    if _is_split(data):
        return Examples(*_tensors(data)).checked()
    raise UserError(
        f"data: got a {type(data).__name__}, expected a pair of tensors (inputs, targets), a map-style torch Dataset "
        "of such pairs, or two of these, for training and test"
    )


def _is_split(data: Any) -> bool:
    if isinstance(data, tuple | list):
        return len(data) == 2 and all(hasattr(part, "shape") and len(part.shape) > 0 for part in data)
    return isinstance(data, Sized) and hasattr(data, "__getitem__") and not hasattr(data, "shape")


def _tensors(data: Any) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of a split."""
    if isinstance(data, tuple | list):
        x, y = (torch.as_tensor(part) for part in data)
        return x, y
    pairs = []
    for index in range(len(data)):
        pair = data[index]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise UserError(
                f"data: item {index} of the dataset is a {type(pair).__name__}, expected an input and a target"
            )
        pairs.append(pair)
    try:
        x, y = (torch.stack([torch.as_tensor(one[part]) for one in pairs]) for part in (0, 1))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"data: the items of the dataset are no tensors of one shape ({' '.join(str(error).split())[:200]}); give "
            "it a transform that makes them such"
        ) from error
    return x, y


def make_splits(
    data: Examples, loss: str | Function, outputs: Tensor, device: torch.device
) -> tuple[Loss, Split, Split]:
    """Return the loss of each example, and both splits with the targets that it takes.

    Args:
        data: The examples.
        loss: `cross_entropy`, `squared_error`, or a function of outputs and targets.
        outputs: The network's outputs for the first few training examples.
        device: Where the splits are to lie.

    Returns:
        The loss, and the training and the test split, which may be empty.

    Raises:
        UserError: If the loss cannot take these outputs and targets.
    """
    count = len(outputs)
    if isinstance(loss, str) and loss not in NAMED_LOSSES:
        raise UserError(f"loss: got {loss!r}, expected one of {', '.join(NAMED_LOSSES)}, or a function")
    whole = data.y.is_floating_point()
    labelled = not whole and outputs.dim() >= 2 and data.y.shape[1:] == outputs.shape[1:-1]
    if loss == "cross_entropy":
        _check_classes(data, outputs, labelled)
    elif loss == "squared_error":
        if labelled and outputs.dim() == 2:
            _check_classes(data, outputs, labelled)
        elif data.y[0].numel() != outputs[0].numel() or outputs.dim() != 2:
            raise UserError(
                f"loss: squared_error compares outputs of shape {tuple(outputs.shape[1:])} with targets of shape "
                f"{tuple(data.y.shape[1:])}; give a function by --loss"
            )
    kind: Loss = loss if isinstance(loss, str) else ExampleLoss(loss, outputs.float(), data.y[:count])

    def split(x: Tensor | None, y: Tensor | None) -> Split:
        if x is None or y is None:
            x, y = data.x[:0], data.y[:0]
        target = y
        if loss == "squared_error":
            target = F.one_hot(y, outputs.shape[1]).float() if labelled else y.flatten(1).float()
        return Split(x.to(device), target.to(device), y.to(device) if labelled else None)

    return kind, split(data.x, data.y), split(data.test_x, data.test_y)


def _check_classes(data: Examples, outputs: Tensor, labelled: bool) -> None:
    """Refuse targets that are no classes of the outputs."""
    shape = tuple(outputs.shape)
    if not labelled or outputs.dim() > 3:
        raise UserError(
            f"loss: cross_entropy compares outputs of shape {shape[1:]} with targets of shape "
            f"{tuple(data.y.shape[1:])} and type {data.y.dtype}, expected classes of shape {shape[1:-1]}; give another "
            "loss, or a function"
        )
    for y in (data.y, data.test_y):
        if y is not None and (int(y.min()) < 0 or int(y.max()) >= shape[-1]):
            raise UserError(
                f"{data.name}: got classes {int(y.min())} to {int(y.max())}, but the network has {shape[-1]} outputs; "
                "give a network with one for each class, as by --arg num_classes=10, or other data"
            )
