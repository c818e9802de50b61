"""A run: one training of one network. It is composed of the fields of all networks and optimizers."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from stages.config.discovery import find_classes, with_fields
from stages.config.network import Network
from stages.config.optimizer import OptimizerOptions
from stages.config.schema import Count, Frozen, Name, NonNegative, NonNegativeInt, Positive, Proportion, Seed

ARCHITECTURES = find_classes("stages.networks.architectures", Network)
NETWORKS: dict[str, type[Network]] = {kind.name: kind for kind in ARCHITECTURES}
"""The class of each value of `network`."""
OPTIMIZER_OPTIONS = find_classes("stages.training.optimizer_options", OptimizerOptions)
OPTIMIZERS: dict[str, type[OptimizerOptions]] = {kind.name: kind for kind in OPTIMIZER_OPTIONS}
"""The class of each value of `optimizer`."""
NETWORK_FIELDS = frozenset().union(*(kind.model_fields for kind in ARCHITECTURES))
OPTIMIZER_FIELDS = frozenset().union(*(kind.model_fields for kind in OPTIMIZER_OPTIONS))
SWITCH = ("switch_after", "switch_optimizer", "switch_lr")

if TYPE_CHECKING:
    NetworkName = str
    OptimizerName = str
else:
    NetworkName, OptimizerName = Literal[tuple(NETWORKS)], Literal[tuple(OPTIMIZERS)]


class _Data(Frozen):
    """The training data of a run, and the name of its network."""

    dataset: Name
    """Name of one of `datasets`; a suite sets it for all of its runs."""
    train_size: Count | None = None
    """Size of a random subset of the training examples; null for all of them."""
    label_corruption: Proportion = 0.0
    """Probability that an example gets a new label, uniform over the classes (it may be the old one)."""
    data_seed: Seed = 0
    """Seed of the subset and of the corrupted labels."""

    crop_padding: NonNegativeInt = 0
    """Augmentation: number of pixels of each channel's smallest value (black, as a rule) around an image, from which
    each step crops the original size at random."""
    flip: bool = False
    """Augmentation: whether each step mirrors each image left to right with probability 1/2."""

    network: NetworkName
    """Architecture of the network."""


Described: Any = with_fields(_Data, "stages.config.network_fields", ARCHITECTURES)


class _Training(Described):
    """The loss, optimizer and learning rate of a run."""

    loss: Literal["cross_entropy", "squared_error"]
    """Loss of an example, averaged over examples. `squared_error` is summed over outputs, with one-hot targets."""
    optimizer: OptimizerName
    """Optimizer, as in `torch.optim`; `kfac` is K-FAC (Martens and Grosse 2015), for network mlp."""
    lr: Positive
    """Learning rate at the first epoch."""
    magnitude: OptimizerName | None = None
    """Grafting (Agarwal et al. 2020): optimizer whose step length is combined with the direction of `optimizer`; `lr`
    is then its learning rate. Null for the optimizer's own length."""
    switch_after: Count | None = None
    """Number of epochs after which another optimizer takes over, with a state of its own; null for never."""
    switch_optimizer: OptimizerName | None = None
    """Optimizer after the switch."""
    switch_lr: Positive | None = None
    """Learning rate after the switch, until a later milestone."""
    milestones: tuple[Count, ...] = ()
    """Epochs after which the learning rate is multiplied by `decay`."""
    decay: Positive = 0.1
    """Factor of the learning rate at each milestone."""
    schedule: Literal["constant", "linear"] = "constant"
    """Learning-rate schedule between milestones. `linear` decreases from step to step, to zero after the last one."""
    warmup: NonNegativeInt = 0
    """Number of epochs of learning-rate warm-up: the learning rate grows linearly from step to step up to its value.
    0 for none."""
    clip_norm: Positive | None = None
    """Largest norm of a gradient; longer ones are scaled down to it. Null for no limit."""
    weight_decay: NonNegative = 0.0
    """Weight decay: this factor times the weights is added to the gradient."""


Optimized: Any = with_fields(_Training, "stages.config.optimizer_fields", OPTIMIZER_OPTIONS)


