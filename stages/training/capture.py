"""Training steps as CUDA graphs: a step is launched by one call, with the bits that it has otherwise.

A step of a narrow network is hundreds of small kernels, and a processor launches them more slowly than a GPU computes
them.
"""

import gc
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from stages.config import Run
from stages.config.run import OF_TEXT
from stages.shared.errors import say_once

WARM_UP_STEPS = 3
"""Steps that are taken before one is captured, in which libraries choose kernels and reserve memory."""


class Recorder(Protocol):
    """Captures what a function does with tensors that stay where they are."""

    def warm_up(self, function: Callable[[], None]) -> None:
        """Call the function once as preparation for `record`."""

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        """Capture the function without effect, and return what repeats it."""


class CudaRecorder:
    """Captures kernels as PyTorch's documentation of CUDA graphs prescribes."""

    def __init__(self) -> None:
        """Create the side stream of the warm-up."""
        self.side = torch.cuda.Stream()

    def warm_up(self, function: Callable[[], None]) -> None:
        """Call the function once, on a side stream."""
        self.side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.side):
            function()
        torch.cuda.current_stream().wait_stream(self.side)

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        """Capture the kernels of the function, of which none is run, and return what launches all of them."""
        gc.collect()  # frees the graphs of stacks that are done
        stream, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                function()
        finally:
            torch.cuda.set_stream(stream)  # after a failure PyTorch leaves its own
        return graph.replay


class CapturedStep:
    """A step that is captured after `WARM_UP_STEPS` calls; these take the step as well, without a graph.

    Its arguments are copied into buffers, which is where a captured step finds them.
    """

    def __init__(self, step: Callable[..., None], example: Sequence[Tensor], recorder: Recorder) -> None:
        """Create the buffers.

        Args:
            step: The step: it changes tensors in place and neither waits for the GPU nor draws random numbers.
            example: Arguments of the shapes and types of all later ones.
            recorder: Captures it.
        """
        self.step, self.recorder = step, recorder
        self.buffers = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in example]
        self.calls = 0
        self.replay: Callable[[], None] | None = None

    def __call__(self, *arguments: Tensor) -> None:
        """Take the step. If it cannot be captured, one sentence says so and it is taken without a graph."""
        for buffer, argument in zip(self.buffers, arguments, strict=True):
            buffer.copy_(argument)
        self.calls += 1
        if self.calls <= WARM_UP_STEPS:
            self.recorder.warm_up(self._on_buffers)
            return
        if self.replay is None:
            try:
                self.replay = self.recorder.record(self._on_buffers)
            except Exception as error:  # whatever a capture may not contain
                reason = (str(error) or type(error).__name__).splitlines()[0]
                say_once(f"steps run without CUDA graphs: a step could not be captured ({reason})")
                self.replay = self._on_buffers
        self.replay()

    def _on_buffers(self) -> None:
        self.step(*self.buffers)


def recorder_for(runs: Sequence[Run], device: torch.device) -> Recorder | None:
    """Return what captures the steps of a stack; None on a CPU and where one sentence says that they are not captured.

    Args:
        runs: The runs of the stack.
        device: Where they are trained.
    """
    if device.type != "cuda":
        return None
    reason = obstacle(runs)
    if reason is None:
        return CudaRecorder()
    say_once(f"steps run without CUDA graphs: {reason}")
    return None


def obstacle(runs: Sequence[Run]) -> str | None:
    """Return why the steps of a stack cannot be captured, as a clause; None if they can."""
    if runs[0].network == "custom":
        return "a network of your own may wait for the GPU or draw random numbers"
    if runs[0].network in OF_TEXT:
        return f"network {runs[0].network} has its tokens masked on the CPU at each step"
    if runs[0].dropout:
        return "dropout sets the seed of the GPU's random numbers at each step"
    if any("kfac" in run.optimizers for run in runs):
        return "kfac decides on the CPU when to estimate and to invert the curvature"
    return None
