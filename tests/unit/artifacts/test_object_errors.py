"""Why a store could not be reached is said, and what to do about it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.s3 import S3Driver
from tiphys.errors import Transient
from tiphys.model.artifacts import Artifact, S3Artifact
from tiphys.model.meta import SecretKeySelector

pytestmark = pytest.mark.anyio


def at(port: int, insecure: bool) -> Artifact:
    key = SecretKeySelector(name="cred", key="k")
    place = S3Artifact(
        endpoint=f"127.0.0.1:{port}",
        bucket="b",
        key="x",
        insecure=insecure,
        access_key_secret=key,
        secret_key_secret=key,
    )
    return Artifact(name="a", s3=place)


def driver() -> S3Driver:
    return S3Driver(Credentials(lambda *_: b"k" * 20, "n"))


@pytest.fixture
def plain_port() -> Iterator[int]:
    """A server that answers whatever it hears in plain HTTP, once."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


async def test_a_port_where_nobody_listens_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Transient, match="connection refused"):
        await driver().get(at(port, True), tmp_path / "x")


async def test_a_server_without_tls_is_said_with_the_field(plain_port: int, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="does not speak TLS; `insecure: true`"):
        await driver().get(at(plain_port, False), tmp_path / "x")
