"""torchvision's datasets, read from their files."""

import gzip
import hashlib
import pickle
import re
import shutil

import numpy as np
import pytest

from stages.datasets.sources.images import TorchvisionSource
from stages.datasets.torchvision_operators import torchvision
from stages.datasets.vision import load_torchvision
from stages.shared.errors import UserError

TRAIN, TEST = 20, 10


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = np.array([0x800 + array.ndim, *array.shape], dtype=">u4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_mnist(root, folder="MNIST", seed=0):
    """Write a small set in torchvision's layout and return its arrays."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for split, count in (("train", TRAIN), ("t10k", TEST)):
        arrays[split] = generator.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        arrays[split][0][0, 0, :2] = 0, 255
        write_idx(root / folder / "raw" / f"{split}-images-idx3-ubyte", arrays[split][0])
        write_idx(root / folder / "raw" / f"{split}-labels-idx1-ubyte", arrays[split][1])
    return arrays


def write_cifar(root, monkeypatch, kind, labels_key, classes):
    """Write a small set in torchvision's layout, let torchvision take its checksums for the right ones, return it."""
    generator = np.random.default_rng(0)

    def write(file, entry):
        content = pickle.dumps(entry)
        (root / kind.base_folder).mkdir(parents=True, exist_ok=True)
        (root / kind.base_folder / file).write_bytes(content)
        return [file, hashlib.md5(content, usedforsecurity=False).hexdigest()]

    written = []
    for attribute, files in (("train_list", ["first", "second"]), ("test_list", ["test"])):
        entries = [
            {"data": generator.integers(0, 256, (4, 3072), dtype=np.uint8), labels_key: [0, 1, classes - 1, index]}
            for index in range(len(files))
        ]
        monkeypatch.setattr(kind, attribute, [write(*pair) for pair in zip(files, entries, strict=True)])
        written.append(entries)
    file, md5 = write("names", {"names": [str(index) for index in range(classes)]})
    monkeypatch.setattr(kind, "meta", {"filename": file, "key": "names", "md5": md5})
    return written


def mnist(root, **changes):
    return load_torchvision("mine", TorchvisionSource(source="mnist", root=str(root), **changes))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let any download fail as it does without a network, and no root be given but by a test."""

    def refuse(*_, **__):
        raise OSError("<no network>")

    monkeypatch.delenv("MLI_DATA_ROOT", raising=False)
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", refuse)


@pytest.fixture
def no_download(monkeypatch):
    """Fail a test that asks torchvision to download, even where it would then find the set."""

    def refuse(_):
        pytest.fail("asked for a download")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", refuse)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "download", refuse)


# Sets that torchvision knows.


@pytest.mark.parametrize(("source", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
@pytest.mark.usefixtures("no_download")
def test_idx_files_become_pixels_from_0_to_1(tmp_path, source, folder):
    arrays = write_mnist(tmp_path, folder)
    before = sorted(tmp_path.rglob("*"))
    split = load_torchvision("mine", TorchvisionSource(source=source, root=str(tmp_path)))
    assert split.train_x.shape == (TRAIN, 1, 28, 28)
    assert split.train_x.dtype == np.float32
    np.testing.assert_array_equal(split.train_x[:, 0], np.float32(arrays["train"][0] / 255))
    np.testing.assert_array_equal(split.test_x[:, 0], np.float32(arrays["t10k"][0] / 255))
    np.testing.assert_array_equal(split.train_y, arrays["train"][1])
    np.testing.assert_array_equal(split.test_y, arrays["t10k"][1])
    assert split.classes == 10
    assert sorted(tmp_path.rglob("*")) == before  # nothing is written to a root that holds the set


@pytest.mark.parametrize(
    ("source", "kind", "labels_key", "classes"),
    [("cifar10", "CIFAR10", "labels", 10), ("cifar100", "CIFAR100", "fine_labels", 100)],
)
@pytest.mark.usefixtures("no_download")
def test_cifar_batches_keep_their_planes_order_and_labels(tmp_path, monkeypatch, source, kind, labels_key, classes):
    train, test = write_cifar(tmp_path, monkeypatch, getattr(torchvision.datasets, kind), labels_key, classes)
    split = load_torchvision("mine", TorchvisionSource(source=source, root=str(tmp_path)))
    planes = np.concatenate([entry["data"] for entry in train]).reshape(8, 3, 32, 32)
    np.testing.assert_array_equal(split.train_x, np.float32(planes / 255))
    np.testing.assert_array_equal(split.test_x, np.float32(test[0]["data"].reshape(4, 3, 32, 32) / 255))
    assert split.train_y.tolist() == [0, 1, classes - 1, 0, 0, 1, classes - 1, 1]
    assert split.test_y.tolist() == [0, 1, classes - 1, 0]
    assert split.classes == classes


def test_each_channel_is_normalised_by_its_own_numbers(tmp_path, monkeypatch):
    train, _ = write_cifar(tmp_path, monkeypatch, torchvision.datasets.CIFAR10, "labels", 10)
    mean, std = (0.5, 0.25, 0.1), (0.5, 2.0, 0.1)
    source = TorchvisionSource(source="cifar10", root=str(tmp_path), mean=mean, std=std)
    split = load_torchvision("mine", source)
    planes = np.concatenate([entry["data"] for entry in train]).reshape(8, 3, 32, 32)
    expected = (planes / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(split.train_x, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("key", ["mean", "std"])
def test_numbers_for_other_channels_are_named(tmp_path, key):
    write_mnist(tmp_path)
    with pytest.raises(UserError, match=rf"datasets\.mine\.{key}: got 3 numbers, expected 1"):
        mnist(tmp_path, **{key: (0.5, 0.5, 0.5)})


@pytest.mark.usefixtures("no_download")
def test_the_root_of_the_environment_goes_first(tmp_path, monkeypatch):
    write_mnist(tmp_path / "own", seed=0)
    arrays = write_mnist(tmp_path / "given", seed=1)
    monkeypatch.setenv("MLI_DATA_ROOT", str(tmp_path / "given"))
    np.testing.assert_array_equal(mnist(tmp_path / "own").train_x[:, 0], np.float32(arrays["train"][0] / 255))


@pytest.mark.usefixtures("no_download")
def test_a_root_of_the_environment_without_the_set_is_passed_over(tmp_path, monkeypatch):
    write_mnist(tmp_path / "own")
    write_mnist(tmp_path / "given")
    (tmp_path / "given/MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    monkeypatch.setenv("MLI_DATA_ROOT", str(tmp_path / "given"))
    assert len(mnist(tmp_path / "own").train_x) == TRAIN


def idx_names(change):
    """Move each file of the set that `write_mnist` writes into `given` to where `change` says."""

    def move(given):
        write_mnist(given)
        for path in sorted((given / "MNIST/raw").iterdir()):
            target = given / change(path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            path.unlink()
            target.write_bytes(gzip.compress(content) if target.suffix == ".gz" else content)

    return move


def incomplete(given):
    write_mnist(given)
    (given / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()


MISPLACED = {  # how the files lie, MLI_DATA_ROOT below them, what the message has to say
    "the folder of the files": (write_mnist, "MNIST/raw", "t10k-images-idx3-ubyte and 3 more.*; set it to {given}$"),
    "the folder above them": (write_mnist, "MNIST", "in it; set it to {given}$"),
    "two folders too high": (lambda given: write_mnist(given / "a/b"), ".", "in it; set it to {given}/a/b$"),
    "other names": (
        idx_names(lambda name: f"MNIST/raw/{name.replace('-idx', '.idx')}"),
        ".",
        "raw/t10k-images.idx3-ubyte and 3 more.*; put them there, unpacked, or unset it to download",
    ),
    "compressed": (
        idx_names(lambda name: f"MNIST/raw/{name}.gz"),
        ".",
        "t10k-images-idx3-ubyte.gz and 3 more.*unpacked",
    ),
    "no folders": (idx_names(lambda name: name), ".", "given/t10k-images-idx3-ubyte and 3 more"),
    "incomplete": (incomplete, ".", "torchvision reads MNIST/raw/t10k-labels-idx1-ubyte in it"),
}


@pytest.mark.parametrize("case", MISPLACED)
@pytest.mark.usefixtures("no_download")
def test_idx_files_in_another_layout_are_named_with_the_remedy(tmp_path, monkeypatch, case):
    write, below, words = MISPLACED[case]
    given = tmp_path / "given"
    write(given)
    monkeypatch.setenv("MLI_DATA_ROOT", str(given / below))
    before = sorted(given.rglob("*"))
    with pytest.raises(UserError) as caught:
        mnist(tmp_path / "own")
    message = str(caught.value)
    assert message.startswith(f"datasets.mine: MLI_DATA_ROOT is {given / below}, which has files of MNIST (")
    assert re.search(words.format(given=re.escape(str(given))), message), message
    assert "MNIST/raw/t10k-labels-idx1-ubyte" in message
    assert sorted(given.rglob("*")) == before


@pytest.mark.parametrize("folder", ["FashionMNIST", "fashion-mnist", "EMNIST", "kmnist"])
def test_files_of_a_relative_are_no_reason_to_refuse(tmp_path, monkeypatch, folder):
    write_mnist(tmp_path / "given", folder)
    monkeypatch.setenv("MLI_DATA_ROOT", str(tmp_path / "given"))
    with pytest.raises(UserError, match="cannot be downloaded"):
        mnist(tmp_path / "own")


CIFAR = torchvision.datasets.CIFAR10
CIFAR_CASES = {
    "the folder of the files": ("cifar-10-batches-py", None, "first and 3 more.*; set it to {given}$"),
    "other folder": (".", ("cifar-10-batches-py", "cifar10"), "cifar10/first and 3 more.*; put them there"),
    "incomplete": (".", ("cifar-10-batches-py/test", "test"), "torchvision reads cifar-10-batches-py/test in it"),
    "compressed": (".", ("cifar-10-batches-py", "cifar-10-python.tar.gz"), "cifar-10-python.tar.gz.*unpacked"),
}


@pytest.mark.parametrize("case", CIFAR_CASES)
@pytest.mark.usefixtures("no_download")
def test_cifar_batches_in_another_layout_are_named_with_the_remedy(tmp_path, monkeypatch, case):
    below, move, words = CIFAR_CASES[case]
    given = tmp_path / "given"
    write_cifar(given, monkeypatch, CIFAR, "labels", 10)
    if case == "compressed":
        shutil.rmtree(given / move[0])
        (given / move[1]).write_bytes(b"")
    elif move:
        (given / move[0]).rename(given / move[1])
    monkeypatch.setenv("MLI_DATA_ROOT", str(given / below))
    with pytest.raises(UserError, match=rf"MLI_DATA_ROOT is .*files of CIFAR10 .*{words}".format(given=given)):
        load_torchvision("mine", TorchvisionSource(source="cifar10", root=str(tmp_path / "own")))


@pytest.mark.parametrize("name", ["CIFAR10-jpeg/train.tar.xz", "cifar-100-python.tar.gz", "elsewhere/test_batch"])
def test_what_is_no_file_of_the_set_is_no_reason_to_refuse(tmp_path, monkeypatch, name):
    (tmp_path / "given" / name).parent.mkdir(parents=True)
    (tmp_path / "given" / name).write_bytes(b"")
    monkeypatch.setenv("MLI_DATA_ROOT", str(tmp_path / "given"))
    with pytest.raises(UserError, match="cannot be downloaded"):
        load_torchvision("mine", TorchvisionSource(source="cifar10", root=str(tmp_path / "own")))


def test_a_missing_set_is_downloaded_to_its_own_root(tmp_path, monkeypatch):
    write_mnist(tmp_path / "server")

    def fetch(_, download_root, filename, md5):
        assert md5
        name = filename.removesuffix(".gz")
        content = gzip.compress((tmp_path / "server/MNIST/raw" / name).read_bytes())
        with open(f"{download_root}/{name}", "wb") as file:
            file.write(gzip.decompress(content))

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fetch)
    monkeypatch.setenv("MLI_DATA_ROOT", str(tmp_path / "given"))
    assert len(mnist(tmp_path / "own").train_x) == TRAIN
    assert (tmp_path / "own/MNIST/raw/train-images-idx3-ubyte").exists()
    assert not (tmp_path / "given").exists()


@pytest.mark.parametrize("source", ["mnist", "cifar10"])
def test_a_failed_download_names_set_root_and_remedy(tmp_path, monkeypatch, source):
    monkeypatch.setenv("MLI_DATA_ROOT", "/given")
    with pytest.raises(UserError) as caught:
        load_torchvision("mine", TorchvisionSource(source=source, root=str(tmp_path / "own")))
    message = str(caught.value)
    for part in (f"datasets.mine: {source}", str(tmp_path / "own"), "/given", "no network", "or set MLI_DATA_ROOT"):
        assert part in message
    assert "\n" not in message


def damage(path, how):
    content = path.read_bytes()
    path.write_bytes(how(content))


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (lambda content: content[:-1], "bytes for .* examples, expected"),
        (lambda content: content + b"\0", "bytes for .* examples, expected"),
        (lambda content: content[:7], "7 bytes, less than a header"),
        (lambda content: b"", "0 bytes, less than a header"),
        (lambda content: b"\x1f\x8b" + content[2:], "begins with 0x1f8b080"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, file, how, reason):
    write_mnist(tmp_path)
    damage(tmp_path / "MNIST/raw" / file, how)
    with pytest.raises(
        UserError, match=rf"{file} is no whole part of MNIST \(.*{reason}.*\); replace it, or delete it"
    ):
        mnist(tmp_path)


def test_images_of_another_size_are_refused(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST/raw/train-images-idx3-ubyte", np.zeros((TRAIN, 14, 56)))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte .*images of \[14, 56\], expected \[28, 28\]"):
        mnist(tmp_path)


def test_labels_that_do_not_match_the_images_are_refused(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte", np.zeros(TEST + 1))
    with pytest.raises(UserError, match=rf"t10k-labels-idx1-ubyte .*{TEST + 1} labels for {TEST} images"):
        mnist(tmp_path)


def test_labels_out_of_range_are_refused(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST/raw/train-labels-idx1-ubyte", np.full(TRAIN, 10))
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte .*labels from 10 to 10, expected 0 to 9"):
        mnist(tmp_path)


@pytest.mark.parametrize("file", ["second", "test", "names"])
def test_a_damaged_cifar_file_is_named(tmp_path, monkeypatch, file):
    write_cifar(tmp_path, monkeypatch, torchvision.datasets.CIFAR10, "labels", 10)
    damage(tmp_path / "cifar-10-batches-py" / file, lambda content: content[:-1])
    with pytest.raises(UserError, match=rf"{file} is no whole part of CIFAR10 \(its MD5 is not"):
        load_torchvision("mine", TorchvisionSource(source="cifar10", root=str(tmp_path)))


# Image folders.
