"""What a browser keeps of a login: claims, encrypted. A compact JWE, as Argo's.

`alg` is `dir`, `enc` is A256GCM, `zip` is DEF; nothing else is read. Source:
reference/rest-api.md 17.4; RFC 7516.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tiphys.errors import Unauthenticated
from tiphys.model.base import JsonObject

_HEADER: Final = b'{"alg":"dir","enc":"A256GCM","zip":"DEF"}'
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_MOST_BYTES: Final = 64 << 10
_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Sealer:
    """Encrypts and decrypts with a key of 32 bytes."""

    key: bytes

    def seal(self, claims: JsonObject) -> str:
        """Return claims as a compact text."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(msgspec.json.encode(claims)) + packer.flush()
        nonce, header = secrets.token_bytes(_NONCE_BYTES), encode64(_HEADER)
        sealed = AESGCM(self.key).encrypt(nonce, packed, header.encode())
        body, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        return ".".join((header, "", encode64(nonce), encode64(body), encode64(tag)))

    def open(self, text: str) -> JsonObject:
        """Return the claims of a compact text. Raises Unauthenticated."""
        parts = text.split(".")
        if len(parts) != _PARTS or parts[1] or len(text) > _MOST_BYTES:
            raise Unauthenticated("failed to parse encrypted token: wrong form")
        try:
            header, nonce, body, tag = (decode64(part) for part in (parts[0], *parts[2:]))
        except binascii.Error as exc:
            raise Unauthenticated("failed to parse encrypted token: wrong encoding") from exc
        if msgspec.json.decode(_HEADER) != _json(header) or len(nonce) != _NONCE_BYTES:
            raise Unauthenticated("failed to parse encrypted token: unknown algorithm")
        try:
            packed = AESGCM(self.key).decrypt(nonce, body + tag, parts[0].encode())
        except InvalidTag as exc:
            raise Unauthenticated("failed to decrypt token: wrong key or changed text") from exc
        opener = zlib.decompressobj(-15)
        return _json(opener.decompress(packed, _MOST_BYTES))


def _json(data: bytes) -> JsonObject:
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError as exc:
        raise Unauthenticated("failed to parse encrypted token: no JSON in it") from exc
    return found if isinstance(found, dict) else {}


def encode64(data: bytes) -> str:
    """Return bytes as base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode64(text: str) -> bytes:
    """Return the bytes of such a text. Raises binascii.Error."""
    if not text.isascii():
        raise binascii.Error("not ASCII")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
