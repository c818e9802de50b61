"""Language models."""

from typing import TYPE_CHECKING

from stages.config.network import Network
from stages.config.network_fields import Attention, Depth

if TYPE_CHECKING:
    from stages.config.run import Run


class Roberta(Attention, Depth, Network):
    """Hugging Face's RoBERTa as a masked language model."""

    name = "roberta"
    label = "RoBERTa"
    builder = "stages.networks.language_model:roberta"
    of_text = True
    stackable = False  # its products are large, and dropout draws from one source of random numbers
    capture_obstacle = "network roberta has its tokens masked on the CPU at each step"
    has_blocks = True

    def check(self, run: "Run") -> None:
        """Refuse another loss, augmentation, corrupted labels, and heads that do not divide the hidden size."""
        if run.loss != "cross_entropy":
            raise ValueError(f"loss: got {run.loss!r}, expected cross_entropy: a language model predicts tokens")
        if run.crop_padding or run.flip or run.label_corruption:
            raise ValueError("crop_padding: got augmentation or corrupted labels, expected none: a text has no images")
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size: got {self.hidden_size}, expected a multiple of heads, {self.heads}")
