"""Private keys for sprig: made from an evaluation's seed, written and read as PEM.

Who knows the seed knows the key, as does everybody who can read the workflow that made it.
Importing this module loads no ciphers; calling it does. Source: sprig 3.3.0, black-box
measurement of genPrivateKey and genCAWithKey; language.md 12.8.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from typing import TYPE_CHECKING, Final

from tiphys.expr.running import Fault, Running

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | DSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

_EXPONENT: Final = 65537
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_STEPS: Final = {2048: 200_000, 4096: 1_000_000}
"""By bits, what a key counts against the budget: it takes about STEPS us (measured)."""
_PEM: Final = re.compile(r"-----BEGIN ([^\n]*?)-----\n([A-Za-z0-9+/=\s]*)-----END \1-----")
_KINDS: Final = {
    "RSA PRIVATE KEY": "parsing RSA private key from PEM",
    "EC PRIVATE KEY": "parsing EC private key from PEM",
    "DSA PRIVATE KEY": "parsing DSA private key from PEM",
    "PRIVATE KEY": "decoding PEM as PKCS#8",
}


def rsa_key(running: Running, bits: int) -> RSAPrivateKey:
    """Return an RSA key of 2,048 or 4,096 bits. Raises Fault beyond the budget."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    running.step(_STEPS[bits])
    one, other = (_prime(running, bits // 2) for _ in range(2))
    secret = pow(_EXPONENT, -1, math.lcm(one - 1, other - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=one,
        q=other,
        d=secret,
        dmp1=rsa.rsa_crt_dmp1(secret, one),
        dmq1=rsa.rsa_crt_dmq1(secret, other),
        iqmp=rsa.rsa_crt_iqmp(one, other),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, one * other),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def dsa_key(running: Running) -> DSAPrivateKey:
    """Return a DSA key of 2,048 bits with an order of 256. Raises Fault beyond the budget."""
    import gmpy2
    from cryptography.hazmat.primitives.asymmetric import dsa

    running.step(_STEPS[2048])
    order = _prime(running, 256)
    start = _drawn(running, 2048)
    candidates = itertools.count(start - start % (2 * order) + 1, 2 * order)
    field = next(number for number in candidates if gmpy2.is_prime(number))
    generator = pow(2, (field - 1) // order, field)
    secret = _below(running, order - 1) + 1
    public = dsa.DSAPublicNumbers(
        pow(generator, secret, field), dsa.DSAParameterNumbers(field, order, generator)
    )
    return dsa.DSAPrivateNumbers(secret, public).private_key()


def ecdsa_key(running: Running) -> EllipticCurvePrivateKey:
    """Return a key on the curve P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(_below(running, _P256_ORDER - 1) + 1, ec.SECP256R1())


def ed25519_key(running: Running) -> Ed25519PrivateKey:
    """Return a key for Ed25519."""
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.from_private_bytes(running.draw(32))


def pem_of_key(key: PrivateKey) -> str:
    """Return a key as PEM: its kind's own form if it has one, else PKCS #8."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    own = PrivateFormat.TraditionalOpenSSL
    form = PrivateFormat.PKCS8 if isinstance(key, Ed25519PrivateKey) else own
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def key_of_pem(text: str) -> PrivateKey:
    """Return the key in the first PEM block of a text. Raises Fault."""
    from cryptography.hazmat.primitives import serialization

    label, data = pem_block(text)
    if not label:
        raise Fault("no PEM data in input")
    what = _KINDS.get(label)
    if what is None:
        unknown = label.endswith("PRIVATE KEY")
        wrong = (
            "invalid private key type" if unknown else "no private key data in PEM block of type"
        )
        raise Fault(f"{wrong} {label}")
    try:
        found = serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError) as exc:
        raise Fault(f"{what}: asn1: syntax error") from exc
    return _known(found)


def _known(found: object) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    known = (RSAPrivateKey, DSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey)
    if isinstance(found, known):
        return found
    raise Fault(f"unsupported private key type {type(found).__name__}")


def pem_block(text: str) -> tuple[str, bytes]:
    """Return label and data of the first PEM block of a text; both empty if there is none."""
    found = _PEM.search(text)
    if found is None:
        return "", b""
    try:
        return found[1], base64.b64decode("".join(found[2].split()), validate=True)
    except binascii.Error:
        return "", b""


def _prime(running: Running, bits: int) -> int:
    """Return a prime whose two highest bits are set, and which suits RSA's exponent."""
    import gmpy2

    while True:
        found = int(gmpy2.next_prime(_drawn(running, bits)))
        if found.bit_length() == bits and found % _EXPONENT != 1:
            return found


def _drawn(running: Running, bits: int) -> int:
    return int.from_bytes(running.draw(bits // 8), "big") | 3 << bits - 2


def _below(running: Running, limit: int) -> int:
    """Return a number below the limit; 64 more bits than it has keep the bias out of sight."""
    return int.from_bytes(running.draw(limit.bit_length() // 8 + 9), "big") % limit
