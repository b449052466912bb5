"""obstore's exceptions in the terms of this project.

obstore tells an HTTP status only in its text, so that is read here, and nowhere else.
Source: reference/executor.md 10.1 (which codes are transient).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore import exceptions

from tiphys.errors import NotFound, Permanent, TiphysError, Transient

_STATUS: Final = re.compile(r"status code: ((\d{3})[ \w]*)")
_CODE: Final = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]*)</Message>")
_JSON_MESSAGE: Final = re.compile(r'"message": ?"([^"]+)"')
_TRANSIENT_CODES: Final = frozenset(
    {
        *("RequestError", "RequestTimeout", "Throttling", "ThrottlingException", "SlowDown"),
        *("RequestLimitExceeded", "RequestThrottled", "InternalError", "ServiceUnavailable"),
        *("ServerBusy", "OperationTimedOut"),
    }
)
_TRANSIENT_STATUS: Final = frozenset({408, 429})
_NO_BUCKET: Final = (
    "NoSuchBucket",
    "ContainerNotFound",
    "specified bucket does not exist",
    "specified container does not exist",
)
_CAUSES: Final = (
    ("ConnectionRefused", ": connection refused"),
    ("InvalidContentType", ": the server does not speak TLS; `insecure: true` is for plain HTTP"),
    ("UnknownIssuer", ": nobody known has signed the server's certificate; see `caSecret`"),
    ("NotValidForName", ": the server's certificate is for another name"),
    ("dns error", ": there is no such host"),
)
"""What stands in the part for developers alone, and how it is said: the reason of a failure."""
_REFUSED: Final = (
    *(exceptions.PermissionDeniedError, exceptions.UnauthenticatedError),
    *(exceptions.NotSupportedError, exceptions.InvalidPathError, exceptions.PreconditionError),
    *(exceptions.UnknownConfigurationKeyError, exceptions.AlreadyExistsError, ValueError),
)


class NoBucket(Permanent):
    """The bucket or container does not exist."""


@contextmanager
def translated(kind: str, place: object) -> Iterator[None]:
    """Turn obstore's exceptions into NotFound, NoBucket, Permanent or Transient."""
    try:
        yield
    except TiphysError:
        raise
    except (FileNotFoundError, exceptions.NotFoundError) as exc:
        raise _absent(f"{kind} {place}: {_short(str(exc))}", str(exc)) from exc
    except _REFUSED as exc:
        raise Permanent(f"{kind} {place}: {_short(str(exc))}") from exc
    except (exceptions.BaseError, TimeoutError, ConnectionError) as exc:
        raise _failed(f"{kind} {place}: {_short(str(exc))}", str(exc)) from exc


def _absent(text: str, told: str) -> TiphysError:
    return NoBucket(text) if any(mark in told for mark in _NO_BUCKET) else NotFound(text)


def _failed(text: str, told: str) -> TiphysError:
    """Return what a general failure is; without a status the connection failed."""
    if any(mark in told for mark in _NO_BUCKET):
        return NoBucket(text)
    status, code = _STATUS.search(told), _CODE.search(told)
    number = int(status[2]) if status else 0
    if code is not None and code[1] in _TRANSIENT_CODES:
        return Transient(text)
    if number == 0 or number >= 500 or number in _TRANSIENT_STATUS:
        return Transient(text)
    return Permanent(text)


def _short(told: str) -> str:
    """Return the store's own words, or obstore's first line without what is for its developers."""
    code, message = _CODE.search(told), _MESSAGE.search(told)
    if code is not None:
        return f"{code[1]}: {message[1].strip()}" if message is not None else code[1]
    if (status := _STATUS.search(told)) is not None:
        reason = _JSON_MESSAGE.search(told)
        return f"{status[1].strip()}: {reason[1]}" if reason is not None else status[1].strip()
    plain, _, debug = told.partition("\n\nDebug source")
    cause = next((text for mark, text in _CAUSES if mark in debug), "")
    return " ".join(plain.split())[:400] + cause
