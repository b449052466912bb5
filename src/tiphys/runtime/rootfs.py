"""What a sandboxed job sees of the host: read-only parts, links, and holes for declared paths."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tiphys.executor.layout import clean
from tiphys.runtime.images import HOST, ImageRule

_HOST_PARTS: Final = (
    *("usr", "etc", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32"),
    *("nix", "gnu"),  # where some systems keep all programs
)
_PRIVATE: Final = frozenset(
    {"dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp", "var"}
)
FOLDER_MODE: Final = 0o755
EMPTY_FOLDERS: Final[dict[str, int]] = {
    **dict.fromkeys(("/tmp", "/var/tmp"), 0o1777),  # noqa: S108 - the pod's own, not ours
    **dict.fromkeys(("/home", "/mnt", "/root", "/run", "/srv", "/var/run/argo"), FOLDER_MODE),
}
"""The directories that any image has, and their modes."""
MOUNTED: Final = ("/proc", "/dev")
"""Where bubblewrap mounts something of its own."""
_SECRETS: Final = (
    *("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers"),
    *("/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private"),
)
_RESOLVER: Final = "/etc/resolv.conf"
_NAMES: Final = ("/etc/hosts", _RESOLVER)


@dataclass(slots=True)
class Rootfs:
    """Parts shown read-only, as {pod path: host path}, and links, as {pod path: target}."""

    readonly: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Rootfs:
        """Return one that can be changed by itself."""
        return Rootfs(dict(self.readonly), dict(self.links))

    def add(self, path: str, real: str) -> None:
        """Show the host's `real` at `path`; a link stays a link."""
        if os.path.islink(real):
            self.links[path] = os.readlink(real)
        elif os.path.exists(real):
            self.readonly[path] = real

    def canonical(self, path: str) -> str:
        """Follow the links of the top level: `/bin/x` is `/usr/bin/x` on most systems."""
        first, _, rest = path[1:].partition("/")
        target = self.links.get("/" + first)
        return posixpath.join("/", target, rest) if target is not None and rest else path

    def covers(self, path: str) -> str | None:
        """Return the read-only part at or above `path`."""
        while path not in ("/", ""):
            if path in self.readonly:
                return path
            path = posixpath.dirname(path)
        return None

    def open_up(self, path: str, replace: bool) -> None:
        """Make the directory that holds `path` writable, though it lies in a read-only part.

        The part is replaced by its entries, one by one, down to that directory. With `replace`
        something of the job's own takes the place of what the host has at `path` itself.
        """
        path = self.canonical(clean(path))
        while (part := self.covers(path)) is not None and part != path:
            real = self.readonly.pop(part)
            for name in os.listdir(real) if os.path.isdir(real) else ():
                self.add(f"{part}/{name}", f"{real}/{name}")
        if replace:
            self.readonly.pop(path, None)
            self.links.pop(path, None)

    def arguments(self, links: bool = True) -> Iterator[str]:
        """Yield bubblewrap's arguments, short paths first, so that a mount never hides another.

        Without `links` they are in the root already: bubblewrap makes a link only once.
        """
        for path, real in sorted(self.readonly.items()):
            if path not in _SECRETS:
                yield from ("--ro-bind", real, path)
        if self.readonly.get("/etc") == "/etc":
            for path in _SECRETS:
                if os.access(path, os.R_OK):
                    yield from _hidden(path)
        for path, target in self.links.items() if links else ():
            yield from ("--symlink", target, path)

    def has_links(self, root: str) -> bool:
        """Tell whether a root has some of the links already."""
        return any(os.path.islink(root + path) for path in self.links)

    def make_links(self, root: str) -> None:
        """Make the links in a root that more than one sandbox will have."""
        for path, target in self.links.items():
            if not os.path.lexists(root + path):
                os.makedirs(os.path.dirname(root + path), exist_ok=True)
                os.symlink(target, root + path)


def _hidden(path: str) -> tuple[str, ...]:
    """Show nothing at a path of the host that holds what only its administrator may know."""
    return ("--tmpfs", path) if os.path.isdir(path) else ("--ro-bind", "/dev/null", path)


def rootfs(rule: ImageRule) -> Rootfs:
    """Return what an image's jobs see, before any declared path is considered."""
    made = Rootfs()
    if rule.root == HOST:
        for name in _HOST_PARTS:
            made.add(f"/{name}", f"/{name}")
        _add_resolver(made)
    else:
        for name in sorted(os.listdir(rule.root)):
            if name not in _PRIVATE:
                made.add(f"/{name}", f"{rule.root}/{name}")
        _add_names(made, rule.root)
    for folder in (*rule.bin, *rule.visible):
        if made.covers(folder) is None:
            made.add(folder, os.path.realpath(folder))
    return made


def _add_resolver(made: Rootfs) -> None:
    """Show the file that /etc/resolv.conf leads to, where it leads to: often below /run."""
    real = os.path.realpath(_RESOLVER)
    if os.path.isfile(real) and made.covers(real) is None:
        made.add(real, real)


def _add_names(made: Rootfs, root: str) -> None:
    """Give an image's root the host's names, as engines do: the network is the host's.

    An image has no such files, or empty ones to put others in place of.
    """
    for path in _NAMES:
        real, own = os.path.realpath(path), root + path
        if not os.path.isfile(real) or os.path.isdir(own):
            continue
        if os.path.islink(own) or not os.path.isfile(own):
            made.open_up(path, replace=True)  # nothing can be put in place of it as it is
        # Who looks a path up takes the first part that it is in.
        made.readonly = {path: real, **made.readonly}


def empty_folders() -> Iterable[str]:
    """Yield bubblewrap's arguments for the directories that any image has."""
    for path, mode in EMPTY_FOLDERS.items():
        yield from ("--perms", f"{mode:o}", "--dir", path)


def make_root(root: str, shown: Rootfs) -> None:
    """Make in a new root what bubblewrap would make: directories, mount points, links."""
    made = {"": FOLDER_MODE}
    mounted = [path for path, real in shown.readonly.items() if os.path.isdir(real)]
    for path in (*MOUNTED, *mounted, *EMPTY_FOLDERS):
        parts = path.split("/")
        for depth in range(2, len(parts) + 1):
            made.setdefault("/".join(parts[:depth]), FOLDER_MODE)
    for path, mode in (made | EMPTY_FOLDERS).items():
        os.makedirs(root + path, exist_ok=True)
        os.chmod(root + path, mode)  # whatever the umask
    shown.make_links(root)
