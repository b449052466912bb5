"""Tokens: made, shown once, kept as hashes, checked. `Bearer tiphys.<id>.<secret>`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.errors import Unauthenticated
from tiphys.ports import Clock
from tiphys.ports_server import Grant, Principal, TokenBook, TokenRow

FAQ: Final = "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/"
_FORM: Final = re.compile(r"Bearer tiphys\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})\Z", re.ASCII)
_SECRET_BYTES: Final = 32
_NOTHING: Final = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and checks the tokens of a home."""

    book: TokenBook
    clock: Clock

    async def create(self, name: str, grants: Sequence[Grant], seconds: float) -> str:
        """Return a new token that is valid for so many seconds, as `Authorization` shows it."""
        identity, secret = secrets.token_hex(8), _secret()
        now = self.clock.now()
        row = TokenRow(identity, name, digest(secret), now, now + seconds, tuple(grants))
        await self.book.add(row)
        return f"Bearer tiphys.{identity}.{secret}"

    async def check(self, credential: str) -> Principal:
        """Return who has a token. Raises Unauthenticated."""
        match = _FORM.match(credential)
        row = await self.book.find(match[1]) if match else None
        # Compared also when there is no such token: an answer takes as long.
        given = digest(match[2]) if match else _NOTHING
        same = hmac.compare_digest(given, row.digest if row else _NOTHING)
        if row is None or not same or row.expires_at <= self.clock.now():
            raise Unauthenticated(FAQ)
        return Principal(row.name, "token", row.grants, credential=row.id)


def _secret() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")


def digest(secret: str) -> bytes:
    """Return what is kept of a secret; it is random and long, so one round of hashing will do."""
    return hashlib.sha256(secret.encode()).digest()
