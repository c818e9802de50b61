"""Networks and files of timm, transformers and peft, as these libraries make and save them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stages.api import evaluate_line
from stages.datasets.torchvision_operators import torchvision  # noqa: F401 (before the libraries import it)

CLASSES, EXAMPLES = 4, 6


def plain_loss(network, x, y):
    """Return the mean loss of a network in evaluation mode."""
    with torch.no_grad():
        outputs = network.eval()(x)
        return float(F.cross_entropy(getattr(outputs, "logits", outputs), y))


def hold_ends(build, files, networks, x, y):
    """Hold losses at both ends, with stored statistics, to those of the networks in plain PyTorch."""
    line = evaluate_line(build, *files, (x, y), batch_norm="stored", alphas=3, gauss_examples=0)
    expected = [plain_loss(network, x, y) for network in networks]
    assert expected[0] != expected[1]
    np.testing.assert_allclose(line.curve["train_loss"].to_numpy()[[0, -1]], expected, rtol=1e-5)
    return line


@pytest.mark.parametrize(
    "name",
    ["test_byobnet", "test_convnext", "test_efficientnet", "test_mambaout", "test_nfnet", "test_resnet", "test_vit"],
)
def test_networks_of_timm(name):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    if name not in timm.list_models():
        pytest.skip(f"this timm has no {name}")

    def build():
        return timm.create_model(name, num_classes=CLASSES)

    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(build())
        for value in networks[-1].parameters():  # some layers start with zeros
            value.data += 0.02 * torch.randn_like(value)
    x, y = torch.randn(EXAMPLES, *networks[0].default_cfg["input_size"]), torch.arange(EXAMPLES) % CLASSES
    hold_ends(build, [network.state_dict() for network in networks], networks, x, y)


def test_a_network_of_transformers_in_several_files(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification

    settings = BertConfig(30, 16, 2, 2, 32, max_position_embeddings=8, num_labels=CLASSES)
    folders, networks = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(BertForSequenceClassification(settings))
        folders.append(tmp_path / f"seed_{seed}")
        networks[-1].save_pretrained(folders[-1], max_shard_size="5KB")
        assert (folders[-1] / "model.safetensors.index.json").exists()
    x, y = torch.randint(30, (EXAMPLES, 8)), torch.arange(EXAMPLES) % CLASSES
    hold_ends(lambda: BertForSequenceClassification(settings), folders, networks, x, y)


def test_an_adapter_of_peft(tmp_path):
    peft = pytest.importorskip("peft", reason="peft is not installed")
    settings = peft.LoraConfig(target_modules=["0", "2"], r=2, init_lora_weights=False)

    def build(seed=5):
        torch.manual_seed(0)
        base = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, CLASSES))
        torch.manual_seed(seed)
        return peft.get_peft_model(base, settings)

    folders, networks = [], [build(1), build(2)]
    for seed, network in enumerate(networks):
        folders.append(tmp_path / f"seed_{seed}")
        network.save_pretrained(folders[-1])
    line = hold_ends(build, folders, networks, torch.randn(EXAMPLES, 6), torch.arange(EXAMPLES) % CLASSES)
    assert line.row["parameters"][0] == 2 * (6 + 8) + 2 * (8 + CLASSES)
