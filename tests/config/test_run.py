import json
import re

import pytest
from pydantic import ValidationError

from stages.config import Run
from stages.shared.store import Store
from stages.training.keys import NUMERICS, run_key

MINIMAL = {
    "dataset": "digits",
    "network": "mlp",
    "hidden": (8, 8),
    "activation": "relu",
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "lr": 0.1,
    "epochs": 4,
    "batch_size": 128,
    "seed": 3,
}


CONVOLUTIONAL = {"hidden": None, "activation": None}
RESNET = CONVOLUTIONAL | {"network": "resnet", "layers": 8}
SWITCH = {"switch_after": 2, "switch_optimizer": "adam", "switch_lr": 0.01}


def run(**fields):
    return Run(**(MINIMAL | fields))


def test_the_identity_of_a_minimal_run_is_its_required_fields():
    assert run().spec() == MINIMAL | {"hidden": [8, 8]}


@pytest.mark.parametrize("field", Run.model_fields)
def test_a_field_at_its_default_is_not_part_of_the_identity(field):
    default = Run.model_fields[field]
    if not default.is_required() and field not in MINIMAL:
        assert field not in run(**{field: default.default}).spec()


WITHOUT_EFFECT = {
    "momentum of Adam": {"optimizer": "adam", "momentum": 0.5},
    "momentum of RMSProp": {"optimizer": "rmsprop", "momentum": 0.5},
    "betas of SGD": {"betas": (0.8, 0.9)},
    "betas of RMSProp": {"optimizer": "rmsprop", "betas": (0.8, 0.9)},
    "smoothing of SGD": {"smoothing": 0.5},
    "smoothing of Adam": {"optimizer": "adam", "smoothing": 0.5},
    "epsilon of SGD": {"epsilon": 1e-3},
    "damping of SGD": {"damping": 0.1},
    "clip of Adam": {"optimizer": "adam", "kl_clip": None},
    "betas of K-FAC": {"optimizer": "kfac", "betas": (0.8, 0.9)},
    "decay without milestones": {"decay": 0.5},
    "data seed of the whole, true data": {"data_seed": 7},
    "rate of scalars that a network does not have": RESNET | {"scalar_lr_factor": 0.1},
    "order seed that is the seed": {"order_seed": 3},
}


@pytest.mark.parametrize("fields", WITHOUT_EFFECT.values(), ids=WITHOUT_EFFECT)
def test_a_field_without_effect_is_not_part_of_the_identity(fields):
    plain = run(**(RESNET if "layers" in fields else {}), optimizer=fields.get("optimizer", "sgd"))
    assert run(**fields).spec() == plain.spec()


def test_milestones_that_are_never_reached_are_not_part_of_the_identity():
    assert run(milestones=(4, 9), decay=0.5).spec() == run().spec()


