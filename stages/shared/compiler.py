"""The decision whether `torch.compile` fuses the updates of optimizers; results on a GPU depend on it."""

import os
from functools import lru_cache

import torch

from stages.shared.errors import UserError, say_once

VARIABLE = "MLI_FUSED_UPDATES"
"""Environment variable, 1 or 0. If it is unset, a trial sets it, so that worker processes decide as their parent."""


def fuses_updates() -> bool:
    """Return whether updates are fused on this machine's GPU: if `torch.compile` works and VARIABLE is not 0.

    Raises:
        UserError: If the variable is neither 0 nor 1.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("", "0", "1"):
        raise UserError(f"{VARIABLE}: got {chosen!r}, expected 0 or 1")
    if not chosen:
        chosen = os.environ[VARIABLE] = "1" if _compiler_works("cuda") else "0"
    return chosen == "1"


@lru_cache
def _compiler_works(kind: str) -> bool:
    """Return whether a small update can be compiled for a device type; if not, say so in one sentence."""
    try:
        configure()
        ones = torch.ones(2, 8, device=kind)
        torch.compile(_halve, dynamic=True)(ones, torch.ones(2, 1, device=kind))
        if not bool((ones == 0.5).all()):
            raise RuntimeError("it computes something else")
    except Exception as error:  # a missing compiler, an old card, a folder that cannot be written, and more
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        say_once(f"updates of optimizers run without torch.compile, which does not work here: {reason}")
        return False
    return True


def _halve(theta: torch.Tensor, one: torch.Tensor) -> None:
    theta.sub_(theta * one * 0.5)


def configure() -> None:
    """Let this process compile without helpers, and one function for as many argument layouts as there are."""
    import torch._dynamo  # takes seconds to import, which a process without a GPU need not spend
    import torch._inductor.config

    torch._dynamo.config.recompile_limit = 256
    torch._dynamo.config.accumulated_recompile_limit = 4096
    torch._inductor.config.compile_threads = 1
