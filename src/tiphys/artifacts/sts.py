"""Roles: temporary keys from AWS's Security Token Service, renewed before they expire.

Two actions, AssumeRole and AssumeRoleWithWebIdentity, of the query protocol of 2011-06-15.
Blocking: call it in a thread. Source: the published description of AWS STS.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from tiphys.artifacts import sigv4
from tiphys.errors import Permanent, Transient
from tiphys.model.secret import Secret

_SESSION: Final = "tiphys"
_SECONDS: Final = 30.0
_BEFORE_END: Final = timedelta(minutes=5)
"""Keys are renewed this long before they expire, so that a transfer that begins can end."""
_FIELD: Final = r"<{0}>\s*([^<]*?)\s*</{0}>"
_BUSY: Final = ("Throttling", "IDPCommunicationError", "InternalFailure", "ServiceUnavailable")
_FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Temporary:
    """Keys, and when they expire; None: not known to."""

    access_key: str
    secret_key: Secret
    token: str
    expires_at: datetime | None

    def lasts(self, now: datetime) -> bool:
        """Tell whether they may still be begun with."""
        return self.expires_at is None or now < self.expires_at - _BEFORE_END


def sts_url(environ: Mapping[str, str], region: str) -> str:
    """Return the regional endpoint, or the one that the environment names."""
    given = environ.get("AWS_ENDPOINT_URL_STS") or environ.get("AWS_ENDPOINT_URL")
    if given:
        return given.rstrip("/") + "/"
    tail = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sts.{region}.{tail}/"


def assume_role(url: str, role: str, signer: sigv4.Signer, now: datetime) -> Temporary:
    """Return keys of a role, asked for with other keys. Raises Permanent and Transient."""
    body = _form("AssumeRole", RoleArn=role, RoleSessionName=_SESSION)
    request = sigv4.Request("POST", url, body=body, headers=_FORM)
    return _answer(request, sigv4.signed_headers(request, signer, now), role)


def with_web_identity(url: str, role: str, token: Secret) -> Temporary:
    """Return keys of a role, asked for with a token that somebody else vouches for."""
    action = "AssumeRoleWithWebIdentity"
    body = _form(action, RoleArn=role, RoleSessionName=_SESSION, WebIdentityToken=token.text())
    return _answer(sigv4.Request("POST", url, body=body, headers=_FORM), _FORM, role)


def _form(action: str, **fields: str) -> bytes:
    return urlencode({"Action": action, "Version": "2011-06-15", **fields}).encode()


def _answer(request: sigv4.Request, headers: Mapping[str, str], role: str) -> Temporary:
    status, body = sigv4.send(request, headers, None, _SECONDS)
    text = body.decode("utf-8", "replace")
    if status >= 300:
        code = _field(text, "Code") or str(status)
        message = f"role {role}: {code}: {_field(text, 'Message') or text[:200]}"
        is_busy = status >= 500 or code in _BUSY
        raise Transient(message) if is_busy else Permanent(message)
    return _temporary({name: _field(text, name) for name in _NAMES}, role)


_NAMES: Final = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def _field(text: str, name: str) -> str:
    """Return the text of an element; what STS answers has no escapes in the ones we want."""
    found = re.search(_FIELD.format(name), text)
    return found[1] if found else ""


def from_json(body: bytes) -> Temporary:
    """Return the keys that a container's or machine's metadata service gives."""
    try:
        given = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.DecodeError as exc:
        raise Permanent(f"the metadata service says no keys: {exc}") from exc
    return _temporary({**given, "SessionToken": given.get("Token", "")}, "of the metadata service")


def _temporary(given: Mapping[str, str], who: str) -> Temporary:
    access, secret = given.get("AccessKeyId"), given.get("SecretAccessKey")
    if not access or not secret:
        raise Permanent(f"role {who}: the answer has no keys")
    try:
        ends = datetime.fromisoformat(given.get("Expiration", ""))
    except ValueError as exc:
        raise Permanent(f"role {who}: the answer says no time of expiry") from exc
    ends = ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)
    return Temporary(access, Secret(secret.encode()), given.get("SessionToken", ""), ends)


class Roles:
    """Keeps the keys of roles, and asks again in time; one question at a time."""

    def __init__(self, ask: Callable[[str, str], Temporary], now: Callable[[], datetime]) -> None:
        """`ask(role, region)` gets new keys; `now` is in UTC."""
        self._ask = ask
        self._now = now
        self._known: dict[tuple[str, str], Temporary] = {}
        self._lock = threading.Lock()

    def keys(self, role: str, region: str) -> Temporary:
        """Return keys that last a while. Raises Permanent and Transient."""
        with self._lock:
            found = self._known.get((role, region))
            if found is None or not found.lasts(self._now()):
                found = self._known[role, region] = self._ask(role, region)
            return found
