"""Checkpoint files of users: state dicts are read safely and fitted to the names of a network."""

import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from stages.shared.errors import UserError
from stages.shared.files import digest_file

WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""Prefixes that DataParallel, `torch.compile` and common Lightning modules put before every name."""
SAVE = "torch.save(network.state_dict(), 'weights.pt')"
LARGEST_HEADER = 100_000_000
"""Largest number of bytes in the header of a safetensors file."""
FOREIGN_STARTS = {
    b"version https://git-lfs": ("a pointer of Git LFS", "fetch the file itself by `git lfs pull`"),
    b"\x89HDF\r\n": ("an HDF5 file, as Keras writes them", f"load it into the network and save that by {SAVE}"),
    b"GGUF": ("a GGUF file", f"save the network by {SAVE}"),
}
"""First bytes of files that are no PyTorch checkpoints, with the kind of file and the remedy."""
FOREIGN_MEMBERS = {
    "constants.pkl": ("a TorchScript archive", "save torch.jit.load(path).state_dict() by torch.save"),
    "archive_format": ("an archive of torch.export", "save torch.export.load(path).state_dict by torch.save"),
    "model.weights.h5": ("an archive of Keras", f"load it into the network and save that by {SAVE}"),
    "saved_model.pb": ("an archive of TensorFlow", f"load it into the network and save that by {SAVE}"),
}
"""Members of zip archives that are no PyTorch checkpoints, with the kind of archive and the remedy."""
TENSORFLOW_END = 0xDB4775248B80FB57.to_bytes(8, "little")
"""Last bytes of the index of a TensorFlow checkpoint, a LevelDB table."""


def checksum_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Args:
        path: One of the files in `weights` of a run.

    Returns:
        The checksum in hexadecimal digits.

    Raises:
        UserError: If the file cannot be read.
    """
    _refuse_folder(path)
    try:
        return digest_file(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `weights` of a run names this file") from error


def read_checkpoint(path: Path) -> dict[str, object]:
    """Read a checkpoint without running any code in it.

    Files of `torch.save` are read with `weights_only`, which refuses everything but tensors and plain containers. The
    content of a file decides how it is read; its suffix does not.

    Args:
        path: A file written by safetensors or `torch.save`.

    Returns:
        The content of the file, with tensors on the CPU: a state dict, or a training checkpoint with state dicts among
        its entries, of which `fit_state_dict` finds the one that belongs to a network.

    Raises:
        UserError: If the file is missing, damaged, or holds something else.
    """
    _refuse_folder(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
        _refuse_foreign(path, start)
        content = _load(path, start)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `weights` of a run names this file") from error
    if not isinstance(content, dict) or (content and not _holds_tensors(content)):
        raise UserError(f"{path} holds no state_dict; save it by {SAVE}")
    return content


def _holds_tensors(content: Mapping[str, object]) -> bool:
    return any(state_dicts(content)) or any(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )


def _load(path: Path, start: bytes) -> object:
    """Load a file of safetensors or `torch.save`, given its first bytes."""
    try:
        if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= LARGEST_HEADER:
            return safetensors.torch.load(path.read_bytes())
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that are refused anyway
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise any error
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise UserError(
                f"{path} is not readable as weights: it holds {found[1]}, which is no tensor and could run code; "
                f"save the state dict alone by {SAVE}"
            ) from error
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path} is not readable as weights ({why}); save it by {SAVE} or as safetensors") from error


def _refuse_folder(path: Path) -> None:
    """Raise a UserError if a path is a folder."""
    if not path.is_dir():
        return
    if (path / ".metadata").exists():
        remedy = "torch.distributed.checkpoint.format_utils.dcp_to_torch_save(folder, 'weights.pt') makes one of it"
    else:
        remedy = f"name a file in it, or load the folder into the network and save that by {SAVE}"
    raise UserError(f"{path} is a folder, but `weights` of a run names single files; {remedy}")


def _refuse_foreign(path: Path, start: bytes) -> None:
    """Raise a UserError if the content of a file shows that it is of another format."""
    known = [description for magic, description in FOREIGN_STARTS.items() if start.startswith(magic)]
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).name for name in archive.namelist()}
        known += [description for member, description in FOREIGN_MEMBERS.items() if member in members]
    if start.lstrip().startswith(b"{") and _is_index(path):
        load = "load the network from its folder by from_pretrained"
        known.append(("the index of a checkpoint in several files", f"{load} and save that by {SAVE}"))
    if path.stat().st_size > 48 and _last_bytes(path, 8) == TENSORFLOW_END:
        known.append(("the index of a TensorFlow checkpoint", f"load it into the network and save that by {SAVE}"))
    for kind, remedy in known:
        raise UserError(f"{path} is {kind}, not a state_dict; {remedy}")


