"""Which tokens are to be predicted, and what the network sees of them."""

import pytest
import torch
from scipy.stats import binomtest

from stages.networks.masking import MASK, SPECIAL_TOKENS, mask, predicted

VOCABULARY = 1000


def drawn(seed=0, blocks=400, size=40):
    source = torch.Generator().manual_seed(7)
    tokens = torch.randint(SPECIAL_TOKENS, VOCABULARY, (blocks, size), generator=source)
    tokens[:, ::9] = 2  # ends of lines
    x, target = mask(tokens, VOCABULARY, torch.Generator().manual_seed(seed))
    return tokens, x[:, :size], x[:, size:], target


def test_each_block_has_as_many_tokens_to_predict_at_increasing_places():
    tokens, seen, places, target = drawn()
    assert places.shape == target.shape == (400, 6)
    assert (places.diff(dim=1) > 0).all()
    assert torch.equal(tokens.gather(1, places), target)
    elsewhere = torch.ones_like(tokens, dtype=torch.bool).scatter(1, places, False)
    assert torch.equal(seen[elsewhere], tokens[elsewhere])


@pytest.mark.parametrize(("block", "count"), [(8, 1), (16, 2), (32, 5), (40, 6), (128, 19), (512, 77)])
def test_fifteen_in_a_hundred_are_to_be_predicted(block, count):
    assert predicted(block) == count
    assert abs(count - 0.15 * block) <= 0.5


def test_special_tokens_are_never_to_be_predicted_nor_shown_at_random():
    _, seen, places, target = drawn()
    assert (target >= SPECIAL_TOKENS).all()
    shown = seen.gather(1, places)
    assert ((shown == MASK) | (shown >= SPECIAL_TOKENS)).all()


def test_of_ten_eight_are_hidden_one_is_random_and_one_stays():
    _, seen, places, target = drawn()
    shown = seen.gather(1, places)
    hidden, same = shown == MASK, shown == target
    for what, share in ((hidden, 0.8), (same, 0.1), (~hidden & ~same, 0.1)):
        assert binomtest(int(what.sum()), what.numel(), share).pvalue > 1e-4


def test_every_other_place_is_as_likely():
    _, _, places, _ = drawn(blocks=4000)
    counts = torch.bincount(places.flatten(), minlength=40)
    assert not counts[::9].any()
    others = counts[counts > 0]
    assert len(others) == 35
    expected = 4000 * 6 / 35
    assert ((others - expected).abs() < 6 * expected**0.5).all()


def test_masks_are_those_of_their_source():
    first, again, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[2], other[2])
