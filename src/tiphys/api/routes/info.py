"""What the server is, and who asks. Source: reference/rest-api.md 15."""

from __future__ import annotations

import logging

from tiphys.api.call import Call
from tiphys.api.routing import LOGIN, Answer, Routes, Says
from tiphys.model.base import JsonObject

_log = logging.getLogger(__name__)
_ACCOUNT = "system:serviceaccount:"
_LONGEST = 64


def register(routes: Routes) -> None:
    """Add the endpoints."""
    says = Says("Read what pages show of this installation.", answer="InfoResponse")
    routes.add("GET", "/api/v1/info", LOGIN, info, says)
    routes.add(
        "GET", "/api/v1/version", LOGIN, version, Says("Read the version.", answer="Version")
    )
    says = Says("Read who asks.", answer="GetUserInfoResponse")
    routes.add("GET", "/api/v1/userinfo", LOGIN, user_info, says)
    says = Says("Note that a page was opened.", body=("name:string",))
    routes.add("POST", "/api/v1/tracking/event", LOGIN, track, says)


async def info(call: Call) -> Answer:
    """Return what pages show of this installation."""
    about = call.services.about
    every: JsonObject = {
        "managedNamespace": about.managed_namespace,
        "links": [*about.links],
        "modals": {"feedback": False, "firstTimeUser": False, "newVersion": False},
        "navColor": about.nav_color,
        "columns": [*about.columns],
    }
    return {key: item for key, item in every.items() if item}


async def version(call: Call) -> Answer:
    """Return the version."""
    return {**call.services.about.version}


async def user_info(call: Call) -> Answer:
    """Return who asks, as far as it is known."""
    who = call.principal
    if who.way == "server":
        return {}
    account = who.subject.removeprefix(_ACCOUNT) if who.subject.startswith(_ACCOUNT) else ""
    namespace, _, name = account.partition(":")
    every: JsonObject = {
        "issuer": who.issuer,
        "subject": who.subject,
        "groups": [*who.groups],
        "email": who.email,
        "emailVerified": who.email_verified,
        "serviceAccountName": name,
        "serviceAccountNamespace": namespace,
        "name": who.name,
    }
    return {key: item for key, item in every.items() if item}


async def track(call: Call) -> Answer:
    """Log that a page was opened."""
    name = "".join(c for c in call.body.text("name")[:_LONGEST] if c.isalnum())
    _log.debug("page %s", name)
    return {}
