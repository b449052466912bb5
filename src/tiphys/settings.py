"""Every setting: typed, documented, read once. The only reader of the environment.

A settings file (YAML) may hold the same names as `Settings`; what is given on the command line
goes before it, and it before the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json
from tiphys.model.codec import Document
from tiphys.service.mapping import read_mapping

_IDLE_SECONDS = 5.0
RUNTIMES = ("auto", "sandbox", "process", "simulated")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image name means here: `pattern` matches the repository name without registry or tag.

    `root` is "host", a directory or tar file with an image's files, or "podman:<image>"; `bin` are
    directories put first on PATH, `visible` others that the programs in them need; `entrypoint` and
    `cmd` stand in for the image's own.
    """

    pattern: str
    root: str = "host"
    bin: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process works.

    `home` is where all state is kept. `runtime` is one of `RUNTIMES`. `slots` limits the jobs that
    run at once, of all workflows that one process drives (0: by the number of processors).
    `namespace` is where documents without one go. `idle_seconds` is how long a background engine
    waits for more work. `host_paths` are the directories of this machine that workflows may mount.
    """

    home: Path
    runtime: str = "auto"
    slots: int = 0
    namespace: str = "default"
    idle_seconds: float = _IDLE_SECONDS
    images: tuple[Image, ...] = ()
    host_paths: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


SETTINGS = ("runtime", "slots", "namespace", "idle_seconds", "images", "host_paths")
"""What a settings file may hold."""
IMAGE_SETTINGS = tuple(item.name for item in fields(Image))
"""What an entry of `images` may hold."""


def load_settings(
    home: str | None = None,
    file: str | None = None,
    runtime: str | None = None,
    namespace: str | None = None,
) -> Settings:
    """Return the settings of this process. Raises InvalidDocument for a bad settings file."""
    environ = dict(os.environ)
    path = file or environ.get("TIPHYS_SETTINGS", "")
    given = _File(_read(Path(path)) if path else Document({}))
    base = Path(path).resolve().parent if path else Path()
    chosen = given.text("runtime")
    if chosen and chosen not in RUNTIMES:
        reason = f'"{chosen}" is not a runtime; there are {", ".join(RUNTIMES)}'
        raise given.wrong(reason, "runtime")
    return Settings(
        home=_home(home or environ.get("TIPHYS_HOME") or _default_home(environ)),
        runtime=runtime or chosen or "auto",
        slots=int(given.number("slots", 0, int)),
        namespace=namespace
        or environ.get("ARGO_NAMESPACE", "")
        or given.text("namespace")
        or "default",
        idle_seconds=float(given.number("idle_seconds", _IDLE_SECONDS, int | float)),
        images=tuple(_image(given, index, base) for index in range(len(given.items("images")))),
        host_paths=tuple(str((base / item).resolve()) for item in given.texts("host_paths")),
        environ=environ,
    )


def _home(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _default_home(environ: Mapping[str, str]) -> str:
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return f"{data}/tiphys"


def _read(path: Path) -> Document:
    try:
        content = path.read_bytes()
    except OSError as exc:
        reason = f"the settings cannot be read: {exc.strerror or exc}"
        raise InvalidDocument([Finding(reason, file=str(path))]) from exc
    document = read_mapping(content, str(path), "a settings file")
    for name in document.value:
        if name not in SETTINGS:
            reason = f'unknown setting "{name}"; known are {", ".join(SETTINGS)}'
            raise InvalidDocument([document.finding(reason, (name,))])
    return document


@dataclass(frozen=True, slots=True)
class _File:
    """A settings file, or the entry of one at `path`, whose values are checked as they are read."""

    document: Document
    path: tuple[str | int, ...] = ()

    def wrong(self, reason: str, *path: str | int) -> InvalidDocument:
        """Return the error about the value at `path`."""
        return InvalidDocument([self.document.finding(reason, (*self.path, *path))])

    def value(self, name: str) -> Json:
        """Return a value, None if it is not given."""
        found: Json = self.document.value
        for part in (*self.path, name):
            if isinstance(found, list) and isinstance(part, int):
                found = found[part]
            else:
                found = found.get(str(part)) if isinstance(found, dict) else None
        return found

    def text(self, name: str) -> str:
        """Return a text, "" if it is not given."""
        value = self.value(name)
        if value is None or isinstance(value, str):
            return value or ""
        raise self.wrong(f'setting "{name}" is not a text', name)

    def number(self, name: str, default: float, kind: type | UnionType) -> float:
        """Return a number that is not negative."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise self.wrong(f'setting "{name}" is not a number from 0 on', name)
        if not isinstance(value, kind):
            raise self.wrong(f'setting "{name}" is not a whole number', name)
        return value

    def items(self, name: str) -> list[Json]:
        """Return a list, an empty one if it is not given."""
        value = self.value(name)
        if value is None or isinstance(value, list):
            return value or []
        raise self.wrong(f'setting "{name}" is not a list', name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = [item for item in self.items(name) if isinstance(item, str)]
        if len(found) < len(self.items(name)):
            raise self.wrong(f'setting "{name}" is not a list of texts', name)
        return tuple(found)


def _image(file: _File, index: int, base: Path) -> Image:
    """Return an entry of `images`; what is no absolute path in it is relative to the file."""
    entry = _File(file.document, ("images", index))
    given = file.items("images")[index]
    if not isinstance(given, dict):
        raise entry.wrong('every entry of "images" is a mapping with a pattern')
    for name in given:
        if name not in IMAGE_SETTINGS:
            known = ", ".join(IMAGE_SETTINGS)
            raise entry.wrong(f'unknown setting "{name}" of an image; known are {known}', name)
    if not entry.text("pattern"):
        raise entry.wrong('every entry of "images" needs a pattern')
    root = entry.text("root") or "host"
    is_place = root != "host" and not root.startswith("podman:")
    if is_place and not (base / root).exists():
        reason = (
            f'"root" is "host", a directory, a tar file or "podman:<image>"; no {root} is there'
        )
        raise entry.wrong(reason, "root")
    return Image(
        pattern=entry.text("pattern"),
        root=str((base / root).resolve()) if is_place else root,
        bin=tuple(str((base / item).resolve()) for item in entry.texts("bin")),
        visible=tuple(str((base / item).resolve()) for item in entry.texts("visible")),
        entrypoint=entry.texts("entrypoint"),
        cmd=entry.texts("cmd"),
    )
