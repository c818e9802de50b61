"""One training of one network, fully resolved."""

from typing import Literal

from pydantic import model_validator

from stages.config.schema import Below1, Count, Frozen, Name, NonNegative, Positive, Proportion, Seed

OPTIMIZER_OPTIONS = {"sgd": {"momentum"}, "adam": {"betas", "epsilon"}, "rmsprop": {"smoothing", "epsilon"}}


class Run(Frozen):
    """A run: what is trained on what, how, and from which seeds. Its identity is what `spec` returns.

    A new field needs a default that changes nothing, so that runs already in a store keep their keys.
    """

    dataset: Name
    """Which of `datasets`."""
    train_size: Count | None = None
    """Number of training examples, a random subset; null for all."""
    label_corruption: Proportion = 0.0
    """Probability with which an example gets a new label, uniform over the classes (it may be the old one)."""
    data_seed: Seed = 0
    """Seed of the subset and of the corrupted labels."""

    network: Literal["mlp", "autoencoder"]
    """`mlp`: fully-connected classifier; `autoencoder`: fully-connected, from pixels to the same pixels."""
    hidden: tuple[Count, ...]
    """Units of each hidden layer."""
    activation: Literal["relu", "tanh", "sigmoid"]
    """Applied after each hidden layer."""
    batch_norm: bool = False
    """Whether batch normalisation stands between each hidden layer and its activation."""

    loss: Literal["cross_entropy", "squared_error"]
    """`squared_error`: sum over outputs, mean over examples; classes become one-hot targets."""
    optimizer: Literal["sgd", "adam", "rmsprop"]
    """The optimizer, as in `torch.optim`."""
    lr: Positive
    """Learning rate at the first epoch."""
    milestones: tuple[Count, ...] = ()
    """Epochs after which the learning rate is multiplied by `decay`."""
    decay: Positive = 0.1
    """Factor of the learning rate at each milestone."""
    weight_decay: NonNegative = 0.0
    """L2 penalty added to the gradient."""
    momentum: Proportion = 0.9
    """Of SGD."""
    betas: tuple[Below1, Below1] = (0.9, 0.999)
    """Of Adam."""
    smoothing: Below1 = 0.99
    """Of RMSProp."""
    epsilon: Positive = 1e-8
    """Of Adam and RMSProp."""

    epochs: Count
    """Passes over the training data."""
    batch_size: Count
    """Examples a step; the last, smaller batch of an epoch is used too."""
    snapshots: tuple[Seed, ...] = ()
    """Epochs after which the weights are kept, beside the initial (0) and final ones."""
    seed: Seed
    """Seed of the initial weights, and of the data order if `order_seed` is null."""
    order_seed: Seed | None = None
    """Seed of the data order."""

    @model_validator(mode="after")
    def _consistent(self) -> "Run":
        if self.network == "autoencoder" and self.loss != "squared_error":
            raise ValueError(f"loss: got {self.loss!r}, expected squared_error, an autoencoder's")
        if self.network == "autoencoder" and self.label_corruption:
            raise ValueError(f"label_corruption: got {self.label_corruption}, expected 0: an autoencoder has no labels")
        if self.network == "autoencoder" and not self.hidden:
            raise ValueError("hidden: got [], expected at least one layer: an autoencoder has a bottleneck")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones: got {list(self.milestones)}, expected increasing epochs")
        if any(epoch > self.epochs for epoch in self.snapshots):
            raise ValueError(
                f"snapshots: got {list(self.snapshots)}, expected none after the last epoch, {self.epochs}"
            )
        return self

    def spec(self) -> dict:
        """Return what identifies the run: every field that has an effect and is not at its default."""
        unused = set().union(*OPTIMIZER_OPTIONS.values()) - OPTIMIZER_OPTIONS[self.optimizer]
        if not any(milestone < self.epochs for milestone in self.milestones):
            unused |= {"milestones", "decay"}
        if self.train_size is None and not self.label_corruption:
            unused.add("data_seed")
        if self.order_seed == self.seed:
            unused.add("order_seed")
        return self.model_dump(mode="json", exclude_defaults=True, exclude=unused)

    @property
    def order(self) -> int:
        """Seed of the data order."""
        return self.seed if self.order_seed is None else self.order_seed

    @property
    def data_key(self) -> tuple:
        """What determines the training data beside the dataset."""
        return self.train_size, self.label_corruption, self.data_seed
