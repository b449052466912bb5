"""The messages of the artifact plugin protocol, as protobuf writes them.

Seven small messages need no code generator. Unknown fields are skipped.
Source: reference/executor.md 13; argo pkg/apiclient/artifact/artifact.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tiphys.errors import Permanent
from tiphys.model.artifacts import Artifact

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5

Fields = Mapping[int, list[int | bytes]]
"""Field number -> its values, in order."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What most calls answer."""

    success: bool
    error: str


def artifact(where: Artifact) -> bytes:
    """Return an artifact as a message."""
    plugin = where.plugin
    if plugin is None:
        raise Permanent(f"artifact {where.name} is not behind a plugin")
    inner = [
        *_text(1, plugin.name),
        *_text(2, plugin.configuration),
        *_number(3, plugin.connection_timeout_seconds or 0),
        *_text(4, plugin.key),
    ]
    parts = [
        *_text(1, where.name),
        *_text(2, where.path),
        *_number(3, where.mode or 0),
        *_text(4, where.from_),
        *_bytes(5, b"".join(inner)),
        *_number(6, int(bool(where.optional))),
        *_text(7, where.sub_path),
        *_number(8, int(bool(where.recurse_mode))),
        *_text(9, where.from_expression),
        *_number(10, int(bool(where.deleted))),
    ]
    return b"".join(parts)


def load_request(where: Artifact, path: str) -> bytes:
    """Return a LoadArtifactRequest."""
    return b"".join([*_bytes(1, artifact(where)), *_text(2, path)])


def save_request(where: Artifact, path: str) -> bytes:
    """Return a SaveArtifactRequest."""
    return b"".join([*_text(1, path), *_bytes(2, artifact(where))])


def one_artifact(where: Artifact) -> bytes:
    """Return a request that is about an artifact and nothing else."""
    return b"".join(_bytes(1, artifact(where)))


def reply(data: bytes) -> Reply:
    """Return the answer to Load, Save, Delete or IsDirectory (`success`: it is one)."""
    found = fields(data)
    return Reply(bool(_last(found, 1, 0)), text_of(found, 2))


def objects(data: bytes) -> tuple[list[str], str]:
    """Return the keys and the error that ListObjects answers."""
    found = fields(data)
    keys = [item.decode("utf-8", "replace") for item in found.get(1, ()) if isinstance(item, bytes)]
    return keys, text_of(found, 2)


def frame(data: bytes) -> tuple[bytes, bool, str]:
    """Return a piece of a stream: its bytes, whether it is the last, the error."""
    found = fields(data)
    piece = _last(found, 1, b"")
    return (piece if isinstance(piece, bytes) else b""), bool(_last(found, 2, 0)), text_of(found, 3)


def fields(data: bytes) -> Fields:
    """Return the fields of a message. Raises Permanent if it is none."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _value(data, at, tag & 7)
        found.setdefault(tag >> 3, []).append(value)
    return found


def text_of(found: Fields, number: int) -> str:
    """Return a text field, "" if it is not there."""
    value = _last(found, number, b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _last(found: Fields, number: int, default: int | bytes) -> int | bytes:
    values = found.get(number)
    return values[-1] if values else default


def _value(data: bytes, at: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _VARINT:
        return _varint(data, at)
    if kind == _BYTES:
        size, at = _varint(data, at)
    else:
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
    if size < 0 or at + size > len(data):
        raise Permanent("the plugin answered with something that is no message")
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise Permanent("the plugin answered with something that is no message")


def _text(number: int, value: str) -> Iterator[bytes]:
    if value:
        yield from _bytes(number, value.encode())


def _bytes(number: int, value: bytes) -> Iterator[bytes]:
    yield _packed(number << 3 | _BYTES) + _packed(len(value)) + value


def _number(number: int, value: int) -> Iterator[bytes]:
    if value:
        yield _packed(number << 3 | _VARINT) + _packed(value & 0xFFFF_FFFF_FFFF_FFFF)


def _packed(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
