"""The sprig functions on versions, URLs, paths and chance.

Source: sprig; language.md 12.8.
"""

from __future__ import annotations

import base64
import posixpath
import uuid
from collections.abc import Callable
from typing import Final
from urllib.parse import quote as escape

from tiphys.expr.functions import text, whole
from tiphys.expr.gotext import to_bytes
from tiphys.expr.running import Fault, Running
from tiphys.expr.semver import Version, compare_versions, parse_version, satisfies
from tiphys.expr.sprig_base import Implementation, Table
from tiphys.expr.types import go_type
from tiphys.expr.urls import Url, UrlError, parse_url
from tiphys.expr.values import Function, Struct, Uint64, Value

_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_LETTERS: Final = _LOWER.upper() + _LOWER
_PRINTABLE: Final = "".join(map(chr, range(32, 127)))


def _version_of(value: Value) -> Version:
    if isinstance(value, Struct) and value.go_type == "*semver.Version":
        return parse_version(value.text)
    raise Fault(f"reflect: Call using {go_type(value)} as type *semver.Version")


def _comparison(version: Version, holds: Callable[[int], Value]) -> Function:
    def call(_: Running, arguments: list[Value]) -> Value:
        return holds(compare_versions(version, _version_of(arguments[0])))

    return Function("Compare", call, 1, 1)


def _semver(_: Running, arguments: list[Value]) -> Value:
    version = parse_version(text(arguments[0]))
    members: dict[str, Value] = {
        "Major": Uint64(version.major),
        "Minor": Uint64(version.minor),
        "Patch": Uint64(version.patch),
        "Prerelease": version.prerelease,
        "Metadata": version.metadata,
        "Original": version.original,
        "String": str(version),
        "Compare": _comparison(version, lambda order: order),
        "Equal": _comparison(version, lambda order: order == 0),
        "LessThan": _comparison(version, lambda order: order < 0),
        "GreaterThan": _comparison(version, lambda order: order > 0),
    }
    return Struct("*semver.Version", members, str(version))


def _semver_compare(_: Running, arguments: list[Value]) -> Value:
    constraint, version = text(arguments[0]), text(arguments[1])
    satisfies(constraint, Version(0, 0, 0))
    return satisfies(constraint, parse_version(version))


def _url_parse(_: Running, arguments: list[Value]) -> Value:
    try:
        return {**parse_url(text(arguments[0]))._asdict()}
    except UrlError as exc:
        raise Fault(f"unable to parse url: {exc.message}") from None


def _url_join(_: Running, arguments: list[Value]) -> Value:
    given = arguments[0] if isinstance(arguments[0], dict) else {}
    part = {name: str(given.get(name, "")) for name in Url._fields}
    result = f"{part['scheme']}:" if part["scheme"] else ""
    if part["opaque"]:
        result += part["opaque"]
    else:
        user = f"{part['userinfo']}@" if part["userinfo"] else ""
        if (part["scheme"] and (part["host"] or user)) or part["host"] or user:
            result += f"//{user}{part['host']}"
        path = escape(to_bytes(part["path"]), safe="/$&+,:;=@~!*'()")
        if path and not path.startswith("/") and part["host"]:
            path = "/" + path
        result += path
    if part["query"]:
        result += f"?{part['query']}"
    return result + (
        f"#{escape(to_bytes(part['fragment']), safe=_SAFE)}" if part["fragment"] else ""
    )


_SAFE: Final = "/?$&+,:;=@~!*'()"


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path) if path else "."
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _dir(path: str) -> str:
    return _clean(path.rpartition("/")[0] + ("/" if "/" in path else ""))


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


def _path(change: Callable[[str], Value]) -> tuple[str, Implementation]:
    return "s", lambda _, arguments: change(text(arguments[0]))


def _random_text(alphabet: str) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        count = max(whole(arguments[0]), 0)
        running.charge(count)
        return "".join(alphabet[running.below(len(alphabet))] for _ in range(count))

    return run


def _uuid(running: Running, _: list[Value]) -> Value:
    return str(uuid.UUID(bytes=running.draw(16), version=4))


def _rand_bytes(running: Running, arguments: list[Value]) -> Value:
    return base64.b64encode(running.draw(max(whole(arguments[0]), 0))).decode()


_PATHS: Final[Table] = {
    "base": _path(_base),
    "dir": _path(_dir),
    "clean": _path(_clean),
    "ext": _path(_ext),
    "isAbs": _path(lambda path: path.startswith("/")),
}
_OS_PATHS: Final = {f"os{name[0].upper()}{name[1:]}": entry for name, entry in _PATHS.items()}
MISC: Final[Table] = {
    **_PATHS,
    **_OS_PATHS,
    "semver": ("s", _semver),
    "semverCompare": ("ss", _semver_compare),
    "urlParse": ("s", _url_parse),
    "urlJoin": ("d", _url_join),
    "randAlphaNum": ("i", _random_text(_LETTERS + _DIGITS)),
    "randAlpha": ("i", _random_text(_LETTERS)),
    "randNumeric": ("i", _random_text(_DIGITS)),
    "randAscii": ("i", _random_text(_PRINTABLE)),
    "randBytes": ("i", _rand_bytes),
    "uuidv4": ("", _uuid),
    "hello": ("", lambda _, __: "Hello!"),
}
