import dataclasses
import hashlib

import numpy as np
import pytest
import torch

from stages.datasets.dataset import load_dataset
from stages.datasets.splits import Splits, save_dataset
from stages.shared.errors import UserError
from stages.shared.files import write_arrays


def splits(**changes):
    generator = np.random.default_rng(0)
    whole = Splits(
        train_x=generator.normal(size=(6, 1, 2, 3)).astype(np.float32),
        train_y=np.array([0, 1, 2, 0, 1, 2], dtype=np.int32),
        test_x=generator.normal(size=(2, 1, 2, 3)).astype(np.float32),
        test_y=np.array([2, 0]),
        classes=3,
    )
    return dataclasses.replace(whole, **changes)


def test_what_is_saved_is_loaded(tmp_path):
    given = splits()
    checksum = save_dataset(tmp_path / "a.safetensors", "mine", given)
    dataset = load_dataset(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(dataset.train_x, given.train_x)
    np.testing.assert_array_equal(dataset.train_y, given.train_y)
    np.testing.assert_array_equal(dataset.test_x, given.test_x)
    np.testing.assert_array_equal(dataset.test_y, given.test_y)
    assert dataset.train_x.dtype == dataset.test_x.dtype == torch.float32
    assert dataset.train_y.dtype == dataset.test_y.dtype == torch.int64
    assert (dataset.name, dataset.classes, dataset.checksum) == ("mine", 3, checksum)


def test_a_dataset_is_frozen(tmp_path):
    save_dataset(tmp_path / "a.safetensors", "mine", splits())
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_dataset(tmp_path / "a.safetensors").classes = 4


def test_the_same_dataset_is_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_dataset(tmp_path / name, "mine", splits())
    assert (
        hashlib.sha256((tmp_path / "a").read_bytes()).digest() == hashlib.sha256((tmp_path / "b").read_bytes()).digest()
    )


@pytest.mark.parametrize("change", ["train_x", "train_y", "test_x", "test_y", "classes"])
def test_the_checksum_covers_every_part(tmp_path, change):
    parts = {
        "train_x": splits().train_x + 1,
        "train_y": splits().train_y[::-1],
        "test_x": splits().test_x + 1,
        "test_y": splits().test_y[::-1],
        "classes": 4,
    }
    first = save_dataset(tmp_path / "a", "mine", splits())
    assert save_dataset(tmp_path / "b", "mine", splits(**{change: parts[change]})) != first


def test_a_flipped_byte_is_refused_unless_unverified(tmp_path):
    path = tmp_path / "a.safetensors"
    save_dataset(path, "mine", splits())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.safetensors was changed after it was written"):
        load_dataset(path)
    load_dataset(path, verify=False)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_dataset(path, "mine", splits())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"a\.safetensors is damaged .* delete it"):
        load_dataset(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.safetensors is missing"):
        load_dataset(tmp_path / "a.safetensors")


def test_other_arrays_are_no_dataset(tmp_path):
    write_arrays(tmp_path / "curves.safetensors", {"losses": np.zeros(3)}, {"dataset": "mine"})
    with pytest.raises(UserError, match=r"curves\.safetensors is no dataset .*train_x"):
        load_dataset(tmp_path / "curves.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_x": splits().train_x[:, 0]}, r"datasets\.mine: got training images of shape \(6, 2, 3\)"),
        ({"test_y": np.array([0])}, r"got test images of shape .* classes of shape \(1,\)"),
        ({"test_x": splits().test_x[:0], "test_y": np.array([], dtype=int)}, "N at least 1"),
        ({"test_x": splits().test_x[..., :2]}, r"differ in shape, \(1, 2, 3\) and \(1, 2, 2\)"),
        ({"classes": 2}, r"got training classes 0 to 2, expected 0 to 1"),
        ({"test_y": np.array([-1, 0])}, r"got test classes -1 to 0"),
        ({"test_x": np.full((2, 1, 2, 3), np.nan, dtype=np.float32)}, "a test image is not finite"),
        ({"train_x": np.full((6, 1, 2, 3), np.inf, dtype=np.float32)}, "a training image is not finite"),
    ],
)
def test_a_faulty_dataset_is_not_written(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        save_dataset(tmp_path / "a.safetensors", "mine", splits(**changes))
    assert not list(tmp_path.iterdir())
