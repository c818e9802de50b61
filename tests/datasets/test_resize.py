import numpy as np
from PIL import Image

from stages.datasets.resize import resize_images
from stages.datasets.splits import Splits


def splits(x: np.ndarray) -> Splits:
    labels = np.zeros(len(x), dtype=np.int64)
    return Splits(x, labels, x[:1], labels[:1], classes=2)


def test_images_are_resized_as_by_pillow():
    x = np.random.default_rng(0).random((3, 2, 8, 8), dtype=np.float32)
    for size in (5, 8, 13):
        found = resize_images(splits(x), size)
        assert found.train_x.shape == (3, 2, size, size)
        assert found.test_x.shape == (1, 2, size, size)
        for image, ours in zip(x.reshape(-1, 8, 8), found.train_x.reshape(-1, size, size), strict=True):
            pillows = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
            np.testing.assert_allclose(ours, pillows, atol=1e-5)


def test_normalisation_and_resizing_may_be_exchanged():
    x = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)
    first = resize_images(splits((x - 0.3) / 0.4), 11).train_x
    np.testing.assert_allclose(first, (resize_images(splits(x), 11).train_x - 0.3) / 0.4, atol=1e-5)