def _is_index(path: Path) -> bool:
    """Return whether a file is the index of a checkpoint in several files, as Hugging Face's libraries write it."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(content, dict) and "weight_map" in content


def _last_bytes(path: Path, count: int) -> bytes:
    """Return the last bytes of a file."""
    with path.open("rb") as file:
        file.seek(-count, 2)
        return file.read()


def fit_state_dict(
    state: Mapping[str, object], expected: Mapping[str, Tensor], origin: str, network: str
) -> dict[str, Tensor]:
    """Find the state dict of a network in a checkpoint, and return it under the network's own names.

    Prefixes of wrappers are removed where all names have them and the network's names do not. A checkpoint needs only
    one name of tied weights, as `safetensors.torch.save_model` writes them. Batch counters may be missing, as in files
    from before PyTorch 0.4.1.

    Args:
        state: The content of a file: a state dict, or a training checkpoint with state dicts among its entries.
        expected: The network's own `state_dict(keep_vars=True)`, in which tied names hold the same object.
        origin: The file, for messages.
        network: The network's factory, for messages.

    Returns:
        Tensors with the names and the order of `expected`, in the precision of the file.

    Raises:
        UserError: If no state dict in the checkpoint fits the network, or several do, or one holds a tensor that cannot
            be a weight.
    """
    for name, value in expected.items():
        if not isinstance(value, Tensor):
            raise UserError(f"factory: {network!r} keeps {name}, which is no tensor; return one without extra state")
    matches = {place: _match(found, expected) for place, found in state_dicts(state)}
    good = [place for place, (_, misfit) in matches.items() if not misfit]
    if len(good) > 1:
        entries = ", ".join(f"{origin}{place}" for place in good)
        raise UserError(
            f"{origin} holds several state dicts of {network!r} ({entries}); save the one you mean by "
            f"torch.save(torch.load({origin!r}){good[0]}, 'weights.pt')"
        )
    if not good:
        raise UserError(_explain(matches, expected, origin, network))
    return {name: matches[good[0]][0][name].detach() for name in expected}


def state_dicts(content: Mapping[str, object], place: str = "") -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Yield each mapping of names to tensors in a checkpoint, with its place as a Python subscript."""
    if not all(isinstance(name, str) for name in content):
        return  # for example the state of an optimizer, whose keys are integers
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if len(tensors) == len(content):
        if content or not place:
            yield place, tensors
        return
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from state_dicts(value, f"{place}[{name!r}]")


