"""Checkpoints as people have them: read as `load_state_dict` reads them, or refused with the cause and the remedy."""

import argparse
import warnings

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from stages.shared.errors import UserError
from stages.training.checkpoint import checksum_file, equal_in_file_precision, fit_state_dict, read_checkpoint


class Tied(nn.Module):
    """A network with batch norm, a buffer of its own and two layers that share their weight."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.encode, self.decode = nn.Linear(4, 4), nn.Linear(4, 4)
        self.decode.weight = self.encode.weight
        self.register_buffer("shift", torch.tensor([0.1, 0.3]))

    def forward(self, x):
        return self.decode(self.encode(self.model(x)))


def plain():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


NETWORKS = {"plain": plain, "tied": Tied}


@pytest.fixture(params=NETWORKS)
def factory(request):
    return NETWORKS[request.param]


def trained(factory, seed=1):
    """Return a network with weights and statistics of its own."""
    torch.manual_seed(seed)
    network = factory()
    network(torch.randn(8, 3))
    return network


def fit(path, factory):
    return fit_state_dict(read_checkpoint(path), factory().state_dict(keep_vars=True), str(path), "users:network")


def same(found, network):
    """Assert that a state dict is the network's, as plain `load_state_dict` takes it."""
    again = type(network)() if isinstance(network, Tied) else plain()
    again.load_state_dict(found)
    expected = network.state_dict()
    assert list(found) == list(expected)
    for name, value in again.state_dict().items():
        assert torch.equal(value, expected[name]), name
        assert not found[name].requires_grad


def refuse(state, words, factory=plain):
    with pytest.raises(UserError, match=words):
        fit_state_dict(state, factory().state_dict(keep_vars=True), "w.pt", "users:network")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".safetensors", ""])
@pytest.mark.parametrize("way", ["torch", "old torch", "safetensors"])
def test_the_content_of_a_file_decides_how_it_is_read_not_its_name(tmp_path, suffix, way):
    path, network = tmp_path / f"weights{suffix}", trained(plain)
    if way == "safetensors":
        safetensors.torch.save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=way == "torch")
    same(fit(path, plain), network)


@pytest.mark.parametrize(
    "prefix",
    [
        *("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."),
        *("model.", "net.", "network.", "model._orig_mod.", "model.model."),
    ],
)
def test_prefixes_that_all_names_have_are_taken_off(tmp_path, factory, prefix):
    network = trained(factory)
    torch.save({prefix + name: value for name, value in network.state_dict().items()}, tmp_path / "w.pt")
    same(fit(tmp_path / "w.pt", factory), network)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own compiler
def test_names_by_the_wrappers_themselves_are_read(tmp_path):
    network = trained(Tied)
    torch.save(torch.compile(nn.DataParallel(network)).state_dict(), tmp_path / "w.pt")
    same(fit(tmp_path / "w.pt", Tied), network)
    state = network.state_dict()
    network.encode = torch.compile(network.encode)
    assert "encode._orig_mod.weight" in network.state_dict()
    torch.save(network.state_dict(), tmp_path / "w.pt")
    found = fit(tmp_path / "w.pt", Tied)
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_a_prefix_that_the_network_has_is_kept():
    network = nn.Module()
    network.module = nn.Linear(2, 2)
    state = network.state_dict()
    for prefix in ("", "module.", "model.module."):
        found = fit_state_dict(
            {prefix + name: value for name, value in state.items()},
            network.state_dict(keep_vars=True),
            "w.pt",
            "users:network",
        )
        assert found.keys() == state.keys()


