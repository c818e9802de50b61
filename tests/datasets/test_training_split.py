import math

import pytest
import torch

from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.shared.errors import UserError

SIZE, CLASSES = 5000, 10


@pytest.fixture(scope="module")
def dataset():
    """Every image is its own index, every true label its index modulo the classes."""
    x = torch.arange(SIZE, dtype=torch.float32)[:, None, None, None]
    y = torch.arange(SIZE) % CLASSES
    return Dataset("mine", x, y, x[:2], y[:2], CLASSES, "")


def indices(x):
    return x.flatten().long()


def within_six_deviations(count, trials, probability):
    return abs(count - trials * probability) < 6 * math.sqrt(trials * probability * (1 - probability))


def test_nothing_to_do_copies_nothing(dataset):
    for size in (None, SIZE):
        x, y = training_data(dataset, size, 0.0, data_seed=3)
        assert x is dataset.train_x
        assert y is dataset.train_y


def test_a_subset_is_examples_with_their_labels_in_stored_order(dataset):
    x, y = training_data(dataset, 30, 0.0, data_seed=3)
    assert x.shape == (30, 1, 1, 1)
    assert (indices(x).diff() > 0).all()  # without replacement
    torch.testing.assert_close(y, indices(x) % CLASSES)


def test_a_small_subset_lies_within_a_large_one(dataset):
    small, large = (set(indices(training_data(dataset, n, 0.0, data_seed=3)[0]).tolist()) for n in (10, 30))
    assert small < large


def test_a_subset_is_drawn_from_the_whole_split(dataset):
    kept = indices(training_data(dataset, SIZE // 2, 0.0, data_seed=3)[0])
    assert within_six_deviations(int((kept < SIZE // 2).sum()), SIZE // 2, 0.5)


def test_subset_and_labels_depend_on_the_seed_alone(dataset):
    first, again, other = (training_data(dataset, 1000, 0.5, data_seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    whole, other_whole = (training_data(dataset, None, 0.5, data_seed=seed)[1] for seed in (3, 4))
    assert not torch.equal(whole, other_whole)


def test_a_random_state_elsewhere_changes_nothing(dataset):
    torch.manual_seed(0)
    first = training_data(dataset, 100, 0.5, data_seed=3)
    torch.manual_seed(1)
    second = training_data(dataset, 100, 0.5, data_seed=3)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_labels_change_as_often_as_asked_for(dataset):
    _, y = training_data(dataset, None, 0.3, data_seed=3)
    changed = int((y != dataset.train_y).sum())
    assert within_six_deviations(changed, SIZE, 0.3 * (1 - 1 / CLASSES))  # a new label may be the old one


def test_another_seed_corrupts_other_examples(dataset):
    first, second = (training_data(dataset, None, 0.5, data_seed=seed)[1] != dataset.train_y for seed in (3, 4))
    assert within_six_deviations(int((first & second).sum()), SIZE, (0.5 * (1 - 1 / CLASSES)) ** 2)


def test_new_labels_are_uniform_whatever_the_old_one(dataset):
    _, y = training_data(dataset, None, 1.0, data_seed=3)
    counts = torch.zeros(CLASSES, CLASSES)
    counts.index_put_((dataset.train_y, y), torch.ones(SIZE), accumulate=True)
    assert ((counts - SIZE / CLASSES**2).abs() < 6 * math.sqrt(SIZE / CLASSES**2)).all()


def test_a_larger_proportion_corrupts_what_a_smaller_one_does_and_more(dataset):
    some, more = (training_data(dataset, None, p, data_seed=3)[1] for p in (0.2, 0.6))
    changed = some != dataset.train_y
    assert torch.equal(some[changed], more[changed])
    assert (more != dataset.train_y).sum() > changed.sum()


def test_an_example_has_the_same_label_in_every_subset(dataset):
    _, whole = training_data(dataset, None, 0.5, data_seed=3)
    x, y = training_data(dataset, 1000, 0.5, data_seed=3)
    assert torch.equal(y, whole[indices(x)])


def test_corruption_leaves_the_dataset_and_the_images_alone(dataset):
    x, y = training_data(dataset, None, 1.0, data_seed=3)
    assert x is dataset.train_x
    assert y.dtype == torch.int64
    assert torch.equal(dataset.train_y, torch.arange(SIZE) % CLASSES)


def test_a_size_beyond_the_split_is_named(dataset):
    with pytest.raises(UserError, match="train_size: got 5001, but dataset mine has 5000 training examples"):
        training_data(dataset, 5001, 0.0, data_seed=3)
