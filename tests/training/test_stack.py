import plain
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.parameter_layout import Layout
from stages.training import stack_capacity
from stages.training.parameter_groups import group_by_size
from stages.training.stack_key import stack_key
from stages.training.stack_plan import plan_stacks
from stages.training.training_loop import train

CPU = torch.device("cpu")
BASE = Run(
    dataset="toy",
    network="mlp",
    hidden=(7, 5),
    activation="tanh",
    loss="cross_entropy",
    optimizer="sgd",
    lr=0.05,
    epochs=3,
    batch_size=16,
    seed=0,
)


def variant(**changes) -> Run:
    return Run(**(BASE.model_dump() | changes))


@pytest.fixture(scope="module")
def toy() -> Dataset:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(75, 1, 3, 3, generator=random)  # 75 = 4 x 16 + 11: the last batch is smaller
    y = torch.randint(3, (75,), generator=random)
    return Dataset("toy", x[:59], y[:59], x[59:], y[59:], 3, "0" * 64)


def mixed(**changes) -> list[Run]:
    """Runs of all optimizers with hyperparameters of their own, in no order."""
    return [
        variant(optimizer="adam", lr=0.01, betas=(0.8, 0.99), seed=1, **changes),
        variant(optimizer="sgd", lr=0.1, momentum=0.5, weight_decay=0.01, seed=2, **changes),
        variant(optimizer="rmsprop", lr=0.003, smoothing=0.9, seed=3, **changes),
        variant(optimizer="sgd", lr=0.02, seed=4, order_seed=9, milestones=(1, 2), decay=0.3, **changes),
        variant(optimizer="adam", lr=0.03, weight_decay=0.1, epsilon=1e-3, seed=5, **changes),
        variant(optimizer="rmsprop", lr=0.01, weight_decay=0.02, seed=6, label_corruption=0.5, data_seed=3, **changes),
    ]


SETTINGS = {
    "plain": {},
    "batch norm": {"batch_norm": True},
    "relu, squared error": {"activation": "relu", "loss": "squared_error"},
    "sigmoid, batch norm, subset": {"activation": "sigmoid", "batch_norm": True, "train_size": 35},
}
SETTINGS |= {
    "linear": {"schedule": "linear"},
    "some steps": {"steps": 6, "schedule": "linear", "batch_norm": True},
    "steps that end with an epoch": {"steps": 4},
    "more steps than there are": {"steps": 100, "schedule": "linear"},
    "clipped": {"clip_norm": 0.3},
    "large initial weights": {"gain": 3.0, "batch_norm": True},
    "outputs beyond the classes": {"outputs": 8},
    "warm-up": {"warmup": 2, "epochs": 4},
    "warm-up, linear": {"warmup": 1, "schedule": "linear", "batch_norm": True},
}
CONVOLUTIONAL = {"hidden": None, "activation": None}
RESNET = CONVOLUTIONAL | {"network": "resnet", "layers": 8, "width_multiplier": 0.2, "epochs": 2}
SETTINGS |= {
    "resnet": RESNET | {"batch_norm": True},
    "resnet, block identity": RESNET | {"initialization": "block_identity"},
    "resnet, fixup": RESNET | {"initialization": "fixup", "scalar_lr_factor": 0.1},
    "resnet, augmented": RESNET | {"batch_norm": True, "crop_padding": 1, "flip": True},
    "vgg, augmented": CONVOLUTIONAL
    | {"network": "vgg", "layers": 11, "width_multiplier": 0.03, "epochs": 2, "flip": True},
    "simple cnn": CONVOLUTIONAL | {"network": "simple_cnn", "width_multiplier": 0.1},
    "alexnet": CONVOLUTIONAL | {"network": "alexnet", "width_multiplier": 0.05, "epochs": 2},
    "resnet of torchvision": CONVOLUTIONAL
    | {"network": "resnet_imagenet", "layers": 18, "batch_norm": True, "width_multiplier": 0.04, "epochs": 1},
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_stack_is_each_run_alone_with_torch_optim(toy, setting):
    runs = mixed(**setting)
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        x, labels = training_data(toy, *run.data_key)
        initial, final, losses = plain.train(run, x.double(), labels, 3)
        for point, expected in ((found.initial, initial), (found.final, final)):
            for value, alone in zip(found.layout.split(point).values(), expected, strict=True):
                torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)
        torch.testing.assert_close(found.epoch_loss, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-11)
        moved = torch.cat([(a - b).flatten() for a, b in zip(final, initial, strict=True)]).norm()
        torch.testing.assert_close(found.epoch_distance[-1], moved, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("average_from", [1, 3, 4])
def test_averaged_weights_are_those_of_pytorchs_averaged_model(toy, average_from):
    fields = {"epochs": 4, "batch_norm": True}
    runs = [*mixed(**fields, average_from=average_from), *mixed(**fields)]  # a stack of both
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        x, labels = training_data(toy, *run.data_key)
        _, final, losses = plain.train(run, x.double(), labels, 3)
        for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
            torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)
        torch.testing.assert_close(found.epoch_loss, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-11)