def test_a_prefix_that_only_some_names_have_is_none():
    state = trained(plain).state_dict()
    lightning = {f"model.{name}": value for name, value in state.items()} | {"criterion.weight": torch.ones(4)}
    refuse(lightning, r"lacks 0.bias, 0.weight, 1.bias, ... and has besides criterion.weight, model.0.bias, .*; save")


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "network", "net", "ema", "anything"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_state_dict_of_a_training_checkpoint_is_found(tmp_path, factory, key, prefix):
    network = trained(factory)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(8, 3)).sum().backward()
    optimizer.step()
    state = {prefix + name: value for name, value in network.state_dict().items()}
    beside = {"optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.5, "hparams": {"lr": 0.1}, "nothing": None}
    for content in ({key: state} | beside, {"callbacks": {}, "checkpoint": {key: state}} | beside):
        torch.save(content, tmp_path / "w.ckpt")
        same(fit(tmp_path / "w.ckpt", factory), network)


def test_of_several_nested_state_dicts_the_one_that_fits_is_read(tmp_path):
    network = trained(plain)
    content = {"generator": nn.Linear(3, 5).state_dict(), "model": network.state_dict()}
    torch.save(content, tmp_path / "w.pt")
    same(fit(tmp_path / "w.pt", plain), network)


def test_several_state_dicts_that_fit_are_refused_with_a_remedy_that_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = trained(plain)
    averaged = {f"module.{name}": value for name, value in trained(plain, 2).state_dict().items()}
    torch.save({"model": network.state_dict(), "ema": averaged}, "w.pt")
    with pytest.raises(UserError, match=r"several state dicts .*w.pt\['model'\], w.pt\['ema'\]") as refused:
        fit_state_dict(read_checkpoint(tmp_path / "w.pt"), plain().state_dict(keep_vars=True), "w.pt", "users:network")
    exec(str(refused.value).partition(" by ")[2], {"torch": torch})
    same(fit(tmp_path / "weights.pt", plain), network)


def test_where_no_nested_state_dict_fits_the_nearest_is_explained():
    state = trained(plain).state_dict()
    content = {"decoder": nn.Linear(3, 5).state_dict(), "model": state | {"0.bias": torch.ones(5)}, "epoch": 1}
    refuse(content, r"w.pt\['model'\] is no state_dict of 'users:network': it 0.bias has shape \(5,\), expected \(4,\)")
    refuse({"epoch": 1, "optimizer": {"state": {0: {"step": torch.ones(1)}}}}, "w.pt holds no state_dict")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("way", ["torch", "safetensors"])
def test_other_precisions_are_read_as_load_state_dict_reads_them(tmp_path, dtype, way):
    network = trained(Tied).to(dtype)
    path = tmp_path / "w"
    if way == "torch":
        torch.save(network.state_dict(), path)
    else:
        safetensors.torch.save_model(network, path)
    found, expected = fit(path, Tied), Tied()
    expected.load_state_dict(network.state_dict())
    for name, value in expected.state_dict().items():
        assert found[name].dtype == (torch.int64 if "num_batches" in name else dtype)
        assert torch.equal(found[name].to(torch.float32), value.to(torch.float32)), name
    assert equal_in_file_precision(found["shift"], Tied().shift)
    assert not torch.equal(found["shift"].float(), Tied().shift) or dtype == torch.float64


@pytest.mark.parametrize(
    ("saved", "own", "expected"),
    [
        (torch.tensor([0.1]).half(), torch.tensor([0.1]), True),
        (torch.tensor([0.1]).bfloat16(), torch.tensor([0.1]), True),
        (torch.tensor([0.1]), torch.tensor([0.1]).half(), True),
        (torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.1]), True),
        (torch.tensor([0.1001]).half(), torch.tensor([0.1]), False),
        (torch.tensor([0.1]), torch.tensor([0.1001]), False),
        (torch.tensor([torch.nan, -torch.inf]), torch.tensor([torch.nan, -torch.inf]), True),
        (torch.tensor([torch.nan]), torch.tensor([0.0]), False),
        (torch.tensor([0.0]), torch.tensor([torch.nan]), False),
        (torch.tensor([1e6]).half(), torch.tensor([1e6]), True),
        (torch.tensor([0.1, 0.1]), torch.tensor([0.1]), False),
        (torch.tensor([3]), torch.tensor([3]), True),
        (torch.tensor([3], dtype=torch.int32), torch.tensor([3]), True),
        (torch.tensor([0], dtype=torch.uint8), torch.tensor([256]), False),
        (torch.tensor([3.0]).half(), torch.tensor([3]), True),
        (torch.tensor([3.5]), torch.tensor([3]), False),
        (torch.tensor([True]), torch.tensor([True]), True),
        (torch.tensor([0.5]), torch.tensor([True]), False),
        (torch.zeros(0), torch.zeros(0), True),
    ],
)
def test_the_same_value_but_for_the_precision_of_the_file(saved, own, expected):
    assert equal_in_file_precision(saved, own) is expected


def test_values_that_are_not_finite_are_left_to_the_caller():
    state = trained(plain).state_dict() | {"0.bias": torch.tensor([0, torch.nan, torch.inf, 70000.0])}
    found = fit_state_dict(state, plain().state_dict(keep_vars=True), "w.pt", "users:network")
    torch.testing.assert_close(found["0.bias"], state["0.bias"], equal_nan=True)


def test_tied_weights_that_are_saved_once_are_filled_in(tmp_path):
    network = trained(Tied)
    safetensors.torch.save_model(network, tmp_path / "w")
    assert len(safetensors.torch.load_file(tmp_path / "w")) == len(network.state_dict()) - 1
    same(fit(tmp_path / "w", Tied), network)
    for gone in ("encode.weight", "decode.weight"):
        state = {name: value for name, value in network.state_dict().items() if name != gone}
        safetensors.torch.save_file({f"module.{name}": value for name, value in state.items()}, tmp_path / "w")
        same(fit(tmp_path / "w", Tied), network)
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("code.weight")}
    refuse(state, "lacks decode.weight, encode.weight", Tied)


def test_tied_weights_that_differ_are_refused():
    state = trained(Tied).state_dict()
    refuse(
        state | {"decode.weight": state["encode.weight"] + 1},
        "encode.weight and decode.weight are one tensor of the network, but differ here",
        Tied,
    )
    state |= {"encode.weight": torch.full((4, 4), torch.nan), "decode.weight": torch.full((4, 4), torch.nan)}
    fit_state_dict(state, Tied().state_dict(keep_vars=True), "w.pt", "users:network")


