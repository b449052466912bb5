"""Secrets among the objects of a home, for those who read one value at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from tiphys.errors import NotFound, Permanent
from tiphys.model.base import JsonObject
from tiphys.model.secret import SecretReader
from tiphys.ports import ObjectRef


def secret_reader(look: Callable[[ObjectRef], JsonObject]) -> SecretReader:
    """Return what reads a key of a Secret; `look` returns an object or raises NotFound."""

    def read(namespace: str, name: str, key: str) -> bytes:
        data = look(ObjectRef("v1", "Secret", namespace, name)).get("data")
        value = data.get(key) if isinstance(data, dict) else None
        if value is None:
            raise NotFound(f'Secret "{name}" has no key "{key}"')
        try:
            return base64.b64decode(str(value), validate=True)
        except binascii.Error as exc:
            raise Permanent(f'Secret "{name}", key "{key}" is not in base 64') from exc

    return read
