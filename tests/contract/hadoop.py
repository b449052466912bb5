"""A real HDFS for tests: Hadoop's own name node and data node, with WebHDFS, in one Java process.

`make emulators` brings Hadoop's jars to build/emulators/hadoop; without them, or without Java, the
tests that need it say so. A cluster takes some seconds to start, and less than 300 MB.
"""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.contract.store_servers import EMULATORS, program, started
from yarl import URL

JARS = EMULATORS / "hadoop"
_MANAGER = "org.apache.hadoop.test.MiniDFSClusterManager"
_ADMIN = "org.apache.hadoop.hdfs.tools.DFSAdmin"
_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOG = "-Dorg.slf4j.simpleLogger"
_READY_SECONDS = 240
"""Six on an idle machine; the tests of other workers may need both cores."""


@dataclass(frozen=True)
class Cluster:
    """A name node at `port` of 127.0.0.1; `user` may do all there, other users may read."""

    port: int
    java: str

    @property
    def user(self) -> str:
        return getpass.getuser()

    def admin(self, address: str, *words: str) -> None:
        """Run a command of `hdfs dfsadmin`, which asks the name node in Hadoop's own protocol."""
        line = [*_java(self.java), _ADMIN, "-fs", f"hdfs://{address}", *words]
        subprocess.run(line, check=True, capture_output=True, timeout=_READY_SECONDS)


def _java(java: str) -> list[str]:
    # The folder comes first, or the web pages are unpacked out of a large jar at each start.
    return [java, *_JVM, "-cp", f"{JARS}:{JARS}/*"]


@contextlib.contextmanager
def hdfs(folder: Path) -> Iterator[Cluster]:
    """A cluster of one name node and one data node, empty, with permissions checked."""
    java = program("java")
    if java is None or not any(JARS.glob("hadoop-client-minicluster-*.jar")):
        missing = "Hadoop" if java else "Java, which Hadoop needs,"
        pytest.skip(f"{missing} is not installed: make emulators")
    words = _java(java)
    words[1:1] = [f"-Djava.io.tmpdir={folder}", f"{_LOG}.logFile=System.out"]
    words[1:1] = [f"{_LOG}.defaultLogLevel=warn"]
    # It prints its settings once it serves.
    words += [_MANAGER, "-format", "-writeConfig", "/dev/stdout"]
    words += ["-D", f"hdfs.minidfs.basedir={folder / 'data'}"]
    ready = r"<name>dfs\.namenode\.http-address</name><value>[^<]*:(\d+)<"
    with started(words, ready, folder / "hadoop.log", _READY_SECONDS) as port:
        yield Cluster(port, java)


class Front:
    """Stands before a name node, and says of its data node that it is at `data_port`.

    So that a test can put a proxy between a driver and the data node, where the bytes go.
    """

    def __init__(self, target: int) -> None:
        self.data_port = 0
        """0: where it really is."""
        self._target = URL(f"http://127.0.0.1:{target}")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, host="127.0.0.1")

    @property
    def port(self) -> int:
        return self._server.port or 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Front]:
        async with self._server, aiohttp.ClientSession() as self._session:
            yield self

    async def _answer(self, request: web.Request) -> web.Response:
        url = URL(f"{self._target}{request.raw_path}", encoded=True)
        asked = self._session.request(request.method, url, allow_redirects=False)
        async with asked as answer:
            headers = {"Content-Type": answer.headers.get("Content-Type", "")}
            if place := answer.headers.get("Location"):
                moved = URL(place, encoded=True)
                headers["Location"] = str(moved.with_port(self.data_port or moved.port))
            return web.Response(status=answer.status, headers=headers, body=await answer.read())


async def data_port(cluster: Cluster) -> int:
    """Return where the data node listens."""
    return (await _place(cluster)).port or 0


async def rpc_address(cluster: Cluster) -> str:
    """Return where the name node speaks Hadoop's own protocol."""
    return (await _place(cluster)).query["namenoderpcaddress"]


async def _place(cluster: Cluster) -> URL:
    """Return where the name node would have a file sent."""
    url = f"http://127.0.0.1:{cluster.port}/webhdfs/v1/x?op=CREATE&user.name={cluster.user}"
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, allow_redirects=False) as answer,
    ):
        return URL(answer.headers["Location"])
