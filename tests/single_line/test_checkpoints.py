"""Checkpoints in the forms that people have, each fitted to its network; those that do not fit are refused by name."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stages.api import evaluate_line
from stages.shared.errors import UserError
from stages.single_line.checkpoint_order import in_order
from stages.single_line.checkpoints import fit_checkpoint, read_weights


class Net(nn.Module):
    """A network with batch norm, an integer buffer, tied weights, and a module under two names."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
        self.same = self.body[0]
        self.enter, self.leave = nn.Linear(5, 5, bias=False), nn.Linear(5, 5)
        self.leave.weight = self.enter.weight
        self.head = nn.Linear(5, 3)
        self.register_buffer("order", torch.arange(6).flip(0))

    def forward(self, x):
        return self.head(self.leave(self.enter(self.body(x[:, self.order])).tanh()))


def state(seed=0):
    torch.manual_seed(seed)
    return Net().state_dict()


def renamed(tensors, prefix):
    return {prefix + name: value for name, value in tensors.items()}


def inside(tensors, part):
    """Put a part before the last name, as wrappers of inner modules do."""
    return {part.join((*name.rpartition(".")[:2], name.rpartition(".")[2])): value for name, value in tensors.items()}


FORMS = {
    "plain": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model": lambda s: {"model": s, "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": []}},
    "model_state_dict": lambda s: {"model_state_dict": s, "loss": 0.5},
    "ema": lambda s: {"ema": s},
    "params": lambda s: {"params": s},
    "deep": lambda s: {"a": {"b": {"weights": s}}},
    "beside_numbers": lambda s: s | {"epoch": 3},
    "data_parallel": lambda s: renamed(s, "module."),
    "compiled": lambda s: renamed(s, "_orig_mod."),
    "compiled_inside": lambda s: {name.replace("body.", "body._orig_mod."): v for name, v in s.items()},
    "compiled_data_parallel": lambda s: {"model": renamed(s, "module._orig_mod.")},
    "lightning": lambda s: {"state_dict": renamed(s, "encoder.") | {"criterion.weight": torch.ones(3)}},
    "swa": lambda s: renamed(s, "module.") | {"n_averaged": torch.tensor(3)},
    "fsdp": lambda s: {
        name.replace("body.", "body._fsdp_wrapped_module."): v
        for name, v in renamed(s, "_fsdp_wrapped_module.").items()
    },
    "checkpointing": lambda s: {name.replace("body.", "body._checkpoint_wrapped_module."): v for name, v in s.items()},
    "tied_once": lambda s: {name: value for name, value in s.items() if name != "leave.weight"},
    "no_counters": lambda s: {name: value for name, value in s.items() if not name.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_weights_of_the_network(form, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(FORMS[form](state()), path)
    fitted = fit_checkpoint(read_weights(path), Net(), "weights.pt", None)
    assert list(fitted.tensors) == list(state())
    assert all(torch.equal(value, fitted.tensors[name]) for name, value in state().items() if "tracked" not in name)


def test_a_prefix_or_entry_is_named():
    fitted = fit_checkpoint({"state_dict": renamed(state(), "encoder.")}, Net(), "weights.pt", None)
    assert fitted.place == "['state_dict'] under 'encoder'"


def shards(folder, tensors, write=save_file, suffix="safetensors", name="model.safetensors.index.json"):
    parts = [dict(list(tensors.items())[::2]), dict(list(tensors.items())[1::2])]
    places = {}
    for number, part in enumerate(parts):
        file = f"part-{number}.{suffix}"
        write({name: value.clone() for name, value in part.items()}, folder / file)
        places |= dict.fromkeys(part, file)
    (folder / name).write_text(json.dumps({"weight_map": places}))
    return folder / name


def test_a_checkpoint_in_several_files_is_read_by_its_index_or_folder(tmp_path):
    for path in (shards(tmp_path, state()), tmp_path):
        fitted = fit_checkpoint(read_weights(path), Net(), "weights", None)
        assert all(torch.equal(value, fitted.tensors[name]) for name, value in state().items())


def test_shards_of_torch_save_are_read_by_their_index(tmp_path):
    shards(tmp_path, state(), torch.save, "bin", "pytorch_model.bin.index.json")
    fitted = fit_checkpoint(read_weights(tmp_path), Net(), "weights", None)
    assert all(torch.equal(value, fitted.tensors[name]) for name, value in state().items())


def test_a_folder_with_one_file_of_weights_is_read(tmp_path):
    torch.save(state(), tmp_path / "pytorch_model.bin")
    assert read_weights(tmp_path).keys() == state().keys()


def test_an_index_that_leads_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    with pytest.raises(UserError, match="which is not beside it"):
        read_weights(tmp_path)


def test_a_tensor_that_its_shard_lacks_is_named(tmp_path):
    index = shards(tmp_path, state())
    content = json.loads(index.read_text())
    content["weight_map"]["head.scale"] = "part-0.safetensors"
    index.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"lists head\.scale, which is not in part-0"):
        read_weights(index)


class Trap:
    def __reduce__(self):
        return print, ("code of the file ran",)


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    torch.save({"state_dict": state(), "hparams": Trap()}, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="could run code"):
        read_weights(tmp_path / "weights.pt")
    assert "ran" not in capsys.readouterr().out


def test_several_state_dicts_need_a_choice():
    both = {"model": state(0), "ema": state(1)}
    with pytest.raises(UserError, match=r"several state dicts .*\['model'\].*\['ema'\].*--entry"):
        fit_checkpoint(both, Net(), "weights.pt", None)
    assert torch.equal(fit_checkpoint(both, Net(), "weights.pt", "ema").tensors["head.bias"], state(1)["head.bias"])
    with pytest.raises(UserError, match="no state_dict in an entry 'teacher'"):
        fit_checkpoint(both, Net(), "weights.pt", "teacher")


def test_state_dicts_that_are_equal_need_none():
    assert fit_checkpoint({"model": state(0), "ema": state(0)}, Net(), "weights.pt", None).place == "['model']"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head.weight": torch.ones(7, 5)}, r"head\.weight has shape \(7, 5\), expected \(3, 5\)"),
        ({"aux.weight": torch.ones(7, 5)}, r"has besides aux\.weight"),
        ({"head.weight": None}, r"lacks head\.weight"),
    ],
)
def test_heads_that_differ_are_refused_by_name(change, said):
    tensors = {name: value for name, value in (state() | change).items() if value is not None}
    for form in (tensors, {"state_dict": renamed(tensors, "module.")}):
        with pytest.raises(UserError, match=said):
            fit_checkpoint(form, Net(), "weights.pt", None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_computed_in_single_precision_and_that_is_said(dtype):
    x, y = torch.randn(20, 6), torch.arange(20) % 3
    low = [{k: v.to(dtype) if v.is_floating_point() else v for k, v in state(seed).items()} for seed in (0, 1)]
    line = evaluate_line(Net, *low, (x, y), alphas=3, gauss_examples=0, batch_norm="stored")
    assert sum(f"holds {str(dtype)[6:]}; it is computed in single precision" in remark for remark in line.remarks) == 2
    net = Net().eval()
    net.load_state_dict(low[1])
    with torch.no_grad():
        expected = float(nn.functional.cross_entropy(net(x), y))
    assert line.curve["train_loss"].iloc[-1] == pytest.approx(expected, rel=1e-5)


class Adapted(nn.Module):
    """A frozen layer with a low-rank adapter, named as `peft` names them."""

    def __init__(self):
        super().__init__()
        self.base_layer = nn.Linear(6, 5).requires_grad_(False)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(6, 2, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(2, 5, bias=False)})

    def forward(self, x):
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x))


