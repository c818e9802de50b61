"""Renew the recorded digests of small results: `make digests`, after the version of what moved was raised.

Every optimizer, network, loss, kind of endpoint and way to estimate batch-norm statistics has a small result here. A
test holds their digests to `tests/digests.json`, so that a change that moves a bit cannot go unnoticed, and results
from before cannot be reused: their identity holds the version. They are computed with MLI_PRODUCTS=portable, so they
are the same on processors of all makers.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import stages  # noqa: F401 (before NumPy, whose kernels it chooses)

# isort: split
import numpy as np
import torch

from stages.config import BatchNormStatistics, Refinement, Run
from stages.datasets.dataset import Dataset, load_dataset
from stages.datasets.sources.images import DigitsSource
from stages.datasets.sources.texts import EsperantoSource
from stages.datasets.splits import save_dataset
from stages.download import load_source
from stages.lines import line_evaluation, sweep
from stages.lines.endpoint_weights import EndpointWeights
from stages.lines.layers_and_blocks import group_by_block, group_by_layer
from stages.lines.line import Endpoint, ParameterExchange, RandomPermutation, UnitMatching
from stages.measures.projection import basis, progress
from stages.networks.build import initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.networks.user_factory import one_thread
from stages.shared import products
from stages.shared.environment import environment
from stages.shared.files import write_json
from stages.shared.store import Store
from stages.training import keys
from stages.training.stored_runs import StoredRuns
from stages.training.trained_run import TrainedRun, to_arrays
from stages.training.training_loop import train

FILE = Path(__file__).resolve().parents[1] / "tests" / "digests.json"
VERSIONS = {
    "training": ("stages/training/keys.py", keys.NUMERICS),
    "evaluation": ("stages/training/keys.py", keys.EVALUATION_NUMERICS),
    "lines": ("stages/lines/line_evaluation.py", line_evaluation.NUMERICS),
}
"""For each group of digests the file with its version, and the version."""
FOLLOWS = {"training": ("training",), "evaluation": ("training", "evaluation"), "lines": tuple(VERSIONS)}
"""For each group the groups whose versions stand for its numbers: lines are between weights that were trained."""
CPU = torch.device("cpu")

BASE = {"dataset": "digits", "train_size": 60, "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.05}
BASE |= {"epochs": 2, "batch_size": 25, "seed": 1}
MLP = {"network": "mlp", "hidden": (7, 6), "activation": "tanh"}
IMAGES = {"dataset": "digits_10", "width_multiplier": 0.0625, "epochs": 1}
RESIDUAL = IMAGES | {"network": "resnet", "layers": 8, "width_multiplier": 0.25}
TEXT = {"dataset": "esperanto", "network": "roberta", "layers": 1, "hidden_size": 8, "heads": 2, "epochs": 1}
RUNS: dict[str, dict] = {
    "mlp": MLP | {"snapshots": (1,)},
    "mlp of another seed": MLP | {"seed": 2, "snapshots": (1,)},
    "relu, batch norm": MLP | {"activation": "relu", "batch_norm": True},
    "sigmoid, squared error": MLP | {"activation": "sigmoid", "loss": "squared_error"},
    "autoencoder": {"network": "autoencoder", "hidden": (6, 2, 6), "activation": "relu", "loss": "squared_error"},
    "sgd without momentum": MLP | {"momentum": 0.0, "weight_decay": 0.01},
    "adam": MLP | {"optimizer": "adam", "lr": 0.01},
    "rmsprop": MLP | {"optimizer": "rmsprop", "lr": 0.01},
    "kfac": MLP | {"optimizer": "kfac", "factor_interval": 1, "inverse_interval": 2},
    "switch": MLP | {"switch_after": 1, "switch_optimizer": "adam", "switch_lr": 0.01},
    "grafting": MLP | {"optimizer": "adam", "magnitude": "sgd"},
    "milestones": MLP | {"milestones": (1,), "decay": 0.5},
    "linear schedule, clipped": MLP | {"schedule": "linear", "clip_norm": 0.1},
    "larger initial weights, spare outputs": MLP | {"gain": 2.0, "outputs": 12},
    "warm-up": MLP | {"warmup": 1},
    "averaged weights": MLP | {"average_from": 1},
    "fewer steps": MLP | {"steps": 3},
    "corrupted labels": MLP | {"label_corruption": 0.5, "data_seed": 1},
    "order of its own": MLP | {"order_seed": 7},
    "augmented": IMAGES | {"network": "simple_cnn", "crop_padding": 1, "flip": True},
    "lenet": IMAGES | {"network": "lenet", "width_multiplier": 0.5},
    "alexnet": IMAGES | {"network": "alexnet"},
    "vgg": IMAGES | {"network": "vgg", "layers": 11},
    "vgg, batch norm": IMAGES | {"network": "vgg", "layers": 11, "batch_norm": True},
    "resnet": RESIDUAL | {"batch_norm": True},
    "resnet, block identity": RESIDUAL | {"initialization": "block_identity"},
    "resnet, fixup": RESIDUAL | {"initialization": "fixup", "scalar_lr_factor": 0.1},
    "resnet of ImageNet": IMAGES | {"network": "resnet_imagenet", "layers": 18, "batch_norm": True},
    "roberta": TEXT | {"optimizer": "adam", "lr": 0.01, "schedule": "linear", "dropout": 0.1},
    "custom": {"network": "custom", "factory": "tools.digests:users_network", "batch_norm": True},
}
SOURCES = {
    "digits": DigitsSource(source="digits", test_fraction=0.2, split_seed=0),
    "digits_10": DigitsSource(source="digits", test_fraction=0.2, split_seed=0, image_size=10),
    "esperanto": EsperantoSource(
        source="esperanto",
        sentences=200,
        seed=0,
        vocabulary=300,
        block=16,
        test_fraction=0.2,
        evaluation_examples=8,
        evaluation_seed=0,
    ),
}
STATISTICS = {
    "cumulative": BatchNormStatistics(estimate="cumulative", batch_size=25, momentum=0.1, examples=None),
    "momentum": BatchNormStatistics(estimate="momentum", batch_size=25, momentum=0.1, examples=50),
    "batch": BatchNormStatistics(estimate="batch", batch_size=30, momentum=0.1, examples=None),
}


def users_network() -> torch.nn.Module:
    """Return a network as a user has it, with batch norm and dropout of PyTorch's own."""
    nn = torch.nn
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), nn.SiLU(), nn.Dropout(0.2), nn.Linear(6, 10)
    )


