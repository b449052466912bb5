"""The sprig functions that encrypt, hash passwords and make keys.

Salts and keys come from the evaluation's seed, as all chance does. Importing this module loads no
ciphers; calling it does. Differs: host look-ups are refused by name, for they need the network.
Source: sprig 3.3.0, black-box measurement; language.md 12.8.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from tiphys.expr.functions import text
from tiphys.expr.functions_text import decode_base64
from tiphys.expr.gotext import from_bytes, to_bytes
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Table
from tiphys.expr.sprig_certificates import CERTIFICATES
from tiphys.expr.sprig_keys import dsa_key, ecdsa_key, ed25519_key, pem_of_key, rsa_key
from tiphys.expr.sprig_passwords import derived
from tiphys.expr.values import Value

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

_BLOCK: Final = 16
_ROUNDS: Final = 10
_BCRYPT_STEPS: Final = 50_000
"""What one password counts against the budget: it takes about 50 ms (measured)."""
_SCRYPT_STEPS: Final = 200_000
"""What a derived password counts: about 0.2 s (measured)."""
_PASSWORD: Final = 72
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT64: Final = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _get_host_by_name(_: Running, __: list[Value]) -> Value:
    raise Fault("sprig.getHostByName is not supported: expressions cannot reach the network")


def _derive_password(running: Running, arguments: list[Value]) -> Value:
    counter, *texts = arguments
    running.step(_SCRYPT_STEPS)
    return derived(counter if isinstance(counter, int) else 0, *map(text, texts))


def _bcrypt(running: Running, arguments: list[Value]) -> Value:
    import bcrypt

    password = to_bytes(text(arguments[0]))
    if len(password) > _PASSWORD:
        wrong = f"bcrypt: password length exceeds {_PASSWORD} bytes"
        return f"failed to encrypt string with bcrypt: {wrong}"
    running.step(_BCRYPT_STEPS)
    drawn = base64.b64encode(running.draw(16)).rstrip(b"=")
    salt = drawn.translate(bytes.maketrans(_BASE64, _BCRYPT64))
    return bcrypt.hashpw(password, b"$2a$%d$%b" % (_ROUNDS, salt)).decode()


def _htpasswd(running: Running, arguments: list[Value]) -> Value:
    user = text(arguments[0])
    if ":" in user:
        return f"invalid username: {user}"
    return f"{user}:{_bcrypt(running, arguments[1:])}"


def _cipher(password: str, start: bytes) -> Cipher[CBC]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = to_bytes(password)[:32].ljust(32, b"\0")
    return Cipher(algorithms.AES256(key), modes.CBC(start))


def _encrypt(running: Running, arguments: list[Value]) -> Value:
    plain = to_bytes(text(arguments[1]))
    if not plain:
        return ""
    padding = _BLOCK - len(plain) % _BLOCK
    running.charge(len(plain))
    start = running.draw(_BLOCK)
    cipher = _cipher(text(arguments[0]), start).encryptor()
    hidden = cipher.update(plain + bytes([padding]) * padding) + cipher.finalize()
    return base64.b64encode(start + hidden).decode()


def _decrypt(running: Running, arguments: list[Value]) -> Value:
    given = text(arguments[1])
    if not given:
        return ""
    data = decode_base64(given)
    start, hidden = data[:_BLOCK], data[_BLOCK:]
    running.charge(len(hidden))
    if len(start) < _BLOCK:
        bounds = f"[:{_BLOCK}] with capacity {len(data)}"
        raise Fault(f"runtime error: slice bounds out of range {bounds}")
    if len(hidden) % _BLOCK:
        raise Fault("crypto/cipher: input not full blocks")
    cipher = _cipher(text(arguments[0]), start).decryptor()
    plain = cipher.update(hidden) + cipher.finalize()
    size = len(plain) - plain[-1] if plain else -1
    if size < 0:
        raise Fault(f"runtime error: slice bounds out of range [:{size}]")
    return from_bytes(plain[:size])


def _private_key(running: Running, arguments: list[Value]) -> Value:
    kind = text(arguments[0])
    if kind in ("", "rsa"):
        return pem_of_key(rsa_key(running, 4096))
    if kind == "dsa":
        return pem_of_key(dsa_key(running))
    if kind == "ecdsa":
        return pem_of_key(ecdsa_key(running))
    if kind == "ed25519":
        return pem_of_key(ed25519_key(running))
    return f"Unknown type {kind}"


CRYPTO: Final[Table] = {
    "bcrypt": ("s", _bcrypt),
    "htpasswd": ("ss", _htpasswd),
    "encryptAES": ("ss", _encrypt),
    "decryptAES": ("ss", _decrypt),
    "genPrivateKey": ("s", _private_key),
    "getHostByName": ("s", _get_host_by_name),
    "derivePassword": ("ussss", _derive_password),
    **CERTIFICATES,
}
