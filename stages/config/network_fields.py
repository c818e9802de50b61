"""Fields that shape networks, in the order in which a run has them; a network combines the classes that it needs."""

from typing import Annotated, Literal

from pydantic import Field

from stages.config.schema import Below1, Count, Frozen, Positive, TrainingOnly


class Factory(Frozen):
    """The origin of a network of the user's."""

    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """Function that returns the network, as `package.module:function`; it is imported from the project's root and
    called without arguments."""


class HiddenLayers(Frozen):
    """The hidden layers of a fully-connected network."""

    hidden: tuple[Count, ...]
    """Number of units of each hidden layer, such as [64, 64]."""
    activation: Literal["relu", "tanh", "sigmoid"]
    """Function applied after each hidden layer."""


class InitialWeights(Frozen):
    """The scale of the initial weights."""

    gain: Annotated[Positive, TrainingOnly] = 1.0
    """Factor of the initial weights of each linear layer, relative to PyTorch's, whose standard deviation is
    1 / sqrt(3 inputs); biases keep PyTorch's."""


class Outputs(Frozen):
    """The number of outputs of a classifier."""

    outputs: Count | None = None
    """Number of outputs, at least that of the classes; those beyond are of classes without examples. Null for one
    output a class."""


class Depth(Frozen):
    """The number of layers."""

    layers: Count
    """Number of layers with weights, as in ResNet-20; for a language model the number of transformer blocks."""


class Width(Frozen):
    """The width of a convolutional network, relative to its usual one."""

    width_multiplier: Positive = 1.0
    """Factor of the number of channels (and units) of every layer."""


class Attention(Frozen):
    """The size of a transformer."""

    hidden_size: Count
    """Size of a token's representation; feed-forward layers have four times as many units."""
    heads: Count
    """Number of attention heads."""
    dropout: Annotated[Below1, TrainingOnly] = 0.0
    """Dropout probability during training."""


class BatchNormalisation(Frozen):
    """Optional batch normalisation."""

    batch_norm: bool = False
    """Whether batch normalisation stands between each layer and its activation. A residual network without it has a
    learned scale and bias of each channel in its place."""


class ResidualInitialization(Frozen):
    """The initial weights of a residual network."""

    initialization: Annotated[Literal["standard", "block_identity", "fixup"], TrainingOnly] = "standard"
    """Scheme of the initial weights. `block_identity`: each block starts as its shortcut; `fixup`: with Fixup's scalars
    in place of scales and biases, without batch norm."""


class FixupScalars(Frozen):
    """The training of Fixup's scalars."""

    scalar_lr_factor: Annotated[Positive, TrainingOnly] = 1.0
    """Factor of the learning rate for Fixup's scalars; 0.1 in Zhang et al. (2019)."""
