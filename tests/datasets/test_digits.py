import numpy as np
import pytest
import sklearn.datasets

from stages.datasets.digits import load_digits
from stages.datasets.sources.images import DigitsSource
from stages.shared.errors import UserError


def digits(test_fraction=0.2, split_seed=0, **more):
    source = DigitsSource(source="digits", test_fraction=test_fraction, split_seed=split_seed, **more)
    return load_digits("small", source)


def test_every_digit_is_in_one_split_with_its_label():
    split = digits()
    assert split.train_x.shape == (1437, 1, 8, 8)
    assert split.test_x.shape == (360, 1, 8, 8)
    assert split.train_x.dtype == np.float32
    assert split.classes == 10
    bundled = sklearn.datasets.load_digits()
    images = np.concatenate([split.train_x, split.test_x]).reshape(-1, 64) * 16
    labels = np.concatenate([split.train_y, split.test_y])
    ours = np.column_stack([images, labels])
    theirs = np.column_stack([bundled.data, bundled.target])
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_pixels_can_be_normalised():
    plain, made = digits(), digits(mean=0.25, std=0.5)
    for name in ("train_x", "test_x"):
        np.testing.assert_allclose(getattr(made, name), (getattr(plain, name) - 0.25) / 0.5, rtol=1e-6)
    np.testing.assert_array_equal(made.train_y, plain.train_y)


def test_pixels_fill_the_range_from_0_to_1():
    split = digits()
    assert (split.train_x.min(), split.train_x.max()) == (0.0, 1.0)


def test_the_test_fraction_holds_in_every_class():
    split = digits()
    whole = np.bincount(np.concatenate([split.train_y, split.test_y]))
    np.testing.assert_allclose(np.bincount(split.test_y), 0.2 * whole, atol=1)


def test_the_split_depends_on_its_seed_alone():
    first, again, other = digits(), digits(), digits(split_seed=1)
    np.testing.assert_array_equal(first.train_x, again.train_x)
    np.testing.assert_array_equal(first.test_y, again.test_y)
    assert not np.array_equal(first.train_x, other.train_x)


@pytest.mark.parametrize("fraction", [0.001, 0.9999])
def test_a_fraction_that_leaves_a_class_out_is_named(fraction):
    with pytest.raises(UserError, match=rf"datasets\.small\.test_fraction: got {fraction}"):
        digits(test_fraction=fraction)


def test_a_seed_beyond_scikit_learn_is_named():
    with pytest.raises(UserError, match=r"datasets\.small\.split_seed: got 4294967296"):
        digits(split_seed=2**32)
