"""The sprig functions that encrypt, hash passwords, and make keys and certificates.

Keys come from the evaluation's seed, as all chance does: who knows the seed knows the key, as does
everybody who can read the workflow that made it. Differs: bcrypt, RSA and DSA keys, certificates
and host look-ups are refused by name. Source: sprig crypto.go; language.md 12.8.
"""

from __future__ import annotations

import base64
from typing import Final

from tiphys.expr import aes
from tiphys.expr.functions import text
from tiphys.expr.functions_text import decode_base64
from tiphys.expr.gotext import from_bytes, to_bytes
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table
from tiphys.expr.values import Value

_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")
_COST: Final = 40
"""What one block of the cipher counts against the budget."""

Point = tuple[int, int] | None


def _absent(name: str) -> Implementation:
    def run(_: Running, __: list[Value]) -> Value:
        raise Fault(f"sprig.{name} is not supported")

    return run


def _htpasswd(_: Running, arguments: list[Value]) -> Value:
    user = text(arguments[0])
    if ":" in user:
        return f"invalid username: {user}"
    raise Fault("sprig.htpasswd is not supported")


def _key_of(password: str) -> bytes:
    return to_bytes(password)[:32].ljust(32, b"\0")


def _encrypt(running: Running, arguments: list[Value]) -> Value:
    key, plain = _key_of(text(arguments[0])), to_bytes(text(arguments[1]))
    if not plain:
        return ""
    padding = aes.BLOCK - len(plain) % aes.BLOCK
    running.charge(len(plain) // aes.BLOCK * _COST)
    start = running.draw(aes.BLOCK)
    hidden = aes.encrypt(key, start, plain + bytes([padding]) * padding)
    return base64.b64encode(start + hidden).decode()


def _decrypt(running: Running, arguments: list[Value]) -> Value:
    key, given = _key_of(text(arguments[0])), text(arguments[1])
    if not given:
        return ""
    data = decode_base64(given)
    start, hidden = data[: aes.BLOCK], data[aes.BLOCK :]
    running.charge(len(hidden) // aes.BLOCK * _COST)
    if len(start) < aes.BLOCK:
        bounds = f"[:{aes.BLOCK}] with capacity {len(data)}"
        raise Fault(f"runtime error: slice bounds out of range {bounds}")
    if len(hidden) % aes.BLOCK:
        raise Fault("crypto/cipher: input not full blocks")
    plain = aes.decrypt(key, start, hidden)
    size = len(plain) - plain[-1] if plain else -1
    if size < 0:
        raise Fault(f"runtime error: slice bounds out of range [:{size}]")
    return from_bytes(plain[:size])


def _private_key(running: Running, arguments: list[Value]) -> Value:
    kind = text(arguments[0])
    if kind == "ecdsa":
        return _pem("EC PRIVATE KEY", _p256_key(running.below(_ORDER - 1) + 1))
    if kind == "ed25519":
        return _pem("PRIVATE KEY", _ED25519 + running.draw(32))
    if kind in ("", "rsa", "dsa"):
        raise Fault(f'sprig.genPrivateKey("{kind}") is not supported')
    return f"Unknown type {kind}"


def _pem(label: str, data: bytes) -> str:
    encoded = base64.b64encode(data).decode()
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _p256_key(secret: int) -> bytes:
    """Return a key of the curve P-256 as RFC 5915 writes it."""
    x, y = _multiplied(secret)
    point = b"\0\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    parts = _der(2, b"\1") + _der(4, secret.to_bytes(32, "big"))
    return _der(0x30, parts + _der(0xA0, _P256) + _der(0xA1, _der(3, point)))


def _der(tag: int, data: bytes) -> bytes:
    return bytes([tag, len(data)]) + data


def _multiplied(secret: int) -> tuple[int, int]:
    """Return the curve's base point taken `secret` times."""
    result: Point = None
    addend: Point = _BASE
    while secret:
        if secret & 1:
            result = _added(result, addend)
        addend, secret = _added(addend, addend), secret >> 1
    if result is None:
        raise AssertionError("a key is never a multiple of the curve's order")
    return result


def _added(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % _PRIME == 0:
        return None
    if left == right:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _PRIME)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _PRIME)
    x3 = (slope * slope - x1 - x2) % _PRIME
    return x3, (slope * (x1 - x3) - y1) % _PRIME


_ABSENT: Final = {
    "bcrypt": "s",
    "buildCustomCert": "ss",
    "genCA": "si",
    "genCAWithKey": "sis",
    "genSelfSignedCert": "saai",
    "genSelfSignedCertWithKey": "saais",
    "genSignedCert": "saaia",
    "genSignedCertWithKey": "saaias",
    "getHostByName": "s",
    "derivePassword": "ussss",
}
CRYPTO: Final[Table] = {
    **{name: (signature, _absent(name)) for name, signature in _ABSENT.items()},
    "htpasswd": ("ss", _htpasswd),
    "encryptAES": ("ss", _encrypt),
    "decryptAES": ("ss", _decrypt),
    "genPrivateKey": ("s", _private_key),
}
