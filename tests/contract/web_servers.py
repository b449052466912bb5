"""Servers written from the published protocols, for what no program at hand serves."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Self
from urllib.parse import unquote, urlencode
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.test_utils import TestServer

NOT_FOUND = (
    "<?xml version='1.0'?><Error><Code>{}</Code><Message>It does not exist.</Message></Error>"
)


class Served:
    """An application on a port of its own; `requests` are the (method, path) it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, host="127.0.0.1")

    @property
    def port(self) -> int:
        return self._server.port or 0

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        return await self.answer(request)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError


class GcsServer(Served):
    """Google Cloud Storage: objects by its XML interface."""

    def __init__(self, bucket: str) -> None:
        super().__init__()
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = defaultdict(dict)
        self.tokens: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        bucket, _, key = unquote(request.rel_url.raw_path.lstrip("/")).partition("/")
        if bucket != self.bucket:
            return web.Response(status=404, text=NOT_FOUND.format("NoSuchBucket"))
        if "list-type" in request.query:
            return self.listing(request)
        if "uploadId" in request.query or "uploads" in request.query:
            return await self.upload(request, key)
        if request.method == "PUT":
            self.objects[key] = await request.read()
            return web.Response(headers={"ETag": '"1"'})
        if key not in self.objects:
            return web.Response(status=404, text=NOT_FOUND.format("NoSuchKey"))
        if request.method == "DELETE":
            del self.objects[key]
            return web.Response(status=204)
        times = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": '"1"'}
        return web.Response(body=self.objects[key], headers=times)

    async def upload(self, request: web.Request, key: str) -> web.StreamResponse:
        if request.method == "POST" and "uploads" in request.query:
            name = hashlib.sha256(f"{key}{len(self.uploads)}".encode()).hexdigest()
            self.uploads[name] = {}
            told = f"<UploadId>{name}</UploadId>"
            return web.Response(
                text=f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>"
            )
        parts = self.uploads[request.query["uploadId"]]
        if request.method == "PUT":
            parts[int(request.query["partNumber"])] = await request.read()
            return web.Response(headers={"ETag": '"1"'})
        if request.method == "POST":
            self.objects[key] = b"".join(parts[number] for number in sorted(parts))
            told = "<ETag>1</ETag>"
            return web.Response(
                text=f"<CompleteMultipartUploadResult>{told}</CompleteMultipartUploadResult>"
            )
        return web.Response(status=204)

    def listing(self, request: web.Request) -> web.StreamResponse:
        prefix = request.query.get("prefix", "")
        after = request.query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page, rest = keys[:2], keys[2:]  # short pages, so that there are several
        told = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>1</ETag></Contents>"
            for key in page
        )
        if rest:
            told += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        return web.Response(text=f"<ListBucketResult>{told}</ListBucketResult>")


class FileServer(Served):
    """Files by GET and PUT for those who show `auth`; paths below /moved lead elsewhere."""

    def __init__(self, auth: str = "") -> None:
        super().__init__()
        self.auth = auth
        self.files: dict[str, bytes] = {}
        self.headers: list[dict[str, str]] = []
        self.elsewhere = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        path = unquote(request.rel_url.raw_path)
        if path.startswith("/moved/"):
            _, _, status, rest = path.split("/", 3)
            return web.Response(
                status=int(status), headers={"Location": f"{self.elsewhere}/{rest}"}
            )
        if path.startswith("/status/"):
            return web.Response(status=int(path.split("/")[2]))
        if self.auth and request.headers.get("Authorization") != self.auth:
            return web.Response(status=401)
        if request.method == "PUT":
            self.files[path] = await request.read()
            return web.Response(status=201)
        if path not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[path])