def digests() -> dict[str, dict[str, str]]:
    """Compute all results and return their digests, by group and name."""
    with tempfile.TemporaryDirectory() as folder, one_thread():
        datasets = {name: _dataset(name, Path(folder)) for name in SOURCES}
        runs = {name: Run(**(BASE | changes)) for name, changes in RUNS.items()}
        trained = {name: train([run], datasets[run.dataset], CPU)[0] for name, run in runs.items()}
        found = {
            "training": {name: _digest(to_arrays(run, {})[0]) for name, run in trained.items()},
            "evaluation": dict(_evaluations(trained, datasets)),
            "lines": dict(_lines(trained, datasets)) | dict(_endpoints(trained, datasets, Path(folder))),
        }
    return found


def _dataset(name: str, folder: Path) -> Dataset:
    path = folder / f"{name}.safetensors"
    save_dataset(path, name, load_source(name, SOURCES[name]))
    return load_dataset(path)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a digest of arrays in single precision, since last bits of NumPy's functions depend on the processor."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        array = array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array
        digest.update(f"{name}:{array.shape};".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _evaluations(trained: Mapping[str, TrainedRun], datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, str]]:
    for name, run in trained.items():
        for how, settings in STATISTICS.items():
            if how == "cumulative" or run.run.batch_norm:
                task = task_of(run.run, datasets[run.run.dataset], CPU)
                with torch.no_grad():
                    splits = evaluate_points(task, torch.stack([run.initial, run.final]), settings)
                numbers = {f"{split}": np.stack([part.loss, part.accuracy]) for split, part in enumerate(splits)}
                yield f"{name}, {how}", _digest(numbers)


