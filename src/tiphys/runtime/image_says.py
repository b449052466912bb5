"""What an image says besides its files: variables, user, directory, and what it runs.

Taken as a container engine takes it. Source: OCI image-spec, config.md; moby pkg `user`,
GetExecUser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.layout import Spot
from tiphys.executor.opened import opened
from tiphys.model.base import JsonObject
from tiphys.runtime.images import ImageRule, User

_FILE_BYTES: Final = 1 << 20
_USER_FIELDS: Final = 7
_GROUP_FIELDS: Final = 4


@dataclass(frozen=True, slots=True)
class ImageSays:
    """An image's configuration."""

    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    user: User | None = None
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()

    def applied(self, rule: ImageRule, root: str) -> ImageRule:
        """Return a rule with what the image says, where the rule itself says nothing."""
        return replace(
            rule,
            root=root,
            env=self.env,
            working_dir=self.working_dir,
            user=self.user,
            entrypoint=rule.entrypoint or self.entrypoint,
            cmd=rule.cmd or (() if rule.entrypoint else self.cmd),
        )


def image_says(config: JsonObject, root: str) -> ImageSays:
    """Return what an image's configuration says; `root` is where its files are.

    Raises Permanent if its user is not among its users.
    """
    return ImageSays(
        env=tuple((name, value) for name, _, value in map(_parted, _texts(config, "Env"))),
        working_dir=str(config.get("WorkingDir") or ""),
        user=find_user(str(config.get("User") or ""), root),
        entrypoint=_texts(config, "Entrypoint"),
        cmd=_texts(config, "Cmd"),
    )


def _texts(config: JsonObject, name: str) -> tuple[str, ...]:
    given = config.get(name)
    return tuple(map(str, given)) if isinstance(given, list) else ()


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def find_user(text: str, root: str) -> User | None:
    """Return who `name`, `uid`, `name:group` and so on is in an image, None if nobody is named.

    Raises Permanent for a name that the image does not know.
    """
    if not text:
        return None
    name, _, group = text.partition(":")
    found = next(
        (it for it in _lines(root, "/etc/passwd", _USER_FIELDS) if name in (it[0], it[2])), None
    )
    if found is None and not name.isdigit():
        raise Permanent(f"unable to find user {name}: no matching entries in passwd file")
    uid, gid, home = (int(found[2]), int(found[3]), found[5]) if found else (int(name), 0, "/")
    if group:
        known = (
            it[2] for it in _lines(root, "/etc/group", _GROUP_FIELDS) if group in (it[0], it[2])
        )
        number = next(known, group)
        if not number.isdigit():
            raise Permanent(f"unable to find group {group}: no matching entries in group file")
        gid = int(number)
    return User(uid, gid, home or "/")


def _lines(root: str, path: str, count: int) -> Iterator[list[str]]:
    """Yield the proper lines of an image's file, whose links lead nowhere."""
    try:
        with opened(Spot(root, path)) as item:
            content = contract.read_open(item.fd, _FILE_BYTES) if item.is_file else b""
    except OSError:
        return
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        words = line.split(":")
        numbers = words[2:4] if count == _USER_FIELDS else words[2:3]
        if len(words) >= count and all(word.isdigit() for word in numbers):
            yield words