def test_averaging_changes_the_final_weights_only(toy):
    raw, averaged = train([variant(snapshots=(1, 2, 3)), variant(snapshots=(1, 2, 3), average_from=2)], toy, CPU)
    for epoch in (1, 2, 3):
        assert torch.equal(raw.snapshots[epoch], averaged.snapshots[epoch])
    assert torch.equal(raw.epoch_distance, averaged.epoch_distance)
    torch.testing.assert_close(averaged.final, (raw.snapshots[2] + raw.snapshots[3]) / 2)
    assert not torch.equal(raw.final, averaged.final)


def test_runs_with_and_without_a_warm_up_share_a_stack_and_stay_themselves(toy):
    runs = [variant(seed=1, warmup=2), variant(seed=2), variant(optimizer="adam", lr=0.01, seed=3, warmup=1)]
    assert len({stack_key(run) for run in runs}) == 1
    together = train(runs, toy, CPU)
    for run, found in zip(runs, together, strict=True):
        assert torch.equal(found.final, train([run], toy, CPU)[0].final)
    assert not torch.equal(train([variant(seed=1)], toy, CPU)[0].final, together[0].final)


def test_a_diverged_run_is_not_averaged(toy):
    setting = {"hidden": (8, 8), "activation": "relu", "loss": "squared_error", "epochs": 6, "average_from": 1}
    bad, good = train([variant(lr=1e6, **setting), variant(lr=0.001, **setting)], toy, CPU)
    assert bad.diverged
    assert not torch.isfinite(bad.final).all()
    assert torch.isfinite(good.final).all()


SWITCHED = [
    variant(optimizer="sgd", lr=0.1, momentum=0.5, switch_after=1, switch_optimizer="adam", switch_lr=0.01, seed=1),
    variant(
        optimizer="adam", lr=0.01, switch_after=1, switch_optimizer="sgd", switch_lr=0.05, seed=2, milestones=(1, 2)
    ),
    variant(optimizer="rmsprop", lr=0.01, switch_after=1, switch_optimizer="adam", switch_lr=0.02, seed=3),
    variant(optimizer="adam", lr=0.03, switch_after=1, switch_optimizer="adam", switch_lr=0.01, seed=4),
]
GRAFTED = [
    variant(optimizer="sgd", magnitude="adam", lr=0.01, seed=1),
    variant(optimizer="adam", magnitude="sgd", lr=0.1, momentum=0.5, weight_decay=0.05, seed=2),
    variant(optimizer="sgd", lr=0.1, seed=3),
    variant(optimizer="rmsprop", magnitude="sgd", lr=0.03, seed=4, milestones=(2,)),
]
KFAC = [variant(optimizer="kfac", lr=lr, seed=seed, momentum=0.3) for lr, seed in ((0.01, 7), (0.1, 8), (0.3, 9))]


@pytest.mark.parametrize("runs", [SWITCHED, GRAFTED], ids=["switched", "grafted"])
def test_switches_and_grafts_are_those_of_torch_optim(toy, runs):
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        _, final, losses = plain.train(run, toy.train_x.double(), toy.train_y, 3)
        for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
            torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)
        torch.testing.assert_close(found.epoch_loss, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-11)


def test_the_lengths_of_grafted_steps_are_those_of_all_groups_of_parameters(toy, monkeypatch):
    monkeypatch.setattr("stages.training.parameter_groups.GROUP_NUMBERS", 1)  # each parameter by itself
    for run, found in zip(GRAFTED, train(GRAFTED, toy, CPU, torch.float64), strict=True):
        _, final, _ = plain.train(run, toy.train_x.double(), toy.train_y, 3)
        for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
            torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)


