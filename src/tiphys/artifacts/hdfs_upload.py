"""How a file gets into HDFS: under another name first, and then by one rename.

A data node closes the file when the connection breaks, so half of an upload looks like a whole
file, and without `force` it would be in the way of the next try.
Source: the published description of WebHDFS; Hadoop's own `-put` goes the same way.
Differs: Argo's driver writes the file in its place.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from tiphys.artifacts import http_session as web
from tiphys.artifacts.hdfs_node import UNFINISHED, Node, Standby, ask, check, status
from tiphys.artifacts.http_session import Who
from tiphys.errors import NotFound, Permanent, TiphysError
from tiphys.ports import Stored


async def upload(node: Node, source: Path, replace: bool) -> Stored:
    """Store a file, whole or not at all. Raises Permanent for what is in the way."""
    await _vacant(node, replace)
    async with _scratch(node) as scratch:
        stored = await _send(node, source, scratch)
        await _rename(node, scratch, replace)
    return stored


async def _vacant(node: Node, replace: bool) -> None:
    """Refuse early what the rename would refuse after all bytes were sent."""
    try:
        found = await status(node)
    except NotFound:
        return
    if found.get("type") == "DIRECTORY":
        raise _exists(node, " as a directory")
    if not replace:
        raise _exists(node)


def _exists(node: Node, how: str = "") -> Permanent:
    return Permanent(f"hdfs: FileAlreadyExistsException: {node.path} already exists{how}")


@asynccontextmanager
async def _scratch(node: Node) -> AsyncIterator[str]:
    """Yield a name of one's own beside the file; nothing stays there if the upload fails.

    What a killed engine leaves there is not listed, and goes with its directory.
    """
    scratch = f"{node.path.rpartition('/')[0]}/.{uuid.uuid4().hex}{UNFINISHED}"
    is_moved = False
    try:
        yield scratch
        is_moved = True
    finally:
        if not is_moved:
            with contextlib.suppress(TiphysError, aiohttp.ClientError, OSError, Standby):
                await ask(node, "DELETE", node.url("DELETE", scratch))


async def _send(node: Node, source: Path, to: str) -> Stored:
    url = node.url("CREATE", to, overwrite="false")
    # The name node takes no bytes: it says which data node does.
    async with node.session.put(URL(url, encoded=True), allow_redirects=False) as answer:
        await check(answer)
        target = answer.headers.get("Location", "")
    if not target:
        raise Permanent(f"hdfs {node.path}: {node.address} named no data node")
    last, stored = await web.send_file(node.session, source, target, Who())
    await check(last)
    if last.status >= 300:
        raise web.failure(f"hdfs {node.path}: {web.status_line(last)}", last)
    return stored


async def _rename(node: Node, scratch: str, replace: bool) -> None:
    """Give the file its name; of two that do so at once without `replace`, the first has it."""
    options = "OVERWRITE" if replace else "NONE"
    url = node.url("RENAME", scratch, destination=node.path, renameoptions=options)
    if (await ask(node, "PUT", url)).get("boolean", True):
        return
    # A gateway (HttpFS) knows no options, and says no when there is a file already.
    if not replace:
        raise _exists(node)
    await ask(node, "DELETE", node.url("DELETE"))
    if not (await ask(node, "PUT", url)).get("boolean", True):
        raise Permanent(f"hdfs {node.path}: the uploaded file could not be given its name")