class Model(nn.Module):
    """A network with an adapter."""

    def __init__(self):
        super().__init__()
        self.first = Adapted()
        self.norm = nn.BatchNorm1d(5).requires_grad_(False)

    def forward(self, x):
        return self.norm(self.first(x))


def test_an_adapter_on_a_frozen_base_moves_alone():
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        tensors = {f"base_model.model.{k}": torch.randn_like(v) for k, v in Model().state_dict().items() if "lora" in k}
        files.append({name.replace(".default.", "."): value for name, value in tensors.items()})
    torch.manual_seed(0)
    net = Model().eval()
    x, y = torch.randn(20, 6), torch.arange(20) % 5
    line = evaluate_line(net, *files, (x, y), alphas=3, gauss_examples=0, batch_norm="stored")
    assert line.row["parameters"][0] == 2 * 6 + 5 * 2
    assert any("lacks 6 frozen parameters and buffers" in remark for remark in line.remarks)
    own = {name.removeprefix("base_model.model.").replace("_A.", "_A.default."): v for name, v in files[1].items()}
    net.load_state_dict({name.replace("_B.", "_B.default."): v for name, v in own.items()}, strict=False)
    with torch.no_grad():
        expected = float(nn.functional.cross_entropy(net(x), y))
    assert line.curve["train_loss"].iloc[-1] == pytest.approx(expected, rel=1e-5)


def test_a_missing_trainable_parameter_is_refused_beside_a_frozen_base():
    tensors = {name: value for name, value in Model().state_dict().items() if "lora_A" in name}
    with pytest.raises(UserError, match=r"lacks first\.lora_B\.default\.weight"):
        fit_checkpoint(tensors, Model(), "adapter.safetensors", None)


def test_checkpoints_are_taken_in_the_order_of_their_numbers():
    names, remarks = in_order(["a/epoch_0.pt", "a/epoch_10.pt", "a/epoch_2.pt"])
    assert names == ["a/epoch_0.pt", "a/epoch_2.pt", "a/epoch_10.pt"]
    assert "order of their numbers" in remarks[0]
    assert in_order(["b.pt", "a10.pt", "a2.pt"]) == (["b.pt", "a10.pt", "a2.pt"], [])
    assert in_order(["epoch_9.pt", "epoch_1.pt"]) == (["epoch_9.pt", "epoch_1.pt"], [])
