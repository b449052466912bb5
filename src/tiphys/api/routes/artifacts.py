"""Artifacts for browsers: files, directories, uploads. Source: reference/rest-api.md 16.

What a workflow wrote is a stranger's page: it is sent so that a browser runs no script in it.
"""

from __future__ import annotations

import html
import mimetypes
import posixpath
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tiphys.api.call import Call
from tiphys.api.documents import to_bytes
from tiphys.api.routing import Answer, Need, Policy, Routes, Says, all_of, needs
from tiphys.errors import NotFound, TooMuch, UserError
from tiphys.model.artifacts import Artifact
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.service.downloads import (
    Files,
    Side,
    artifact_of,
    file_name,
    inside,
    items_of,
    names_below,
    upload_place,
)

HEADERS: Final = {
    "Content-Security-Policy": (
        "sandbox allow-same-origin; base-uri 'none'; default-src 'none'; img-src 'self'; "
        "style-src 'self' 'unsafe-inline'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
}
"""Differs: nosniff; a type that is not known is sent as bytes, not left for a browser to guess."""
_PIECE_BYTES: Final = 1 << 20
_UNKNOWN_TYPE: Final = "application/octet-stream"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    live = needs("get", "workflows")
    archived = Policy("needs", (Need("get", "workflows", uid_place),))
    says = Says("Download an artifact.", raw=True, plain=True, rest=True)
    for prefix, handler in (("", output), ("input-", input_)):
        path = f"/{prefix}artifacts/{{namespace}}/{{name}}/{{nodeId}}/{{artifact}}"
        routes.add("GET", path, live, handler, says)
        path = f"/{prefix}artifacts-by-uid/{{uid}}/{{nodeId}}/{{artifact}}"
        routes.add("GET", path, archived, handler, says)
    path = "/artifact-files/{namespace}/{place}/{id}/{nodeId}/{side}/{artifact}"
    says = Says("Browse an artifact.", raw=True, plain=True, rest=True)
    routes.add("GET", path, live, browse, says)
    path = "/upload-artifacts/{namespace}/{name}/{artifact}"
    policy = all_of(needs("get", "workflowtemplates"), needs("create", "workflows"))
    says = Says("Upload an artifact for a workflow template.", raw=True, body=("file:binary",))
    routes.add("POST", path, policy, upload, says)


async def uid_place(call: Call) -> str:
    """Return the namespace of the workflow of a uid. Raises NotFound."""
    return (await call.services.catalogue.listed(RunId(call.params["uid"]))).row.namespace


async def output(call: Call) -> Answer:
    """Return an artifact that a node wrote."""
    return await _download(call, "outputs")


async def input_(call: Call) -> Answer:
    """Return an artifact that a node was given."""
    return await _download(call, "inputs")


async def _download(call: Call, side: Side) -> Answer:
    params = call.params
    workflow = await _workflow(call, params.get("name", ""), params.get("uid", ""))
    where = artifact_of(workflow, params["nodeId"], side, params["artifact"])
    return await _sent(_files(call, workflow), where)


def _files(call: Call, workflow: JsonObject) -> Files:
    """Return what reads the artifacts of a workflow: by the Secrets of its own namespace."""
    metadata = workflow.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    return call.services.downloads.of(str(own.get("namespace", "")))


async def _workflow(call: Call, name: str, uid: str) -> JsonObject:
    """Return a workflow by its uid, live or archived, or a live one by its name."""
    services = call.services
    if uid:
        return await services.workflows.document(await services.catalogue.listed(RunId(uid)), True)
    if name == "@latest":
        raise NotFound("no such workflow")
    row = await services.queries.find(call.namespace, name)
    return await services.workflows.document(await services.catalogue.listed(row.run), True)


async def browse(call: Call) -> Answer:
    """Return a file of an artifact, or what is in a directory."""
    params = call.params
    side, place = params["side"], params["place"]
    if side not in {"inputs", "outputs"} or place not in {"workflows", "archived-workflows"}:
        raise UserError("not a place of artifacts")
    name, uid = (params["id"], "") if place == "workflows" else ("", params["id"])
    workflow = await _workflow(call, name, uid)
    metadata = workflow.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("namespace") != call.namespace:
        raise UserError("the workflow is of another namespace")
    artifact, _, path = params["artifact"].partition("/")
    whole = artifact_of(
        workflow, params["nodeId"], "inputs" if side == "inputs" else "outputs", artifact
    )
    where = inside(whole, path)
    if params["artifact"].endswith("/"):
        return await _listed(call, where)
    files = _files(call, workflow)
    if await files.is_folder(where):
        return RedirectResponse(quote(call.request.scope["path"]) + "/", 307)
    return await _sent(files, where)


async def _listed(call: Call, where: Artifact) -> Response:
    """Return a page of what is in a directory, or the page that it has itself."""
    if where.items is not None:
        names = items_of(where)
    else:
        names = names_below(where, await call.services.downloads.of(call.namespace).files(where))
    if not names:
        raise NotFound("no such directory")
    if "index.html" in names:
        return RedirectResponse(quote(call.request.scope["path"]) + "index.html", 307)
    links = [f'<li><a href="./{_href(name)}">{html.escape(name)}</a></li>' for name in names]
    text = "\n".join(
        ["<html><body><ul>", '<li><a href="..">..</a></li>', *links, "</ul></body></html>", ""]
    )
    return Response(text, headers=HEADERS, media_type="text/html")


def _href(name: str) -> str:
    return html.escape(quote(name))


async def _sent(files: Files, where: Artifact) -> Response:
    """Return a file, with the type that its name says."""
    pieces = await files.open(where)
    name = file_name(where)
    kind = mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    headers = {**HEADERS, "Content-Disposition": _disposition(name)}
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return StreamingResponse(pieces, headers={**headers, "Content-Type": kind})


def _disposition(name: str) -> str:
    if name.isascii():
        return f'filename="{name}"'
    return f"filename*=UTF-8''{quote(name)}"


async def upload(call: Call) -> Answer:
    """Keep a file as an argument artifact of a workflow template."""
    services = call.services
    template = await services.templates.get("WorkflowTemplate", call.namespace, call.name)
    given = call.request.headers.get("content-length", "")
    if given.isdigit() and int(given) > services.limits.upload_bytes:
        raise _too_large()
    async with call.request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise UserError("Failed to get file from form: http: no such file")
        artifact, name = call.params["artifact"], file.filename or ""
        where, key = upload_place(template, artifact, call.namespace, name)
        with tempfile.TemporaryDirectory(prefix="tiphys-upload-") as folder:
            target = Path(folder, posixpath.basename(key))
            await _save(file, target, services.limits.upload_bytes)
            await services.downloads.of(call.namespace).keep(target, where)
    answer = to_bytes({"key": key, "name": artifact}) + b"\n"
    return Response(answer, media_type="application/json")


async def _save(file: UploadFile, target: Path, limit: int) -> None:
    """Write an uploaded file. Raises TooMuch."""
    size = 0
    with target.open("wb") as sink:
        while piece := await file.read(_PIECE_BYTES):
            size += len(piece)
            if size > limit:
                raise _too_large()
            sink.write(piece)


def _too_large() -> TooMuch:
    return TooMuch("Request Entity Too Large")
