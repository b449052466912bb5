"""Git repositories, read with the git command; input only.

The command sees no configuration of the user, asks nobody, and gets its password by a small
program in a directory that only this user can read: never on its command line.
Source: reference/executor.md 10.7; argo workflow/artifacts/git.
Differs: user and password are given to the repository's own host only, not to the hosts of its
submodules; and a submodule of a remote repository cannot name a directory of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.unsupported import NO_DELETE, refuse_list
from tiphys.errors import Permanent, TiphysError, Transient, UserError
from tiphys.model.artifacts import Artifact, GitArtifact
from tiphys.ports import Entry, Stored

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_REMOTE: Final = "http:https:ssh:git"
_TRANSIENT: Final = (
    *("Could not resolve host", "Connection refused", "Connection timed out", "early EOF"),
    *("Connection reset", "Failed to connect", "Operation timed out", "HTTP 5", "error: 5"),
    *("unexpected disconnect", "transfer closed", "Operation too slow", "Empty reply"),
)
"""git has one exit code for everything, so its words must do."""
_HELPER: Final = re.compile(r"^\w+::")
"""A repository named like this is fetched by a program of that name."""


@dataclass(frozen=True, slots=True)
class _Git:
    """How git is called for one artifact."""

    environ: Mapping[str, str]
    folder: Path
    repo: str

    async def run(self, *words: str) -> str:
        """Return what git prints. Raises _Failed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *("git", *words),
                cwd=self.folder if self.folder.is_dir() else None,
                env=dict(self.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as exc:
            raise UserError("git artifacts need the git command, which is not on PATH") from exc
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        if process.returncode:
            raise _Failed(_last_words(err.decode("utf-8", "replace")))
        return out.decode("utf-8", "replace").strip()

    async def succeeds(self, *words: str) -> bool:
        """Tell whether git does it."""
        try:
            await self.run(*words)
        except _Failed:
            return False
        return True


class _Failed(Exception):
    """git said no."""


class GitDriver:
    """Reads `git` artifacts; `environ` is what git may see of the environment."""

    def __init__(self, credentials: Credentials, *, environ: Mapping[str, str] | None = None):
        self._credentials = credentials
        self._environ = {"PATH": _PATH} if environ is None else environ

    async def get(self, where: Artifact, to: Path) -> None:
        """Check the repository out at `to`, with its `.git`."""
        location = _location(where)
        with tempfile.TemporaryDirectory(prefix="tiphys-git-") as name:
            environ = self._environment(location, Path(name))
            try:
                await _check_out(location, _Git(environ, to, location.repo))
            except _Failed as exc:
                await asyncio.to_thread(shutil.rmtree, to, ignore_errors=True)
                raise _translated(location.repo, str(exc)) from None
            except BaseException:
                await asyncio.to_thread(shutil.rmtree, to, ignore_errors=True)
                raise

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Raises Permanent: repositories are not written."""
        del source, where
        raise Permanent("git output artifacts unsupported")

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Raises Permanent: a repository is a directory."""
        for _ in (where,):
            raise Permanent("Directory Stream capability currently unimplemented for git")
        yield b""  # makes this a generator, as the port wants

    def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Raises Permanent, with Argo's text."""
        del where
        return refuse_list()

    async def delete(self, where: Artifact) -> None:
        """Raises Permanent, with Argo's text."""
        del where
        raise Permanent(NO_DELETE)

    def _environment(self, location: GitArtifact, folder: Path) -> dict[str, str]:
        """Return git's environment; the secrets it needs are written to `folder`."""
        made = {
            **self._environ,
            **{"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)},
            **{"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": f"file:{_REMOTE}"},
            **{"GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C", "GIT_ADVICE": "0"},
            "GIT_TEMPLATE_DIR": "",  # no hooks of this machine
            "GIT_ASKPASS": self._askpass(location, folder),
            "GIT_SSH_COMMAND": self._ssh(location, folder),
        }
        if location.insecure_skip_tls:
            made["GIT_SSL_NO_VERIFY"] = "1"
        return made

    def _askpass(self, location: GitArtifact, folder: Path) -> str:
        """Return the program that tells git user and password."""
        user = self._credentials.text(location.username_secret)
        password = self._credentials.text(location.password_secret)
        host = shlex.quote(_host(location.repo))
        lines = ["#!/bin/sh", "case $1 in"]
        if user or password:
            for begin, value in (("Username", user), ("Password", password)):
                # git asks: Password for 'https://user@host:port':
                lines += [f"{begin}*[/@]{host}\\'*) printf '%s\\n' {shlex.quote(value)}; exit 0;;"]
        return _written(folder / "askpass", "\n".join([*lines, "esac", "exit 1", ""]), 0o700)

    def _ssh(self, location: GitArtifact, folder: Path) -> str:
        words = ["ssh", "-o", "BatchMode=yes"]
        if "@" not in location.repo:
            words += ["-o", "User=git"]
        key = self._credentials.get(location.ssh_private_key_secret)
        if key is not None:
            text = key.reveal().decode("utf-8", "replace").rstrip("\n") + "\n"
            path = _written(folder / "key", text, 0o600)
            words += ["-i", path, "-o", "IdentitiesOnly=yes"]
        if location.insecure_ignore_host_key:
            words += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={os.devnull}"]
        return shlex.join(words)


async def _check_out(location: GitArtifact, git: _Git) -> None:
    depth = (f"--depth={location.depth}",) if location.depth else ()
    # A plain path would be copied whole, whatever the depth.
    repo = f"file://{git.repo}" if git.repo.startswith("/") else git.repo
    await git.run("clone", *_how(location), *depth, "--", repo, str(git.folder))
    for spec in location.fetch:
        await git.run("fetch", *depth, "--", "origin", spec)
    if location.revision:
        await _check_out_revision(location, git)
    if location.disable_submodules or not (git.folder / ".gitmodules").is_file():
        return
    allowed = _REMOTE if _is_remote(location.repo) else f"file:{_REMOTE}"
    below = _Git({**git.environ, "GIT_ALLOW_PROTOCOL": allowed}, git.folder, git.repo)
    await below.run("submodule", "update", "--init", "--recursive")


def _how(location: GitArtifact) -> Iterator[str]:
    yield "--quiet"
    if location.single_branch and not location.branch:
        raise UserError("single branch mode without a branch specified")
    yield "--single-branch" if location.single_branch else "--no-single-branch"
    if location.branch:
        yield f"--branch={location.branch}"


async def _check_out_revision(location: GitArtifact, git: _Git) -> None:
    """Fetch the branches, all of their history if it takes that, and check out."""
    branch = location.branch if location.single_branch else "*"
    spec = f"+refs/heads/{branch}:refs/heads/{branch}"
    fetch = ("fetch", "--quiet", "--update-head-ok")
    # An empty repository has no such branch: what is wrong with the revision is said below.
    await git.succeeds(*fetch, "--", "origin", spec)
    name = f"{location.revision}^{{commit}}"
    resolve = ("rev-parse", "--verify", "--quiet", "--end-of-options", name)
    if not await git.succeeds(*resolve) and (git.folder / ".git/shallow").exists():
        await git.succeeds(*fetch, "--unshallow", "--", "origin", spec)
    try:
        commit = await git.run(*resolve)
    except _Failed as exc:
        raise Permanent("failed to get resolve revision: reference not found") from exc
    await git.run("checkout", "--quiet", "--force", "--detach", commit)


def _translated(repo: str, told: str) -> TiphysError:
    text = f'failed to clone "{repo}": {told}'
    return Transient(text) if any(mark in told for mark in _TRANSIENT) else Permanent(text)


def _last_words(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    told_by_git = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return "; ".join((told_by_git or lines)[-3:]) or "git failed"


def _host(repo: str) -> str:
    return urlsplit(repo).netloc.rpartition("@")[2]


def _is_remote(repo: str) -> bool:
    """Tell whether a repository is elsewhere: a URL, or `user@host:path`."""
    return not (repo.startswith(("file://", "/")))


def _written(path: Path, text: str, mode: int) -> str:
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "w") as file:
        file.write(text)
    return str(path)


def _location(where: Artifact) -> GitArtifact:
    if where.git is None:
        raise Permanent(f"artifact {where.name} is not in git")
    repo = where.git.repo
    if not repo or repo.startswith("-") or _HELPER.match(repo):
        raise UserError(f"artifact {where.name}: git.repo {repo!r} is no repository")
    return where.git