WITH_EFFECT = {
    "momentum of SGD": {"momentum": 0.5},
    "no momentum": {"momentum": 0.0},
    "betas of Adam": {"optimizer": "adam", "betas": (0.8, 0.9)},
    "epsilon of Adam": {"optimizer": "adam", "epsilon": 1e-3},
    "epsilon of RMSProp": {"optimizer": "rmsprop", "epsilon": 1e-3},
    "smoothing of RMSProp": {"optimizer": "rmsprop", "smoothing": 0.5},
    "damping of K-FAC": {"optimizer": "kfac", "damping": 0.1},
    "factor decay of K-FAC": {"optimizer": "kfac", "factor_decay": 0.5},
    "factor interval of K-FAC": {"optimizer": "kfac", "factor_interval": 5},
    "inverse interval of K-FAC": {"optimizer": "kfac", "inverse_interval": 5},
    "clip of K-FAC": {"optimizer": "kfac", "kl_clip": None},
    "momentum of K-FAC": {"optimizer": "kfac", "momentum": 0.5},
    "betas of the optimizer after a switch": SWITCH | {"betas": (0.8, 0.9)},
    "momentum of SGD before a switch": SWITCH | {"momentum": 0.5},
    "betas of the optimizer grafted": {"magnitude": "adam", "betas": (0.8, 0.9)},
    "grafting": {"magnitude": "adam"},
    "milestones": {"milestones": (2,)},
    "decay at milestones": {"milestones": (2,), "decay": 0.5},
    "weight decay": {"weight_decay": 1e-4},
    "batch norm": {"batch_norm": True},
    "train size": {"train_size": 100},
    "data seed of a subset": {"train_size": 100, "data_seed": 7},
    "corruption": {"label_corruption": 0.1},
    "data seed of corrupted labels": {"label_corruption": 0.1, "data_seed": 7},
    "snapshots": {"snapshots": (0, 2)},
    "order seed": {"order_seed": 4},
    "order seed 0": {"order_seed": 0},
    "seed": {"seed": 4},
    "crops": {"crop_padding": 4},
    "mirror images": {"flip": True},
    "layers": RESNET | {"layers": 14},
    "gain": {"gain": 2.0},
    "outputs": {"outputs": 12},
    "width": RESNET | {"width_multiplier": 0.5},
    "block identity": RESNET | {"initialization": "block_identity"},
    "rate of Fixup's scalars": RESNET | {"initialization": "fixup", "scalar_lr_factor": 0.1},
}


@pytest.mark.parametrize("fields", WITH_EFFECT.values(), ids=WITH_EFFECT)
def test_a_field_with_effect_is_part_of_the_identity(fields):
    *context, last = fields
    before = RESNET if fields.get("network") == "resnet" else {}
    without = run(**(before | {name: fields[name] for name in context if name != last}))
    assert run(**fields).spec()[last] == (list(fields[last]) if isinstance(fields[last], tuple) else fields[last])
    assert run_key(run(**fields), "0" * 64) != run_key(without, "0" * 64)


