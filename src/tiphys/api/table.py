"""All endpoints."""

from __future__ import annotations

from tiphys.api.routes import (
    accounts,
    actions,
    again,
    archive,
    artifacts,
    config_objects,
    crons,
    events,
    info,
    objects,
    ours,
    pages,
    streams,
    submit,
    sync,
    templates,
    workflows,
)
from tiphys.api.routing import Routes


def every_route(open_metrics: bool = False) -> Routes:
    """Return the table of all endpoints."""
    routes = Routes()
    for part in (
        *(workflows, submit, actions, again, streams, archive, templates, crons),
        *(events, sync, artifacts, info, accounts, ours, config_objects, objects),
    ):
        part.register(routes)
    pages.register(routes, open_metrics)
    return routes
