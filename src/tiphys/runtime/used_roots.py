"""Private roots that jobs left as they found them, for later jobs.

A root begins with some twenty directories and links. To make them costs the disk as much as
bubblewrap costs the processor, and most jobs write nothing into them. So a root that is as it was
made is moved to the next job of the run instead of being made again. Nothing else is kept: until
then it stays with the job that left it, so an engine that dies leaves nothing behind.

Not here: when a job may have such a root, which the runtime knows.
"""

from __future__ import annotations

import os
from collections import deque
from stat import S_IMODE, S_ISDIR
from typing import Final

from tiphys.executor import contract
from tiphys.model.ids import NodeId
from tiphys.runtime.entry import Entry
from tiphys.runtime.rootfs import EMPTY_FOLDERS, FOLDER_MODE, MOUNTED, Rootfs

_MOST_KEPT: Final = 64
_CLOCK_NS: Final = 200_000_000
"""Longer than the clock of a file system stands still."""


class UsedRoots:
    """The roots of jobs that are over, each as `plain` describes it or not: `take` looks."""

    def __init__(self, plain: Rootfs) -> None:
        self._links = plain.links
        self._mounted = frozenset((*MOUNTED, *plain.readonly))
        self._inside = _tree((*EMPTY_FOLDERS, *self._mounted, *plain.links))
        self._private = [path for path in self._inside if path and path not in self._mounted]
        self._left: deque[Entry] = deque(maxlen=_MOST_KEPT)
        self._as_made: set[NodeId] = set()

    def leave(self, entry: Entry) -> None:
        """Keep in mind the root of a job that is over."""
        self._left.append(entry)

    def forget(self, entry: Entry) -> None:
        """Leave a job's root to it: its directory is to be removed, or nobody can have it."""
        self._as_made.discard(entry.spec.id)
        if entry in self._left:
            self._left.remove(entry)

    def note(self, entry: Entry) -> None:
        """Remember that a job begins with a root that is as it was made."""
        self._as_made.add(entry.spec.id)

    def take(self, entry: Entry) -> bool:
        """Move a root to a job that has none yet; tell whether there was one."""
        while self._left:
            last = self._left.pop()
            if not self._may_be_had(last, entry):
                continue
            try:
                os.rename(last.layout.root, entry.layout.root)
            except OSError:
                continue
            self.note(entry)
            return True
        return False

    def _may_be_had(self, last: Entry, entry: Entry) -> bool:
        began_well = last.spec.id in self._as_made
        self._as_made.discard(last.spec.id)
        if last.spec.run != entry.spec.run:
            return False
        return (began_well and self._is_untouched(last)) or self._is_as_made(last.layout.root)

    def _is_untouched(self, entry: Entry) -> bool:
        """Tell whether nothing in a root has changed since well before its job began.

        Whatever is done to a directory or a link changes its `ctime`, which nobody can set. Only
        the root's own says nothing: moving it has changed that.
        """
        root = entry.layout.root
        try:
            began = os.stat(f"{entry.directory}/{contract.PID}").st_mtime_ns - _CLOCK_NS
            return self._is_folder_as_made(root, "") and all(
                os.lstat(root + path).st_ctime_ns < began for path in self._private
            )
        except OSError:
            return False

    def _is_as_made(self, root: str) -> bool:
        """Tell whether nothing was added, removed or changed where the job could write."""
        try:
            return all(os.readlink(root + path) == to for path, to in self._links.items()) and all(
                self._is_folder_as_made(root, path) for path in self._inside
            )
        except OSError:
            return False

    def _is_folder_as_made(self, root: str, path: str) -> bool:
        if path in self._mounted or path in self._links:
            return True  # what is mounted hid it; links were compared
        place = root + path
        found = os.lstat(place)
        return (
            S_ISDIR(found.st_mode)
            and {*os.listdir(place)} == self._inside[path]
            and found.st_uid == os.geteuid()
            and S_IMODE(found.st_mode) == EMPTY_FOLDERS.get(path, FOLDER_MODE)
            and not os.listxattr(place, follow_symlinks=False)
        )


def _tree(paths: tuple[str, ...]) -> dict[str, set[str]]:
    """Return what each directory of a root holds, by its path; the root itself is ""."""
    inside: dict[str, set[str]] = {"": set()}
    for path in paths:
        inside.setdefault(path, set())
        parts = path.split("/")
        for depth in range(1, len(parts)):
            inside.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
    return inside
