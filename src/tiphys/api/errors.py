"""Error classes to HTTP status, Argo's numeric code and body: one table.

Differs: what is wrong with a request is 400 here, also where Argo answers 500 (lint, set, stop).
Source: reference/rest-api.md 3.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from tiphys.errors import (
    Conflict,
    Ended,
    EngineBug,
    Finding,
    Forbidden,
    Impossible,
    InvalidDocument,
    NotFound,
    Permanent,
    StoreError,
    TiphysError,
    TooMuch,
    Transient,
    Unauthenticated,
    Unsupported,
    UserError,
)
from tiphys.model.base import Json, JsonObject

_log = logging.getLogger(__name__)
_DEADLINE: Final = (504, 4)
TABLE: Final[tuple[tuple[type[BaseException], int, int], ...]] = (
    (Unauthenticated, 401, 16),
    (Forbidden, 403, 7),
    (NotFound, 404, 5),
    (Ended, 400, 3),
    (Conflict, 409, 6),
    (TooMuch, 429, 8),
    (UserError, 400, 3),
    (Transient, 503, 14),
    (Permanent, 502, 13),
    (Impossible, 500, 13),
    (StoreError, 500, 13),
    (EngineBug, 500, 13),
    (TimeoutError, *_DEADLINE),
)
"""Class, HTTP status, code; the first row that fits counts."""
NOT_IMPLEMENTED: Final = (501, 12, "Not Implemented")


def status_of(error: BaseException) -> tuple[int, int]:
    """Return the HTTP status and the numeric code of an error."""
    for kind, status, code in TABLE:
        if isinstance(error, kind):
            return status, code
    return 500, 13


def message_of(error: BaseException) -> str:
    """Return what is said of an error; of a defect only its name, its text may tell secrets."""
    if isinstance(error, InvalidDocument | Unsupported):
        return "\n".join(item.reason for item in error.findings)
    if isinstance(error, TimeoutError):
        return "the request took too long"
    if isinstance(error, TiphysError):
        return str(error)
    return f"defect of the server: {type(error).__name__}"


def body_of(error: BaseException) -> JsonObject:
    """Return the body of an error; `details` say where and how to mend it, if that is known."""
    _, code = status_of(error)
    body: JsonObject = {"code": code, "message": message_of(error)}
    if isinstance(error, InvalidDocument | Unsupported):
        details: list[Json] = [_detail(item) for item in error.findings if item.path or item.hint]
        if details:
            body["details"] = details
    return body


def stream_body_of(error: BaseException) -> JsonObject:
    """Return the frame that tells of an error in a stream."""
    status, code = status_of(error)
    return {
        "error": {
            "grpc_code": code,
            "http_code": status,
            "message": message_of(error),
            "http_status": HTTPStatus(status).phrase,
        }
    }


def note(error: BaseException, what: str) -> None:
    """Log an error that needs a person; those of users are in the access log."""
    status, _ = status_of(error)
    ours = not isinstance(error, TimeoutError | Impossible)
    if isinstance(error, Transient):
        _log.warning("%s failed: %s", what, error)
    elif isinstance(error, Permanent):  # something outside: where we were says nothing of it
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        _log.error("%s failed: %s%s", what, error, cause)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR and ours:
        _log.error("%s failed", what, exc_info=error)


def _detail(item: Finding) -> JsonObject:
    every = {"reason": item.reason, "path": item.path, "hint": item.hint}
    return {key: text for key, text in every.items() if text}
