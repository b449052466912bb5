"""The git driver, over files and over HTTP with git's own server."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess

import pytest
from tests.contract.git_server import GitServer, commit, git, make_repository

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.git import GitDriver
from tiphys.errors import Permanent, Transient, UserError
from tiphys.model.artifacts import Artifact, GitArtifact
from tiphys.model.meta import SecretKeySelector
from tiphys.testing.proxy import Fault, Proxy

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("git") is None, reason="the git command is not installed"),
]
PASSWORD = "it's $(a) pass"


def reader(namespace, name, key):
    return {"user": b"me\n", "password": f"{PASSWORD}\n".encode(), "key": b"KEY"}[key]


@pytest.fixture
def driver():
    return GitDriver(Credentials(reader), environ={"PATH": os.environ["PATH"]})


@pytest.fixture
def repository(tmp_path):
    return make_repository(tmp_path / "served/repo")


def secret(key):
    return SecretKeySelector(name="cred", key=key)


def at(repo, **more):
    return Artifact(name="g", git=GitArtifact(repo=str(repo), **more))


async def test_the_default_branch_is_checked_out_with_its_history(driver, repository, tmp_path):
    await driver.get(at(repository), tmp_path / "out")
    assert (tmp_path / "out/file").read_text() == "3"
    assert git(tmp_path / "out", "rev-list", "--count", "HEAD") == "3"
    assert git(tmp_path / "out", "symbolic-ref", "--short", "HEAD") == "main"


@pytest.mark.parametrize(
    ("revision", "name", "text"),
    [("side", "side", "side"), ("v1", "file", "1"), ("HEAD~1", "file", "2"), ("main", "file", "3")],
)
async def test_a_revision_is_a_branch_a_tag_or_an_expression(
    driver, repository, tmp_path, revision, name, text
):
    await driver.get(at(repository, revision=revision), tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == text
    with pytest.raises(subprocess.CalledProcessError):  # detached
        git(tmp_path / "out", "symbolic-ref", "HEAD")


async def test_a_revision_is_found_beyond_the_depth(driver, repository, tmp_path):
    first = git(repository, "rev-parse", "v1")
    await driver.get(at(f"file://{repository}", depth=1, revision=first), tmp_path / "out")
    assert (tmp_path / "out/file").read_text() == "1"


async def test_an_unknown_revision_is_told_in_argos_words(driver, repository, tmp_path):
    with pytest.raises(Permanent, match="failed to get resolve revision: reference not found"):
        await driver.get(at(repository, revision="none"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_depth_limits_the_history(driver, repository, tmp_path):
    await driver.get(at(repository, depth=1), tmp_path / "out")
    assert git(tmp_path / "out", "rev-list", "--count", "HEAD") == "1"
    assert git(tmp_path / "out", "branch", "-r", "--list", "origin/side") == "origin/side"


async def test_a_single_branch_is_all_that_is_fetched(driver, repository, tmp_path):
    await driver.get(at(repository, single_branch=True, branch="side"), tmp_path / "out")
    assert (tmp_path / "out/side").read_text() == "side"
    assert git(tmp_path / "out", "branch", "-r", "--list", "origin/main") == ""
    with pytest.raises(UserError, match="single branch mode without a branch specified"):
        await driver.get(at(repository, single_branch=True), tmp_path / "other")


async def test_more_refs_are_fetched_when_named(driver, repository, tmp_path):
    git(repository, "update-ref", "refs/changes/1", "v1")
    spec = "refs/changes/*:refs/remotes/origin/changes/*"
    where = at(repository, fetch=(spec,), revision="origin/changes/1")
    await driver.get(where, tmp_path / "out")
    assert (tmp_path / "out/file").read_text() == "1"


async def test_an_empty_repository_is_an_empty_repository(driver, tmp_path):
    git(tmp_path, "init", "--quiet", "empty")
    await driver.get(at(tmp_path / "empty"), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == [".git"]


async def test_submodules_come_along_unless_they_are_not_wanted(driver, repository, tmp_path):
    make_repository(tmp_path / "served/inner")
    words = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(repository, *words, str(tmp_path / "served/inner"), "sub")
    git(repository, "commit", "--quiet", "-m", "sub")
    await driver.get(at(repository), tmp_path / "out")
    assert (tmp_path / "out/sub/file").read_text() == "3"
    await driver.get(at(repository, disable_submodules=True), tmp_path / "bare")
    assert not (tmp_path / "bare/sub/file").exists()


async def test_a_remote_repository_cannot_name_a_directory_here(driver, repository, tmp_path):
    make_repository(tmp_path / "private")
    words = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(repository, *words, f"file://{tmp_path}/private", "sub")
    git(repository, "commit", "--quiet", "-m", "sub")
    async with GitServer(tmp_path / "served") as server:
        with pytest.raises(Permanent, match="transport 'file' not allowed"):
            await driver.get(at(f"http://127.0.0.1:{server.port}/repo"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_over_http_user_and_password_are_given(driver, repository, tmp_path):
    header = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"
    who = {"username_secret": secret("user"), "password_secret": secret("password")}
    async with GitServer(tmp_path / "served", header) as server:
        repo = f"http://127.0.0.1:{server.port}/repo"
        await driver.get(at(repo, revision="v1", depth=1, **who), tmp_path / "out")
        assert (tmp_path / "out/file").read_text() == "1"
        with pytest.raises(Permanent, match=f'failed to clone "{repo}": .*could not read Username'):
            await driver.get(at(repo), tmp_path / "other")


async def test_a_submodules_host_is_told_no_password(driver, repository, tmp_path):
    make_repository(tmp_path / "elsewhere/inner")
    header = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"
    who = {"username_secret": secret("user"), "password_secret": secret("password")}
    async with (
        GitServer(tmp_path / "served", header) as server,
        GitServer(tmp_path / "elsewhere", "Basic other") as other,
    ):
        git(repository, "config", "-f", ".gitmodules", "submodule.sub.path", "sub")
        url = f"http://127.0.0.1:{other.port}/inner"
        git(repository, "config", "-f", ".gitmodules", "submodule.sub.url", url)
        inner = git(tmp_path / "elsewhere/inner", "rev-parse", "HEAD")
        git(repository, "update-index", "--add", "--cacheinfo", f"160000,{inner},sub")
        git(repository, "add", ".gitmodules")
        git(repository, "commit", "--quiet", "-m", "sub")
        with pytest.raises(Permanent, match="could not read Username"):
            await driver.get(at(f"http://127.0.0.1:{server.port}/repo", **who), tmp_path / "out")
        assert other.given == {""}


async def test_a_bad_connection_is_transient(driver, repository, tmp_path):
    (repository / "large").write_bytes(os.urandom(1 << 20))
    commit(repository, "x", "x")
    async with GitServer(tmp_path / "served") as server, Proxy(server.port) as proxy:
        repo = f"http://127.0.0.1:{proxy.port}/repo"
        proxy.fault = Fault(answer_bytes=1 << 18)
        with pytest.raises(Transient, match="failed to clone"):
            await driver.get(at(repo), tmp_path / "out")
        proxy.fault = None
        await driver.get(at(repo), tmp_path / "out")
    with pytest.raises(Transient, match="failed to clone"):
        await driver.get(at(repo), tmp_path / "again")


async def test_the_ssh_key_is_given_as_a_private_file_to_the_user_git(repository, tmp_path):
    # A stand-in for ssh writes down how it is called.
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n'
        f'while [ "$1" != -i ]; do shift; done\n'
        f'stat -c %a "$2" > {tmp_path}/mode\ncat "$2" > {tmp_path}/key\nexit 1\n'
    )
    program.chmod(0o755)
    environ = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    where = at(
        "ssh://host.invalid/repo.git",
        ssh_private_key_secret=secret("key"),
        insecure_ignore_host_key=True,
    )
    with pytest.raises(Permanent, match=r'failed to clone "ssh://host\.invalid/repo\.git"'):
        await GitDriver(Credentials(reader), environ=environ).get(where, tmp_path / "out")
    words = (tmp_path / "words").read_text().split()
    assert {"User=git", "StrictHostKeyChecking=no", "BatchMode=yes"} <= set(words)
    assert (tmp_path / "mode").read_text() == "600\n"
    assert (tmp_path / "key").read_text() == "KEY\n"


@pytest.mark.parametrize("repo", ["", "--upload-pack=touch x", "ext::sh -c touch% x"])
async def test_a_repository_that_is_a_command_is_refused(driver, tmp_path, repo):
    with pytest.raises(UserError, match="is no repository"):
        await driver.get(at(repo), tmp_path / "out")


async def test_only_reading_is_supported_in_argos_words(driver, repository, tmp_path):
    with pytest.raises(Permanent, match="git output artifacts unsupported"):
        await driver.put(repository, at(repository))
    with pytest.raises(Permanent, match="delete not supported"):
        await driver.delete(at(repository))
    with pytest.raises(Permanent, match="ListObjects"):
        [entry async for entry in driver.list(at(repository))]
    with pytest.raises(Permanent, match="Directory Stream capability"):
        [piece async for piece in driver.open(at(repository))]


async def test_without_git_the_user_is_told_what_is_missing(repository, tmp_path):
    driver = GitDriver(Credentials(reader), environ={"PATH": str(tmp_path)})
    with pytest.raises(UserError, match="need the git command"):
        await driver.get(at(repository), tmp_path / "out")
