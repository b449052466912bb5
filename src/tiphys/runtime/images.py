"""What an image name means on a machine that runs no images.

A rule says where the files come from (the host's, or a directory with an unpacked image), which
directories come first on PATH, and what the image would run by default.
An image that no rule matches is not known: its commands run as programs of this machine, but what
it would run by itself is nobody's guess. Source: conformance/README.md, "Executing local: run".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from tiphys.executor.env import Defaults

HOST: Final = "host"


@dataclass(frozen=True, slots=True)
class User:
    """Whom an image's programs run as."""

    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Applies to images whose repository name matches `pattern` (as in a shell: `*`, `?`, `[]`).

    `root` is "host" or an image's files: a directory, a tar file or `podman:<image>` (roots.py).
    `bin` comes first on PATH. `bin` and `visible` (whatever the programs in `bin` need besides) are
    shown read-only in a sandbox. `env`, `working_dir` and `user` are the image's own, if known.
    """

    pattern: str = "*"
    root: str = HOST
    bin: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    known: bool = True
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    user: User | None = None

    @property
    def defaults(self) -> Defaults:
        """What the image runs by itself."""
        return Defaults(self.entrypoint, self.cmd, self.known)


_UNKNOWN: Final = ImageRule(known=False)
_PLAIN: Final = (
    *("alpine", "amazonlinux", "bash", "busybox", "centos", "debian", "fedora", "golang", "node"),
    *("perl", "python", "rockylinux", "ruby", "ubuntu"),
)
"""Images without an entrypoint, whose own command is a shell that ends at once without input."""

_BUILT_IN: Final = tuple(ImageRule(name, cmd=("true",)) for name in _PLAIN)


def repository(image: str) -> str:
    """Return an image's repository name: no registry, no `library/`, no tag, no digest."""
    name = image.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest
    head, slash, last = name.rpartition("/")
    return (head + slash + last.partition(":")[0]).removeprefix("library/")


class Images:
    """The rules, first match first: those of the settings, then those of well-known images."""

    def __init__(self, rules: Sequence[ImageRule] = ()) -> None:
        self._rules = (*rules, *_BUILT_IN)
        self._found: dict[str, ImageRule] = {}

    def rule(self, image: str) -> ImageRule:
        """Return the rule for an image."""
        if image not in self._found:
            name = repository(image)
            matching = (rule for rule in self._rules if fnmatchcase(name, rule.pattern))
            self._found[image] = next(matching, _UNKNOWN)
        return self._found[image]
