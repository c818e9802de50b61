"""The training examples of a run: all or a random subset, with true or corrupted labels."""

import torch

from stages.datasets.dataset import Dataset
from stages.shared.errors import UserError
from stages.shared.seeds import generator


def training_data(
    dataset: Dataset, train_size: int | None, label_corruption: float, data_seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images and labels that a run trains on.

    A subset is the first examples of a random permutation, in stored order, so that with one seed a larger subset
    contains a smaller one. Labels are corrupted for the whole split: an example has the same label in every subset, and
    a larger proportion corrupts all labels that a smaller one does.

    Args:
        dataset: The dataset; nothing in it is changed.
        train_size: Number of examples, drawn without replacement; None for all.
        label_corruption: Probability that an example gets a new label, uniform over all classes (possibly the old one).
        data_seed: Seed of the subset and of the new labels.

    Returns:
        Images of shape (N, C, H, W) and labels of shape (N,); the dataset's own tensors if nothing changes.

    Raises:
        UserError: If the training split has fewer than `train_size` examples.
    """
    x, y = dataset.train_x, dataset.train_y
    if train_size is not None and train_size > len(x):
        raise UserError(
            f"train_size: got {train_size}, but dataset {dataset.name} has {len(x)} training examples; "
            "lower it, or set null for all"
        )
    if label_corruption:
        corrupted = torch.rand(len(y), dtype=torch.float64, generator=generator("corrupted", data_seed))
        labels = torch.randint(dataset.classes, y.shape, generator=generator("new label", data_seed))
        y = torch.where((corrupted < label_corruption).to(y.device), labels.to(y.device), y)
    if train_size is not None and train_size < len(x):
        order = torch.randperm(len(x), generator=generator("subset", data_seed))
        chosen = order[:train_size].sort().values.to(x.device)
        x, y = x[chosen], y[chosen]
    return x, y
