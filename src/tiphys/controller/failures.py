"""What failed inside of a group of tasks, for logs."""

from __future__ import annotations


def reason_of(error: BaseException) -> BaseException:
    """Return the first single exception of what may be a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
