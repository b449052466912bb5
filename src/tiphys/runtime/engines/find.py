"""Which container engine there is: docker or podman, by the usual variables, sockets and commands.

Only engines on this machine count: a job's directory is mounted into its containers.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

VARIABLES: Final = ("DOCKER_HOST", "CONTAINER_HOST")
_UNIX: Final = "unix://"
_SERVICE_SECONDS: Final = 60
_START_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.02
_PING_SECONDS: Final = 10.0
_SOCKET_BYTES: Final = 100


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that answers at `socket`, or `problem`: why there is none.

    `command` is podman's if its service is ours to start, "" otherwise.
    """

    socket: str = ""
    command: str = ""
    problem: str = ""


def find_engine(environ: Mapping[str, str]) -> Found:
    """Return the engine to use, or why there is none. Blocks.

    A variable that is set decides alone.
    """
    for name in VARIABLES:
        if address := environ.get(name, ""):
            if not address.startswith(_UNIX):
                text = f"{name} is {address}: only an engine on this machine (unix://) can be used"
                return Found(problem=text)
            place = address.removeprefix(_UNIX)
            problem = "" if answers(place) else f"nothing answers at {name}={address}"
            return Found(place, problem=problem)
    for place in _usual(environ):
        if answers(place):
            return Found(place)
    command = shutil.which("podman", path=environ.get("PATH"))
    if command is None:
        text = "no docker or podman answers at the usual sockets, and there is no command podman"
        return Found(problem=text)
    found = Found(own_socket(environ), command)
    return replace(found, problem=start_service(found, environ))


def _usual(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the user's own sockets, then the machine's."""
    if own := environ.get("XDG_RUNTIME_DIR", ""):
        yield f"{own}/podman/podman.sock"
        yield f"{own}/docker.sock"
    if home := environ.get("HOME", ""):
        yield f"{home}/.docker/run/docker.sock"
    yield "/run/podman/podman.sock"
    yield "/var/run/docker.sock"


def own_socket(environ: Mapping[str, str]) -> str:
    """Return where a service of ours listens; short, as addresses of sockets must be."""
    base = environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isdir(base) or len(base) > _SOCKET_BYTES - 30:
        base = tempfile.gettempdir()
    return f"{base}/tiphys-{os.getuid()}/podman.sock"


def start_service(found: Found, environ: Mapping[str, str]) -> str:
    """Let podman listen; "" or what is wrong. It ends by itself when nobody asks for a minute."""
    if answers(found.socket):
        return ""
    folder = Path(found.socket).parent
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            return f"{folder} belongs to somebody else"
        with open(folder / "podman.log", "wb") as log:
            service = subprocess.Popen(
                [
                    *(found.command, "system", "service"),
                    *(f"--time={_SERVICE_SECONDS}", _UNIX + found.socket),
                ],
                env=dict(environ),
                cwd=folder,  # its conmon writes a file `oom` into it when a container had to die
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as exc:
        return f"podman's service does not start: {exc}"
    until = time.monotonic() + _START_SECONDS
    while not answers(found.socket):
        if service.poll() is not None or time.monotonic() > until:
            return f"podman's service does not start: {_last_line(folder / 'podman.log')}"
        time.sleep(_PAUSE_SECONDS)
    service.returncode = 0  # it outlives us: nobody is to wait for it
    return ""


def _last_line(path: Path) -> str:
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2] or "it says nothing"
    return "it says nothing"


def answers(place: str) -> bool:
    """Tell whether an engine answers at a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PING_SECONDS)
        try:
            probe.connect(place)
            probe.sendall(b"GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")
            return b" 200 " in probe.recv(64)
        except OSError:
            return False
