"""Checkpoints in the forms that people have: shards, nested entries, wrappers' prefixes, adapters on a frozen base."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from stages.shared.errors import UserError
from stages.training.checkpoint import (
    SAVE,
    complete_names,
    describe_wrong_names,
    describe_wrong_values,
    read_checkpoint,
    state_dicts,
)

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Indexes of checkpoints in several files, as Hugging Face's libraries write them."""
SINGLE_FILES = ("model.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "adapter_model.bin")
"""Files of weights in a folder that `save_pretrained` writes."""
INNER_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Parts that `torch.compile`, FSDP and activation checkpointing put into names, at any place."""
ADAPTER = ".default."
"""Name of an adapter within a network of `peft`, which its files leave out."""


@dataclass(frozen=True)
class FittedState:
    """A state dict under a network's own names."""

    tensors: dict[str, Tensor]
    """Tensors by the network's names, in the precision of the file."""
    place: str
    """The entry of the checkpoint that they come from, as a Python subscript; empty for the checkpoint itself."""
    absent: tuple[str, ...]
    """Frozen parameters and buffers that the checkpoint lacks, which are the network's own."""


def read_weights(path: Path) -> dict[str, object]:
    """Read a checkpoint without running any code in it.

    Args:
        path: A file of safetensors or `torch.save`, the index of a checkpoint in several files, or a folder with one
            of these, as `save_pretrained` writes it.

    Returns:
        The content, with tensors on the CPU.

    Raises:
        UserError: If it is missing, damaged, or holds something else than tensors and plain containers.
    """
    if path.is_dir():
        found = [path / name for name in (*INDEXES, *SINGLE_FILES) if (path / name).is_file()]
        if found:
            return read_weights(found[0])
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    return read_checkpoint(path)


def _read_shards(index: Path) -> dict[str, object]:
    """Read the files that an index names, all of them beside it."""
    try:
        places = json.loads(index.read_bytes())["weight_map"]
        files = sorted(set(places.values()))
    except OSError as error:
        raise UserError(f"{index}: {error.strerror}; name the index of a checkpoint") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{index} is no index of a checkpoint in several files; name one of its files") from error
    whole: dict[str, object] = {}
    for file in files:
        if not isinstance(file, str) or Path(file).name != file:
            raise UserError(f"{index} names {file!r}, which is not beside it; move that file there")
        whole |= read_checkpoint(index.parent / file)
    if missing := sorted(places.keys() - whole.keys()):
        raise UserError(f"{index} lists {missing[0]}, which is not in {places[missing[0]]}; fetch the files again")
    return whole


def fit_checkpoint(content: Mapping[str, object], network: nn.Module, origin: str, entry: str | None) -> FittedState:
    """Find the state dict of a network in a checkpoint, and return it under the network's own names.

    Prefixes and inner parts of names that wrappers add are removed. Frozen parameters may be missing, as in the files
    of adapters: they, and the buffers, are then the network's own.

    Args:
        content: The content of the checkpoint: a state dict, or a mapping with state dicts among its entries.
        network: The network.
        origin: Where the checkpoint comes from, for messages.
        entry: A word in the place or prefix of the state dict that is meant, if several fit; None for any.

    Returns:
        The state dict, with the name of the place where it was found.

    Raises:
        UserError: If no state dict fits, with the names that differ; if several do; or if a tensor is no weight.
    """
    expected = network.state_dict(keep_vars=True)
    for name, value in expected.items():
        if not isinstance(value, Tensor):
            raise UserError(f"the network keeps {name}, which is no tensor; give one without extra state")
    frozen = {name for name, value in expected.items() if isinstance(value, nn.Parameter) and not value.requires_grad}
    found = [
        (place, *_fit(state, expected, frozen))
        for place, state in _candidates(content, expected, frozen)
        if entry is None or entry in place
    ]
    good = [(place, fitted) for place, fitted, misfit in found if not misfit]
    first = good[0][1] if good else None
    if first and all(_same(first, other) for _, other in good[1:]):
        place, tensors = good[0]
    elif good:
        places = ", ".join(place or "the file itself" for place, _ in good)
        raise UserError(f"{origin} holds several state dicts of the network ({places}); choose one by --entry WORD")
    elif found:
        place, tensors, misfit = min(found, key=lambda one: len(one[1].keys() ^ expected.keys()))
        raise UserError(f"{origin}{place} is no state_dict of the network: it {misfit}; name the network it is of")
    else:
        lacks = f" in an entry {entry!r}" if entry else ""
        raise UserError(f"{origin} holds no state_dict{lacks}; save it by {SAVE}")
    whole = {name: tensors[name].detach() if name in tensors else value.detach() for name, value in expected.items()}
    absent = tuple(name for name in expected if name not in tensors and not name.endswith("num_batches_tracked"))
    return FittedState(whole, place, absent)


def _candidates(
    content: Mapping[str, object], expected: Mapping[str, Tensor], frozen: set[str]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield state dicts with names freed from wrappers and, one by one, from prefixes; each with its place."""
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    places = list(state_dicts(content))
    if len(tensors) < len(content):  # beside other entries, such as the number of the epoch
        places.append(("", tensors))
    required = next((name for name in expected if name not in frozen), next(iter(expected), ""))
    for place, state in places:
        plain = {_without_wrappers(name): value for name, value in state.items()}
        yield place, plain
        wanted = {required, required.replace(ADAPTER, ".")}
        prefixes = {name.removesuffix(end) for name in plain for end in wanted if name.endswith(f".{end}")}
        for prefix in sorted(prefixes):
            below = {name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)}
            yield f"{place} under {prefix.rstrip('.')!r}", below


def _without_wrappers(name: str) -> str:
    for part in INNER_WRAPPERS:
        name = name.replace(part, "")
    return name


def _fit(state: dict[str, Tensor], expected: Mapping[str, Tensor], frozen: set[str]) -> tuple[dict[str, Tensor], str]:
    """Return a state dict under the names expected, and a clause about what is wrong, or ""."""
    adapters = {name.replace(ADAPTER, "."): name for name in expected if ADAPTER in name}
    state = complete_names({adapters.get(name, name): value for name, value in state.items()}, expected)
    optional = set()
    if frozen - state.keys():
        optional = {name for name, value in expected.items() if name in frozen or not isinstance(value, nn.Parameter)}
    filled = {name: value for name, value in expected.items() if name in optional} | state
    return state, describe_wrong_names(filled, expected) or describe_wrong_values(filled, expected)


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        value is other[name] or torch.equal(value, other[name]) for name, value in one.items()
    )
