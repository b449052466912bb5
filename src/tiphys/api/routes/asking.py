"""What several resources read of a request in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.api.call import Call
from tiphys.model.base import JsonObject
from tiphys.ports_server import Principal
from tiphys.service.actors import Person
from tiphys.service.chosen import chosen
from tiphys.service.create import DryRun
from tiphys.service.selection import Asked

LIST: Final = tuple(
    f"listOptions.{name}"
    for name in (
        *("labelSelector", "fieldSelector", "watch", "allowWatchBookmarks", "resourceVersion"),
        *("resourceVersionMatch", "timeoutSeconds", "limit", "continue", "sendInitialEvents"),
    )
)
GET: Final = ("getOptions.resourceVersion",)
DELETE: Final = tuple(
    f"deleteOptions.{name}"
    for name in (
        *("gracePeriodSeconds", "preconditions.uid", "preconditions.resourceVersion"),
        *("orphanDependents", "propagationPolicy", "dryRun"),
        "ignoreStoreReadErrorWithClusterBreakingPotential",
    )
)


def log_options(prefix: str) -> tuple[str, ...]:
    """Return the names of the options of pod logs."""
    names = (
        *("container", "follow", "previous", "sinceSeconds", "sinceTime.seconds"),
        *("sinceTime.nanos", "timestamps", "tailLines", "limitBytes"),
        *("insecureSkipTLSVerifyBackend", "stream"),
    )
    return tuple(f"{prefix}.{name}" for name in names)


def asked_of(call: Call, namespace: str) -> Asked:
    """Return what a request asks of a list of workflows. Raises UserError."""
    query = call.query
    return Asked(
        namespace=namespace,
        labels=query.text("listOptions.labelSelector"),
        fields=query.text("listOptions.fieldSelector"),
        name_filter=query.text("nameFilter"),
        name_prefix=query.text("namePrefix"),
        created_after=query.text("createdAfter"),
        finished_before=query.text("finishedBefore"),
        limit=query.number("listOptions.limit"),
        token=query.text("listOptions.continue"),
    )


def chosen_by(call: Call) -> Callable[[JsonObject], bool]:
    """Return what tells whether a request wants a stored object in its list. Raises UserError."""
    query = call.query
    labels = query.text("listOptions.labelSelector")
    return chosen(labels, query.text("listOptions.fieldSelector"))


def person_of(who: Principal) -> Person | None:
    """Return who asks as labels name people; None for the server itself."""
    if who.way == "server":
        return None
    return Person(who.subject, who.email, who.preferred_username)


def dry_run(call: Call) -> DryRun:
    """Return whether nothing is to be kept. Raises UserError."""
    if call.body.part("createOptions").texts("dryRun"):
        return "client"
    return "server" if call.body.flag("serverDryRun") else ""
