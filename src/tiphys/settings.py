"""Every setting: typed, documented, read once. The only reader of the environment.

A settings file (YAML) may hold the same names as `Settings`; what is given on the command line
goes before it, and it before the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json
from tiphys.model.codec import split_documents

_IDLE_SECONDS = 5.0
RUNTIMES = ("auto", "sandbox", "process", "simulated")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image name means here: `pattern` matches the repository name without registry or tag.

    `root` is "host" or a directory with an unpacked image; `bin` are directories put first on
    PATH, `visible` others that the programs in them need; `entrypoint` and `cmd` stand in for the
    image's own.
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
    waits for more work.
    """

    home: Path
    runtime: str = "auto"
    slots: int = 0
    namespace: str = "default"
    idle_seconds: float = _IDLE_SECONDS
    images: tuple[Image, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def load_settings(
    home: str | None = None,
    file: str | None = None,
    runtime: str | None = None,
    namespace: str | None = None,
) -> Settings:
    """Return the settings of this process. Raises InvalidDocument for a bad settings file."""
    environ = dict(os.environ)
    path = file or environ.get("TIPHYS_SETTINGS", "")
    values = _read(Path(path)) if path else {}
    base = Path(path).resolve().parent if path else Path()
    return Settings(
        home=_home(home or environ.get("TIPHYS_HOME") or _default_home(environ)),
        runtime=_choice(runtime or _text(values, "runtime") or "auto", path),
        slots=_number(values, "slots", path),
        namespace=namespace
        or environ.get("ARGO_NAMESPACE", "")
        or _text(values, "namespace")
        or "default",
        idle_seconds=_seconds(values, "idle_seconds", path),
        images=tuple(_image(item, base, path) for item in _list(values, "images")),
        environ=environ,
    )


def _home(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _default_home(environ: Mapping[str, str]) -> str:
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return f"{data}/tiphys"


def _read(path: Path) -> dict[str, Json]:
    try:
        text = path.read_bytes()
    except OSError as exc:
        reason = f"the settings cannot be read: {exc.strerror or exc}"
        raise InvalidDocument([Finding(reason, file=str(path))]) from exc
    documents = split_documents(text, str(path))
    values = documents[0].value if documents else {}
    known = {"runtime", "slots", "namespace", "idle_seconds", "images"}
    for name in values:
        if name not in known:
            reason = f'unknown setting "{name}"; known are {", ".join(sorted(known))}'
            raise InvalidDocument([Finding(reason, file=str(path))])
    return values


def _text(values: Mapping[str, Json], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _number(values: Mapping[str, Json], name: str, path: str) -> int:
    value = values.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidDocument([Finding(f'setting "{name}" is not a number', file=path)])
    return value


def _seconds(values: Mapping[str, Json], name: str, path: str) -> float:
    value = values.get(name, _IDLE_SECONDS)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise InvalidDocument([Finding(f'setting "{name}" is not a number of seconds', file=path)])
    return float(value)


def _list(values: Mapping[str, Json], name: str) -> list[Json]:
    value = values.get(name)
    return value if isinstance(value, list) else []


def _choice(runtime: str, path: str) -> str:
    if runtime not in RUNTIMES:
        reason = f'"{runtime}" is not a runtime; there are {", ".join(RUNTIMES)}'
        raise InvalidDocument([Finding(reason, file=path)])
    return runtime


def _image(value: Json, base: Path, path: str) -> Image:
    if not isinstance(value, dict) or not isinstance(value.get("pattern"), str):
        raise InvalidDocument([Finding('every entry of "images" needs a pattern', file=path)])
    root = _text(value, "root") or "host"
    return Image(
        pattern=_text(value, "pattern"),
        root=root if root == "host" else str((base / root).resolve()),
        bin=tuple(str((base / item).resolve()) for item in _texts(value, "bin")),
        visible=tuple(str((base / item).resolve()) for item in _texts(value, "visible")),
        entrypoint=_texts(value, "entrypoint"),
        cmd=_texts(value, "cmd"),
    )


def _texts(values: Mapping[str, Json], name: str) -> tuple[str, ...]:
    return tuple(item for item in _list(values, name) if isinstance(item, str))
