"""HDFS, by the WebHDFS protocol that its name nodes speak over HTTP.

Several addresses are name nodes of one cluster: the first that is not on standby is used.
Source: reference/executor.md 10.5; argo workflow/artifacts/hdfs; the published description of
WebHDFS.
Differs: WebHDFS is spoken, not Hadoop's own protocol; an address with one of that protocol's
usual ports is taken for the same host's web port. Kerberos is refused by name.
Differs: what is stored can be listed and deleted; Argo's driver cannot.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from tiphys.artifacts import http_session as web
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.http_session import Timeouts, Web, Who
from tiphys.errors import Finding, NotFound, Permanent, Transient, Unsupported, UserError
from tiphys.model.artifacts import Artifact, HDFSArtifact
from tiphys.model.base import Json
from tiphys.ports import Entry, Stored

_RPC_PORTS: Final = ("8020", "9000", "9820")
_NO_DIRECTORY: Final = "HDFS artifact does not suppot directory copy"  # sic
_STANDBY: Final = "StandbyException"
_TRANSIENT: Final = (_STANDBY, "RetriableException", "SafeModeException")


class _Standby(Exception):
    """This name node does not serve; another one does."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A name node, and the file that is meant there."""

    session: aiohttp.ClientSession
    address: str
    path: str
    user: str

    def url(self, operation: str, path: str = "", **more: str) -> str:
        """Return the URL of an operation on the file, or on another path."""
        query = {"op": operation, **more}
        if self.user:
            query["user.name"] = self.user
        return f"{self.address}/webhdfs/v1{quote(path or self.path)}?{urlencode(query)}"


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
            if (await _status(node)).get("type") == "DIRECTORY":
                raise Permanent(_NO_DIRECTORY)
            async with node.session.get(URL(node.url("OPEN"), encoded=True)) as answer:
                await _check(answer)
                yield answer

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Store the file; what was there is replaced only with `force`."""
        if source.is_dir():
            raise Permanent(_NO_DIRECTORY)
        force = "true" if _location(where).force else "false"
        async with self._node(where) as node:
            url = node.url("CREATE", overwrite=force)
            # The name node takes no bytes: it says which data node does.
            async with node.session.put(URL(url, encoded=True), allow_redirects=False) as answer:
                await _check(answer)
                target = answer.headers.get("Location", "")
            if not target:
                raise Permanent(f"hdfs {node.path}: {node.address} named no data node")
            last, stored = await web.send_file(node.session, source, target, Who())
            if last.status >= 300:
                text = f"hdfs {node.path}: {web.status_line(last)}"
                raise web.failure(text, last)
            return stored

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield the files at or below the path, by path. Raises NotFound."""
        async with self._node(where) as node:
            async for entry in _walk(node, node.path, await _status(node)):
                yield entry

    async def delete(self, where: Artifact) -> None:
        """Remove the file, or the directory with all in it."""
        async with self._node(where) as node:
            await _ask(node, "DELETE", node.url("DELETE", recursive="true"))

    @asynccontextmanager
    async def _node(self, where: Artifact) -> AsyncIterator[_Node]:
        """Yield the name node that serves."""
        location = _location(where)
        async with self._web.session(Who()) as session:
            refused: list[str] = []
            for address in location.addresses:
                node = _Node(session, self._address(address), location.path, location.hdfs_user)
                try:
                    await _ask(node, "GET", node.url("GETFILESTATUS", "/"))
                except (_Standby, aiohttp.ClientConnectionError) as exc:
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


async def _status(node: _Node) -> dict[str, Json]:
    found = (await _ask(node, "GET", node.url("GETFILESTATUS"))).get("FileStatus")
    return found if isinstance(found, dict) else {}


async def _walk(node: _Node, path: str, status: dict[str, Json]) -> AsyncIterator[Entry]:
    if status.get("type") != "DIRECTORY":
        yield Entry(path, int(str(status.get("length", 0))))
        return
    answer = (await _ask(node, "GET", node.url("LISTSTATUS", path))).get("FileStatuses")
    found = answer.get("FileStatus") if isinstance(answer, dict) else None
    children = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    for child in sorted(children, key=lambda item: str(item.get("pathSuffix"))):
        async for entry in _walk(node, f"{path.rstrip('/')}/{child.get('pathSuffix')}", child):
            yield entry


async def _ask(node: _Node, method: str, url: str) -> dict[str, Json]:
    async with node.session.request(method, URL(url, encoded=True)) as answer:
        await _check(answer)
        found = await answer.json(content_type=None)
        return found if isinstance(found, dict) else {}


async def _check(answer: aiohttp.ClientResponse) -> None:
    """Raise the error that an answer tells of."""
    if answer.status < 400:
        return
    body = (await answer.content.read(1 << 16)).decode("utf-8", "replace")
    try:
        told = json.loads(body)["RemoteException"]
        kind, message = str(told["exception"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        raise web.failure(f"hdfs: {web.status_line(answer)}: {body[:200]}", answer) from None
    text = f"hdfs: {kind}: {message}"
    if kind == _STANDBY:
        raise _Standby(text)
    if kind == "FileNotFoundException":
        raise NotFound(text)
    raise Transient(text) if kind in _TRANSIENT or answer.status >= 500 else Permanent(text)


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
