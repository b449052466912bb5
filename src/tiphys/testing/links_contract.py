"""What no runtime may do: follow a job's links on the host when it saves what the job left.

Subclass `LinksContract` in a test module; give it the fixture `world` of `runtime_contract` and
`store`, a place for artifacts that the suite can look into. A job makes every kind of link to a
file of the host, in a volume and in its own root. What it could read itself is not a secret:
without isolation the host's files are its own.
"""

# A test module that lives in the package; each claim is its own docstring.

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from tiphys.messages import JobFinished
from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import ArchiveStrategy, Artifact, NoneStrategy, ZipStrategy
from tiphys.testing.pod_contract import main, pod_job, template_of, user
from tiphys.testing.runtime_contract import Session, World, output

_MARK = "only-the-host-has-this"
_OWN = "the-job-left-this"
_MOUNT = ({"name": "v", "mountPath": "/work-v"},)
STRATEGIES = {
    "tgz": None,
    "zip": ArchiveStrategy(zip=ZipStrategy()),
    "none": ArchiveStrategy(none=NoneStrategy()),
}
# What is asked for, below the place where the job works.
_TO_THE_HOST = ("file", "folder", "chain", "climb", "through/secret", "termination")
_OWN_ONES = ("inside", "mine", "my-chain", "my-folder")
_SCRIPT = """
mkdir -p {at}/inside {at}/real; cd {at}
ln -s {secret} file; ln -s {folder} folder; ln -s {folder} through
ln -s ../../../../..{secret} climb
ln -s c2 chain; ln -s c3 c2; ln -s {at}/c4 c3; ln -s {secret} c4
ln -s {secret} inside/x; ln -s {folder} inside/d; ln -s ../../../../../..{secret} inside/climb
ln -s ../file inside/chain; echo {own} > inside/own
echo {own} > real/f; ln -s {at}/real/f mine; ln -s m2 my-chain; ln -s mine m2; ln -s real my-folder
ln -s {secret} termination
"""


@dataclass(frozen=True)
class Store:
    """Where artifacts go: `at` places one at a key, and all of them lie as files in `folder`."""

    folder: Path
    at: Callable[[Artifact, str], Artifact]

    def contents(self, key: str) -> dict[str, bytes]:
        """Return {name: content} of what is stored at or below a key; archives are looked into."""
        found: dict[str, bytes] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_symlink() or not path.is_file() or f"/{key}" not in f"/{name}":
                continue
            found.update(_looked_into(name, path))
        return found


def _looked_into(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield f"{name}:{member}", archive.read(member)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for info in tar:
                file = tar.extractfile(info) if info.isreg() else None
                yield f"{name}:{info.name}", file.read() if file else b""
    else:
        yield name, path.read_bytes()


@dataclass(frozen=True)
class Left:
    """What came of one job; `sees` tells that it could read the host's file."""

    done: JobFinished
    sees: bool
    store: Store

    def values(self, name: str) -> set[str]:
        """Return the distinct contents that were stored of an artifact."""
        return {c.decode().strip() for c in self.store.contents(f"wf/{name}").values() if c.strip()}


async def _left(world: World, store: Store, secrets: Path, at: str, strategy: str) -> Left:
    secret = secrets / "secret"
    secrets.mkdir()
    secret.write_text(_MARK)
    artifacts = tuple(
        store.at(
            Artifact(
                name=path.replace("/", "-"),
                path=f"{at}/{path}",
                archive=STRATEGIES[strategy],
                optional=path == "through/secret",
            ),
            f"wf/{path.replace('/', '-')}/it",
        )
        for path in (*_TO_THE_HOST, *_OWN_ONES)
    )
    parameters = (output("p", f"{at}/file", "none"), output("q", f"{at}/through/secret", "none"))
    text = _SCRIPT.format(at=at, secret=secret, folder=secrets, own=_OWN)
    text += f"cat {secret} 2>/dev/null || true\n"
    template = template_of(
        "links",
        container=main(text, volume_mounts=_MOUNT),
        outputs=Outputs(artifacts=artifacts, parameters=parameters),
    )
    async with Session(world, world.open()) as here:
        done = await here.run(pod_job(world, template, capture_result=True))
    return Left(done, _MARK in (done.outputs.result or ""), store)


@pytest.mark.anyio
class LinksContract:
    """The claims. `world` and `store` are fixtures of the subclass's module."""

    @pytest.mark.parametrize("strategy", list(STRATEGIES))
    @pytest.mark.parametrize("at", ["/work-v/w", "/tmp/w"])
    async def test_what_is_saved_is_what_the_job_could_see(
        self, world: World, store: Store, tmp_path: Path, at: str, strategy: str
    ) -> None:
        left = await _left(world, store, tmp_path / "host", at, strategy)
        everything = store.contents("wf/")
        values = [item.value for item in left.done.outputs.parameters]
        if not left.sees:
            leaked = [name for name, content in everything.items() if _MARK.encode() in content]
            assert (leaked, values) == ([], ["none", "none"])
            for name in ("file", "folder", "chain", "climb") if strategy != "tgz" else ():
                assert f"{at}/{name}" in left.done.message, left.done.message
                assert not left.values(name)
        names = {item.name for item in left.done.outputs.artifacts}
        assert names >= set(_OWN_ONES), left.done.message
        wanted = {_OWN, _MARK} if left.sees and strategy == "zip" else {_OWN}
        assert left.values("inside") == wanted
        assert left.values("mine") == left.values("my-chain") == {_OWN}
        # A tar keeps a link to a directory; an engine may send us the directory for it.
        assert left.values("my-folder") == {_OWN} or strategy == "tgz"

    @pytest.mark.parametrize("is_pod", [False, True], ids=["alone", "pod"])
    async def test_a_termination_message_that_is_a_link_is_not_read(
        self, world: World, tmp_path: Path, is_pod: bool
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text(_MARK)
        text = (
            "for f in /dev/termination-log /var/run/argo/termination-log; do "
            f"rm -f $f 2>/dev/null; ln -sf {secret} $f 2>/dev/null; done; exit 3"
        )
        async with Session(world, world.open()) as here:
            more = {"sidecars": (user("helper", "true"),)} if is_pod else {}
            job = pod_job(world, template_of("said", container=main(text), **more))
            done = await here.run(job)
        assert done.phase == "Failed"
        assert _MARK not in done.message


def place_in(location: Artifact) -> Callable[[Artifact, str], Artifact]:
    """Return a `Store.at` that takes the location, whose key it replaces, from an artifact."""

    def at(artifact: Artifact, key: str) -> Artifact:
        if location.s3 is not None:
            return replace(artifact, s3=replace(location.s3, key=key))
        assert location.local is not None
        return replace(artifact, local=replace(location.local, key=key))

    return at
