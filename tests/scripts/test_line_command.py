"""The command `python -m stages.line`: options in all forms, what it prints and writes, and what it refuses."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from stages.line import EXAMPLES, main, parser
from stages.shared.errors import UserError
from stages.single_line.data_files import load_data
from stages.single_line.examples import examples_of
from stages.single_line.named_objects import find_object, parse_arguments
from stages.single_line.refinement import _first_step

HERE = Path(__file__).resolve().parents[1] / "single_line"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with checkpoints of three epochs, data in a file, and the user's module on the path."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.chdir(tmp_path)
    from users_objects import Net, tensors

    for epoch in (0, 2, 10):
        torch.manual_seed(epoch)
        torch.save({"model_state_dict": Net().state_dict(), "epoch": epoch}, f"epoch_{epoch}.pt")
    x, y = tensors()
    np.savez("data.npz", x=x.numpy(), y=y.numpy())
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["line", *arguments])
    main()


COMMON = ("--factory", "users_objects:Net", "--alphas", "5", "--gauss-examples", "4")


def test_two_checkpoints_one_command(folder, monkeypatch, capsys):
    run(monkeypatch, "epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "data.npz")
    out = capsys.readouterr().out
    for words in ("min Δ", "barrier", "distance", "Gauss length", "the loss rises", "30 training examples, 5 α"):
        assert words in out
    curve, row = (pd.read_csv(folder / "line" / f"{name}.csv") for name in ("curve", "measures"))
    assert curve["alpha"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert row["min_delta"][0] == pytest.approx((curve["train_loss"] - curve["train_loss"].cummin()).max())
    assert np.isfinite(row[["gauss_length_smooth", "gauss_length_turning", "min_delta_standard_error"]]).all(axis=None)
    with Image.open(folder / "line" / "curve.png") as picture:
        assert picture.size[0] > 300
    assert "python -m stages.line epoch_0.pt epoch_2.pt" in (folder / "line" / "index.html").read_text(encoding="utf-8")


def test_several_checkpoints_give_path_and_plane(folder, monkeypatch, capsys):
    run(monkeypatch, "epoch_0.pt", "epoch_10.pt", "epoch_2.pt", *COMMON, "--data", "data.npz", "--out", "r")
    assert "in the order of their numbers, from epoch_0.pt to epoch_10.pt" in capsys.readouterr().out
    path, plane, curve = (pd.read_csv(folder / "r" / f"{name}.csv") for name in ("path", "plane", "curve"))
    assert path["checkpoint"].tolist() == ["epoch_0.pt", "epoch_2.pt", "epoch_10.pt"]
    assert path["progress"].tolist()[::2] == pytest.approx([0, 1])
    starts = curve[curve["alpha"] == 0].set_index("start")["train_loss"]
    assert path["train_loss"].tolist()[:2] == pytest.approx([starts["epoch_0.pt"], starts["epoch_2.pt"]])
    marks = plane[plane["what"] == "mark"]
    assert marks.sort_values("order")["checkpoint"].tolist() == path["checkpoint"].tolist()
    assert marks["off_plane"].max() < 1e-3


@pytest.mark.parametrize("how", ["stored", "reestimated"])
def test_a_plane_holds_the_losses_of_its_points(folder, monkeypatch, how):
    from users_objects import Net, tensors

    from stages.measures.projection import basis
    from stages.single_line.checkpoints import read_weights
    from stages.single_line.line_evaluator import Detail, LineEvaluator
    from stages.single_line.path_and_plane import evaluate_plane
    from stages.single_line.prepared_network import Checkpoint, Point, prepare_network

    names = ["epoch_0.pt", "epoch_2.pt", "epoch_10.pt"]
    data = examples_of(tensors())
    prepared = prepare_network(Net, [Checkpoint(name, read_weights(Path(name))) for name in names], data.x)
    evaluator = LineEvaluator(prepared, data, batch_norm=how)
    first, second, third = prepared.points
    plane = evaluate_plane(evaluator, prepared.points, 30, (), grid=3)
    for place in (1, 5, 6):
        point = plane.grid.iloc[place]
        axes = basis(*(one.theta.numpy() for one in prepared.points))
        wanted = point["x"] * axes.x + point["y"] * axes.y
        edges = np.stack([(one.theta - first.theta).numpy() for one in (second, third)], 1)
        a, b = np.linalg.lstsq(edges, wanted, rcond=None)[0]
        statistics = {
            name: value + a * (second.statistics[name] - value) + b * (third.statistics[name] - value)
            for name, value in first.statistics.items()
        }
        statistics = {name: value.clamp(min=0) if "variance" in name else value for name, value in statistics.items()}
        there = Point("there", torch.from_numpy((axes.origin + wanted).astype(np.float32)), statistics)
        loss = evaluator.evaluate(there, second, Detail(30, 3)).curve["train_loss"][0]
        assert point["train_loss"] == pytest.approx(loss, rel=1e-4)


def test_a_third_checkpoint_spans_a_plane(folder, monkeypatch):
    run(monkeypatch, "epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "data.npz", "--plane", "epoch_10.pt")
    plane = pd.read_csv(folder / "line" / "plane.csv")
    assert plane[plane["what"] == "mark"]["checkpoint"].tolist() == ["epoch_0.pt", "epoch_2.pt", "epoch_10.pt"]


def test_the_weights_of_the_factory_are_a_checkpoint(folder, monkeypatch, capsys):
    run(monkeypatch, "factory", "epoch_2.pt", *COMMON, "--data", "data.npz")
    assert "line from the factory's weights to epoch_2.pt" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ("--factory", "users_objects:Net", "--arg", "inputs=6", "--arg", "classes=3", "--batch", "3"),
        ("--factory", "users_objects:Net.small", "--loss", "users_objects:focal", "--examples", "20"),
        ("--factory", str(HERE / "users_objects.py") + ":Net", "--loss", "torch.nn:CrossEntropyLoss"),
        ("--factory", "users_objects:Net", "--loss", "squared_error", "--batch-norm", "batch", "--tolerance", "0.1"),
    ],
)
def test_factories_and_losses_in_their_forms(folder, monkeypatch, options):
    run(
        monkeypatch,
        "epoch_0.pt",
        "epoch_2.pt",
        *options,
        "--data",
        "data.npz",
        "--alphas",
        "3",
        "--gauss-examples",
        "0",
    )
    assert (folder / "line" / "index.html").exists()


@pytest.mark.parametrize("function", ["Pairs", "tensors"])
def test_datasets_of_a_factory(folder, monkeypatch, function):
    dataset = ("--dataset-factory", f"users_objects:{function}", "--data-arg", "count=24")
    run(monkeypatch, "epoch_0.pt", "epoch_2.pt", *COMMON, *dataset)
    assert pd.read_csv(folder / "line" / "measures.csv")["examples"][0] == 24


def image_folder(root, sizes=((3, 2),)):
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in ("cat", "dog", "emu"):
            place = root / split / label
            place.mkdir(parents=True)
            for number in range(4):
                width, height = sizes[number % len(sizes)]
                pixels = random.integers(256, size=(height, width, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")


def test_a_folder_of_images_with_a_transform(folder, monkeypatch, capsys):
    image_folder(folder / "images", ((9, 9), (5, 8)))
    options = ("--data", "images", "--transform", "users_objects:grey")
    run(monkeypatch, "epoch_0.pt", "epoch_2.pt", *COMMON, *options)
    assert "3 classes: cat, dog, emu" in capsys.readouterr().out
    row = pd.read_csv(folder / "line" / "measures.csv").iloc[0]
    assert (row["examples"], row["test_examples"]) == (12, 12)


def test_images_of_several_sizes_need_one(tmp_path):
    image_folder(tmp_path, ((9, 9), (5, 8)))
    with pytest.raises(UserError, match="give --size PIXELS or --transform"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path), size=4).x.shape == (12, 3, 4, 4)


def test_bytes_become_numbers_from_0_to_1_with_channels_first(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(5, 7, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_train=pixels, y_train=np.arange(5))
    found = load_data(str(tmp_path / "data.npz"))
    np.testing.assert_allclose(found.x.numpy(), pixels.transpose(0, 3, 1, 2) / 255, rtol=1e-6)
    assert "divided by 255" in found.remarks[0]


def test_tensors_in_files(tmp_path):
    x, y = torch.randn(5, 4), torch.arange(5)
    torch.save((x, y), tmp_path / "pair.pt")
    torch.save({"images": x, "labels": y}, tmp_path / "named.pt")
    for name in ("pair.pt", "named.pt"):
        found = load_data(str(tmp_path / name))
        assert torch.equal(found.x, x)
        assert torch.equal(found.y, y)
        assert found.test_x is None


def test_a_dataset_of_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = load_data("digits")
    assert found.x.shape[1:] == (1, 8, 8)
    assert len(found.test_x) == 360


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("epoch_0.pt", *COMMON, "--data", "data.npz"), "expected at least two"),
        (("epoch_0.pt", "none.pt", *COMMON, "--data", "data.npz"), "none.pt: No such file"),
        (("epoch_0.pt", "epoch_2.pt", *COMMON), "give either --data or --dataset-factory"),
        (
            ("epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "nowhere"),
            "no file or folder nowhere; name one, or a dataset",
        ),
        (("epoch_0.pt", "epoch_2.pt", "--factory", "users_objects:Nothing", "--data", "data.npz"), "cannot import"),
        (("epoch_0.pt", "epoch_2.pt", "--factory", "users_objects:broken", "--data", "data.npz"), "no such thing"),
        (("epoch_0.pt", "epoch_2.pt", "--factory", "Net", "--data", "data.npz"), "expected package.module:name"),
        (
            ("epoch_0.pt", "epoch_2.pt", *COMMON, "--arg", "classes=7", "--data", "data.npz"),
            "has shape (3, 8), expected",
        ),
        (("epoch_0.pt", "epoch_2.pt", *COMMON, "--arg", "classes", "--data", "data.npz"), "expected name=value"),
        (("epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "data.npz", "--device", "tpu"), "--device: "),
        (
            ("epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "data.npz", "--loss", "hinge"),
            "expected one of cross_entropy",
        ),
        (("epoch_0.pt", "epoch_2.pt", *COMMON, "--data", "data.npz", "--alphas", "1"), "--alphas: got 1"),
    ],
)
def test_faults_are_told_in_one_sentence_and_nothing_is_written(folder, monkeypatch, options, said):
    with pytest.raises(SystemExit) as fault:
        run(monkeypatch, *options)
    assert str(fault.value).startswith("error: ")
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)
    assert not (folder / "line").exists()


def test_arguments_are_literals_or_text():
    found = parse_arguments("--arg", ["a=10", "b=[1, 2]", "c=resnet18", "d=None", "e=x=y"])
    assert found == {"a": 10, "b": [1, 2], "c": "resnet18", "d": None, "e": "x=y"}


def test_objects_below_others_are_found():
    assert find_object("--transform", "torchvision.models:ResNet18_Weights.DEFAULT.transforms")().crop_size == [224]


def test_the_first_curve_is_there_in_time_however_slow_the_network_is():
    assert _first_step(1e-5, 10_000) == (10_000, 11)
    assert _first_step(1e-3, 10_000) == (545, 11)
    count, grid = _first_step(0.5, 10_000)
    assert (count, grid) == (2, 6)
    assert _first_step(60, 10_000) == (2, 3)


def test_help_begins_with_three_complete_examples():
    text = parser().format_help()
    assert text.count("python -m stages.line ") == 1 + 3
    assert EXAMPLES in text
