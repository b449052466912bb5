"""Outputs of a container that is over: copied out of its file system into the job directory.

Source: docs.docker.com, Engine API v1.40, ContainerArchive.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tiphys.errors import NotFound, Permanent
from tiphys.executor import contract, stage
from tiphys.executor.layout import Layout, clean
from tiphys.messages import JobSpec
from tiphys.runtime.engines.api import Api
from tiphys.runtime.roots import place_member

_MAX_LINKS: Final = 8
_PAUSES_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def paths_to_copy(job: JobSpec, layout: Layout) -> list[str]:
    """Return the declared outputs that lie in no volume and in no input, outer ones only."""
    outputs = job.template.outputs
    given = [item.path for item in outputs.artifacts]
    given += [i.value_from.path for i in outputs.parameters if i.value_from is not None]
    brought = [clean(stage.clean_path(item)) for item in job.template.inputs.artifacts if item.path]
    wanted = sorted({clean(path) for path in given if path})
    found: list[str] = []
    for path in wanted:
        if layout.mounted(path) is None and not _is_below(path, [*brought, *found]):
            found.append(path)
    return found


async def copy_out(api: Api, container: str, job: JobSpec, layout: Layout) -> None:
    """Copy a job's outputs to where its layout looks for them; what is not there is not copied.

    Raises a TiphysError: they cannot be had, or somebody has removed the container.
    """
    kept = [mount.path for mount in layout.mounts]
    kept += [clean(stage.clean_path(item)) for item in job.template.inputs.artifacts if item.path]
    for wanted in paths_to_copy(job, layout):
        path = wanted
        for _ in range(_MAX_LINKS):
            if not await _copy(api, container, path, layout, kept):
                break
            place = layout.root + path
            if not os.path.islink(place):
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), os.readlink(place)))
            if layout.mounted(path) is not None:
                break


async def _copy(api: Api, container: str, path: str, layout: Layout, kept: Sequence[str]) -> bool:
    file = Path(layout.directory, contract.OUTPUTS, "copy.tar")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        await _download(api, container, path, file)
        await asyncio.to_thread(_unpack, file, path, Path(layout.root), kept)
    except NotFound:
        await _look_for(api, container)
        return False
    except (tarfile.TarError, OSError) as exc:
        raise Permanent(f"{path} cannot be copied out of the container: {exc}") from exc
    finally:
        file.unlink(missing_ok=True)
    return True


async def _look_for(api: Api, container: str) -> None:
    """Raise Permanent if it is the container that is not there: then nobody knows its outputs."""
    try:
        await api.get(f"/containers/{container}/json")
    except NotFound as exc:
        text = "the container was removed before its outputs were copied out of it"
        raise Permanent(text) from exc


async def _download(api: Api, container: str, path: str, file: Path) -> None:
    """Get the tar of a path, again if it was cut short.

    podman may unmount a container that has just ended while it reads from it (seen with 4.3), and
    what was read until then looks like all.
    """
    for pause in (*_PAUSES_SECONDS, None):
        await api.download(f"/containers/{container}/archive", file, path=path)
        if _is_whole(file):
            return
        if pause is not None:
            await asyncio.sleep(pause)
    raise tarfile.ReadError("the engine does not send all of it")


def _is_whole(file: Path) -> bool:
    """Tell whether a tar has its closing block of zeros."""
    with file.open("rb") as tar:
        size = tar.seek(0, os.SEEK_END)
        tar.seek(max(0, size - tarfile.BLOCKSIZE))
        return size > 0 and not any(tar.read())


def _unpack(file: Path, path: str, root: Path, kept: Sequence[str]) -> None:
    """Unpack at `path` below the root; what is mounted there is ours already."""
    with tarfile.open(file) as tar:
        for member in _renamed(tar, path):
            if not _is_below("/" + member.name, kept):
                place_member(tar, member, root)


def _renamed(tar: tarfile.TarFile, path: str) -> Iterator[tarfile.TarInfo]:
    """Yield the members under the path that was asked for: engines name them by its last part."""
    inner = path.strip("/")
    for member in tar:
        member.name = _under(inner, member.name)
        if member.islnk():
            member.linkname = _under(inner, member.linkname)
        yield member


def _under(path: str, name: str) -> str:
    rest = name.strip("/").partition("/")[2]
    return posixpath.join(path, rest) if rest else path


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)
