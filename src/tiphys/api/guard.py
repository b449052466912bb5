"""Who asks, and may they: the credentials of a request, and the policy of its endpoint.

Source: reference/rest-api.md 17.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from tiphys.api.call import Call
from tiphys.api.routing import Need, Policy
from tiphys.errors import Forbidden
from tiphys.ports_server import Auth, Principal

if TYPE_CHECKING:
    from starlette.requests import Request

NOBODY: Final = Principal("", "token")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CORE: Final = frozenset({"configmaps", "secrets", "pods/log", "events"})
_SAFE: Final = frozenset({"GET", "HEAD"})


def credentials_of(request: Request) -> list[str]:
    """Return what a request shows: the Authorization header, else every cookie of that name."""
    header = request.headers.get("authorization", "")
    if header:
        return [header]
    found = []
    for line in request.headers.getlist("cookie"):
        for part in line.split(";"):
            name, _, value = part.strip().partition("=")
            if name == "authorization" and value:
                plain = unquote(value.strip('"'))
                found.append(
                    plain if plain.startswith(("Bearer ", "Basic ")) else f"Bearer {plain}"
                )
    return found


def check_origin(request: Request, loopback_only: bool) -> None:
    """Refuse what a page of somebody else makes a browser send. Raises Forbidden.

    A server that trusts whoever reaches it must also be reached by a name of this machine: the
    name of a stranger's site may point here.
    """
    host = request.headers.get("host", "")
    if loopback_only and _hostname(host) not in _LOOPBACK:
        raise Forbidden(f"this server answers to names of this machine only, not to {host!r}")
    by_cookie = not request.headers.get("authorization")
    if not by_cookie or (request.method in _SAFE and not loopback_only):
        return
    origin = request.headers.get("origin", "")
    strange = origin and urlsplit(origin).netloc != host
    if strange or request.headers.get("sec-fetch-site") == "cross-site":
        raise Forbidden("requests made by pages of other sites are refused")


def _hostname(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


async def allow(call: Call, policy: Policy) -> None:
    """Let a call through if its policy says so. Raises Forbidden, and what its places raise."""
    for need in policy.needs:
        namespace = await need.where(call)
        if not await call.services.auth.may(call.principal, need.verb, need.resource, namespace):
            raise Forbidden(refusal(call.principal, need, namespace))


async def require(call: Call, verb: str, resource: str, namespace: str) -> None:
    """Refuse a call whose handler has found out that more is needed. Raises Forbidden."""
    need = Need(verb, resource)
    if not await call.services.auth.may(call.principal, verb, resource, namespace):
        raise Forbidden(refusal(call.principal, need, namespace))


def refusal(who: Principal, need: Need, namespace: str) -> str:
    """Return what is said to one who may not."""
    if need.refusal:
        return need.refusal.replace("{namespace}", namespace)
    group = (
        "" if need.resource in {"configmaps", "secrets", "pods/log", "events"} else "argoproj.io"
    )
    kind = f"{need.resource}.{group}" if group else need.resource
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    return (
        f'{kind} is forbidden: User "{who.subject}" cannot {need.verb} resource '
        f'"{need.resource}" in API group "{group}" {where}'
    )


async def identify(auth: Auth, request: Request) -> Principal:
    """Return who asks. Raises Unauthenticated."""
    return await auth.who(credentials_of(request))
