"""URLs as Go reads them: `parse_url`, for sprig's `urlParse`.

Source: RFC 3986; what Go 1.26's net/url accepts and says, measured (tests/unit/expr/urls.json).
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote as escape
from urllib.parse import unquote_to_bytes

from tiphys.expr.gotext import from_bytes, quote, to_bytes

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):")
_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_PORT: Final = re.compile(r"(?::[0-9]*)?\Z")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST_ESCAPE: Final = re.compile(r"%(?!25|[89A-Fa-f][0-9A-Fa-f])")
_ZONE_ESCAPE: Final = re.compile(r"%(?!25|[0-9A-Fa-f]{2})")
_NOT_IN_HOST: Final = re.compile(r"[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_WEB: Final = frozenset({"http", "https"})
_NAMES: Final = "-_.~$&+,;="


class UrlError(Exception):
    """A text is no URL; `message` says why in Go's words."""

    def __init__(self, message: str) -> None:
        """Keep the message."""
        super().__init__(message)
        self.message = message


class Url(NamedTuple):
    """The parts of a URL, unescaped but for `query`, `opaque` and `userinfo`."""

    scheme: str = ""
    host: str = ""
    hostname: str = ""
    path: str = ""
    query: str = ""
    opaque: str = ""
    fragment: str = ""
    userinfo: str = ""


def parse_url(text: str) -> Url:
    """Return the parts of a URL. Raises UrlError."""
    body, _, fragment = text.partition("#")
    try:
        found = _parse(body)
    except UrlError as exc:
        raise UrlError(f"parse {quote(body)}: {exc.message}") from None
    try:
        return found._replace(fragment=_unescaped(fragment))
    except UrlError as exc:
        raise UrlError(f"parse {quote(text)}: {exc.message}") from None


def _parse(body: str) -> Url:
    if _CONTROL.search(body):
        raise UrlError("net/url: invalid control character in URL")
    match = _SCHEME.match(body)
    if match is None and body.startswith(":"):
        raise UrlError("missing protocol scheme")
    scheme = "" if match is None else match["scheme"].lower()
    rest, _, query = body[0 if match is None else match.end() :].partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme=scheme, opaque=rest, query=query)
        if ":" in rest.partition("/")[0]:
            raise UrlError("first path segment in URL cannot contain colon")
    host = userinfo = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        host, userinfo = _authority(authority, is_strict=scheme in _WEB)
        rest = slash + path
    parts = {"host": host, "hostname": _hostname(host), "userinfo": userinfo}
    return Url(scheme=scheme, path=_unescaped(rest), query=query, **parts)


def _authority(text: str, is_strict: bool) -> tuple[str, str]:
    """Return the host with its port, and the user with a password."""
    user, at, host = text.rpartition("@")
    found = _host(host, is_strict)
    if not at:
        return found, ""
    if not _USERINFO.match(user):
        raise UrlError("net/url: invalid userinfo")
    name, colon, password = user.partition(":")
    again = [escape(to_bytes(_unescaped(part)), safe=_NAMES) for part in (name, password)]
    return found, colon.join(again) if colon else again[0]


def _host(text: str, is_strict: bool) -> str:
    """Return the host and its port; a name with several colons is none for `is_strict`."""
    if "[" in text[1:]:
        raise UrlError("invalid IP-literal")
    if not text.startswith("["):
        colon = text.find(":") if is_strict else text.rfind(":")
        _check_port(text[colon:] if colon >= 0 else "")
        return _unescaped(text, _HOST_ESCAPE, _NOT_IN_HOST)
    inner, bracket, port = text[1:].rpartition("]")
    if not bracket:
        raise UrlError("missing ']' in host")
    _check_port(port)
    return f"[{_address(inner)}]{_unescaped(port, _HOST_ESCAPE, _NOT_IN_HOST)}"


def _address(inner: str) -> str:
    """Return what stands between the brackets: an IPv6 address, perhaps with a zone."""
    address, mark, zone = inner.partition("%25")
    found = _unescaped(address, _HOST_ESCAPE, _NOT_IN_HOST)
    whole = f"{found}%{_unescaped(zone, _ZONE_ESCAPE)}" if mark else found
    try:
        IPv6Address(found)
    except AddressValueError as exc:
        raise UrlError(f"invalid host: ParseAddr({quote(whole)}): {exc}") from None
    if mark and not zone:
        reason = "zone must be a non-empty string"
        raise UrlError(f"invalid host: ParseAddr({quote(whole)}): {reason}")
    return whole


def _check_port(text: str) -> None:
    if not _PORT.match(text):
        raise UrlError(f"invalid port {quote(text)} after host")


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].rpartition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _unescaped(
    text: str, wrong: re.Pattern[str] = _ESCAPE, foreign: re.Pattern[str] | None = None
) -> str:
    """Return a text without its escapes. Raises UrlError for a `wrong` one, or a foreign letter."""
    bad = wrong.search(text)
    strange = foreign.search(text) if foreign is not None else None
    if strange is not None and (bad is None or strange.start() < bad.start()):
        raise UrlError(f"invalid character {quote(strange[0])} in host name")
    if bad is not None:
        escaped = from_bytes(to_bytes(text[bad.start() :])[:3])
        raise UrlError(f"invalid URL escape {quote(escaped)}")
    return from_bytes(unquote_to_bytes(to_bytes(text)))
