"""Minibatches of a stack: each run's own data, in its own order."""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.evaluation import batches
from stages.networks.losses import targets
from stages.networks.masking import mask
from stages.shared.seeds import generator
from stages.training.augmentation import Crops, apply_crops, draw_crops


# Shape letters: R = runs in the stack, V = views of the data, N = training examples, B = examples of a step.
class Minibatches:
    """Draws and gathers the minibatches of the runs in a stack.

    Runs with the same data in the same order share a view of it, whose batches are gathered once. Adjacent views of
    the same data form a span, whose batches are gathered by one call.
    """

    def __init__(
        self, runs: Sequence[Run], dataset: Dataset, smallest: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Prepare the data of all runs.

        Args:
            runs: Runs with equal `stack_key`.
            dataset: Their data.
            smallest: Fewest examples that a minibatch may have; a smaller last one joins the one before.
            device: Where to train.
            dtype: Of the images.
        """
        self.device = device
        one_of_each = {run.data_key: run for run in runs}
        self.data = {key: _prepare(run, dataset, device, dtype) for key, run in one_of_each.items()}
        self.orders = {run.order: generator("order", run.order) for run in runs}
        self.crops = {run.order: generator("augmentation", run.order) for run in runs}
        self.masks = {run.order: generator("masks", run.order) for run in runs}
        self.padding, self.flip = runs[0].crop_padding, runs[0].flip
        self.augmented = self.padding > 0 or self.flip
        self.black = dataset.train_x.amin((0, 2, 3)).to(device, dtype) if self.augmented else None
        self.vocabulary = dataset.classes if dataset.evaluation is not None else None
        self.count = len(next(iter(self.data.values()))[0])
        self.slices = list(batches(self.count, runs[0].batch_size, smallest))
        self.keep(runs)

    def keep(self, runs: Sequence[Run]) -> None:
        """Go on with the given runs only, in the order of their rows in the stack."""
        keys = [(run.data_key, run.order) for run in runs]
        distinct = list(dict.fromkeys(keys))
        self.views = [(self.data[data_key], order) for data_key, order in distinct]
        self.view_R = torch.tensor([distinct.index(key) for key in keys], device=self.device)
        adjacent = [list(some) for _, some in groupby(range(len(distinct)), lambda view: distinct[view][0])]
        self.spans = [(self.views[some[0]][0], slice(some[0], some[-1] + 1)) for some in adjacent]

    def draw_epoch(self, steps: Sequence[slice]) -> tuple[Tensor, Tensor]:
        """Draw the order of the examples in an epoch, and how they are augmented.

        Args:
            steps: The minibatches of the epoch, as slices of the order.

        Returns:
            Indices into the data of each view, shape (V, N), and the fields of `Crops`, shape (V, 3, N); the latter are
            empty, (V, 3, 0), without augmentation.
        """
        permutations = {seed: torch.randperm(self.count, generator=order) for seed, order in self.orders.items()}
        crops = {seed: torch.empty(3, 0, dtype=torch.int64) for seed in self.orders}
        if self.augmented:
            for seed, source in self.crops.items():
                drawn = [draw_crops(step.stop - step.start, self.padding, self.flip, source) for step in steps]
                crops[seed] = torch.cat([torch.stack([one.top, one.left, one.mirrored.long()]) for one in drawn], 1)
        pairs = [(permutations[order], crops[order]) for _, order in self.views]
        order_VN, crops_V3N = (torch.stack(parts).to(self.device) for parts in zip(*pairs, strict=True))
        return order_VN, crops_V3N

    def gather(self, index_VB: Tensor, crops_V3B: Tensor) -> list[Tensor]:
        """Return the examples and the targets of a step.

        Args:
            index_VB: Indices into the data of each view, shape (V, B).
            crops_V3B: The fields of `Crops`, shape (V, 3, B); (V, 3, 0) without augmentation.

        Returns:
            Examples and targets, shape (R, B, ...) each; of text, the tokens to predict are drawn anew.
        """
        if self.vocabulary is not None:
            return self._mask_blocks(index_VB, self.vocabulary)
        found = []
        for part in (0, 1):
            first = self.views[0][0][part]
            chosen = first.new_empty((*index_VB.shape, *first.shape[1:]))
            for data, span in self.spans:
                torch.index_select(data[part], 0, index_VB[span].flatten(), out=chosen[span].flatten(0, 1))
            if part == 0 and self.black is not None:
                for images, (top, left, mirrored) in zip(chosen, crops_V3B, strict=True):
                    crops = Crops(top, left, mirrored.bool())
                    images.copy_(apply_crops(images, self.padding, self.black, crops))
            if len(self.views) < len(self.view_R):
                runs = len(self.view_R)
                chosen = chosen.expand(runs, *chosen.shape[1:]) if len(chosen) == 1 else chosen[self.view_R]
            found.append(chosen)
        return found

    def _mask_blocks(self, index_VB: Tensor, vocabulary: int) -> list[Tensor]:
        """Return blocks of text with masked tokens and the tokens to predict, shape (R, B, ...) each."""
        masked = [
            mask(data[0][index], vocabulary, self.masks[order])
            for (data, order), index in zip(self.views, index_VB, strict=True)
        ]
        return [torch.stack(parts)[self.view_R] for parts in zip(*masked, strict=True)]


def _prepare(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the training examples of a run and their targets, on the device."""
    x, labels = training_data(dataset, run.train_size, run.label_corruption, run.data_seed)
    if dataset.evaluation is not None:
        return x.to(device), labels.to(device)  # of text, the tokens to predict are drawn at each step
    x = x.to(device, dtype)
    return x, targets(run, x, labels.to(device), dataset.classes)
