"""HDFS, by the WebHDFS protocol that its name nodes speak over HTTP.

Several addresses are name nodes of one cluster: the first that is not on standby is used.
Source: reference/executor.md 10.5; argo workflow/artifacts/hdfs; the published description of
WebHDFS.
Differs: WebHDFS is spoken, not Hadoop's own protocol; an address with one of that protocol's
usual ports is taken for the same host's web port. Kerberos is refused by name.
Differs: what is stored can be listed and deleted; Argo's driver cannot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from tiphys.artifacts import http_session as web
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.hdfs_node import Node, Standby, ask, check, status, walk
from tiphys.artifacts.hdfs_upload import upload
from tiphys.artifacts.http_session import Timeouts, Web, Who
from tiphys.errors import Finding, Permanent, Transient, Unsupported, UserError
from tiphys.model.artifacts import Artifact, HDFSArtifact
from tiphys.ports import Entry, Stored

_RPC_PORTS: Final = ("8020", "9000", "9820")
_NO_DIRECTORY: Final = "HDFS artifact does not suppot directory copy"  # sic


class HdfsDriver:
    """Reads and writes `hdfs` artifacts; `web_port` is where name nodes speak WebHDFS."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        web_port: int = 9870,
        connect_seconds: float = 10.0,
        read_seconds: float = 60.0,
        trust_env: bool = True,
    ) -> None:
        del credentials  # only Kerberos has any
        self._web_port = web_port
        self._web = Web(Timeouts(connect_seconds, read_seconds), trust_env)

    async def get(self, where: Artifact, to: Path) -> None:
        """Write the file to `to`. Raises NotFound, and Permanent for a directory."""
        async with self._opened(where) as answer:
            await web.save(answer, to)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield the file's bytes. Raises NotFound, and Permanent for a directory."""
        async with self._opened(where) as answer:
            async for piece in web.pieces(answer):
                yield piece

    @asynccontextmanager
    async def _opened(self, where: Artifact) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._node(where) as node:
            if (await status(node)).get("type") == "DIRECTORY":
                raise Permanent(_NO_DIRECTORY)
            async with node.session.get(URL(node.url("OPEN"), encoded=True)) as answer:
                await check(answer)
                yield answer

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Store the file, whole or not at all; what was there is replaced only with `force`."""
        if source.is_dir():
            raise Permanent(_NO_DIRECTORY)
        async with self._node(where) as node:
            return await upload(node, source, replace=bool(_location(where).force))

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield the files at or below the path, by path. Raises NotFound."""
        async with self._node(where) as node:
            async for entry in walk(node, node.path, await status(node)):
                yield entry

    async def delete(self, where: Artifact) -> None:
        """Remove the file, or the directory with all in it."""
        async with self._node(where) as node:
            await ask(node, "DELETE", node.url("DELETE", recursive="true"))

    @asynccontextmanager
    async def _node(self, where: Artifact) -> AsyncIterator[Node]:
        """Yield the name node that serves."""
        location = _location(where)
        async with self._web.session(Who()) as session:
            refused: list[str] = []
            for address in location.addresses:
                node = Node(session, self._address(address), location.path, location.hdfs_user)
                try:
                    await ask(node, "GET", node.url("GETFILESTATUS", "/"))
                except (Standby, aiohttp.ClientConnectionError) as exc:
                    refused.append(f"{address}: {exc}")
                    continue
                yield node
                return
        raise Transient(f"hdfs {location.path}: no name node serves: {'; '.join(refused)}")

    def _address(self, given: str) -> str:
        if "://" in given:
            return given.rstrip("/")
        host, _, port = given.partition(":")
        return f"http://{host}:{self._web_port if port in ('', *_RPC_PORTS) else port}"


def _location(where: Artifact) -> HDFSArtifact:
    found = where.hdfs
    if found is None:
        raise Permanent(f"artifact {where.name} is not in hdfs")
    if not found.addresses:
        raise UserError(f"artifact {where.name}: hdfs.addresses is not set")
    if not found.path.startswith("/"):
        raise UserError(f"artifact {where.name}: hdfs.path must be an absolute file path")
    for field, value in (
        ("krbCCacheSecret", found.krb_ccache_secret),
        ("krbKeytabSecret", found.krb_keytab_secret),
        ("dataTransferProtection", found.data_transfer_protection),
    ):
        if value:
            reason = f"artifact {where.name}: hdfs.{field}: not supported"
            raise Unsupported([Finding(reason, hint="WebHDFS is spoken; name a user (hdfsUser)")])
    return found
