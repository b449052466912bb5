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

from tiphys.runtime.entry import Entry
from tiphys.runtime.rootfs import EMPTY_FOLDERS, FOLDER_MODE, MOUNTED, Rootfs

_MOST_KEPT: Final = 64


class UsedRoots:
    """The roots of jobs that are over, each as `plain` describes it or not: `take` looks."""

    def __init__(self, plain: Rootfs) -> None:
        self._links = plain.links
        self._mounted = frozenset((*MOUNTED, *plain.readonly))
        self._inside = _tree((*EMPTY_FOLDERS, *self._mounted, *plain.links))
        self._left: deque[Entry] = deque(maxlen=_MOST_KEPT)

    def leave(self, entry: Entry) -> None:
        """Keep in mind the root of a job that is over."""
        self._left.append(entry)

    def forget(self, entry: Entry) -> None:
        """Leave a job's root to it: its directory is to be removed."""
        if entry in self._left:
            self._left.remove(entry)

    def take(self, entry: Entry) -> bool:
        """Move a root to a job that has none yet; tell whether there was one."""
        while self._left:
            last = self._left.pop()
            if last.spec.run != entry.spec.run or not self._is_as_made(last.layout.root):
                continue
            try:
                os.rename(last.layout.root, entry.layout.root)
            except OSError:
                continue
            return True
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
