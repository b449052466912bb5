"""Login by an identity provider that speaks OpenID Connect, with PKCE and a nonce.

Source: reference/rest-api.md 17.4, 17.5. Differs: roles come of rules in the settings, not of
ServiceAccounts.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec

from tiphys.auth.cookie import Sealer
from tiphys.auth.idtoken import Expected, verify
from tiphys.auth.login_faults import CLAIMS
from tiphys.auth.rules import grants_of
from tiphys.errors import Permanent, Unauthenticated
from tiphys.expr.errors import LanguageError
from tiphys.expr.evaluate import evaluate_bool
from tiphys.expr.values import Context, Value
from tiphys.model.base import Json, JsonObject
from tiphys.ports import Clock
from tiphys.ports_server import Grant, Principal

PREFIX: Final = "Bearer v2:"
ISSUER: Final = "argo-server"
_SECONDS: Final = 20
_MOST_BYTES: Final = 1 << 20
_LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who has a role: `rule` is an expression over the claims, such as `'admins' in groups`."""

    rule: str
    role: str
    namespaces: Sequence[str] = ("*",)


@dataclass(frozen=True, slots=True)
class SsoConfig:
    """How to log in. `issuer_alias` is what its tokens call the provider, if not `issuer`."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    issuer_alias: str = ""
    redirect_url: str = ""
    scopes: Sequence[str] = ()
    session_seconds: float = 36_000.0
    groups_claim: str = "groups"
    user_info_path: str = ""
    filter_groups: Sequence[str] = ()
    rules: Sequence[RoleRule] = ()


@dataclass(frozen=True, slots=True)
class Sso:
    """`Logins`, and the check of what they hand out. `trust` checks the provider's certificate."""

    config: SsoConfig
    sealer: Sealer
    clock: Clock
    trust: ssl.SSLContext | None = None

    # ------------------------------------------------------------------------------- logins

    async def begin(self, redirect_uri: str) -> tuple[str, str]:
        """Return the address to send the browser to, and the verifier to remember meanwhile."""
        async with self._session() as session:
            found = await self._discovered(session)
        verifier = secrets.token_urlsafe(48)
        query = {
            "client_id": self.config.client_id,
            "response_type": "code",
            "redirect_uri": self.config.redirect_url or redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self.config.scopes))),
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            "nonce": _nonce(verifier),
        }
        address = _text(found, "authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", verifier

    async def finish(self, code: str, remembered: str, redirect_uri: str) -> tuple[str, float]:
        """Return the credential of who came back, and when it expires. Raises Unauthenticated."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.config.redirect_url or redirect_uri,
            "code_verifier": remembered,
        }
        async with self._session() as session:
            found = await self._discovered(session)
            address = _text(found, "token_endpoint")
            headers = {"Authorization": _basic(self.config.client_id, self.config.client_secret)}
            tokens = await self._json(session, "POST", address, data=form, headers=headers)
            keys = await self._json(session, "GET", _text(found, "jwks_uri"))
            claims = verify(_text(tokens, "id_token"), keys, self._expected(remembered))
            claims |= await self._user_info(session, tokens, claims)
        expires = self.clock.now() + self.config.session_seconds
        return f"{PREFIX}{self.sealer.seal(self._kept(claims, expires))}", expires

    def _expected(self, remembered: str) -> Expected:
        issuer = self.config.issuer_alias or self.config.issuer
        return Expected(issuer, self.config.client_id, _nonce(remembered), self.clock.now())

    async def _user_info(
        self, session: aiohttp.ClientSession, tokens: JsonObject, claims: JsonObject
    ) -> JsonObject:
        """Return what the provider tells only when it is asked again: groups, and who somebody is.

        Many providers put nothing but `sub` into the token. Differs: Argo takes only groups.
        """
        path, groups = self.config.user_info_path, self.config.groups_claim
        if not path or (groups in claims and "email" in claims):
            return {}
        address = f"{self.config.issuer.rstrip('/')}{path}"
        headers = {"Authorization": f"Bearer {_text(tokens, 'access_token')}"}
        found = await self._json(session, "GET", address, headers=headers)
        if found.get("sub") != claims["sub"]:
            raise Unauthenticated("the identity provider speaks of somebody else")
        wanted = [groups, "name", "preferred_username"]
        # Whether an address was verified is said of that address.
        wanted += [] if "email" in claims else ["email", "email_verified"]
        return {name: found[name] for name in wanted if name in found and name not in claims}

    def _kept(self, claims: JsonObject, expires: float) -> JsonObject:
        patterns = [re.compile(text) for text in self.config.filter_groups]
        groups = [
            group
            for group in _texts(claims.get(self.config.groups_claim))
            if not patterns or any(pattern.search(group) for pattern in patterns)
        ]
        every: JsonObject = {
            "iss": ISSUER,
            "sub": claims["sub"],
            "exp": int(expires),
            "groups": [*groups],
            "email": claims.get("email"),
            "email_verified": claims.get("email_verified"),
            "name": claims.get("name"),
            "preferred_username": claims.get("preferred_username"),
        }
        return {key: item for key, item in every.items() if item}

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        connector = aiohttp.TCPConnector(ssl=self.trust) if self.trust else None
        return aiohttp.ClientSession(timeout=timeout, connector=connector)

    async def _discovered(self, session: aiohttp.ClientSession) -> JsonObject:
        """Return what the provider says of itself. Raises Permanent, Unauthenticated."""
        issuer = self.config.issuer.rstrip("/")
        found = await self._json(session, "GET", f"{issuer}/.well-known/openid-configuration")
        if _text(found, "issuer").rstrip("/") not in {issuer, self.config.issuer_alias.rstrip("/")}:
            raise Unauthenticated("the identity provider is not the one of the settings")
        return found

    async def _json(
        self, session: aiohttp.ClientSession, method: str, address: str, **options: object
    ) -> JsonObject:
        """Return a JSON object that the provider has. Raises Permanent, Unauthenticated."""
        try:
            async with session.request(
                method,
                address,
                allow_redirects=False,
                **options,  # type: ignore[arg-type]  # aiohttp's own words
            ) as answer:
                data = await answer.content.read(_MOST_BYTES)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            name = type(exc).__name__
            raise Permanent(f"the identity provider cannot be reached: {name}") from exc
        if status != 200:
            raise Unauthenticated(f"the identity provider answered {status}{_reason(data)}")
        found = _object(data)
        if found is None:
            raise Permanent("the identity provider's answer cannot be read")
        return found

    # ------------------------------------------------------------------------------- checks

    def check(self, credential: str) -> Principal:
        """Return who has a credential that a login handed out. Raises Unauthenticated."""
        claims = self.sealer.open(credential.removeprefix(PREFIX))
        expires = claims.get("exp")
        if claims.get("iss") != ISSUER or not isinstance(expires, int):
            raise Unauthenticated("failed to validate claims: not issued by this server")
        if expires <= self.clock.now():
            raise Unauthenticated("failed to validate claims: token is expired")
        return Principal(
            subject=_text(claims, "sub"),
            way="sso",
            grants=self._grants(claims),
            issuer=ISSUER,
            email=_text(claims, "email"),
            email_verified=claims.get("email_verified") is True,
            name=_text(claims, "name"),
            preferred_username=_text(claims, "preferred_username"),
            groups=_texts(claims.get("groups")),
            credential=_text(claims, "sub"),
        )

    def _grants(self, claims: JsonObject) -> tuple[Grant, ...]:
        """Return what all rules that are true give together; a rule that fails gives nothing."""
        known: dict[str, Value] = {
            **dict.fromkeys(CLAIMS, ""),
            **{name: item for name, item in claims.items() if isinstance(item, str)},
            "groups": [*_texts(claims.get("groups"))],
        }
        context = Context(datetime.fromtimestamp(self.clock.now(), UTC), b"")
        found: list[Grant] = []
        for rule in self.config.rules:
            if _holds(rule.rule, known, context):
                found += grants_of(rule.role, rule.namespaces)
        return tuple(found)


def _holds(rule: str, known: Mapping[str, Value], context: Context) -> bool:
    try:
        return evaluate_bool(rule, known, context)
    except LanguageError:
        return False


def _basic(client: str, secret: str) -> str:
    """Return how a client shows itself. Source: RFC 6749 2.3.1."""
    text = f"{quote_plus(client)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _nonce(verifier: str) -> str:
    return hashlib.sha256(b"nonce " + verifier.encode()).hexdigest()


def _text(value: JsonObject, name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _object(data: bytes) -> JsonObject | None:
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return None
    return found if isinstance(found, dict) else {}


def _reason(data: bytes) -> str:
    """Return what a provider says of a refusal, as the end of a sentence. Source: RFC 6749 5.2.

    It comes from outside: cut, and without what would break a line of a log.
    """
    answer = _object(data) or {}
    words = [_text(answer, name) for name in ("error", "error_description")]
    text = ", ".join(filter(None, words))[:_LONGEST_REASON]
    return f": {text!a}" if text else ""


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
