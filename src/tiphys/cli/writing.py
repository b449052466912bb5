"""Writing to standard output."""

from __future__ import annotations

import os
import sys


def write(text: str) -> None:
    """Write to standard output; a reader that went away is not an error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
