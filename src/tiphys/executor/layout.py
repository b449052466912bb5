"""Where a pod's paths are on this machine.

A template speaks of `/tmp/out` and `/argo/staging/script`. A *rooted* layout (sandbox) shows the
job a private root, so its paths stay as they are and lie below `root/` for us. A *mapped* layout
(plain processes) has no such root: the paths that the template declares are replaced in its
texts by paths in the job directory, and every other path is the host's own.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.members import MAIN
from tiphys.messages import JobSpec

_MAX_LINKS: Final = 40
# A declared path counts only where a path begins, and only up to the end of a name.
_BEFORE: Final = r"(?<![\w./})-])"
_AFTER: Final = r"(?![\w-]|\.\w)"


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of ours at an absolute path of a container.

    `volume` is the directory that `source` must lie in, "" if nobody could make it lie elsewhere.
    """

    path: str
    source: str
    read_only: bool = False
    volume: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on this machine: `rest` below `base`, with every link on the way followed already.

    `base` is ours, and so is `within`, the directory that it must really lie in ("": wherever it
    is). What is `rest` belongs to the job, which may still be changing it: it is opened with
    `opened.py` only. `shown` is a part of the host that the job sees read-only.
    """

    base: str
    rest: str = ""
    within: str = ""
    shown: bool = False

    def __str__(self) -> str:
        return self.base + self.rest


class Layout:
    """The common part: the job directory and the root of one container, `root/` for main.

    `mounts` are what lies in volumes; a path below one of them is in the volume, not in the root.
    `owner` is the user and the group that input artifacts are given to, None for the engine's.
    """

    owner: tuple[int, int] | None = None

    def __init__(self, directory: str, mounts: Sequence[Mount] = (), name: str = MAIN) -> None:
        self.directory = directory
        self.name = name
        self.own = directory if name == MAIN else f"{directory}/ctr/{name}"
        self.root = f"{self.own}/{contract.ROOT}"
        self.mounts = sorted(mounts, key=lambda mount: len(mount.path), reverse=True)

    def mounted(self, path: str) -> str | None:
        """Return where `path` is in a volume, None if it is in none."""
        spot = self._mounted(path)
        return None if spot is None else str(spot)

    def _mounted(self, path: str) -> Spot | None:
        for mount in self.mounts:
            folder = mount.path.rstrip("/")
            if path == mount.path or path.startswith(folder + "/"):
                return Spot(mount.source, path[len(folder) :], mount.volume)
        return None

    def text(self, value: str) -> str:
        """Return a text of the template as the job must see it."""
        return value

    def told(self, path: str) -> str:
        """Return one of our own paths (`contract.POD_...`) as the job must see it."""
        return path

    def host(self, path: str) -> str:
        """Return where the pod's absolute `path` is for us; its last component is not followed."""
        raise NotImplementedError

    def follow(self, path: str) -> str:
        """Return the same with a final symbolic link followed as the job would follow it."""
        raise NotImplementedError

    def spot(self, path: str, follows: bool = True) -> Spot:
        """Return where to open the pod's absolute `path`; `follows` is about its last component."""
        raise NotImplementedError

    def folders(self) -> Iterable[str]:
        """Return the directories that the job may expect and that nobody else makes."""
        return ()

    def link(self, mount: Mount) -> None:
        """Make a mount seen, where nothing else does."""

    @property
    def script(self) -> str:
        """Where the script goes."""
        return self.host(contract.POD_SCRIPT)

    @property
    def progress(self) -> str:
        """Where the job's progress file is for us."""
        raise NotImplementedError

    @property
    def termination_log(self) -> str:
        """Where the job's own termination message is for us."""
        raise NotImplementedError


class RootedLayout(Layout):
    """A private root in which parts of the host are shown read-only.

    `readonly` is {pod path: host path}; `links` is {pod path: target}, the links that will be
    made in the root but need not be there yet.
    """

    def __init__(
        self,
        directory: str,
        readonly: Mapping[str, str],
        links: Mapping[str, str],
        mounts: Sequence[Mount] = (),
        name: str = MAIN,
    ) -> None:
        super().__init__(directory, mounts, name)
        self.readonly = readonly
        self._links = links

    def host(self, path: str) -> str:
        """Resolve all but the last component inside the root: a job's links lead nowhere else."""
        parent, name = posixpath.split(clean(path))
        return posixpath.join(str(self._spot(self._resolve(parent))), name)

    def follow(self, path: str) -> str:
        """Resolve the whole path inside the root."""
        return str(self.spot(path))

    def spot(self, path: str, follows: bool = True) -> Spot:
        """Resolve the path as the job would: a link is one of the pod's, not of the host's."""
        if follows:
            return self._spot(self._resolve(clean(path)))
        parent, name = posixpath.split(clean(path))
        return self._spot(posixpath.join(self._resolve(parent), name))

    @property
    def progress(self) -> str:
        """`/var/run/argo` is private to the pod; the job's own files are not shown to it."""
        return self.host(contract.POD_PROGRESS)

    @property
    def termination_log(self) -> str:
        """`/dev/termination-log` is a link to here."""
        return self.host("/var/run/argo/termination-log")

    def _resolve(self, path: str) -> str:
        """Return the pod's path without links."""
        done, todo, links = "/", path.strip("/").split("/"), 0
        while todo:
            part = todo.pop(0)
            if part in ("", "."):
                continue
            done = posixpath.normpath(posixpath.join(done, part))
            try:
                target = self._links.get(done) or os.readlink(str(self._spot(done)))
            except OSError:
                continue  # not a link, or not there (yet)
            links += 1
            if links > _MAX_LINKS:
                raise Permanent(f"{path}: too many levels of symbolic links")
            todo = target.split("/") + todo
            done = "/" if target.startswith("/") else posixpath.dirname(done)
        return done

    def _spot(self, path: str) -> Spot:
        if self.mounts and (mounted := self._mounted(path)) is not None:
            return mounted
        mine = Spot(self.root, path)
        if os.path.lexists(str(mine)) and path not in self.readonly:
            return mine
        for part, real in self.readonly.items():
            if path == part or path.startswith(part + "/"):
                return Spot(real, path[len(part) :], shown=True)
        return mine


