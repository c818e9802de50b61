"""The masked language model is Hugging Face's: outputs, loss, training; and it is evaluated like any network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.datasets.sources.texts import EsperantoSource
from stages.datasets.text import load_text
from stages.lines.sweep import sweep_line
from stages.networks.build import build, initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.networks.language_model import MaskedLanguageModel
from stages.networks.losses import correct, example_losses
from stages.networks.masking import mask
from stages.networks.network_sizes import sizes
from stages.shared.seeds import generator
from stages.training.training_loop import train

SETTINGS = BatchNormStatistics(estimate="cumulative", batch_size=64, momentum=0.1, examples=None)
CPU = torch.device("cpu")
SPLITS = load_text(
    "corpus",
    EsperantoSource(
        source="esperanto",
        sentences=120,
        seed=0,
        vocabulary=280,
        block=16,
        test_fraction=0.2,
        evaluation_examples=20,
        evaluation_seed=3,
    ),
)
DATASET = Dataset(
    "corpus",
    *(torch.from_numpy(part) for part in (SPLITS.train_x, SPLITS.train_y, SPLITS.test_x, SPLITS.test_y)),
    SPLITS.classes,
    "",
    SPLITS.evaluation,
)
RUN = Run(
    dataset="corpus",
    network="roberta",
    layers=2,
    hidden_size=16,
    heads=2,
    loss="cross_entropy",
    optimizer="adam",
    lr=0.01,
    epochs=2,
    batch_size=32,
    seed=5,
)


def theirs(network):
    """Return Hugging Face's own network."""
    return network.model


def labelled(x, target):
    """Return tokens and labels as Hugging Face's network takes them: -100 where nothing is to be predicted."""
    tokens, places = x[:, :16], x[:, 16:]
    return tokens, torch.full_like(tokens, -100).scatter(1, places, target)


def test_outputs_and_loss_are_hugging_faces():
    network = build(RUN, (16,), DATASET.classes)
    x, target = mask(DATASET.train_x[:9], DATASET.classes, generator("test", 0))
    tokens, labels = labelled(x, target)
    with torch.no_grad():
        ours = network(x)
        whole = theirs(network)(input_ids=tokens, labels=labels)
    assert ours.shape == (9, 2, DATASET.classes)
    torch.testing.assert_close(ours, whole.logits[torch.arange(9)[:, None], x[:, 16:]])
    losses = example_losses("cross_entropy", ours, target)
    assert losses.shape == (9,)
    assert losses.mean().item() == pytest.approx(whole.loss.item(), rel=1e-6)
    right = (whole.logits.argmax(-1) == labels).sum() / 18
    assert correct(ours, target).mean().item() == pytest.approx(right.item())


def test_tied_weights_count_once_and_every_parameter_is_trained():
    network, layout, theta = initial_parameters(RUN, (16,), DATASET.classes)
    assert theta.numel() == sum(p.numel() for p in theirs(network).parameters())
    assert not any("pooler" in name or "decoder.weight" in name for name in layout.names)
    x, target = mask(DATASET.train_x[:64], DATASET.classes, generator("test", 0))
    example_losses("cross_entropy", network(x), target).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_tutorials_size_has_84_million_parameters():
    with torch.device("meta"):
        network = MaskedLanguageModel(52_000, 128, layers=6, hidden_size=768, heads=12, dropout=0.1)
    found = sum(p.numel() for p in network.parameters())
    h, embedded = 768, 52_000 + 130 + 1  # tokens, positions, one type
    attention, wide = 4 * (h * h + h), (h * 4 * h + 4 * h) + (4 * h * h + h)
    assert found == embedded * h + 2 * h + 6 * (attention + wide + 4 * h) + (h * h + h + 2 * h) + 52_000
    assert found == 83_504_416 - 384 * h  # the tutorial's has positions up to 514, of which it uses 130


def test_initial_weights_depend_on_the_seed_alone_and_leave_the_random_state():
    torch.manual_seed(0)
    first = initial_parameters(RUN, (16,), DATASET.classes)[2]
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after)
    torch.manual_seed(99)
    assert torch.equal(initial_parameters(RUN, (16,), DATASET.classes)[2], first)
    other = initial_parameters(RUN.model_copy(update={"seed": 6}), (16,), DATASET.classes)[2]
    assert not torch.equal(other, first)


def test_networks_at_many_points_at_once_are_each_alone():
    network, layout, theta = initial_parameters(RUN, (16,), DATASET.classes)
    points = theta + 0.1 * torch.randn(3, len(theta), generator=torch.Generator().manual_seed(0))
    x, _ = mask(DATASET.train_x[:5], DATASET.classes, generator("test", 0))

    def forward(point):
        return functional_call(network, layout.split(point), (x,))

    with torch.no_grad():
        together = vmap(forward)(points)
        for point, found in zip(points, together, strict=True):
            torch.testing.assert_close(found, forward(point), rtol=1e-4, atol=1e-5)


