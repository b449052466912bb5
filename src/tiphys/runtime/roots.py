"""Where the files of an image come from, if not from the host: a directory, a tar, or podman.

A rule's `root` is a directory; a tar file of a whole root (as `docker export` or `podman export`
write it, compressed or not), unpacked once; or `podman:<image>`, mounted with
`podman image mount`, of which podman also knows what else the image says. What is made here is
used by every job and never changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor.members import object_of
from tiphys.model.base import JsonObject
from tiphys.runtime.image_says import ImageSays, image_says
from tiphys.runtime.images import HOST, ImageRule

PODMAN: Final = "podman:"
_MOUNT_SECONDS: Final = 600.0


class ImageRoots:
    """Knows the directory of every root that was made; `folder` is where tars are unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, tuple[str, ImageSays | None]] = {}
        self._lock = asyncio.Lock()

    def lacks(self, rule: ImageRule) -> bool:
        """Tell whether a rule's root has to be made."""
        return rule.root != HOST and rule.root not in self._made and not os.path.isdir(rule.root)

    def known(self, rule: ImageRule) -> ImageRule:
        """Return the rule with the directory of its root, if that was made."""
        if rule.root not in self._made:
            return rule
        place, says = self._made[rule.root]
        return replace(rule, root=place) if says is None else says.applied(rule, place)

    async def make(self, rule: ImageRule) -> None:
        """Make a rule's root. Raises Permanent if that cannot be done."""
        if not self.lacks(rule):
            return
        async with self._lock:
            if self.lacks(rule):
                self._made[rule.root] = await asyncio.to_thread(self._place, rule.root)

    def _place(self, root: str) -> tuple[str, ImageSays | None]:
        if root.startswith(PODMAN):
            image = root.removeprefix(PODMAN)
            place = mount_image(image)
            return place, image_says(image_config(image), place)
        try:
            return self._unpack(root), None
        except (OSError, tarfile.TarError) as exc:
            raise Permanent(f"the image root {root} cannot be unpacked: {exc}") from exc

    def _unpack(self, file: str) -> str:
        """Unpack a tar once; another content of the same file is another directory."""
        info = os.stat(file)
        known = f"{os.path.realpath(file)}\n{info.st_size}\n{info.st_mtime_ns}"
        target = self._folder / hashlib.sha256(known.encode()).hexdigest()[:32]
        if target.is_dir():
            return str(target)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        with tarfile.open(file) as tar:
            for member in tar:
                place_member(tar, member, scratch)
        try:
            scratch.rename(target)
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            if not target.is_dir():
                raise
        return str(target)


def place_member(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    """Unpack one member: no devices, nothing outside, nothing behind a link.

    Absolute links are ordinary in an image: they are followed inside the sandbox only.
    """
    path = _inside(root, member.name)
    if path == root or member.isdev():
        return
    if member.isdir():
        path.mkdir(exist_ok=True, parents=True)
        return
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        os.link(_inside(root, member.linkname), path, follow_symlinks=False)
    elif (content := tar.extractfile(member)) is not None:
        with path.open("xb") as target:
            shutil.copyfileobj(content, target)
        path.chmod((member.mode & 0o777) | 0o600)


def _inside(root: Path, name: str) -> Path:
    """Return where a member goes. Raises TarError if that is outside or behind a link."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise tarfile.TarError(f"{name} leads outside")
    path = root
    for part in parts[:-1]:
        path = path / part
        if path.is_symlink():
            raise tarfile.TarError(f"{name} is behind a symbolic link")
    return path / parts[-1] if parts else root


def mount_image(image: str) -> str:
    """Return the directory at which podman shows an image's files. Raises Permanent."""
    said, complaint = _podman("mount", image)
    place = said.strip().rpartition("\n")[2]
    if not os.path.isdir(place):
        raise Permanent(
            f"podman image mount {image}: {complaint or 'no directory'}; without root, "
            "images can be mounted only inside `podman unshare`: use `podman export` and a tar"
        )
    return place


def image_config(image: str) -> JsonObject:
    """Return what podman knows of an image besides its files. Raises Permanent."""
    said, complaint = _podman("inspect", image)
    try:
        return object_of(json.loads(said)[0]["Config"])
    except (ValueError, LookupError, TypeError) as exc:
        raise Permanent(f"podman image inspect {image}: {complaint or exc}") from exc


def _podman(verb: str, image: str) -> tuple[str, str]:
    """Return what podman says and complains of; says nothing if it fails. Raises Permanent."""
    program = shutil.which("podman")
    if program is None:
        raise Permanent(f"the image {image} is to be mounted by podman, which is not installed")
    try:
        done = subprocess.run(
            [program, "image", verb, image],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MOUNT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Permanent(f"podman image {verb} {image}: {exc}") from exc
    return "" if done.returncode else done.stdout, done.stderr.strip()
