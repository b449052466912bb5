"""ID tokens: what an identity provider signs. Only asymmetric signatures count.

Source: OpenID Connect Core 3.1.3.7; RFC 7515, 7518.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tiphys.auth.cookie import decode64
from tiphys.errors import Unauthenticated
from tiphys.model.base import Json, JsonObject

_LEEWAY_SECONDS: Final = 60
_PARTS: Final = 3
_COORDINATE: Final = 32
_SMALLEST_BITS: Final = 2048
_WRONG: Final = "failed to verify the ID token"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say. `now` is epoch seconds."""

    issuer: str
    client: str
    nonce: str
    now: float


def verify(token: str, keys: JsonObject, expected: Expected) -> JsonObject:
    """Return the claims of an ID token. Raises Unauthenticated if anything about it is wrong."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise Unauthenticated(_WRONG)
    try:
        header, claims = (_object(decode64(part)) for part in parts[:2])
        signature = decode64(parts[2])
    except binascii.Error as exc:
        raise Unauthenticated(_WRONG) from exc
    check = _CHECKS.get(str(header.get("alg")))
    key = _key_of(keys, header)
    if check is None or key is None:
        raise Unauthenticated(f"{_WRONG}: unknown key or algorithm")
    try:
        check(key, signature, f"{parts[0]}.{parts[1]}".encode())
    except (InvalidSignature, ValueError, KeyError, binascii.Error) as exc:
        raise Unauthenticated(f"{_WRONG}: wrong signature") from exc
    _check_claims(claims, expected)
    return claims


def _check_claims(claims: JsonObject, expected: Expected) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    wrong = (
        claims.get("iss") != expected.issuer,
        expected.client not in audiences,
        len(audiences) > 1 and claims.get("azp") != expected.client,
        not isinstance(expires, int | float) or expires + _LEEWAY_SECONDS < expected.now,
        not isinstance(begins, int | float) or begins - _LEEWAY_SECONDS > expected.now,
        claims.get("nonce") != expected.nonce,
        not isinstance(claims.get("sub"), str),
    )
    if any(wrong):
        raise Unauthenticated(f"{_WRONG}: it is not for this server, or not for now")


def _object(data: bytes) -> JsonObject:
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError as exc:
        raise Unauthenticated(_WRONG) from exc
    return found if isinstance(found, dict) else {}


def _key_of(keys: JsonObject, header: JsonObject) -> JsonObject | None:
    """Return the key a token was signed with; one that names none, the only one."""
    found = keys.get("keys")
    every = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    usable = [item for item in every if item.get("use", "sig") == "sig"]
    if "kid" in header:
        usable = [item for item in usable if item.get("kid") == header["kid"]]
    return usable[0] if len(usable) == 1 else None


def _number(value: Json) -> int:
    return int.from_bytes(decode64(str(value)), "big")


def _rsa(key: JsonObject, signature: bytes, signed: bytes) -> None:
    if key.get("kty") != "RSA":
        raise InvalidSignature
    public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    if public.key_size < _SMALLEST_BITS:
        raise InvalidSignature
    public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


def _elliptic(key: JsonObject, signature: bytes, signed: bytes) -> None:
    if key.get("kty") != "EC" or key.get("crv") != "P-256" or len(signature) != 2 * _COORDINATE:
        raise InvalidSignature
    numbers = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1())
    halves = (signature[:_COORDINATE], signature[_COORDINATE:])
    encoded = encode_dss_signature(*(int.from_bytes(half, "big") for half in halves))
    numbers.public_key().verify(encoded, signed, ec.ECDSA(hashes.SHA256()))


_CHECKS: Final[Mapping[str, Callable[[JsonObject, bytes, bytes], None]]] = {
    "RS256": _rsa,
    "ES256": _elliptic,
}
