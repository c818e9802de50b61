"""RoBERTa as a masked language model: Hugging Face's network, initialised at random from a configuration."""

# This comes before `transformers`, which imports torchvision where it is installed.
from stages.datasets import torchvision_operators  # noqa: F401, I001
import torch
from torch import Tensor, nn
from transformers.models.roberta.configuration_roberta import RobertaConfig
from transformers.models.roberta.modeling_roberta import RobertaForMaskedLM

from stages.networks.architectures.language_model import Roberta
from stages.networks.masking import predicted

WIDER = 4  # units of a feed-forward layer, as a multiple of the hidden size, as in Liu et al. (2019)
DEVIATION, BASE = 0.02, 768
"""Standard deviation of initial weights at RoBERTa's hidden size; otherwise scaled to keep the output's size."""
FIRST_PLACE = 2  # RoBERTa's first position


class MaskedLanguageModel(nn.Module):
    """Maps blocks of tokens, with places to predict, to the logits of all tokens at those places.

    The last layer, whose outputs are as many as the vocabulary, is computed at those places only. It shares its weights
    with the embedding; they count once.
    """

    def __init__(self, vocabulary: int, block: int, layers: int, hidden_size: int, heads: int, dropout: float) -> None:
        """Build the network, in evaluation mode: without dropout.

        Args:
            vocabulary: Number of tokens of the vocabulary.
            block: Number of tokens of an example.
            layers: Number of transformer blocks.
            hidden_size: Size of a token's representation.
            heads: Number of attention heads.
            dropout: Dropout probability in training mode.
        """
        super().__init__()
        self.block = block
        settings = RobertaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden_size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=WIDER * hidden_size,
            max_position_embeddings=block + FIRST_PLACE,
            type_vocab_size=1,
            initializer_range=DEVIATION * (BASE / hidden_size) ** 0.5,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            attn_implementation="eager",
        )
        self.model = RobertaForMaskedLM(settings)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (N, K, vocabulary), for examples from `masking.mask`, shape (N, block + K)."""
        tokens, places = x[:, : self.block], x[:, self.block :]
        states = self.model.roberta(tokens).last_hidden_state
        chosen = states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))
        return self.model.lm_head(chosen)

    def example(self) -> Tensor:
        """Return an example of the right shape, (1, block + K)."""
        return torch.full((1, self.block + predicted(self.block)), FIRST_PLACE + 1)


def roberta(parameters: Roberta, shape: tuple[int, ...], vocabulary: int) -> MaskedLanguageModel:
    """Return a language model for blocks of shape (tokens,)."""
    sizes = parameters.layers, parameters.hidden_size, parameters.heads
    return MaskedLanguageModel(vocabulary, *shape, *sizes, parameters.dropout)
