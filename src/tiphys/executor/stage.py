"""Before the command: directories, template, script, input artifacts.

`prepare` is the part that every job needs, in few system calls and without waiting;
`load_inputs` moves artifacts and is called only for jobs that have some.
Source: reference/executor.md 4; argo cmd/argoexec/commands/init.go, workflow/executor.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

from tiphys.errors import NotFound, Permanent, TiphysError
from tiphys.executor import archive, contract
from tiphys.executor.layout import Layout
from tiphys.executor.meter import Meter
from tiphys.executor.moving import MoveFile
from tiphys.executor.placed import clear, place
from tiphys.executor.transfers import RETRY, DriverOf, Retry, Transfers
from tiphys.messages import JobSpec
from tiphys.model.artifacts import KEY_FIELDS, Artifact, location_type

_ARCHIVE: Final = re.compile(r"(.+\.(?:tgz|tar\.gz|tar|zip))/")
_encode: Final = msgspec.json.Encoder().encode


def has_inputs(job: JobSpec) -> bool:
    """Tell whether `load_inputs` has anything to do."""
    return bool(job.template.inputs.artifacts)


def prepare(job: JobSpec, layout: Layout) -> None:
    """Fill the (existing) job directory with all but the input artifacts."""
    os.makedirs(layout.root, exist_ok=True)
    _write_template(f"{layout.directory}/{contract.TEMPLATE}", _encode(job.template))
    script = job.template.script
    if script is not None and script.source:
        _write_script(layout, layout.text(script.source).encode())
    for folder in layout.folders():
        make_folder(folder)
    for mount in layout.mounts:
        layout.link(mount)


def _write_script(layout: Layout, content: bytes) -> None:
    in_volume = layout.mounted(contract.POD_SCRIPT) is not None
    path = f"{layout.directory}/{contract.SCRIPT}" if in_volume else layout.script
    make_folder(posixpath.dirname(path))
    contract.write_file(path, content, 0o755)
    os.chmod(path, 0o755)  # noqa: S103 - a script must run for whoever the job is
    if in_volume:
        place(Path(path), layout.spot(contract.POD_SCRIPT, follows=False))


def _write_template(path: str, content: bytes) -> None:
    """Write the template and make it read-only; an engine that was killed may have left one."""
    try:
        contract.write_file(path, content)
    except PermissionError:
        os.unlink(path)
        contract.write_file(path, content)
    os.chmod(path, 0o444)


def make_folder(path: str) -> None:
    """Make a directory and its parents, for the job to use."""
    os.makedirs(path, mode=0o755, exist_ok=True)


async def load_inputs(
    job: JobSpec, layout: Layout, drivers: DriverOf, retry: Retry = RETRY
) -> None:
    """Place the input artifacts, in order. The first failure is raised, in Argo's words."""
    transfers = Transfers(job.template.archive_location, drivers, retry)
    file = MoveFile(layout.directory)
    for artifact in job.template.inputs.artifacts:
        if location_type(artifact):
            with file.showing(Meter(artifact.name, "loading")) as meter:
                await _load(artifact, layout, transfers, meter)
        elif not artifact.optional:
            raise Permanent(f"required artifact '{artifact.name}' not supplied")


async def _load(artifact: Artifact, layout: Layout, transfers: Transfers, meter: Meter) -> None:
    try:
        path = clean_path(artifact)
    except TiphysError as exc:
        raise Permanent(f"artifact {artifact.name} failed to load: {exc}") from exc
    # It arrives and is unpacked where no other pod can reach it.
    arriving = Path(layout.directory, contract.INPUTS)
    try:
        await asyncio.to_thread(_make_room, arriving, layout)
        await transfers.load(artifact, arriving / "arrived", meter)
        await asyncio.to_thread(_place, artifact, arriving, layout, path)
    except NotFound as exc:
        if not artifact.optional:
            text = f"artifact {artifact.name} failed to load: {exc}{_inside(artifact)}"
            raise Permanent(text) from exc
        await asyncio.to_thread(_leave_out, artifact, layout, path)
    except (TiphysError, OSError) as exc:
        text = f"artifact {artifact.name} failed to load: {exc}{_inside(artifact)}"
        raise Permanent(text) from exc
    finally:
        await asyncio.to_thread(shutil.rmtree, arriving, ignore_errors=True)


def _inside(artifact: Artifact) -> str:
    """Return a hint if a key leads into an archive: `subPath` is only added to the key."""
    kind = location_type(artifact)
    field = KEY_FIELDS.get(kind)
    key = getattr(getattr(artifact, kind), field) if field is not None else None
    found = _ARCHIVE.match(key or "")
    if found is None:
        return ""
    return (
        f"; {found[1]} looks like an archive, which subPath does not lead into: store the "
        "directory as it is (archive: {none: {}})"
    )


def clean_path(artifact: Artifact) -> str:
    """Return the artifact's path without `.` and doubled slashes.

    Raises Permanent with Argo's texts. Source: argo workflow_types.go, Artifact.CleanPath.
    """
    path = artifact.path
    if not path:
        raise Permanent(f"Artifact '{artifact.name}' did not specify a path")
    clean = posixpath.normpath(path)
    # What stands before the first climb is taken for a place the author meant not to be left.
    safe, climbs, _ = (path + "/").partition("/../")
    if climbs and safe and not clean.startswith(safe + "/"):
        raise Permanent(
            f"Artifact '{artifact.name}' attempted to use a path containing '..'. "
            "Directory traversal is not permitted"
        )
    return clean


def _make_room(arriving: Path, layout: Layout) -> None:
    """Begin with nothing: an engine that was killed may have left something."""
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir(mode=0o700, parents=True)
    os.makedirs(layout.root, exist_ok=True)


def _place(artifact: Artifact, arriving: Path, layout: Layout, path: str) -> None:
    ready = arriving / "ready"
    archive.unpack(arriving / "arrived", ready, artifact.archive)
    if artifact.mode is not None:
        set_mode(ready, artifact.mode, bool(artifact.recurse_mode))
    if layout.owner is not None:
        _give(ready, *layout.owner)
    place(ready, layout.spot(path, follows=False))


def _give(path: Path, user: int, group: int) -> None:
    """Give a file or tree to the pod's user, as whom Argo's init container would have made it."""
    os.chown(path, user, group, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), user, group, follow_symlinks=False)


def _leave_out(artifact: Artifact, layout: Layout, path: str) -> None:
    """Leave nothing where an optional artifact that does not exist would be."""
    try:
        clear(layout.spot(path, follows=False))
    except (TiphysError, OSError) as exc:
        raise Permanent(f"artifact {artifact.name} failed to load: {exc}") from exc


def set_mode(path: Path, mode: int, recurse: bool) -> None:
    """Change the permissions of a file or tree; links are left alone."""
    bits = mode & 0o7777
    if recurse and path.is_dir() and not path.is_symlink():
        # Bottom up, so that taking permissions away does not lock us out.
        for folder, _, files in os.walk(path, topdown=False):
            for file in files:
                if not os.path.islink(full := os.path.join(folder, file)):
                    os.chmod(full, bits)
            os.chmod(folder, bits)
    else:
        os.chmod(path, bits)
