"""Roles, and what they may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tiphys.errors import UserError
from tiphys.ports_server import Grant, Principal

_READ: Final = ("get", "list", "watch")
_WRITE: Final = (*_READ, "create", "update", "delete")
_SEEN: Final = (
    *("workflows", "workflowtemplates", "cronworkflows", "workfloweventbindings"),
    *("events", "pods/log", "sensors", "eventsources"),
    *("synclimits", "configmaps", "objects"),
)
_MADE: Final = (
    *("workflows", "workflowtemplates", "cronworkflows"),
    *("configmaps", "secrets", "objects"),
)
_FOR_ALL: Final = Grant(("*",), _READ, ("clusterworkflowtemplates",))
"""What every role may read anywhere: it is there for all namespaces."""
ROLES: Final = ("view", "edit", "admin")
"""`view` reads; `edit` runs and changes workflows, templates, schedules, ConfigMaps, Secrets and
other objects as well; `admin` may do everything in its namespaces, limits of semaphores included.
Values of Secrets are shown to nobody."""


def grants_of(role: str, namespaces: Sequence[str] = ("*",)) -> tuple[Grant, ...]:
    """Return what a role may in some namespaces. Raises UserError if there is no such role."""
    places = tuple(namespaces) or ("*",)
    match role:
        case "view":
            return (Grant(places, _READ, _SEEN), _FOR_ALL)
        case "edit":
            return (Grant(places, _READ, _SEEN), Grant(places, _WRITE, _MADE), _FOR_ALL)
        case "admin":
            return (Grant(places, ("*",), ("*",)), _FOR_ALL)
        case _:
            raise UserError(f'there is no role "{role}"; there are {", ".join(ROLES)}')


def role_of(grants: Iterable[Grant]) -> str:
    """Return the role that grants were made for, also one that may have had less then."""
    verbs = {verb for grant in grants for verb in grant.verbs}
    if "*" in verbs:
        return "admin"
    return "edit" if "create" in verbs else "view"


def may(who: Principal, verb: str, resource: str, namespace: str) -> bool:
    """Tell whether somebody may; all namespaces ("") are only for who may in all of them."""
    return any(
        _has(grant.verbs, verb)
        and _has(grant.resources, resource)
        and _has(grant.namespaces, namespace)
        for grant in who.grants
    )


def _has(allowed: Iterable[str], wanted: str) -> bool:
    return any(item == "*" or (item == wanted and wanted) for item in allowed)
