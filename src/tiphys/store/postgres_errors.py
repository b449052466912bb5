"""What goes wrong with Postgres, in the words of `tiphys.errors`. No password is in any text."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from tiphys.errors import Permanent, TiphysError, Transient

_PASSING: Final = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.CannotConnectNowError,  # it is starting
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that becomes the primary
    asyncpg.InterfaceError,  # the connection is closed
    OSError,  # with TimeoutError
)
"""What may go well later."""
FOREIGN: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)
"""All that asyncpg raises when it is used rightly."""
_HINTS: Final = {
    asyncpg.InvalidCatalogNameError: "make it first: CREATE DATABASE",
    asyncpg.InvalidPasswordError: "the password is taken from the address, PGPASSWORD or ~/.pgpass",
    asyncpg.InsufficientPrivilegeError: (
        "tiphys makes the schema `tiphys` and Argo's archive tables; its role must be allowed to "
        "create them"
    ),
    asyncpg.DiskFullError: "is there space on the server's disk?",
}


def is_passing(error: BaseException) -> bool:
    """Tell whether the same may go well later."""
    is_ours = isinstance(error, ValueError)  # a value that the driver does not take
    return isinstance(error, _PASSING) and not is_ours


def refusal(error: Exception, name: str, verb: str) -> TiphysError:
    """Return what somebody is told: the database `name` cannot be opened, read or written."""
    if isinstance(error, TiphysError):
        return error
    reason = str(error).strip() or type(error).__name__
    text = f"the database {name} cannot be {verb}: {reason}"
    hints = [hint for kind, hint in _HINTS.items() if isinstance(error, kind)]
    text = "; ".join([text, *hints])
    return Transient(text) if is_passing(error) else Permanent(text)
