"""One execution of a probe or hook: a child process that exits with 0 if all is well.

A handler is Kubernetes' JSON, its words already as the container must see them: `exec`,
`httpGet`, `tcpSocket` or `sleep`. Being a process, it can be timed out whatever it does.
Source: Kubernetes pkg/probe/http, pkg/probe/tcp.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tiphys.executor.launcher import StartError
from tiphys.executor.pod.process import Process

Handler = Mapping[str, Any]
LOOPBACK: Final = "127.0.0.1"
_LINE_BYTES: Final = 4096
_TIMEOUT_SECONDS: Final = 3600.0
_CALLER: Final = "kube-probe/1.35"


def run_check(
    handler: Handler,
    ports: Mapping[str, int],
    start: Callable[[list[str]], Process],
) -> Process | None:
    """Start a check and return its process; None if it failed before it began.

    `start` runs a command in the container. `ports` are the container's, by name.
    """
    try:
        if "exec" in handler:
            return start(list(handler["exec"].get("command") or ["true"]))
        return Process(["-"], {}, "/", 1, enter=lambda: _exit_with(handler, ports))
    except (StartError, OSError):
        return None


def _exit_with(handler: Handler, ports: Mapping[str, int]) -> None:
    """In the child: do what the handler says and exit."""
    os.closerange(3, 1024)  # among them the pipe that tells our parent that we began
    try:
        done = _holds(handler, ports)
    except (OSError, ValueError):
        done = False
    os._exit(0 if done else 1)


def _holds(handler: Handler, ports: Mapping[str, int]) -> bool:
    if "sleep" in handler:
        time.sleep(float(handler["sleep"].get("seconds") or 0))
        return True
    if "tcpSocket" in handler:
        place = handler["tcpSocket"]
        socket.create_connection(_address(place, ports), _TIMEOUT_SECONDS).close()
        return True
    return _http_answers(handler["httpGet"], ports)


def _address(place: Handler, ports: Mapping[str, int]) -> tuple[str, int]:
    """Return host and port; a port may be given by its name. Raises ValueError."""
    port = place.get("port", "")
    number = ports.get(str(port))
    return place.get("host") or LOOPBACK, int(port) if number is None else number


def _http_answers(get: Handler, ports: Mapping[str, int]) -> bool:
    """Tell whether a GET is answered with a status from 200 to 399."""
    host, port = _address(get, ports)
    with socket.create_connection((host, port), _TIMEOUT_SECONDS) as plain:
        stream = _with_tls(plain, host) if get.get("scheme") == "HTTPS" else plain
        stream.sendall(_request(get, f"{host}:{port}"))
        answer = b""
        while b"\n" not in answer and len(answer) < _LINE_BYTES:
            piece = stream.recv(_LINE_BYTES)
            if not piece:
                break
            answer += piece
    words = answer.split(None, 2)
    return len(words) > 1 and words[0].startswith(b"HTTP/") and 200 <= int(words[1]) < 400


def _request(get: Handler, host: str) -> bytes:
    headers = {"Host": host, "User-Agent": _CALLER, "Accept": "*/*", "Connection": "close"}
    for header in get.get("httpHeaders") or ():
        headers[str(header.get("name"))] = str(header.get("value", ""))
    path = "/" + str(get.get("path") or "").lstrip("/")
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _with_tls(plain: socket.socket, host: str) -> socket.socket:
    """Certificates are not checked, as Kubernetes does not check them."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)
