"""Requests to a server, and its answers: JSON, streams of JSON, errors.

Source: reference/rest-api.md 2, 3, 7.1.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import BinaryIO, TypeAlias
from urllib.parse import quote, urlencode

from tiphys.client.settings import Place
from tiphys.errors import (
    Conflict,
    Forbidden,
    Impossible,
    NotFound,
    Permanent,
    TiphysError,
    TooMuch,
    Transient,
    Unauthenticated,
    UserError,
)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = dict[str, Json]
Query: TypeAlias = Mapping[str, object]
_log = logging.getLogger(__name__)
_SECONDS = 75.0
_MOST_SAID = 300
_PIECE_BYTES = 1 << 20
_KINDS: dict[int, type[TiphysError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooMuch,
    501: Impossible,
    503: Transient,
}


class Client:
    """Asks one server. A connection serves one request: servers let go of idle ones unsaid."""

    def __init__(self, place: Place) -> None:
        """Prepare; nothing is asked yet."""
        self.place = place

    def ask(
        self, method: str, path: str, query: Query | None = None, body: JsonObject | None = None
    ) -> JsonObject:
        """Return what the server answers. Raises TiphysError.

        `path` follows `/api/v1/`; its parts are quoted already. Empty values of `query` are left
        out.
        """
        connection = self._connect(_SECONDS)
        try:
            return self._object(self._send(connection, method, path, query, body).read())
        except (OSError, HTTPException) as exc:
            raise self._lost(exc) from exc
        finally:
            connection.close()

    def stream(self, path: str, query: Query | None = None) -> Iterator[JsonObject]:
        """Yield the `result` of each frame until the server ends the stream. Raises TiphysError."""
        connection = self._connect(None)
        try:
            for line in self._send(connection, "GET", path, query, None):
                if line.strip() and not line.startswith(b":"):
                    yield self._frame(line)
        except (OSError, HTTPException) as exc:
            raise self._lost(exc) from exc
        finally:
            connection.close()

    def download(self, path: str, sink: BinaryIO) -> None:
        """Write what lies at a path of the server to a file. Raises TiphysError.

        `path` begins with a slash and is not below `/api/v1/`; its parts are quoted already.
        """
        connection = self._connect(_SECONDS)
        try:
            answer = self._send(connection, "GET", path, None, None)
            while piece := answer.read(_PIECE_BYTES):
                sink.write(piece)
            if answer.length:
                raise self._lost(HTTPException(f"{answer.length} bytes are missing"))
        except (ConnectionError, TimeoutError, HTTPException) as exc:
            raise self._lost(exc) from exc
        finally:
            connection.close()

    def _connect(self, seconds: float | None) -> HTTPConnection:
        place = self.place
        if not place.secure:
            return HTTPConnection(place.host, place.port, timeout=seconds)
        import ssl
        from http.client import HTTPSConnection

        try:
            trust = ssl.create_default_context(cafile=place.authority or None)
        except (OSError, ssl.SSLError) as exc:
            raise UserError(f"--certificate-authority {place.authority}: {exc}") from exc
        if not place.verify:
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
        if place.certificate:
            try:
                trust.load_cert_chain(place.certificate, place.key)
            except (OSError, ssl.SSLError) as exc:
                raise UserError(f"--client-certificate {place.certificate}: {exc}") from exc
        return HTTPSConnection(place.host, place.port, timeout=seconds, context=trust)

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        query: Query | None,
        body: JsonObject | None,
    ) -> HTTPResponse:
        """Send a request and return the answer to be read. Raises TiphysError if it is an error."""
        words = urlencode({name: _word(value) for name, value in (query or {}).items() if value})
        whole = path if path.startswith("/") else f"/api/v1/{path}"
        target = f"{self.place.base}{whole}{'?' if words else ''}{words}"
        headers = dict(self.place.headers)
        if self.place.token:
            headers["Authorization"] = self.place.token
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        connection.request(method, target, data, headers)
        if connection.sock is not None:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        answer = connection.getresponse()
        _log.debug("%s %s%s: %s", method, self.place.address, whole, answer.status)
        if answer.status != 200:
            raise _error(answer.status, answer.read(), self.place.address)
        return answer

    def _frame(self, line: bytes) -> JsonObject:
        """Return the result in one frame of a stream. Raises the error that it may tell of."""
        frame = self._object(line)
        error, result = frame.get("error"), frame.get("result")
        if isinstance(error, dict):
            status = error.get("http_code")
            said = json.dumps(error).encode()
            raise _error(status if isinstance(status, int) else 500, said, self.place.address)
        return result if isinstance(result, dict) else {}

    def _object(self, content: bytes) -> JsonObject:
        try:
            found = json.loads(content)
        except ValueError as exc:
            raise Permanent(
                f"{self.place.address} does not answer with JSON; is it Argo's?"
            ) from exc
        return found if isinstance(found, dict) else {}

    def _lost(self, error: Exception) -> TiphysError:
        """Return what is said of a server that does not answer."""
        place = self.place
        said = str(error) or type(error).__name__
        hint = "is it running there? ARGO_SERVER or --argo-server says where"
        if "CERTIFICATE_VERIFY" in said:
            hint = (
                "--certificate-authority names the file of who signed it (of a server of Tiphys"
                " the file server/tls.crt in its home), -k does not check"
            )
        elif "WRONG_VERSION" in said or "RECORD_LAYER" in said:
            hint = "it may serve without TLS: ARGO_SECURE=false"
        elif not place.secure and isinstance(error, HTTPException | ConnectionResetError):
            hint = "it may serve with TLS: leave out ARGO_SECURE=false"
        return Transient(f"the server {place.address} cannot be reached: {said}; {hint}")


def part(text: str) -> str:
    """Return a name as a part of a path."""
    return quote(text, safe="@")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _message(found: Json) -> str:
    """Return what an answer says is wrong: a stream that never began has it one level deeper."""
    inner = found.get("error") if isinstance(found, dict) else None
    said = (inner if isinstance(inner, dict) else found) if isinstance(found, dict) else None
    message = said.get("message") if isinstance(said, dict) else None
    return message if isinstance(message, str) else ""


def _error(status: int, body: bytes, address: str) -> TiphysError:
    """Return what an answer that is no success means."""
    text = body.decode("utf-8", "replace").strip()[:_MOST_SAID]
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    text = _message(found) or text
    text = text or f"{address} answers with status {status}"
    kind = _KINDS.get(status) or (UserError if status < 500 else Permanent)
    if kind is Unauthenticated:
        text = f"{text}; ARGO_TOKEN is to hold a token (`tiphys auth token`)"
    return kind(text)
