"""Square roots to the last bit."""

from decimal import Context, Decimal, localcontext

import pytest
import torch

from stages.training.square_root import square_root


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_roots_are_rounded_correctly(dtype):
    """Against the root in forty digits: the nearest number of x's own kind."""
    x = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=dtype) * 10
    with localcontext(Context(prec=40)):
        exact = [float(Decimal(number).sqrt()) for number in x.tolist()]
    assert torch.equal(square_root(x), torch.tensor(exact, dtype=torch.float64).to(dtype))


def test_places_kept_and_special_numbers():
    x = torch.tensor([[0.0, 4.0, -1.0], [float("inf"), float("nan"), 9.0]]).mT
    found = square_root(x)
    torch.testing.assert_close(
        found, torch.tensor([[0.0, float("inf")], [2.0, float("nan")], [float("nan"), 3.0]]), equal_nan=True
    )
    same = torch.tensor(16.0)
    assert square_root(same, out=same) is same
    assert same == 4