class Run(Optimized):
    """A run: its data, network, training and seeds. `spec` returns its identity.

    It has the fields of all networks and optimizers; those of others than its own stay at their defaults. A new field
    needs a default that changes nothing, so that runs already in a store keep their keys.
    """

    epochs: Count
    """Number of passes over the training data."""
    steps: Count | None = None
    """Number of steps after which training ends, if its epochs have more; null for no limit."""
    average_from: Count | None = None
    """Weight averaging: the final weights are the mean of the weights at the ends of this epoch and all later ones
    (epochs count from 1). Null for the weights after the last step."""
    batch_size: Count
    """Number of examples in a step; the last, smaller batch of an epoch is used too."""
    snapshots: tuple[Seed, ...] = ()
    """Epochs after which the weights are kept, beside the initial (epoch 0) and final ones."""
    seed: Seed
    """Seed of the initial weights, and of the data order if `order_seed` is null."""
    order_seed: Seed | None = None
    """Seed of the data order."""
    weights: tuple[str, str] | None = None
    """Files of the initial and the final weights of a custom network that was trained elsewhere; the other keys then
    describe how, for tables and figures. Null for a run that is trained here."""

    @model_validator(mode="after")
    def _consistent(self) -> "Run":
        self._check_network()
        self._check_optimizers()
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones: got {list(self.milestones)}, expected increasing epochs")
        if any(epoch > self.epochs for epoch in self.snapshots):
            raise ValueError(
                f"snapshots: got {list(self.snapshots)}, expected none after the last epoch, {self.epochs}"
            )
        if self.steps is not None and self.snapshots:
            raise ValueError(f"snapshots: got {list(self.snapshots)}, expected none of a run that ends after `steps`")
        if self.warmup > self.epochs:
            raise ValueError(f"warmup: got {self.warmup}, expected at most epochs, {self.epochs}")
        if self.average_from is not None and self.average_from > self.epochs:
            raise ValueError(f"average_from: got {self.average_from}, expected at most epochs, {self.epochs}")
        if self.average_from is not None and self.steps is not None:
            raise ValueError(
                f"average_from: got {self.average_from}, expected null: a run with `steps` may end within an epoch"
            )
        if self.batch_norm and self.batch_size < 2 and not self.weights:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 2: one example has no variance")
        if self.weights and not self.architecture.user_defined:
            raise ValueError(f"weights: got files, expected null: network {self.network} is trained here")
        if self.weights and self.snapshots:
            raise ValueError(
                f"snapshots: got {list(self.snapshots)}, expected none of a run that was trained elsewhere"
            )
        return self

    def _check_network(self) -> None:
        fields = NETWORKS[self.network].model_fields
        for name in sorted(NETWORK_FIELDS - set(fields)):
            if getattr(self, name) != (default := type(self).model_fields[name].default):
                expected = "no such key" if default is None else repr(default)
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected {expected}: network {self.network}")
        for name, field in fields.items():
            if field.is_required() and getattr(self, name) is None:
                raise ValueError(f"{name}: this key is missing; add it")
        self.architecture.check(self)

    def _check_optimizers(self) -> None:
        for name in ("optimizer", "magnitude", "switch_optimizer"):
            chosen = OPTIMIZERS.get(getattr(self, name))
            if chosen and chosen.needs_curvature and not self.architecture.has_kronecker_factors:
                raise ValueError(f"{name}: got {chosen.name!r}, expected another: network {self.network}")
        for name in SWITCH:
            if (getattr(self, name) is None) != (self.switch_after is None):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected all of {', '.join(SWITCH)} or none")
        if self.switch_after is not None and self.switch_after >= self.epochs:
            raise ValueError(f"switch_after: got {self.switch_after}, expected less than epochs, {self.epochs}")
        fixed = [name for name in self.optimizers if not OPTIMIZERS[name].graftable]
        if self.magnitude and (self.switch_after or fixed):
            reason = f"{fixed[0]} cannot be grafted" if fixed else "a run with a switch cannot be grafted"
            raise ValueError(f"magnitude: got {self.magnitude!r}, expected null: {reason}")
        if self.magnitude == self.optimizer:
            raise ValueError(f"magnitude: got {self.magnitude!r}, expected another than optimizer, or null")

    def spec(self) -> dict:
        """Return the identity of the run: every field that has an effect and is not at its default."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude=set(self.unused))

    @property
    def unused(self) -> frozenset[str]:
        """Names of the fields whose values cannot change the run."""
        unused = set(OPTIMIZER_FIELDS).difference(*(OPTIMIZERS[name].model_fields for name in self.optimizers))
        if not any(milestone < self.epochs for milestone in self.milestones):
            unused |= {"milestones", "decay"}
        if self.train_size is None and not self.label_corruption:
            unused.add("data_seed")
        if self.order_seed == self.seed:
            unused.add("order_seed")
        if self.initialization != "fixup":
            unused.add("scalar_lr_factor")
        return frozenset(unused | (NETWORK_FIELDS - set(NETWORKS[self.network].model_fields)))

    @property
    def architecture(self) -> Network:
        """The network that `network` names, with its parameters."""
        kind = NETWORKS[self.network]
        return kind.model_construct(**{name: getattr(self, name) for name in kind.model_fields})

    @property
    def optimizers(self) -> tuple[str, ...]:
        """Names of the optimizers that the training uses, each once."""
        return tuple(dict.fromkeys(filter(None, (self.optimizer, self.magnitude, self.switch_optimizer))))

    @property
    def order(self) -> int:
        """Seed of the data order."""
        return self.seed if self.order_seed is None else self.order_seed

    @property
    def data_key(self) -> tuple:
        """Values that determine the training data beside the dataset."""
        return self.train_size, self.label_corruption, self.data_seed
