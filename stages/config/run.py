"""One training of one network, fully resolved."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.config.schema import Below1, Count, Frozen, Name, NonNegative, NonNegativeInt, Positive, Proportion, Seed

Optimizer = Literal["sgd", "adam", "rmsprop", "kfac"]
OPTIMIZER_OPTIONS = {
    "sgd": {"momentum"},
    "adam": {"betas", "epsilon"},
    "rmsprop": {"smoothing", "epsilon"},
    "kfac": {"momentum", "damping", "factor_decay", "factor_interval", "inverse_interval", "kl_clip"},
}
SWITCH = ("switch_after", "switch_optimizer", "switch_lr")
FULLY_CONNECTED = {"hidden", "activation", "batch_norm"}
NETWORK_OPTIONS = {
    "mlp": FULLY_CONNECTED,
    "autoencoder": FULLY_CONNECTED,
    "simple_cnn": {"width_multiplier"},
    "lenet": {"width_multiplier"},
    "alexnet": {"width_multiplier"},
    "vgg": {"width_multiplier", "layers", "batch_norm"},
    "resnet": {"width_multiplier", "layers", "batch_norm", "initialization", "scalar_lr_factor"},
    "resnet_imagenet": {"width_multiplier", "layers", "batch_norm", "initialization"},
    "roberta": {"layers", "hidden_size", "heads", "dropout"},
    "custom": {"factory", "batch_norm"},
}
"""Which fields shape each network; any other is to stay at its default."""
NEEDED = ("factory", "hidden", "activation", "layers", "hidden_size", "heads")
"""Fields without a default where the network has them."""
OF_TEXT = ("roberta",)
"""Networks whose examples are blocks of tokens."""
LAYERS = {"vgg": (11, 13, 16, 19), "resnet_imagenet": (18, 34, 50)}


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

    crop_padding: NonNegativeInt = 0
    """Augmentation: pixels of each channel's smallest value, black as a rule, around an image, of which each step crops
    the original size at random."""
    flip: bool = False
    """Augmentation: whether each step mirrors each image left to right with probability 1/2."""

    network: Literal[
        "mlp", "autoencoder", "simple_cnn", "lenet", "alexnet", "vgg", "resnet", "resnet_imagenet", "roberta", "custom"
    ]
    """`mlp`: fully-connected classifier; `autoencoder`: fully-connected, from pixels to the same pixels; `roberta`: a
    masked language model, Hugging Face's; the others convolutional classifiers; `resnet`: for small images, 6 n + 2
    layers; `resnet_imagenet`: torchvision's; `custom`: what `factory` gives."""
    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """`package.module:function` of a custom network, importable from the project's root."""
    hidden: tuple[Count, ...] | None = None
    """Units of each hidden layer of a fully-connected network."""
    activation: Literal["relu", "tanh", "sigmoid"] | None = None
    """Applied after each hidden layer of a fully-connected network."""
    layers: Count | None = None
    """Layers with weights of a VGG or residual network, as in ResNet-20; blocks of attention of a language model."""
    width_multiplier: Positive = 1.0
    """Factor of the channels (and units) of every layer of a convolutional network."""
    hidden_size: Count | None = None
    """Numbers that a language model has for each token; its feed-forward layers have four times as many units."""
    heads: Count | None = None
    """Of attention, of a language model."""
    dropout: Below1 = 0.0
    """Probability with which training leaves out a number, of a language model."""
    batch_norm: bool = False
    """Whether batch normalisation stands between each layer and its activation; in a residual network without it a
    learned scale and bias of each channel takes its place."""
    initialization: Literal["standard", "block_identity", "fixup"] = "standard"
    """Of a residual network. `block_identity`: each block starts as its shortcut; `fixup`: with Fixup's scalars in
    place of scales and biases."""
    scalar_lr_factor: Positive = 1.0
    """Factor of the learning rate for Fixup's scalars; 0.1 in Zhang et al. (2019)."""

    loss: Literal["cross_entropy", "squared_error"]
    """`squared_error`: sum over outputs, mean over examples; classes become one-hot targets."""
    optimizer: Optimizer
    """The optimizer, as in `torch.optim`; `kfac` is K-FAC (Martens and Grosse 2015), of network mlp."""
    lr: Positive
    """Learning rate at the first epoch."""
    magnitude: Optimizer | None = None
    """Grafting (Agarwal et al. 2020): steps have the direction of `optimizer` and the length of this one's, whose rate
    `lr` then is; null for the optimizer's own length."""
    switch_after: Count | None = None
    """Epochs after which training goes on with another optimizer, without what the first remembers; null for never."""
    switch_optimizer: Optimizer | None = None
    """The other optimizer."""
    switch_lr: Positive | None = None
    """Its learning rate, until a later milestone."""
    milestones: tuple[Count, ...] = ()
    """Epochs after which the learning rate is multiplied by `decay`."""
    decay: Positive = 0.1
    """Factor of the learning rate at each milestone."""
    schedule: Literal["constant", "linear"] = "constant"
    """Of the learning rate between milestones; `linear`: it falls from step to step, to zero after the last."""
    clip_norm: Positive | None = None
    """Norm to which a longer gradient is shortened; null for none."""
    weight_decay: NonNegative = 0.0
    """L2 penalty added to the gradient."""
    momentum: Proportion = 0.9
    """Of SGD and K-FAC."""
    betas: tuple[Below1, Below1] = (0.9, 0.999)
    """Of Adam."""
    smoothing: Below1 = 0.99
    """Of RMSProp."""
    epsilon: Positive = 1e-8
    """Of Adam and RMSProp."""
    damping: Positive = 1e-3
    """Of K-FAC: what is added to each eigenvalue of the curvature."""
    factor_decay: Below1 = 0.95
    """Of K-FAC: share of the old in a new estimate of the curvature, at most; at first all estimates count alike."""
    factor_interval: Count = 10
    """Of K-FAC: steps from one estimate of the curvature to the next."""
    inverse_interval: Count = 100
    """Of K-FAC: steps from one inversion of the curvature to the next."""
    kl_clip: Positive | None = 1e-3
    """Of K-FAC: the largest lr^2 v.g of a step v for a gradient g, to second order at least twice the KL divergence
    that a step without momentum causes (Ba et al. 2017); null for no limit."""

    epochs: Count
    """Passes over the training data."""
    steps: Count | None = None
    """Steps after which training ends, if its epochs have more; null for no such limit."""
    batch_size: Count
    """Examples a step; the last, smaller batch of an epoch is used too."""
    snapshots: tuple[Seed, ...] = ()
    """Epochs after which the weights are kept, beside the initial (0) and final ones."""
    seed: Seed
    """Seed of the initial weights, and of the data order if `order_seed` is null."""
    order_seed: Seed | None = None
    """Seed of the data order."""
    weights: tuple[str, str] | None = None
    """Files of the initial and the final weights of a custom network that was trained elsewhere; the other fields say
    how, for tables and figures. Null for a run that is trained here."""

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
        if self.batch_norm and self.batch_size < 2 and not self.weights:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 2: one example has no variance")
        if self.weights and self.network != "custom":
            raise ValueError(f"weights: got files, expected null: network {self.network} is trained here")
        if self.weights and self.snapshots:
            raise ValueError(
                f"snapshots: got {list(self.snapshots)}, expected none of a run that was trained elsewhere"
            )
        return self

    def _check_network(self) -> None:
        options = NETWORK_OPTIONS[self.network]
        for name in sorted(set().union(*NETWORK_OPTIONS.values()) - options):
            if getattr(self, name) != (default := type(self).model_fields[name].default):
                expected = "no such key" if default is None else repr(default)
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected {expected}: network {self.network}")
        for name in NEEDED:
            if name in options and getattr(self, name) is None:
                raise ValueError(f"{name}: this key is missing; add it")
        if self.network == "autoencoder":
            if self.loss != "squared_error":
                raise ValueError(f"loss: got {self.loss!r}, expected squared_error, an autoencoder's")
            if self.crop_padding or self.flip:
                raise ValueError("crop_padding: got augmentation, expected none: an autoencoder is not augmented")
            if self.label_corruption:
                raise ValueError(
                    f"label_corruption: got {self.label_corruption}, expected 0: an autoencoder has no labels"
                )
            if not self.hidden:
                raise ValueError("hidden: got [], expected at least one layer: an autoencoder has a bottleneck")
        if self.network in OF_TEXT:
            self._check_language_model()
        if self.network == "resnet" and (self.layers < 8 or self.layers % 6 != 2):
            raise ValueError(f"layers: got {self.layers}, expected 6 n + 2, as 20, 32, 44, 56")
        if self.layers not in LAYERS.get(self.network, (self.layers,)):
            expected = ", ".join(str(layers) for layers in LAYERS[self.network])
            raise ValueError(f"layers: got {self.layers}, expected one of {expected}: network {self.network}")
        if self.initialization == "fixup" and (self.batch_norm or self.network != "resnet"):
            raise ValueError(
                "initialization: got 'fixup', expected another: it is of network resnet without batch norm"
            )

    def _check_language_model(self) -> None:
        if self.loss != "cross_entropy":
            raise ValueError(f"loss: got {self.loss!r}, expected cross_entropy: a language model predicts tokens")
        if self.crop_padding or self.flip or self.label_corruption:
            raise ValueError("crop_padding: got augmentation or corrupted labels, expected none: a text has no images")
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size: got {self.hidden_size}, expected a multiple of heads, {self.heads}")

    def _check_optimizers(self) -> None:
        for name in ("optimizer", "magnitude", "switch_optimizer"):
            if getattr(self, name) == "kfac" and self.network != "mlp":
                raise ValueError(f"{name}: got 'kfac', expected another: network {self.network}")
        for name in SWITCH:
            if (getattr(self, name) is None) != (self.switch_after is None):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected all of {', '.join(SWITCH)} or none")
        if self.switch_after is not None and self.switch_after >= self.epochs:
            raise ValueError(f"switch_after: got {self.switch_after}, expected less than epochs, {self.epochs}")
        if self.magnitude and (self.switch_after or "kfac" in self.optimizers):
            raise ValueError(f"magnitude: got {self.magnitude!r}, expected null: a run with a switch or K-FAC")
        if self.magnitude == self.optimizer:
            raise ValueError(f"magnitude: got {self.magnitude!r}, expected another than optimizer, or null")

    def spec(self) -> dict:
        """Return what identifies the run: every field that has an effect and is not at its default."""
        used = set().union(*(OPTIMIZER_OPTIONS[name] for name in self.optimizers))
        unused = set().union(*OPTIMIZER_OPTIONS.values()) - used
        if not any(milestone < self.epochs for milestone in self.milestones):
            unused |= {"milestones", "decay"}
        if self.train_size is None and not self.label_corruption:
            unused.add("data_seed")
        if self.order_seed == self.seed:
            unused.add("order_seed")
        if self.initialization != "fixup":
            unused.add("scalar_lr_factor")
        return self.model_dump(mode="json", exclude_defaults=True, exclude=unused)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """All optimizers that have a part in the training."""
        return tuple(dict.fromkeys(filter(None, (self.optimizer, self.magnitude, self.switch_optimizer))))

    @property
    def order(self) -> int:
        """Seed of the data order."""
        return self.seed if self.order_seed is None else self.order_seed

    @property
    def data_key(self) -> tuple:
        """What determines the training data beside the dataset."""
        return self.train_size, self.label_corruption, self.data_seed
