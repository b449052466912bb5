"""sprig's derivePassword: a site's password from a master password.

An expression can call it with a nil counter only, which is 0. Source: the Master Password
algorithm, version 3; sprig 3.3.0, black-box measurement.
"""

from __future__ import annotations

import hmac
from hashlib import scrypt
from typing import Final

from tiphys.expr.gotext import to_bytes

_SCOPE: Final = b"com.lyndir.masterpassword"
_COST: Final = 1 << 15
_MEMORY: Final = 1 << 26
_TEMPLATES: Final = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv "
        "CvccCvcvCvcvno CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc "
        "CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno "
        "CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc "
        "CvccCvcvCvccno"
    ),
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_CLASSES: Final = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def derived(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """Return the password of a site, or what is wrong with `kind`."""
    known = _TEMPLATES.get(kind)
    if known is None:
        return f"cannot find password template {kind}"
    salt = _SCOPE + _sized(user)
    key = scrypt(to_bytes(password), salt=salt, n=_COST, r=8, p=2, maxmem=_MEMORY, dklen=64)
    seed = hmac.digest(key, _SCOPE + _sized(site) + counter.to_bytes(4, "big"), "sha256")
    templates = known.split()
    template = templates[seed[0] % len(templates)]
    classes = (_CLASSES[letter] for letter in template)
    return "".join(
        letters[number % len(letters)] for letters, number in zip(classes, seed[1:], strict=False)
    )


def _sized(text: str) -> bytes:
    data = to_bytes(text)
    return len(data).to_bytes(4, "big") + data