class TokenServer(FileServer):
    """A file server for whoever shows the token that is had at /token."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/token":
            self.form = dict(await request.post())
            self.client = request.headers.get("Authorization", "")
            return web.json_response({"access_token": "the-token-itself", "token_type": "bearer"})
        if request.headers.get("Authorization") != "Bearer the-token-itself":
            return web.Response(status=403)
        return await super().answer(request)


class WebHdfs(Served):
    """A name node and, on paths below /data, its data node.

    `options`: it knows Hadoop's strict renames; a gateway does not.
    """

    def __init__(self, standby: bool = False, options: bool = True) -> None:
        super().__init__()
        self.standby = standby
        self.options = options
        self.is_full = False
        """Whether the data node keeps half of what it is sent, and refuses the rest."""
        self.files: dict[str, bytes] = {}
        self.users: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.standby:
            return _remote(403, "StandbyException", "Operation category READ is not supported")
        self.users.add(request.query.get("user.name", ""))
        path = unquote(request.rel_url.raw_path)
        if path.startswith("/data"):
            return await self.data(request, path.removeprefix("/data"))
        path = path.removeprefix("/webhdfs/v1")
        operation = request.query["op"]
        handler = getattr(self, operation.lower())
        return handler(request, path)

    async def data(self, request: web.Request, path: str) -> web.StreamResponse:
        if request.method == "PUT":
            self.files[path] = await request.read()
            if self.is_full:
                self.files[path] = self.files[path][: len(self.files[path]) // 2]
                return _remote(403, "DSQuotaExceededException", "The DiskSpace quota is exceeded")
            return web.Response(status=201)
        return web.Response(body=self.files[path])

    def create(self, request: web.Request, path: str) -> web.Response:
        if path in self.files and request.query["overwrite"] != "true":
            return _remote(403, "FileAlreadyExistsException", f"{path} already exists")
        return self._there(request, 307)

    def open(self, request: web.Request, path: str) -> web.Response:
        if path not in self.files:
            return _remote(404, "FileNotFoundException", f"File does not exist: {path}")
        return self._there(request, 307)

    def _there(self, request: web.Request, status: int) -> web.Response:
        raw = request.rel_url.raw_path.removeprefix("/webhdfs/v1")
        query = urlencode({"op": request.query["op"], "offset": "0"})
        place = f"http://127.0.0.1:{request.url.port}/data{raw}?{query}"
        return web.Response(status=status, headers={"Location": place})

    def getfilestatus(self, request: web.Request, path: str) -> web.Response:
        found = self._status(path)
        if found is None:
            return _remote(404, "FileNotFoundException", f"File does not exist: {path}")
        return web.json_response({"FileStatus": found})

    def liststatus(self, request: web.Request, path: str) -> web.Response:
        below = f"{path.rstrip('/')}/"
        names = {
            file.removeprefix(below).split("/")[0] for file in self.files if file.startswith(below)
        }
        found = [{**(self._status(below + name) or {}), "pathSuffix": name} for name in names]
        return web.json_response({"FileStatuses": {"FileStatus": found}})

    def rename(self, request: web.Request, path: str) -> web.Response:
        destination, option = request.query["destination"], request.query.get("renameoptions", "")
        strict = self.options and option
        if destination in self.files and option != "OVERWRITE" and strict:
            return _remote(403, "FileAlreadyExistsException", f"{destination} already exists")
        if destination in self.files and not strict:
            return web.json_response({"boolean": False})
        self.files[destination] = self.files.pop(path)
        return web.Response() if strict else web.json_response({"boolean": True})

    def delete(self, request: web.Request, path: str) -> web.Response:
        gone = [
            file for file in self.files if file == path or file.startswith(f"{path.rstrip('/')}/")
        ]
        for file in gone:
            del self.files[file]
        return web.json_response({"boolean": bool(gone)})

    def _status(self, path: str) -> dict[str, object] | None:
        if path in self.files:
            return {"type": "FILE", "length": len(self.files[path]), "pathSuffix": ""}
        below = f"{path.rstrip('/')}/"
        if path == "/" or any(file.startswith(below) for file in self.files):
            return {"type": "DIRECTORY", "length": 0, "pathSuffix": ""}
        return None


def _remote(status: int, kind: str, message: str) -> web.Response:
    told = {"exception": kind, "javaClassName": f"x.{kind}", "message": message}
    return web.json_response({"RemoteException": told}, status=status)
