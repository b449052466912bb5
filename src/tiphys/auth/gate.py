"""The ways a server knows people: tokens, logins, or that it trusts whoever reaches it.

Source: reference/rest-api.md 17.2. Differs: a credential that does not hold is refused, also where
none would be needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.auth import rules
from tiphys.auth.sso import PREFIX, Sso
from tiphys.auth.token import FAQ, Tokens
from tiphys.errors import Unauthenticated
from tiphys.ports_server import Grant, Principal

MODES: Final = ("client", "server", "sso", "hybrid")
_SERVER: Final = Principal("system:serviceaccount:tiphys:server", "server", (Grant(),))


@dataclass(frozen=True, slots=True)
class Gate:
    """`Auth` by the modes a server was started with."""

    modes: frozenset[str]
    tokens: Tokens
    sso: Sso | None = None

    async def who(self, credentials: Sequence[str]) -> Principal:
        """Return who has one of these credentials. Raises Unauthenticated.

        The first that suits a way counts; who shows none is the server itself, if it has that way.
        """
        for credential in credentials:
            if credential.startswith(PREFIX) and self.sso is not None:
                return self.sso.check(credential)
            if "client" in self.modes:
                return await self.tokens.check(credential)
        if credentials or "server" not in self.modes:
            raise Unauthenticated(FAQ)
        return _SERVER

    async def may(self, who: Principal, verb: str, resource: str, namespace: str) -> bool:
        """Tell whether somebody may."""
        return rules.may(who, verb, resource, namespace)


def modes_of(given: Sequence[str]) -> frozenset[str]:
    """Return the ways that words of the command line stand for; `hybrid` is two."""
    found = set(given or ("client",))
    return frozenset(found - {"hybrid"}) | (
        frozenset({"client", "server"}) if "hybrid" in found else frozenset()
    )