def test_runs_with_different_switches_are_not_of_one_stack():
    later = SWITCHED[0].model_copy(update={"switch_after": 2})
    assert stack_key(later) != stack_key(SWITCHED[0])
    assert len({stack_key(run) for run in SWITCHED}) == 1
    assert len({stack_key(run) for run in GRAFTED}) == 1


def test_runs_that_share_data_and_order_in_part_are_each_alone(toy):
    """Views of the data: two runs share one, one has its order but other labels, one another order."""
    runs = [
        variant(seed=1, order_seed=5),
        variant(seed=2, order_seed=5, momentum=0.0),
        variant(seed=3, order_seed=5, label_corruption=0.7),
        variant(seed=4, order_seed=6, optimizer="adam"),
    ]
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        x, labels = training_data(toy, *run.data_key)
        _, final, losses = plain.train(run, x.double(), labels, 3)
        for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
            torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)
        torch.testing.assert_close(found.epoch_loss, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-11)


def test_runs_of_a_stack_may_differ_in_the_scale_of_their_initial_weights(toy):
    runs = [variant(gain=gain) for gain in (1.0, 0.3, 2.0)]
    assert len(plan_stacks(runs, (1, 3, 3), 3, 1)) == 1
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        initial, final, _ = plain.train(run, toy.train_x.double(), toy.train_y, 3)
        for point, expected in ((found.initial, initial), (found.final, final)):
            for value, alone in zip(found.layout.split(point).values(), expected, strict=True):
                torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)


def test_an_autoencoder_is_trained_to_its_input(toy):
    run = variant(network="autoencoder", hidden=(6, 2, 6), activation="relu", loss="squared_error", lr=0.01)
    found = train([run], toy, CPU, torch.float64)[0]
    _, final, losses = plain.train(run, toy.train_x.double(), toy.train_y, 3)
    for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
        torch.testing.assert_close(value, alone, rtol=1e-9, atol=1e-11)
    assert found.epoch_loss.tolist() == pytest.approx(losses, rel=1e-9)


@pytest.mark.parametrize("setting", [{}, RESNET | {"batch_norm": True}])
def test_runs_too_large_for_company_are_trained_alone(toy, setting, monkeypatch):
    monkeypatch.setitem(stack_capacity.MOST_FLOATS, "cpu", 1)
    runs = mixed(**setting)
    assert all(len(stack) == 1 for stack in plan_stacks(runs, (1, 3, 3), 3, 2))
    for run, found in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        assert found.run == run
        x, labels = training_data(toy, *run.data_key)
        _, final, _ = plain.train(run, x.double(), labels, 3)
        for value, alone in zip(found.layout.split(found.final).values(), final, strict=True):
            torch.testing.assert_close(value, alone, rtol=1e-7, atol=1e-10)


def test_where_runs_have_company_and_where_not():
    """The default's narrow network, and the paper's."""
    small = variant(**RESNET | {"width_multiplier": 0.25, "batch_size": 32})
    assert stack_capacity.largest_stack(small, (1, 8, 8), 10, "cpu") > 8
    assert (
        stack_capacity.largest_stack(
            variant(**RESNET | {"layers": 20, "width_multiplier": 1.0}), (3, 32, 32), 10, "cpu"
        )
        == 1
    )
    assert stack_capacity.largest_stack(BASE, (1, 8, 8), 10, "cpu") == 32


def test_a_diverged_run_is_stopped_and_leaves_its_company_alone(toy):
    setting = {"hidden": (8, 8), "activation": "relu", "loss": "squared_error", "epochs": 6}
    good = [variant(lr=0.001, seed=1, **setting), variant(optimizer="adam", lr=0.01, seed=2, **setting)]
    bad = [variant(lr=1e6, seed=3, **setting), variant(lr=1e5, seed=4, **setting)]
    found = train([bad[0], good[0], bad[1], good[1]], toy, CPU)
    assert [t.diverged for t in found] == [True, False, True, False]
    assert all(len(found[i].epoch_loss) < 6 for i in (0, 2))
    assert not torch.isfinite(found[0].epoch_loss[-1] + found[0].epoch_distance[-1])
    for run, survivor in ((good[0], found[1]), (good[1], found[3])):
        assert torch.equal(train([run], toy, CPU)[0].final, survivor.final)
        assert len(survivor.epoch_loss) == 6
    only_bad = train(bad, toy, CPU)
    assert all(t.diverged for t in only_bad)


