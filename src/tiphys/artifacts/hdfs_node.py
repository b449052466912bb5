"""WebHDFS on the wire: one file at one name node, what is asked of it, and what its errors mean.

Source: the published description of WebHDFS.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from tiphys.artifacts import http_session as web
from tiphys.errors import NotFound, Permanent, Transient
from tiphys.model.base import Json
from tiphys.ports import Entry

UNFINISHED: Final = "._COPYING_"
"""How names of files end that are still being written; Hadoop's own commands say so too."""
_STANDBY: Final = "StandbyException"
_TRANSIENT: Final = (_STANDBY, "RetriableException", "SafeModeException")


class Standby(Exception):
    """This name node does not serve; another one does."""


@dataclass(frozen=True, slots=True)
class Node:
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


async def status(node: Node) -> dict[str, Json]:
    """Return what the name node knows of the file. Raises NotFound."""
    found = (await ask(node, "GET", node.url("GETFILESTATUS"))).get("FileStatus")
    return found if isinstance(found, dict) else {}


async def walk(node: Node, path: str, known: dict[str, Json]) -> AsyncIterator[Entry]:
    """Yield the files at or below `path`, of which `known` is the status, by path."""
    if known.get("type") != "DIRECTORY":
        yield Entry(path, int(str(known.get("length", 0))))
        return
    answer = (await ask(node, "GET", node.url("LISTSTATUS", path))).get("FileStatuses")
    found = answer.get("FileStatus") if isinstance(answer, dict) else None
    children = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    for child in sorted(children, key=lambda item: str(item.get("pathSuffix"))):
        name = str(child.get("pathSuffix"))
        if not name.endswith(UNFINISHED):
            async for entry in walk(node, f"{path.rstrip('/')}/{name}", child):
                yield entry


async def ask(node: Node, method: str, url: str) -> dict[str, Json]:
    """Return what a request is answered; {} if with nothing. Raises as `check`."""
    async with node.session.request(method, URL(url, encoded=True)) as answer:
        await check(answer)
        found = await answer.json(content_type=None)
        return found if isinstance(found, dict) else {}


async def check(answer: aiohttp.ClientResponse) -> None:
    """Raise the error that an answer tells of: NotFound, Permanent, Transient, Standby."""
    if answer.status < 400:
        return
    body = await answer.text("utf-8", "replace")
    try:
        told = json.loads(body)["RemoteException"]
        kind, message = str(told["exception"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        raise web.failure(f"hdfs: {web.status_line(answer)}: {body[:200]}", answer) from None
    text = f"hdfs: {kind}: {message}"
    if kind == _STANDBY:
        raise Standby(text)
    if kind == "FileNotFoundException":
        raise NotFound(text)
    raise Transient(text) if kind in _TRANSIENT or answer.status >= 500 else Permanent(text)