def test_batch_counters_may_be_missing_as_load_state_dict_has_it():
    network = trained(plain)
    state = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    plain().load_state_dict(state)
    found = fit_state_dict(
        {f"module.{name}": value for name, value in state.items()}, plain().state_dict(), "w.pt", "u:n"
    )
    assert list(found) == list(network.state_dict())
    assert found["1.num_batches_tracked"] == 0
    refuse({name: value for name, value in state.items() if not name.startswith("1.")}, "lacks 1.bias, 1.num_batches")


class Strange(torch.Tensor):
    """A tensor of a class of its own, as a DTensor is."""


def quantized():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8)


def nested():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(2), torch.ones(2)])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.ones(4, dtype=torch.complex64), "0.bias has dtype torch.complex64, expected torch.float32"),
        (lambda: torch.ones(4, dtype=torch.int64), "0.bias has dtype torch.int64, expected torch.float32"),
        (lambda: torch.ones(4, dtype=torch.bool), "0.bias has dtype torch.bool"),
        (lambda: torch.ones(4).to_sparse(), "0.bias is sparse or nested"),
        (nested, "0.bias is sparse or nested"),
        (quantized, "0.bias is quantized"),
        (lambda: torch.ones(4, device="meta"), "0.bias is on the meta device"),
        (lambda: torch.ones(4).as_subclass(Strange), "0.bias is a Strange: save plain tensors"),
        (lambda: torch.ones(5), r"0.bias has shape \(5,\), expected \(4,\)"),
    ],
)
def test_tensors_that_cannot_be_weights_are_refused(make, words):
    refuse(trained(plain).state_dict() | {"0.bias": make()}, words)


def test_a_complex_number_is_no_count_of_batches():
    state = trained(plain).state_dict() | {"1.num_batches_tracked": torch.tensor(1j)}
    refuse(state, "1.num_batches_tracked has dtype torch.complex64, expected torch.int64")


def test_parameters_are_tensors_too(tmp_path):
    network = trained(plain)
    torch.save(dict(network.state_dict(keep_vars=True)), tmp_path / "w.pt")
    same(fit(tmp_path / "w.pt", plain), network)


def test_a_network_with_extra_state_is_refused():
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"version": 1}

    refuse({}, "keeps _extra_state, which is no tensor", lambda: Extra(1, 1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: {"state_dict": plain().state_dict(), "args": argparse.Namespace(lr=1)}, "holds argparse.Namespace"),
        (lambda: {"state_dict": plain().state_dict(), "best": np.float64(1)}, "holds numpy._core.multiarray.scalar"),
        (plain, "holds torch.nn.modules.container.Sequential"),
    ],
)
def test_objects_beside_tensors_are_refused_and_named(tmp_path, content, words):
    torch.save(content(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=f"not readable as weights: it {words}.*; save the state dict alone by torch"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 1}, {"model": [torch.ones(1)]}, {0: torch.ones(1)}])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match="w.pt holds no state_dict; save it by torch.save"):
        read_checkpoint(tmp_path / "w.pt")


def test_archives_of_code_are_refused_with_a_remedy_that_works(tmp_path):
    network, path = trained(plain).eval(), tmp_path / "w.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(network), path)
        with pytest.raises(UserError, match=r"w.pt is a TorchScript archive.*torch.jit.load\(path\).state_dict\(\)"):
            read_checkpoint(path)
        torch.save(torch.jit.load(path).state_dict(), path)
    same(fit(path, plain), network)
    torch.export.save(torch.export.export(network, (torch.ones(2, 3),)), path)
    with pytest.raises(UserError, match=r"an archive of torch.export.*torch.export.load\(path\).state_dict"):
        read_checkpoint(path)
    torch.save(torch.export.load(path).state_dict, path)
    same(fit(path, plain), network)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file, as Keras"),
        (bytes(99) + bytes.fromhex("57fb808b247547db"), "is the index of a TensorFlow checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS.*git lfs pull"),
        (b"GGUF" + bytes(99), "is a GGUF file"),
        (
            b'{"metadata": {}, "weight_map": {"a": "b"}}',
            "is the index of a checkpoint in several files.*from_pretrained",
        ),
        (b'{"a": 1}', "is not readable as weights"),
        (b"", "is not readable as weights"),
        (b"PK\x03\x04" + bytes(99), "is not readable as weights"),
    ],
)
def test_files_of_other_formats_are_refused_by_their_content(tmp_path, content, words):
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(UserError, match=f"w.bin {words}"):
        read_checkpoint(tmp_path / "w.bin")


@pytest.mark.parametrize("read", [read_checkpoint, checksum_file])
def test_a_folder_is_refused(tmp_path, read):
    with pytest.raises(UserError, match="is a folder, but `weights` of a run names single files; name a file in it"):
        read(tmp_path)
    (tmp_path / ".metadata").write_bytes(b"")
    with pytest.raises(UserError, match="dcp_to_torch_save"):
        read(tmp_path)
