"""Training steps as CUDA graphs: one call launches a whole step, with bitwise equal results.

A step of a narrow network is hundreds of small kernels, which take longer to launch one by one than to compute.
"""

import gc
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from stages.config import Run
from stages.config.run import OPTIMIZERS
from stages.shared.errors import say_once

WARM_UP_STEPS = 3
"""Number of steps before one is captured, in which libraries choose kernels and reserve memory."""


class Recorder(Protocol):
    """Captures the operations of a function on tensors whose memory stays in place."""

    def warm_up(self, function: Callable[[], None]) -> None:
        """Call the function once as preparation for `record`."""

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        """Capture the function without running it, and return a function that runs what was captured."""


class CudaRecorder:
    """Captures kernels as PyTorch's documentation of CUDA graphs recommends."""

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
        """Capture the kernels of the function without running them, and return a function that launches them."""
        gc.collect()  # frees the graphs of finished stacks
        stream, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                function()
        finally:
            torch.cuda.set_stream(stream)  # a failed capture leaves PyTorch's own stream
        return graph.replay


class CapturedStep:
    """A step that is captured after `WARM_UP_STEPS` calls, which run it without a graph.

    Arguments are copied into buffers, from which the captured step reads them.
    """

    def __init__(self, step: Callable[..., None], example: Sequence[Tensor], recorder: Recorder) -> None:
        """Create the buffers.

        Args:
            step: A function that changes tensors in place and neither waits for the GPU nor draws random numbers.
            example: Arguments with the shapes and types of all later ones.
            recorder: Captures the step.
        """
        self.step, self.recorder = step, recorder
        self.buffers = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in example]
        self.calls = 0
        self.replay: Callable[[], None] | None = None

    def __call__(self, *arguments: Tensor) -> None:
        """Take the step; if it cannot be captured, print one line about it and take it without a graph."""
        for buffer, argument in zip(self.buffers, arguments, strict=True):
            buffer.copy_(argument)
        self.calls += 1
        if self.calls <= WARM_UP_STEPS:
            self.recorder.warm_up(self._on_buffers)
            return
        if self.replay is None:
            try:
                self.replay = self.recorder.record(self._on_buffers)
            except Exception as error:  # many operations cannot be captured, each with its own error
                reason = (str(error) or type(error).__name__).splitlines()[0]
                say_once(f"steps run without CUDA graphs: a step could not be captured ({reason})")
                self.replay = self._on_buffers
        self.replay()

    def _on_buffers(self) -> None:
        """Take the step with the arguments in the buffers."""
        self.step(*self.buffers)


def choose_recorder(runs: Sequence[Run], device: torch.device) -> Recorder | None:
    """Choose how the steps of a stack are captured.

    Args:
        runs: The runs of the stack.
        device: Device on which they are trained.

    Returns:
        The recorder; None on a CPU, and for steps that cannot be captured, about which one line is printed.
    """
    if device.type != "cuda":
        return None
    reason = find_capture_obstacle(runs)
    if reason is None:
        return CudaRecorder()
    say_once(f"steps run without CUDA graphs: {reason}")
    return None


def find_capture_obstacle(runs: Sequence[Run]) -> str | None:
    """Return why the steps of a stack cannot be captured, as a clause; None if they can."""
    if reason := runs[0].architecture.capture_obstacle:
        return reason
    if runs[0].dropout:
        return "dropout sets the seed of the GPU's random numbers at each step"
    reasons = (OPTIMIZERS[name].capture_obstacle for run in runs for name in run.optimizers)
    return next(filter(None, reasons), None)