def _lines(trained: Mapping[str, TrainedRun], datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, str]]:
    care = sweep.EvaluationOptions(Refinement(levels=1, points=1))
    for name, run in trained.items():
        for how, settings in STATISTICS.items():
            if how == "cumulative" or name == "relu, batch norm":
                examples = 0 if run.run.network == "roberta" else 6
                task = task_of(run.run, datasets[run.run.dataset], CPU)
                alphas = torch.linspace(0, 1, 4)
                with torch.no_grad():
                    walk = sweep.sweep_line(
                        task, run.initial, run.final, alphas, settings, examples, examples // 2, care
                    )
                yield f"{name}, {how}", _digest(vars(walk))


def _endpoints(
    trained: Mapping[str, TrainedRun], datasets: Mapping[str, Dataset], folder: Path
) -> Iterator[tuple[str, str]]:
    """Yield the digest of each kind of endpoint that a line may have, and of the axes of planes and trajectories."""
    stored = StoredRuns(Store(folder))
    for name in ("mlp", "mlp of another seed", "resnet"):
        stored.store.put("runs", name, *to_arrays(trained[name], {}))
    for name in ("mlp", "resnet"):
        run = trained[name].run
        task = task_of(run, datasets[run.dataset], CPU)
        points = EndpointWeights(run, datasets[run.dataset], task, stored)
        layout = initial_parameters(run, datasets[run.dataset].shape, datasets[run.dataset].classes)[1]
        part = (group_by_layer if name == "mlp" else group_by_block)(layout.named_shapes()).popitem()[1]
        changes = {
            "fresh": Endpoint(name, "fresh_standard_0"),
            "noise": Endpoint(name, "noise_0"),
            "zero": Endpoint(name, "zero"),
            "permuted": Endpoint(name, "final", RandomPermutation(0)),
            "exchanged": Endpoint(name, "final", ParameterExchange(part, "initial")),
        }
        if name == "mlp":
            changes["snapshot"] = Endpoint(name, "epoch_1")
            other = "mlp of another seed"
            for by in ("weights", "activations"):
                changes[f"matched by {by}"] = Endpoint(name, "final", UnitMatching(by, other))
        for kind, endpoint in changes.items():
            yield f"endpoint {kind}, {name}", _digest({"theta": points.weights(endpoint).numpy()})
    first, second = (trained[name] for name in ("mlp", "mlp of another seed"))
    points = np.stack([theta.numpy() for theta in (first.initial, first.snapshots[1], first.final)])
    axes = basis(points[0], points[2], second.final.numpy())
    yield "axes of a plane", _digest({"x": axes.x, "y": axes.y, "points": axes.coordinates(points)})
    yield "trajectory", _digest(vars(progress(points)))


def moved(recorded: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return by group the names of results that are recorded with another digest."""
    return {
        group: [name for name, digest in some.items() if recorded.get(group, {}).get(name, digest) != digest]
        for group, some in found.items()
    }


def main() -> None:
    """Write the digests; refuse where one moved and the version of its group was not raised."""
    if os.environ["MKL_CBWR"] != products.SETTINGS["portable"]["MKL_CBWR"]:
        sys.exit("error: these results are not those of every processor; run `make digests`")
    recorded = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    versions = {group: version for group, (_, version) in VERSIONS.items()}
    raised = {group for group, version in versions.items() if version > recorded.get("versions", {}).get(group, 0)}
    found = digests()
    for group, names in moved(recorded.get("digests", {}), found).items():
        if names and not raised & set(FOLLOWS[group]):
            sys.exit(
                f"error: {len(names)} results of {group} moved ({', '.join(names[:3])}, ...): raise the version in "
                f"{VERSIONS[group][0]} first, or stored results from before would be reused"
            )
    write_json(FILE, {"environment": environment(), "versions": versions, "digests": found})
    print(f"{FILE.name}: {sum(map(len, found.values()))} digests")


if __name__ == "__main__":
    main()