def test_losses_are_of_a_fixed_batch_of_some_blocks():
    task, again = (task_of(RUN, DATASET, CPU) for _ in range(2))
    assert len(task.train) == 20
    assert len(task.test) == 20
    assert torch.equal(task.train.x, again.train.x)
    blocks = {tuple(block) for block in DATASET.train_x.tolist()}
    restored = task.train.x[:, :16].scatter(1, task.train.x[:, 16:], task.train.target)
    assert all(tuple(block) in blocks for block in restored.tolist())
    assert len({tuple(block) for block in restored.tolist()}) > 15  # drawn without replacement
    other = replace(DATASET, evaluation=replace(DATASET.evaluation, seed=4))
    assert not torch.equal(task_of(RUN, other, CPU).train.x, task.train.x)


def test_the_line_ends_at_the_losses_of_its_ends():
    (trained,) = train([RUN], DATASET, CPU)
    task = task_of(RUN, DATASET, CPU)
    with torch.no_grad():
        found = sweep_line(task, trained.initial, trained.final, torch.linspace(0, 1, 4), SETTINGS, 0, 0)
    train_split, test_split = evaluate_points(task, torch.stack([trained.initial, trained.final]), SETTINGS)
    np.testing.assert_allclose(found.loss_train[[0, -1]], train_split.loss, rtol=1e-5)
    np.testing.assert_allclose(found.loss_test[[0, -1]], test_split.loss, rtol=1e-5)
    np.testing.assert_allclose(found.accuracy_train[[0, -1]], train_split.accuracy)
    assert found.gauss_smooth.shape == (0,)
    assert found.loss_train[-1] < found.loss_train[0]


def plain(run, dataset):
    """Train Hugging Face's network by a plain loop in double precision, with the same blocks and masks."""
    torch.manual_seed(0)
    network = build(run, dataset.shape, dataset.classes).double()
    optimizer = torch.optim.Adam(theirs(network).parameters(), lr=run.lr)
    order, masks = generator("order", run.order), generator("masks", run.order)
    each = -(-len(dataset.train_x) // run.batch_size)
    total = min(run.steps or each * run.epochs, each * run.epochs)
    done, losses = 0, []
    for _ in range(run.epochs):
        permutation = torch.randperm(len(dataset.train_x), generator=order)
        seen = []
        for index in permutation.split(run.batch_size):
            if done == total:
                break
            tokens, labels = labelled(*mask(dataset.train_x[index], dataset.classes, masks))
            if run.schedule == "linear":
                optimizer.param_groups[0]["lr"] = run.lr * (1 - done / total)
            optimizer.zero_grad()
            loss = theirs(network)(input_ids=tokens, labels=labels).loss
            loss.backward()
            if run.clip_norm:
                torch.nn.utils.clip_grad_norm_(network.parameters(), run.clip_norm)
            optimizer.step()
            seen.append((loss.item(), len(index)))
            done += 1
        if seen:
            losses.append(sum(value * count for value, count in seen) / sum(count for _, count in seen))
    return torch.cat([p.detach().flatten() for p in network.parameters()]), losses


MORE = [{}, {"schedule": "linear"}, {"schedule": "linear", "steps": 5}, {"steps": 1}, {"clip_norm": 0.4}]


@pytest.mark.parametrize("more", MORE)
def test_training_is_a_plain_loop_with_adam(more):
    run = RUN.model_copy(update=more)
    (trained,) = train([run], DATASET, CPU, torch.float64)
    theta, losses = plain(run, DATASET)
    torch.testing.assert_close(trained.final, theta, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(trained.epoch_loss, losses, rtol=1e-8)


def test_dropout_changes_training_alone_and_the_same_way_each_time():
    run = RUN.model_copy(update={"dropout": 0.2, "epochs": 1})
    first, again = (train([run], DATASET, CPU)[0] for _ in range(2))
    assert torch.equal(first.final, again.final)
    (without,) = train([RUN.model_copy(update={"epochs": 1})], DATASET, CPU)
    assert torch.equal(without.initial, first.initial)
    assert not torch.equal(without.final, first.final)
    task = task_of(run, DATASET, CPU)
    losses = [evaluate_points(task, first.final[None].repeat(2, 1), SETTINGS)[0].loss for _ in range(2)]
    assert torch.equal(*losses)


def test_runs_do_not_depend_on_their_company():
    others = [RUN.model_copy(update={"seed": seed}) for seed in (5, 6)]
    (alone,), together = train([RUN], DATASET, CPU), train(others, DATASET, CPU)
    assert torch.equal(alone.final, together[0].final)
    assert not torch.equal(together[0].final, together[1].final)


def test_its_sizes_are_counted_from_an_example_of_tokens():
    network, layout, _ = initial_parameters(RUN, (16,), DATASET.classes)
    found = sizes(network, (16,))
    assert found.weights == layout.size
    assert found.largest == max(2 * DATASET.classes, 16 * 64)
