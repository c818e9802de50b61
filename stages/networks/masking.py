"""Masking of the tokens that a language model predicts in each block (Devlin et al. 2019; Liu et al. 2019)."""

from math import ceil

import torch
from torch import Tensor

PROPORTION = 0.15
"""Proportion of the tokens of a block that are predicted, rounded to a whole number of tokens."""
MASKED, RANDOM = 0.8, 0.1
"""Proportions of the predicted tokens that are replaced by `<mask>` and by a random token; the rest is unchanged."""
SPECIAL_TOKENS = 5
"""Number of special tokens, which have the first numbers and are never predicted."""
MASK = 4
"""Number of `<mask>`."""


def predicted(block: int) -> int:
    """Return the number of tokens of a block that are predicted."""
    return ceil(PROPORTION * block - 0.5)


# Shape letters: N = blocks, B = tokens of a block, K = tokens to be predicted in each.
def mask(blocks_NB: Tensor, vocabulary: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose the tokens to predict at random, and mask them.

    Each block has the same number of them, so that the mean over blocks of a block's mean loss is the mean over all
    predicted tokens.

    Args:
        blocks_NB: Tokens, shape (N, B).
        vocabulary: Number of tokens of the vocabulary.
        source: Random numbers for all choices, on the CPU.

    Returns:
        Examples as the network takes them, shape (N, B + K): the tokens that it sees, then the places to predict, in
        increasing order; and the original tokens at these places, shape (N, K).
    """
    chances = torch.rand(blocks_NB.shape, generator=source)
    count = predicted(blocks_NB.shape[1])
    fate = torch.rand((len(blocks_NB), count), generator=source)
    others = torch.randint(SPECIAL_TOKENS, vocabulary, fate.shape, generator=source)
    chances, fate, others = (drawn.to(blocks_NB.device) for drawn in (chances, fate, others))
    chances = chances.masked_fill(blocks_NB < SPECIAL_TOKENS, -1.0)
    places = chances.topk(count).indices.sort().values
    target = blocks_NB.gather(1, places)
    shown = torch.where(fate < MASKED, MASK, torch.where(fate < MASKED + RANDOM, others, target))
    return torch.cat([blocks_NB.scatter(1, places, shown), places], 1), target
