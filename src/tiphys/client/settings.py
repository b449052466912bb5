"""Where the server is and how to be known there: flags, and Argo's variables of the environment.

Apart from `tiphys/settings.py`, which reads a settings file and so costs more to import.
Source: reference/cli.md 2.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tiphys.errors import UserError

_PORT = 2746


@dataclass(frozen=True, slots=True)
class Place:
    """A server. `token` is the value of Authorization; `authority` a file of certificates.

    `certificate` and `key` are files of who asks, "" for none.
    """

    host: str
    port: int
    secure: bool = True
    verify: bool = True
    authority: str = ""
    base: str = ""
    token: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    certificate: str = ""
    key: str = ""

    @property
    def address(self) -> str:
        """Return how a person writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.base}"


def is_remote(words: Sequence[str]) -> bool:
    """Tell whether a command line names a server, or the environment, where it names no home."""
    own = [word.partition("=")[0] for word in words[: _end(words)]]
    if "--argo-server" in own or any(word[:2] == "-s" for word in own):
        return True
    return bool(os.environ.get("ARGO_SERVER")) and "--home" not in own


def _end(words: Sequence[str]) -> int:
    """Return where the options end."""
    return words.index("--") if "--" in words else len(words)


def environment() -> Mapping[str, str]:
    """Return the environment, for what else reads it."""
    return os.environ


def namespace_of(given: str | None) -> str:
    """Return the namespace that is meant."""
    return given or os.environ.get("ARGO_NAMESPACE") or "default"


def place_of(given: Mapping[str, object]) -> Place:
    """Return the server that flags and environment name. Raises UserError.

    `given` are the flags: "argo_server", "secure", "insecure", "authority", "base_href", "headers",
    "client_certificate", "client_key", "bearer", "username", "password".
    """
    environ = os.environ
    certificate, key = (
        str(given.get(name) or environ.get(f"ARGO_{name.upper()}", ""))
        for name in ("client_certificate", "client_key")
    )
    if bool(certificate) != bool(key):
        raise UserError("--client-certificate and --client-key must be provided together")
    text = str(given.get("argo_server") or environ.get("ARGO_SERVER", ""))
    scheme, host, port = _split(text)
    secure, insecure = given.get("secure"), given.get("insecure")
    if secure is None:
        secure = scheme != "http" if scheme else environ.get("ARGO_SECURE") != "false"
    if not insecure:
        insecure = environ.get("ARGO_INSECURE_SKIP_VERIFY") == "true"
    base = str(given.get("base_href") or environ.get("ARGO_BASE_HREF", "")).strip("/")
    return Place(
        host=host,
        port=port,
        secure=bool(secure),
        verify=not insecure,
        authority=str(given.get("authority") or environ.get("ARGO_CERTIFICATE_AUTHORITY", "")),
        base=f"/{base}" if base else "",
        token=_authorization(given),
        headers=tuple(_headers(given.get("headers"), environ.get("ARGO_HEADER", ""))),
        certificate=certificate,
        key=key,
    )


def _authorization(given: Mapping[str, object]) -> str:
    """Return the value of Authorization: ARGO_TOKEN goes before flags, as in Argo."""
    token = _header("ARGO_TOKEN", os.environ.get("ARGO_TOKEN", "").strip())
    if token:
        return token
    if given.get("bearer"):
        return _header("--token", f"Bearer {given['bearer']}")
    name, password = (
        str(given.get(word) or os.environ.get(f"ARGO_{word.upper()}", ""))
        for word in ("username", "password")
    )
    if not name:
        return ""
    pair = f"{name}:{password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _split(text: str) -> tuple[str, str, int]:
    """Return scheme ("" without), host and port of an address."""
    scheme, mark, rest = text.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise UserError(f"the server {text}: {exc}; it is written host:port") from exc
    if not host or (mark and scheme not in {"http", "https"}) or parts.path.strip("/"):
        raise UserError(f"the server {text} is written host:port; a path is --argo-base-href")
    return scheme, host, port or _PORT


def _headers(given: object, environ: str) -> list[tuple[str, str]]:
    found = []
    texts = [str(item) for item in given] if isinstance(given, tuple) else []
    for text in filter(None, (",".join(texts) or environ).split(",")):
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise UserError(f"additional headers must be colon(:)-separated: {text}")
        found.append((name.strip(), _header(name.strip(), value.strip())))
    return found


def _header(name: str, value: str) -> str:
    """Return a value that can stand in a header. Raises UserError, without the value: a secret."""
    if not value.isascii() or not value.isprintable():
        raise UserError(f"{name} has characters that cannot be sent")
    return value