WRONG = {
    "an mlp without layers": ({"hidden": None}, "hidden: this key is missing; add it"),
    "a resnet without layers": (RESNET | {"layers": None}, "layers: this key is missing; add it"),
    "activation of a vgg": (
        {"network": "vgg", "layers": 16, "hidden": None},
        "activation: got 'relu', expected no such key: network vgg",
    ),
    "batch norm of LeNet": (
        CONVOLUTIONAL | {"network": "lenet", "batch_norm": True},
        "batch_norm: got True, expected False: network lenet",
    ),
    "layers of a resnet": (RESNET | {"layers": 18}, "layers: got 18, expected 6 n + 2, as 20, 32, 44, 56"),
    "too few layers of a resnet": (RESNET | {"layers": 2}, "layers: got 2, expected 6 n + 2"),
    "layers of a vgg": (
        CONVOLUTIONAL | {"network": "vgg", "layers": 20},
        "layers: got 20, expected one of 11, 13, 16, 19: network vgg",
    ),
    "gain of a resnet": (RESNET | {"gain": 2.0}, "gain: got 2.0, expected 1.0: network resnet"),
    "further outputs under squared error": (
        {"outputs": 12, "loss": "squared_error"},
        "outputs: got 12, expected null",
    ),
    "fixup with batch norm": (
        RESNET | {"initialization": "fixup", "batch_norm": True},
        "initialization: got 'fixup', expected another",
    ),
    "fixup of torchvision's": (
        CONVOLUTIONAL | {"network": "resnet_imagenet", "layers": 18, "initialization": "fixup"},
        "initialization: got 'fixup', expected another",
    ),
    "K-FAC of a convolutional network": (RESNET | {"optimizer": "kfac"}, "optimizer: got 'kfac', expected another"),
    "K-FAC of an autoencoder, after a switch": (
        SWITCH | {"network": "autoencoder", "loss": "squared_error", "switch_optimizer": "kfac"},
        "switch_optimizer: got 'kfac', expected another: network autoencoder",
    ),
    "a switch without a rate": (
        SWITCH | {"switch_lr": None},
        "switch_lr: got None, expected all of switch_after, switch_optimizer, switch_lr or none",
    ),
    "a rate without a switch": ({"switch_lr": 0.1}, "switch_lr: got 0.1, expected all of"),
    "a switch after the end": (SWITCH | {"switch_after": 4}, "switch_after: got 4, expected less than epochs, 4"),
    "a graft with a switch": (SWITCH | {"magnitude": "adam"}, "magnitude: got 'adam', expected null"),
    "a graft on itself": ({"magnitude": "sgd"}, "magnitude: got 'sgd', expected another than optimizer, or null"),
    "a graft of K-FAC": ({"magnitude": "kfac"}, "magnitude: got 'kfac', expected null"),
    "a warm-up longer than training": ({"warmup": 5}, "warmup: got 5, expected at most epochs, 4"),
    "an average from after the end": ({"average_from": 5}, "average_from: got 5, expected at most epochs, 4"),
    "an average of a run that ends within an epoch": (
        {"average_from": 2, "steps": 9},
        "average_from: got 2, expected null: a run with `steps` may end within an epoch",
    ),
    "augmented autoencoder": (
        {"network": "autoencoder", "loss": "squared_error", "flip": True},
        "crop_padding: got augmentation, expected none",
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_what_a_network_does_not_have_is_refused(fields, message):
    with pytest.raises(ValidationError, match=re.escape(message)):
        run(**fields)


@pytest.mark.parametrize("field", SWITCH)
def test_a_switch_is_part_of_the_identity(field):
    others = {"switch_after": 1, "switch_optimizer": "rmsprop", "switch_lr": 0.1}
    keys = [run_key(run(**fields), "0" * 64) for fields in ({}, SWITCH, SWITCH | {field: others[field]})]
    assert len(set(keys)) == 3


def test_the_order_of_the_data_follows_the_seed_unless_it_has_its_own():
    assert run().order == 3
    assert run(order_seed=0).order == 0


def test_a_spec_is_the_run_again():
    fields = {"optimizer": "adam", "betas": (0.8, 0.9), "milestones": (2,), "decay": 0.5, "train_size": 100}
    spec = run(**fields, snapshots=(1,), order_seed=1).spec()
    again = Run.model_validate_json(json.dumps(spec))
    assert again == run(**fields, snapshots=(1,), order_seed=1)


# Results are kept under these keys, together with the environment. Where one changes, every result there is has lost
# its name: give a new field a default without effect, or, if the numbers move, raise NUMERICS and write the keys here.
def test_the_keys_under_which_results_are_kept_are_these(monkeypatch):
    monkeypatch.setattr("stages.training.keys.identity", Store.key)
    pinned = run(
        hidden=(64, 64),
        batch_norm=True,
        optimizer="adam",
        lr=0.003,
        weight_decay=0.0001,
        betas=(0.9, 0.99),
        momentum=0.5,
        milestones=(2, 3),
        train_size=500,
        data_seed=1,
        order_seed=5,
    )
    assert pinned.spec() == {
        "dataset": "digits",
        "train_size": 500,
        "data_seed": 1,
        "network": "mlp",
        "hidden": [64, 64],
        "activation": "relu",
        "batch_norm": True,
        "loss": "cross_entropy",
        "optimizer": "adam",
        "lr": 0.003,
        "milestones": [2, 3],
        "weight_decay": 0.0001,
        "betas": [0.9, 0.99],
        "epochs": 4,
        "batch_size": 128,
        "seed": 3,
        "order_seed": 5,
    }
    assert (NUMERICS, run_key(pinned, "0" * 64), run_key(run(), "0" * 64)) == (5, "023fac83d775", "68a5a38dac51")


def test_a_run_on_other_data_has_another_key():
    assert run_key(run(), "0" * 64) != run_key(run(), "1" * 64)