def test_snapshots_are_the_weights_after_their_epochs(toy):
    found = train([variant(snapshots=(0, 1, 3))], toy, CPU)[0]
    assert set(found.snapshots) == {0, 1, 3}
    assert torch.equal(found.snapshots[0], found.initial)
    assert torch.equal(found.snapshots[3], found.final)
    assert torch.equal(found.snapshots[1], train([variant(epochs=1)], toy, CPU)[0].final)


def test_initial_weights_are_pytorchs_and_follow_the_seed(toy):
    one, other = (train([variant(seed=seed, epochs=1)], toy, CPU)[0] for seed in (0, 1))
    expected = plain.network(BASE, (1, 3, 3), 3)
    for value, parameter in zip(one.layout.split(one.initial).values(), expected.parameters(), strict=True):
        assert torch.equal(value, parameter)
    assert not torch.equal(one.initial, other.initial)


def test_runs_that_do_not_belong_together_are_refused(toy):
    with pytest.raises(ValueError, match="stack key"):
        train([BASE, variant(batch_norm=True)], toy, CPU)


def test_a_plan_holds_every_run_once_in_stacks_of_one_key():
    runs = [variant(seed=s, hidden=h, optimizer=o) for s in range(40) for h in ((7, 5), (9,)) for o in ("sgd", "adam")]
    for workers in (1, 2, 16):
        planned = plan_stacks(runs, (1, 3, 3), 3, workers)
        assert sorted(map(repr, (run for stack in planned for run in stack))) == sorted(map(repr, runs))
        assert all(len({stack_key(run) for run in stack}) == 1 for stack in planned)
        assert all(len(stack) <= 32 for stack in planned)
        assert len(planned) >= workers


def test_stacks_are_divided_as_many_times_as_it_takes_to_keep_workers_busy():
    """Where a step's fixed cost is most of it, one stack a worker; several kinds of run need no division at all."""
    alone = [variant(seed=seed) for seed in range(25)]
    assert [len(stack) for stack in plan_stacks(alone, (1, 3, 3), 3, 2)] == [13, 12]
    assert [len(stack) for stack in plan_stacks(alone, (1, 3, 3), 3, 1)] == [25]
    kinds = [variant(seed=seed, hidden=(width,)) for width in (5, 6, 7, 8) for seed in range(6)]
    assert [len(stack) for stack in plan_stacks(kinds, (1, 3, 3), 3, 2)] == [6] * 4
    three = [variant(seed=seed, hidden=(width,), epochs=3000) for width in (9000, 9001, 9002) for seed in range(8)]
    assert len(plan_stacks(three, (1, 3, 3), 3, 2)) > 3


class Summed(nn.Module):
    """A network that uses the sum of two parameters: their gradients are one tensor."""

    def __init__(self, values: torch.Tensor) -> None:
        super().__init__()
        self.first, self.second = (nn.Parameter(part.clone()) for part in values)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ (self.first + self.second)


def test_parameters_that_share_a_gradient_are_updated_each(toy, monkeypatch):
    def initial(run: Run, shape: tuple, classes: int) -> tuple:
        network = Summed(torch.randn(2, 9, classes, generator=torch.Generator().manual_seed(run.seed)))
        layout = Layout.of(network)
        return network, layout, layout.join(dict(network.named_parameters())).detach()

    monkeypatch.setattr("stages.training.stack.initial_parameters", initial)
    monkeypatch.setattr("stages.training.parameter_groups.GROUP_NUMBERS", 1)  # each parameter by itself
    runs = [variant(seed=seed, epochs=1, momentum=0.0, batch_size=59) for seed in (0, 1)]
    for run, trained in zip(runs, train(runs, toy, CPU, torch.float64), strict=True):
        network = initial(run, (1, 3, 3), 3)[0].double()
        F.cross_entropy(network(toy.train_x.double()), toy.train_y).backward()
        expected = torch.cat([(p - run.lr * p.grad).flatten() for p in network.parameters()]).detach()
        torch.testing.assert_close(trained.final, expected)


def test_parameters_are_updated_in_groups_of_bounded_size(monkeypatch):
    monkeypatch.setattr("stages.training.parameter_groups.GROUP_NUMBERS", 10)
    groups = group_by_size([4, 5, 3, 30, 1, 1, 9])
    assert groups == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 6), slice(6, 7)]
