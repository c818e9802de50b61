"""Evaluating lines of a suite that the store lacks."""

from collections.abc import Sequence

import numpy as np
import torch

from stages.config import Run
from stages.lines.line import Line
from stages.lines.points import Points
from stages.lines.request import Request
from stages.lines.sweep import Care, walk
from stages.measures.bias_gap import bias_gap
from stages.measures.distance import distance, norm
from stages.networks.evaluation import task_of
from stages.networks.last_layer import last_bias
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.grid import cached_dataset
from stages.training.run_files import RunFolder
from stages.workers.shares import report_share
from stages.workers.tasks import Places


def line_task(places: Places, lines: Sequence[tuple[Line, Run]], request: Request) -> int:
    """Evaluate lines and keep what was found.

    Args:
        places: Where the suite's data and its runs are, and the store to keep it in.
        lines: Lines, each with the run at its end.
        request: How.

    Returns:
        How many lines were evaluated.
    """
    dataset, place = cached_dataset(places.dataset), device()
    runs, store = RunFolder(places.runs), Store(places.store)
    for number, (line, run) in enumerate(lines):
        task = task_of(run, dataset, place)
        points = Points(run, dataset, task, runs)
        start, end = (points.weights(point) for point in (line.start, line.end))
        alphas = torch.from_numpy(request.alphas()).to(torch.float32)
        with torch.no_grad():
            found = walk(
                task,
                start.to(place),
                end.to(place),
                alphas.to(place),
                request.interpolate.batch_norm,
                request.gauss_examples,
                request.path_examples,
                Care(request.interpolate.refinement, request.interpolate.repeats),
                lambda share, done=number: report_share((done + share) / len(lines)),
            )
        labels = torch.zeros(0, dtype=torch.int64)
        if request.path_examples and task.train.labels is not None:
            labels = task.train.labels[: request.path_examples].cpu()
        arrays = dict(vars(found)) | {"path_labels": labels.numpy()}
        bias = last_bias(task.network, dataset.shape)
        arrays |= {
            "bias_gap": np.array(np.nan if bias is None else bias_gap(task.layout.split(end)[bias].numpy())),
            "distance": np.array(distance(start.numpy(), end.numpy())),
            "start_norm": np.array(norm(start.numpy())),
        }
        store.put("lines", request.key(line), arrays, line.content())
    return len(lines)
