"""Fully-connected networks."""

from typing import TYPE_CHECKING

from stages.config.network import Network
from stages.config.network_fields import BatchNormalisation, HiddenLayers, InitialWeights, Outputs

if TYPE_CHECKING:
    from stages.config.run import Run


class Mlp(Outputs, InitialWeights, BatchNormalisation, HiddenLayers, Network):
    """A fully-connected classifier."""

    name = "mlp"
    label = "MLP"
    builder = "stages.networks.fully_connected:mlp"
    permutable = True
    has_kronecker_factors = True

    def check(self, run: "Run") -> None:
        """Refuse further outputs under squared error, whose targets have one number a class."""
        if self.outputs is not None and run.loss != "cross_entropy":
            raise ValueError(
                f"outputs: got {self.outputs}, expected null: with further outputs the loss is cross_entropy"
            )


class Autoencoder(BatchNormalisation, HiddenLayers, Network):
    """A fully-connected network from pixels to the same pixels."""

    name = "autoencoder"
    label = "autoencoder"
    builder = "stages.networks.fully_connected:autoencoder"
    reconstructs = True
    permutable = True

    def check(self, run: "Run") -> None:
        """Refuse another loss, labels, augmentation, and a network without a bottleneck."""
        if run.loss != "squared_error":
            raise ValueError(f"loss: got {run.loss!r}, expected squared_error, an autoencoder's")
        if run.crop_padding or run.flip:
            raise ValueError("crop_padding: got augmentation, expected none: an autoencoder is not augmented")
        if run.label_corruption:
            raise ValueError(f"label_corruption: got {run.label_corruption}, expected 0: an autoencoder has no labels")
        if not self.hidden:
            raise ValueError("hidden: got [], expected at least one layer: an autoencoder has a bottleneck")
