import pytest
import torch

from stages.config import BatchNormStatistics
from stages.networks.evaluation import batches, combine


@pytest.mark.parametrize(
    ("count", "size", "least", "sizes"),
    [
        (10, 4, 1, [4, 4, 2]),
        (9, 4, 1, [4, 4, 1]),
        (9, 4, 2, [4, 5]),  # one example alone has no variance
        (8, 4, 2, [4, 4]),
        (1, 4, 2, [1]),
        (3, 5, 1, [3]),
    ],
)
def test_batches_cover_every_example_once(count, size, least, sizes):
    found = list(batches(count, size, least))
    assert [part.stop - part.start for part in found] == sizes
    assert [index for part in found for index in range(part.start, part.stop)] == list(range(count))


def settings(estimate: str) -> BatchNormStatistics:
    return BatchNormStatistics(estimate=estimate, batch_size=2, momentum=0.25, examples=None)


def observed():
    for rows, mean, variance in ((4, 1.0, 2.0), (4, 3.0, 4.0), (2, 10.0, 7.0)):
        yield rows, {"l.mean": torch.tensor([mean]), "l.variance": torch.tensor([variance])}


def test_cumulative_statistics_are_the_mean_over_examples():
    found = combine(observed(), settings("cumulative"))
    assert float(found["l.mean"]) == pytest.approx((4 * 1 + 4 * 3 + 2 * 10) / 10)
    assert float(found["l.variance"]) == pytest.approx((4 * 2 + 4 * 4 + 2 * 7) / 10)


def test_moving_statistics_are_torchs():
    layer = torch.nn.BatchNorm1d(1, momentum=0.25)
    mean, variance = layer.running_mean.clone(), layer.running_var.clone()
    for _, batch in observed():
        mean = 0.75 * mean + 0.25 * batch["l.mean"]
        variance = 0.75 * variance + 0.25 * batch["l.variance"]
    found = combine(observed(), settings("momentum"))
    assert torch.allclose(found["l.mean"], mean)
    assert torch.allclose(found["l.variance"], variance)