class MappedLayout(Layout):
    """No root of its own: declared paths are replaced, all others are the host's."""

    def __init__(
        self, directory: str, job: JobSpec, mounts: Sequence[Mount] = (), name: str = MAIN
    ) -> None:
        super().__init__(directory, mounts, name)
        self._job = job

    @cached_property
    def mapping(self) -> dict[str, str]:
        """Pod path -> host path, for what the template declares.

        A declared path whose parents do not exist here stands for its topmost missing parent as
        well, so that `mkdir -p /mnt/out; echo > /mnt/out/x` needs nothing but the declared
        `/mnt/out/x`.
        """
        found = {
            contract.POD_TERMINATION_LOG: self.termination_log,
            contract.POD_PROGRESS: f"{self.directory}/{contract.PROGRESS}",
        }
        if self._job.template.script is not None and self.name == MAIN:
            found[contract.POD_SCRIPT] = f"{self.directory}/{contract.SCRIPT}"
        declared = declared_paths(self._job) if self.name == MAIN else ()
        for path in (*map(clean, declared), *(mount.path for mount in self.mounts)):
            missing = path
            while len(parent := posixpath.dirname(missing)) > 1 and not os.path.lexists(parent):
                missing = parent
            if path != "/":
                for name in (missing, path):
                    found[name] = self.mounted(name) or self.root + name
        return found

    def text(self, value: str) -> str:
        """Replace declared paths; a match must be a whole path or a leading part of one."""
        return self._pattern.sub(self._replace, value) if "/" in value else value

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.mapping, key=len, reverse=True)
        names = "|".join(re.escape(path) for path in longest_first)
        return re.compile(_BEFORE + f"(?:{names})" + _AFTER)

    def _replace(self, match: re.Match[str]) -> str:
        return self.mapping[match.group()]

    def told(self, path: str) -> str:
        """Return the mapped path: no need to look for it in a text."""
        return self.mapping[path]

    def folders(self) -> Iterable[str]:
        """Return the mapped counterparts of directories that the host has, such as /tmp."""
        mapped = (path for path, place in self.mapping.items() if place == self.root + path)
        parents = {posixpath.dirname(path) for path in mapped}
        return [self.root + parent for parent in parents if os.path.isdir(parent)]

    def link(self, mount: Mount) -> None:
        """Put a link where a job that is in the directory above will look."""
        place = self.root + mount.path
        if not os.path.lexists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.symlink(mount.source, place)

    def host(self, path: str) -> str:
        """Return the mapped path, or the host's own."""
        path = part = clean(path)
        while len(part) > 1:
            if part in self.mapping:
                return self.mapping[part] + path[len(part) :]
            part = posixpath.dirname(part)
        return path

    def follow(self, path: str) -> str:
        """Links are the host's: there is no isolation to keep."""
        return os.path.realpath(self.host(path))

    def spot(self, path: str, follows: bool = True) -> Spot:
        """Return the place on the host: the job could read it with the same rights as we."""
        if follows:
            return Spot("", self.follow(path))
        parent, name = posixpath.split(self.host(path))
        return Spot("", posixpath.join(os.path.realpath(parent), name))

    @property
    def progress(self) -> str:
        """The job is told this path by ARGO_PROGRESS_FILE."""
        return f"{self.directory}/{contract.PROGRESS}"

    @property
    def termination_log(self) -> str:
        """The job's own message replaces the launcher's, as in Argo: last one wins."""
        return f"{self.own}/{contract.TERMINATION_LOG}"


def declared_paths(job: JobSpec) -> Iterator[str]:
    """Yield every absolute path that the template gives a meaning."""
    template = job.template
    for artifact in (*template.inputs.artifacts, *template.outputs.artifacts):
        if artifact.path.startswith("/"):
            yield artifact.path
    for parameter in template.outputs.parameters:
        if parameter.value_from is not None and parameter.value_from.path.startswith("/"):
            yield parameter.value_from.path


def clean(path: str) -> str:
    """Return `path` absolute and without `.`, `..` and doubled slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))
