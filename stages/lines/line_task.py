"""The task that evaluates lines."""

from collections.abc import Sequence

import numpy as np
import torch

from stages.config import Run
from stages.datasets.dataset import cached_dataset
from stages.lines.endpoint_weights import EndpointWeights
from stages.lines.line import Line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.sweep import EvaluationOptions, shuffle_training_split, sweep_line
from stages.measures.bias_gap import bias_gap
from stages.measures.distance import distance, norm
from stages.networks.evaluation import task_of
from stages.networks.last_layer import last_bias
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.stored_runs import StoredRuns
from stages.workers.progress_report import report_progress
from stages.workers.task import TaskPaths


def line_task(paths: TaskPaths, lines: Sequence[tuple[Line, Run]], evaluation: LineEvaluation) -> None:
    """Evaluate lines and put their curves into the store.

    Args:
        paths: Paths of the dataset, and of the store with the suite's runs.
        lines: Lines, each with the run at its end.
        evaluation: How they are evaluated.
    """
    dataset, place = cached_dataset(paths.dataset), device()
    runs, store = StoredRuns(Store(paths.store)), Store(paths.store)
    for number, (line, run) in enumerate(lines):
        task = task_of(run, dataset, place)
        points = EndpointWeights(run, dataset, task, runs)
        start, end = (points.weights(point) for point in (line.start, line.end))
        settings = line.statistics or evaluation.interpolate.batch_norm
        order = line.statistics.order if line.statistics else "stored"
        draw = line.draw or 0
        if order == "shuffled":
            task = shuffle_training_split(task, draw)
        alphas = torch.from_numpy(evaluation.alphas()).to(torch.float32)

        def report(share: float, done: int = number) -> None:
            report_progress((done + share) / len(lines))

        with torch.no_grad():
            found = sweep_line(
                task,
                start.to(place),
                end.to(place),
                alphas.to(place),
                settings,
                evaluation.gauss_examples,
                evaluation.path_examples,
                EvaluationOptions(
                    evaluation.interpolate.refinement,
                    draw if order == "redrawn" else None,
                    evaluation.interpolate.gauss_refinement,
                ),
                report,
            )
        labels = torch.zeros(0, dtype=torch.int64)
        if evaluation.path_examples and task.train.labels is not None:
            labels = task.train.labels[: evaluation.path_examples].cpu()
        arrays = dict(vars(found)) | {"path_labels": labels.numpy()}
        bias = last_bias(task.network, dataset.shape)
        arrays |= {
            "bias_gap": np.array(np.nan if bias is None else bias_gap(task.layout.split(end)[bias].numpy())),
            "distance": np.array(distance(start.numpy(), end.numpy())),
            "start_norm": np.array(norm(start.numpy())),
        }
        store.put("lines", evaluation.key(line), arrays, line.content())
