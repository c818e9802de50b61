"""What a masked language model is to predict: some tokens of each block (Devlin et al. 2019; Liu et al. 2019)."""

from math import ceil

import torch
from torch import Tensor

PROPORTION = 0.15
"""Of the tokens of a block that are to be predicted, rounded to a whole number in each."""
MASKED, RANDOM = 0.8, 0.1
"""Of those, the proportions that the network sees as `<mask>` and as a random token; the rest it sees as they are."""
SPECIAL_TOKENS = 5
"""The first so many numbers are special tokens, which are never to be predicted."""
MASK = 4
"""Number of `<mask>`."""


def predicted(block: int) -> int:
    """Return how many tokens of a block are to be predicted."""
    return ceil(PROPORTION * block - 0.5)


# Shape letters: N = blocks, B = tokens of a block, K = tokens to be predicted in each.
def mask(blocks_NB: Tensor, vocabulary: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose at random what is to be predicted.

    As many tokens of each block, so that the mean over blocks of each block's mean loss is the mean over all tokens
    that are to be predicted.

    Args:
        blocks_NB: Tokens, shape (N, B).
        vocabulary: Number of tokens that there are.
        source: Of all choices, on the CPU.

    Returns:
        Examples as the network takes them, shape (N, B + K): the tokens that it sees, then the places at which it is to
        predict, in increasing order; and what stood there, shape (N, K).
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
