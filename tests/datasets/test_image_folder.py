"""Folders of the user's images, as a dataset."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from stages.datasets.image_files import ENDINGS
from stages.datasets.sources.images import ImageFolderSource
from stages.datasets.vision import load_image_folder
from stages.shared.errors import UserError
from stages.shared.seeds import generator


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
