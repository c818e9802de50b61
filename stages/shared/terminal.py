"""Encodings of a process: UTF-8 for the names of files, the terminal's own for output."""

import io
import os
import sys


def use_utf8() -> None:
    """Restart this process in Python's UTF-8 mode if the locale has another encoding.

    Names of files are UTF-8 in the parameters and on disk, but Python would encode them as the locale does. Output
    keeps the encoding of the locale, since that is the terminal's.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def escape_unprintable() -> None:
    """Escape characters that the encoding of the output lacks; Python would raise an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