def _match(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return a state dict under the names closest to those expected, and a clause about what is wrong, or ""."""
    nearest = min(_variants(state, expected), key=lambda found: len(found.keys() ^ expected.keys()))
    return nearest, describe_wrong_names(nearest, expected) or describe_wrong_values(nearest, expected)


def _variants(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield a state dict unchanged, then with prefixes removed one by one, then without those of compiled parts."""
    parts = {name.replace("._orig_mod.", "."): value for name, value in state.items()}
    for names in (dict(state), parts):
        yield complete_names(names, expected)
        while prefix := next((one for one in WRAPPERS if names and all(name.startswith(one) for name in names)), None):
            names = {name.removeprefix(prefix): value for name, value in names.items()}
            yield complete_names(names, expected)


def _tied(expected: Mapping[str, Tensor]) -> list[list[str]]:
    """Return the groups of names that share one tensor."""
    names: dict[int, list[str]] = {}
    for name, value in expected.items():
        names.setdefault(id(value), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def complete_names(state: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with names added that `load_state_dict` or `load_model` do not require."""
    for group in _tied(expected):
        if there := [name for name in group if name in state]:
            state = dict.fromkeys(group, state[there[0]]) | state
    counters = {name: value for name, value in expected.items() if name.endswith(".num_batches_tracked")}
    layers = {name.rpartition(".")[0] for name in state if name.endswith(".running_mean")}
    return {name: value for name, value in counters.items() if name.rpartition(".")[0] in layers} | state


def describe_wrong_names(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Return a clause about missing and unexpected names, or ""."""
    differences = (("lacks", expected.keys() - state.keys()), ("has besides", state.keys() - expected.keys()))
    return " and ".join(
        f"{which} {', '.join(sorted(names)[:3])}" + (", ..." if len(names) > 3 else "")
        for which, names in differences
        if names
    )


def describe_wrong_values(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Return a clause about the first tensor that cannot be loaded, or ""."""
    for name, own in expected.items():
        if kind := _wrong_kind(state[name], own):
            return f"{name} {kind}"
        if state[name].shape != own.shape:
            return f"{name} has shape {tuple(state[name].shape)}, expected {tuple(own.shape)}"
    for group in _tied(expected):
        for name in group[1:]:
            if not _equal(state[group[0]], state[name]):
                return f"{group[0]} and {name} are one tensor of the network, but differ here: delete the wrong one"
    return ""


def _wrong_kind(value: Tensor, own: Tensor) -> str:
    """Return a clause about a tensor that is no plain dense tensor of a suitable dtype, or ""."""
    if value.is_meta:
        return "is on the meta device and has no values: save it after the weights are loaded"
    if value.is_quantized:
        return "is quantized: save the network before it is quantized"
    if value.is_nested or value.layout != torch.strided:
        return "is sparse or nested: save it dense, as by to_dense()"
    if type(value) not in {Tensor, nn.Parameter, nn.Buffer}:
        return f"is a {type(value).__name__}: save plain tensors, of a DTensor its full_tensor()"
    if (own.is_floating_point() and not value.is_floating_point()) or (value.is_complex() and not own.is_complex()):
        return f"has dtype {value.dtype}, expected {own.dtype}: save it in that"
    return ""


def _explain(matches: Mapping[str, tuple[dict, str]], expected: Mapping, origin: str, network: str) -> str:
    """Return a message about the state dict that fits a network best."""
    if not matches:
        return f"{origin} holds no state_dict; save it by {SAVE}"
    place = min(matches, key=lambda one: len(matches[one][0].keys() ^ expected.keys()))
    return (
        f"{origin}{place} is no state_dict of {network!r}: it {matches[place][1]}; save that of the network that the "
        "factory returns"
    )


def equal_in_file_precision(saved: Tensor, own: Tensor) -> bool:
    """Return whether a tensor of a checkpoint equals a network's own up to the precision of the file.

    Args:
        saved: The tensor from the checkpoint, in any precision.
        own: The network's tensor.

    Returns:
        True if the shapes are equal, and the values in the coarser of the two precisions; NaN equals NaN.
    """
    if saved.shape != own.shape:
        return False
    if saved.is_floating_point() and own.is_floating_point():
        coarser = min(saved.dtype, own.dtype, key=lambda dtype: torch.finfo(dtype).bits)
    elif saved.is_floating_point():
        coarser = saved.dtype
    else:
        coarser = torch.promote_types(saved.dtype, own.dtype)
    return _equal(saved.detach().to(coarser), own.detach().to(coarser))


def _equal(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors of one shape have equal values; NaN equals NaN."""
    return bool(((one == other) | ((one != one) & (other != other))).all())
