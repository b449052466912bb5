"""Git over HTTP: git's own http-backend behind a small server, and repositories to fetch."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from aiohttp import web
from tests.contract.web_servers import Served

QUIET = {
    **{"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    **{"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "@0 +0000"},
    **{"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_COMMITTER_DATE": "@0 +0000"},
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**QUIET, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_repository(folder: Path, commits: int = 3) -> Path:
    """Return a repository with commits 1..n on main, the tag v1 on the first, a branch `side`."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in range(1, commits + 1):
        commit(folder, "file", str(number))
        if number == 1:
            git(folder, "tag", "v1")
            git(folder, "branch", "side")
    git(folder, "checkout", "--quiet", "side")
    commit(folder, "side", "side")
    git(folder, "checkout", "--quiet", "main")
    return folder


def commit(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", text)


class GitServer(Served):
    """Serves the repositories below `root`; `auth` is the header that is wanted."""

    def __init__(self, root: Path, auth: str = "") -> None:
        super().__init__()
        self.root = root
        self.auth = auth
        self.given: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        self.given.add(given)
        if self.auth and given != self.auth:
            wanted = {"WWW-Authenticate": 'Basic realm="git"'}
            return web.Response(status=401, headers=wanted)
        backend = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            env={
                **QUIET,
                **{"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root)},
                **{"GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": request.path},
                **{"REQUEST_METHOD": request.method, "QUERY_STRING": request.query_string},
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await backend.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(status=status, body=body, headers=headers)
