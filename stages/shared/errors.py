"""Errors that a user can mend: one sentence that names the file or key and the remedy."""

import sys
from functools import lru_cache


class UserError(Exception):
    """A fault of the input or the machine, not of the code; the text is all that the user is told."""


class DamagedError(UserError):
    """A file does not hold what was written to it."""


@lru_cache
def say_once(sentence: str) -> None:
    """Print a sentence to stderr the first time that this process says it."""
    print(sentence, file=sys.stderr, flush=True)
