"""What a user is told when something is wrong: one sentence that names the file or key and the remedy."""

import sys
from functools import lru_cache


class UserError(Exception):
    """A fault of the input or the machine, not of the code; its text is the whole message."""


class DamagedError(UserError):
    """A file is not what was written."""


@lru_cache
def say_once(sentence: str) -> None:
    """Print a sentence to stderr the first time that this process says it."""
    print(sentence, file=sys.stderr, flush=True)
