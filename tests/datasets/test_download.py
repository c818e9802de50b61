from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.config.job import Job
from stages.config.params import Params
from stages.datasets.dataset import load_dataset
from stages.datasets.sources.images import DigitsSource, ImageFolderSource, TorchvisionSource
from stages.download import download
from stages.shared.errors import UserError


def job(data, name, **sources):
    digits = DigitsSource(source="digits", test_fraction=0.2, split_seed=0)
    params = Params.model_construct(datasets={"digits": digits} | sources)  # the other groups have no effect
    return Job(params, name, Path(data), Path("unused"))


def test_digits_are_written_and_told(tmp_path, capsys):
    download(job(tmp_path, "digits"))
    dataset = load_dataset(tmp_path / "datasets/digits.safetensors")
    assert dataset.name == "digits"
    assert dataset.train_x.shape == (1437, 1, 8, 8)
    assert capsys.readouterr().out == (
        f"download digits: 1437 training and 360 test examples, 1x8x8, 10 classes, sha256 {dataset.checksum[:8]}…\n"
    )


def test_two_downloads_are_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        download(job(tmp_path / folder, "digits"))
    first, second = (tmp_path / folder / "datasets/digits.safetensors" for folder in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_an_image_folder_is_written(tmp_path):
    for split in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / split / label / "0.png")
    source = ImageFolderSource(
        source="image_folder", train=str(tmp_path / "train"), test=str(tmp_path / "test"), image_size=4
    )
    download(job(tmp_path, "mine", mine=source))
    dataset = load_dataset(tmp_path / "datasets/mine.safetensors")
    np.testing.assert_array_equal(dataset.train_x[:, :, 0, 0], [[1, 0, 0], [1, 0, 0]])


def test_files_that_are_left_out_are_told_before_the_dataset(tmp_path, capsys):
    for split in ("train", "test"):
        (tmp_path / split / "a").mkdir(parents=True)
        Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / split / "a/0.png")
    (tmp_path / "test/a/1.heic").write_bytes(b"")
    source = ImageFolderSource(
        source="image_folder", train=str(tmp_path / "train"), test=str(tmp_path / "test"), image_size=4
    )
    download(job(tmp_path, "mine", mine=source))
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"download mine: left out of {tmp_path / 'test'}: 1 .heic"
    assert told[1].startswith("download mine: 1 training and 1 test examples")
    assert len(told) == 2


def test_a_set_of_torchvision_is_asked_for_by_its_source(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.delenv("MLI_DATA_ROOT", raising=False)
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    source = TorchvisionSource(source="fashion_mnist", root=str(tmp_path / "raw"))
    with pytest.raises(UserError, match=r"datasets\.mine: fashion_mnist is not in .*raw"):
        download(job(tmp_path, "mine", mine=source))


def test_infinite_normalisation_is_refused(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "a").mkdir(parents=True)
        Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / split / "a/0.png")
    source = ImageFolderSource(
        source="image_folder",
        train=str(tmp_path / "train"),
        test=str(tmp_path / "test"),
        image_size=4,
        std=(1e-40, 1.0, 1.0),
    )
    with pytest.raises(UserError, match=r"datasets\.mine: a training image is not finite"):
        download(job(tmp_path, "mine", mine=source))


def test_an_unknown_dataset_is_answered_with_those_there_are(tmp_path):
    with pytest.raises(UserError, match=r"datasets\.nope: no such dataset, expected one of digits, mine"):
        download(job(tmp_path, "nope", mine=None))
