"""What a server listens with, looked at before it starts: its sockets and its certificate."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from tiphys.errors import UserError


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Yield a socket for each address of a host, and close them. Raises UserError.

    For port 0 one port is chosen, on the first address.
    """
    with contextlib.ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            places = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
            chosen = places if port else places[:1]
            made = [stack.enter_context(_socket(family, address)) for family, address in chosen]
        except OSError as exc:
            raise UserError(_reason(exc, host, port)) from exc
        yield made


def _socket(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _reason(error: OSError, host: str, port: int) -> str:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use, by another server perhaps; --port chooses another port"
    if error.errno == errno.EACCES:
        return f"{place}: this user may not listen there; ports from 1024 on are free to all"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"--host {host}: this machine has no such address ({error.strerror})"
    return f"{place}: {error.strerror}"


def check_certificate(certificate: str, key: str) -> None:
    """Raise UserError if a certificate or its key cannot be used."""
    for option, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        try:
            with open(path, "rb") as file:
                text = file.read()
        except OSError as exc:
            raise UserError(f"{option} {path}: {exc.strerror}") from exc
        if b"-----BEGIN " not in text:
            raise UserError(f"{option} {path}: not in PEM format (no -----BEGIN ...-----)")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as exc:
        said = exc.reason or str(exc)
        raise UserError(
            f"--tls-certificate {certificate} and --tls-key {key} do not serve: {said}"
        ) from exc
