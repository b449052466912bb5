"""One HTTP request and its answer, under address rules; the only user of aiohttp among runtimes.

A connection serves one request, so nothing is left open. Errors have Go's short words where Go has
some, since that is what users of Argo match on. aiohttp is imported by the first request.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tiphys.errors import Permanent, Transient, WorldError
from tiphys.runtime.addresses import AddressRules, RefusedAddress

if TYPE_CHECKING:
    import aiohttp
    import yarl

RESPONSE_BYTES: Final = 4 << 20
PRIVATE: Final = frozenset({"authorization", "cookie", "www-authenticate", "proxy-authorization"})
"""Headers, in lower case, that no other host than the one they were meant for gets."""
_REDIRECTS: Final = 10
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_AUTO: Final = ("Content-Type", "User-Agent", "Accept")
_URL_SAFE: Final = ":/?#[]@!$&'()*+,;=%-._~"
_LINE_BYTES: Final = 1 << 16
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's codes for certificates that nobody known has signed."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What requests may do: where they may go, whether they follow, how much they may bring."""

    rules: AddressRules = field(default_factory=AddressRules)
    follow_redirects: bool = False
    response_bytes: int = RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `seconds` limits it as a whole, None does not. `verify` is of certificates."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    private: frozenset[str] = PRIVATE
    seconds: float | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names are as Go writes them (`Content-Type`)."""

    status: int
    reason: str
    headers: Mapping[str, Sequence[str]]
    body: bytes


async def exchange(request: Request, options: HttpOptions) -> Response:
    """Return the answer to a request.

    Raises Transient if nobody answered yet, RefusedAddress if the rules forbid it, Permanent for
    everything else, all with Go's `Get "URL": ` before the reason.
    """
    try:
        async with asyncio.timeout(request.seconds):
            return await _follow(request, options)
    except TimeoutError:
        raise Permanent(f"{_place(request)}: context deadline exceeded") from None
    except RefusedAddress as exc:
        raise RefusedAddress(f"{_place(request)}: {exc}") from exc
    except WorldError as exc:
        raise type(exc)(f"{_place(request)}: {exc}") from exc


def _place(request: Request) -> str:
    """Return how Go's errors begin. Source: Go net/url, Error; net/http, urlErrorOp."""
    from tiphys.expr.gotext import quote as go_quote

    return f"{request.method[:1].upper()}{request.method[1:].lower()} {go_quote(request.url)}"


async def _follow(request: Request, options: HttpOptions) -> Response:
    """Return the answer, after redirects if they are followed."""
    import aiohttp

    guard = _Guard(options.rules)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            socket_factory=guard.socket, force_close=True, use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        skip_auto_headers=_AUTO,
        max_line_size=_LINE_BYTES,
        max_field_size=_LINE_BYTES,
    ) as session:
        for _ in range(_REDIRECTS):
            url = _parsed(request.url)
            options.rules.check_host(url.host or "")
            try:
                response = await _send(session, request, url, options.response_bytes)
            except aiohttp.ClientError as exc:
                raise guard.refusal or _translated(exc) from exc
            place = response.headers.get("Location", [""])[0]
            if not options.follow_redirects or response.status not in _MOVED or not place:
                return response
            request = _redirected(request, response.status, url, url.join(_parsed(place)))
    raise Permanent(f"stopped after {_REDIRECTS} redirects")


async def _send(
    session: aiohttp.ClientSession, request: Request, url: yarl.URL, limit: int
) -> Response:
    async with session.request(
        request.method,
        url,
        headers=[*request.headers],
        data=request.body,
        ssl=request.verify,
        allow_redirects=False,
    ) as answer:
        content = bytearray()
        async for piece in answer.content.iter_any():
            content += piece
            if len(content) > limit:
                raise Permanent(f"the response is longer than {limit} bytes")
        return Response(answer.status, answer.reason or "", _canonical(answer), bytes(content))


class _Guard:
    """Asks the rules about every address right before a socket is connected to it."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self.refusal: RefusedAddress | None = None

    def socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        try:
            self._rules.check_address(str(address[0]))
        except RefusedAddress as exc:
            self.refusal = exc
            raise OSError(errno.EACCES, str(exc)) from exc  # all that aiohttp understands here
        return socket.socket(family, kind, protocol)


def _parsed(text: str) -> yarl.URL:
    """Return a URL as it is written: what is escaped stays so. Raises Permanent."""
    import yarl

    try:
        url = yarl.URL(quote(text, safe=_URL_SAFE), encoded=True) if text.isascii() else None
        return url if url is not None else yarl.URL(text)
    except ValueError as exc:
        raise Permanent(str(exc)) from exc


def _redirected(request: Request, status: int, before: yarl.URL, after: yarl.URL) -> Request:
    """Return the next request. Source: Go net/http, redirectBehavior, shouldCopyHeaderOnRedirect.

    Differs: headers with values from Secrets stay with their host as well.
    """
    headers = request.headers
    if not after.is_absolute() or after.origin() != before.origin():
        headers = [item for item in headers if item[0].lower() not in request.private]
    if status not in (307, 308):
        method = request.method if request.method in ("GET", "HEAD") else "GET"
        request = replace(request, method=method, body=None)
    return replace(request, url=str(after), headers=headers)


def _canonical(answer: aiohttp.ClientResponse) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in answer.headers.items():
        key = "-".join(part.capitalize() for part in name.split("-"))
        found.setdefault(key, []).append(value)
    return found


def _translated(exc: aiohttp.ClientError) -> WorldError:
    """Return the error in Go's words where Go has short ones."""
    import aiohttp

    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return Permanent(f"tls: failed to verify certificate: {_certificate(exc)}")
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return Transient(f"dial tcp: lookup {exc.host}: no such host")
    if isinstance(exc, aiohttp.ClientConnectorError):
        cause = exc.os_error
        refused = cause.errno == errno.ECONNREFUSED
        reason = "connection refused" if refused else cause.strerror or str(cause)
        return Transient(f"dial tcp {exc.host}:{exc.port}: connect: {reason}")
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return Transient("EOF")
    if isinstance(exc, aiohttp.NonHttpUrlClientError):
        return Permanent("unsupported protocol scheme")
    if isinstance(exc, aiohttp.InvalidURL):
        return Permanent("http: no Host in request URL")
    return Permanent(str(exc) or type(exc).__name__)


def _certificate(exc: aiohttp.ClientConnectorCertificateError) -> str:
    problem = exc.certificate_error
    if getattr(problem, "verify_code", 0) in _UNKNOWN_AUTHORITY:
        return "x509: certificate signed by unknown authority"
    return f"x509: {getattr(problem, 'verify_message', '') or problem}"
