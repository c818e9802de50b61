import gzip
import hashlib
import io
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from stages.config.params import ImageFolderSource, TorchvisionSource
from stages.datasets.image_files import ENDINGS
from stages.datasets.torchvision_operators import torchvision
from stages.datasets.vision import load_image_folder, load_torchvision
from stages.shared.errors import UserError
from stages.shared.seeds import generator

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


def write_images(root, counts, side=4, colour=10):
    """Write `counts` images a class; an image is of one colour: of the class, of the image, and the one given."""
    for row, (class_name, count) in enumerate(counts.items()):
        (root / class_name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.new("RGB", (side, side), (row, index, colour)).save(root / class_name / f"{index}.png")


def folder(root, **changes):
    folders = {"train": str(root / "train"), "test": str(root / "test")}
    source = {"source": "image_folder", **folders, "image_size": 4} | changes
    return load_image_folder("mine", ImageFolderSource(**source))


@pytest.fixture
def images(tmp_path):
    write_images(tmp_path / "train", {"cat": 3, "bird": 2})
    write_images(tmp_path / "test", {"cat": 1, "bird": 1}, colour=255)
    return tmp_path


MIXED = torch.randperm(5, generator=generator("stored order", 0)).tolist()


def test_training_images_are_stored_in_mixed_order(tmp_path):
    write_images(tmp_path / "train", {"a": 20, "b": 20})
    write_images(tmp_path / "test", {"a": 1, "b": 1})
    labels = folder(tmp_path).train_y
    assert 5 <= labels[:20].sum() <= 15


def test_folders_become_classes_in_alphabetical_order(images):
    split = folder(images)
    assert split.train_x.shape == (5, 3, 4, 4)
    assert split.train_x.dtype == np.float32
    assert split.classes == 2
    assert split.train_y.tolist() == [[0, 0, 1, 1, 1][index] for index in MIXED]
    assert split.test_y.tolist() == [0, 1]
    colours = np.array([[1, 0, 10], [1, 1, 10], [0, 0, 10], [0, 1, 10], [0, 2, 10]])  # bird was written second
    expected = np.broadcast_to(colours[MIXED][:, :, None, None] / 255, (5, 3, 4, 4))
    np.testing.assert_array_equal(split.train_x, np.float32(expected))
    np.testing.assert_array_equal(split.test_x[:, 2], 1.0)


def test_images_are_made_rgb_of_one_size_and_normalised(images):
    Image.new("L", (9, 5), 51).save(images / "train/bird/0.png")
    split = folder(images, image_size=6, mean=(0.1, 0.2, 0.0), std=(1.0, 1.0, 0.5))
    assert split.train_x.shape == (5, 3, 6, 6)
    for channel, value in enumerate((0.1, 0.0, 0.4)):
        np.testing.assert_allclose(split.train_x[MIXED.index(0), channel], value, atol=1e-7)


def test_numbers_for_one_channel_do_not_fit_rgb(images):
    with pytest.raises(UserError, match=r"datasets\.mine\.mean: got 1 numbers, expected 3"):
        folder(images, mean=(0.5,))


def test_folders_that_differ_in_classes_are_refused(images):
    write_images(images / "test", {"dog": 1})
    with pytest.raises(UserError, match=r"datasets\.mine: .*train and .*test differ in the class folders dog;"):
        folder(images)


def truncated_png():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "png")
    return file.getvalue()[:2000]


@pytest.mark.parametrize("content", [b"", b"no image", truncated_png()])
def test_an_unreadable_image_is_named(images, content):
    (images / "test/cat/0.png").write_bytes(content)
    with pytest.raises(UserError, match=r"test/cat/0\.png is no readable image .*; replace or remove it"):
        folder(images)


def test_an_image_of_16_bits_is_named_rather_than_clipped(images):
    Image.fromarray(np.full((4, 4), 30000, dtype=np.uint16)).save(images / "train/cat/1.png")
    with pytest.raises(UserError, match=r"train/cat/1\.png has more than 8 bits a channel"):
        folder(images)


def test_a_class_without_images_is_named(images):
    (images / "test/cat/0.png").unlink()
    with pytest.raises(UserError, match=r"datasets\.mine\.test: .*Found no valid file for the classes cat"):
        folder(images)


def test_an_empty_or_missing_folder_is_named(images):
    (images / "empty").mkdir()
    for name in ("empty", "missing", "train/cat/0.png"):
        with pytest.raises(UserError, match=rf"datasets\.mine\.train: .*{name} is no folder of one folder"):
            folder(images, train=str(images / name))


FORMATS = {
    ".apng": "PNG",
    ".jfif": "JPEG",
    ".j2k": "JPEG2000",
    ".jpe": "JPEG",
    ".pbm": "PPM",
    ".pnm": "PPM",
    ".tif": "TIFF",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_of_an_example_is_read(images, ending):
    picture = Image.new({".pbm": "1", ".pgm": "L"}.get(ending, "RGB"), (16, 16), "white")  # which every format keeps
    picture.save(images / "test/cat" / f"white{ending.upper()}", FORMATS.get(ending))
    split = folder(images)
    assert split.test_y.tolist() == [0, 1, 1]
    np.testing.assert_allclose(split.test_x[2], 1.0, atol=0.02)
    assert split.remarks == ()


def test_the_first_frame_of_an_animation_is_read_and_told(images):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    frames[0].save(images / "train/cat/moving.gif", save_all=True, append_images=frames[1:])
    split = folder(images)
    assert split.remarks == (f"files of several frames, of which the first is read, in {images / 'train'}: 1",)
    last = split.train_x[torch.randperm(6, generator=generator("stored order", 0)).tolist().index(5)]  # cat/moving.gif
    np.testing.assert_allclose(last[:, 0, 0], [1, 0, 0], atol=0.02)


def test_files_that_are_left_out_are_counted_by_their_endings(images):
    for name in ("a.heic", "b.HEIC", "notes.txt", "deep/c.svg", "LICENSE"):
        (images / "train/cat" / name).parent.mkdir(exist_ok=True)
        (images / "train/cat" / name).write_bytes(b"")
    (images / "train/0.png").write_bytes(b"")
    (images / "test/labels.csv").write_bytes(b"")
    train, test = images / "train", images / "test"
    assert folder(images).remarks == (
        f"left out of {train}: 2 .heic, 1 .svg, 1 .txt, 1 without ending; 1 .png outside of the class folders",
        f"left out of {test}: 1 .csv outside of the class folders",
    )


def test_hidden_files_and_those_of_the_system_are_not_told(images):
    (images / "train/cat/.cache").mkdir()
    for name in (
        ".DS_Store",
        "cat/.DS_Store",
        "cat/._0.heic",
        "bird/Thumbs.db",
        "bird/desktop.ini",
        "cat/.cache/a.bin",
    ):
        (images / "train" / name).write_bytes(b"")
    assert folder(images).remarks == ()


@pytest.mark.parametrize(("ending", "how"), [(".gif", 25), (".qoi", 20), (".avif", 200)])
def test_a_damaged_image_of_any_format_is_named(images, ending, how):
    path = images / "test/cat" / f"0{ending}"
    Image.effect_noise((16, 16), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:how])
    with pytest.raises(UserError, match=rf"test/cat/0\{ending} is no readable image \(.+\); replace or remove it"):
        folder(images)
