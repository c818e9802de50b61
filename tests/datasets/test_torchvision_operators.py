import subprocess
import sys
from pathlib import Path

import pytest

from stages.datasets.torchvision_operators import DECLARED

PROJECT = Path(__file__).parents[2]


def python(code):
    """Run code in a fresh interpreter with warnings as errors, and return what it prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.split()


def test_torchvision_imports_without_warnings_whether_its_operators_load_or_not():
    out = python(
        "from stages.datasets.torchvision_operators import DECLARED, torchvision\n"
        "from torchvision.extension import _has_ops\n"
        "print(torchvision.datasets.MNIST.__name__, _has_ops(), *DECLARED)"
    )
    assert out in (["MNIST", "True"], ["MNIST", "False", "nms", "qnms"])


@pytest.mark.long
@pytest.mark.skipif(not DECLARED, reason="torchvision's own operators load here")
def test_an_operator_that_is_there_is_left_alone():
    # One operator stands in, with code, for those of an intact install.
    out = python(
        "import torch\n"
        "library = torch.library.Library('torchvision', 'DEF')\n"
        "library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "library.impl('nms', lambda dets, scores, iou_threshold: scores + 1, 'CPU')\n"
        "from stages.datasets.torchvision_operators import DECLARED, declare_missing\n"
        "print(torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5).item(), declare_missing(), *DECLARED)"
    )
    assert out == ["1.0", "[]", "qnms"]
