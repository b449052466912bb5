"""What Argo's server does not have, below a path of its own, so that it is in nobody's way."""

from __future__ import annotations

import msgspec

from tiphys.api.call import Call
from tiphys.api.routing import Answer, Routes, Says, needs
from tiphys.model.base import JsonObject

BASE = "/api/tiphys/v1"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    routes.add(
        "GET",
        f"{BASE}/workflows/{{namespace}}/{{name}}/explain",
        needs("get", "workflows"),
        explain,
        Says(
            "Tell why a workflow, or a node of it, is as it is.",
            query=("node",),
            answer="Explanation",
        ),
    )

    routes.add(
        "GET",
        f"{BASE}/workflows/{{namespace}}/{{name}}/transfers",
        needs("get", "workflows"),
        transfers,
        Says(
            "Tell what artifacts are on their way, of nodes with these ids or of any.",
            query=("nodes",),
            answer="Transfers",
        ),
    )


async def explain(call: Call) -> Answer:
    """Return why a workflow, or the node that is named, is as it is."""
    row = await call.services.workflows.row(call.namespace, call.name)
    found = await call.services.explainer.of(row, call.query.text("node"))
    document: JsonObject = msgspec.to_builtins(found)
    return document


async def transfers(call: Call) -> Answer:
    """Return the transfers of a workflow that take long, as they stand now."""
    row = await call.services.workflows.row(call.namespace, call.name)
    ids = [key for text in call.query.texts("nodes") for key in text.split(",") if key]
    document: JsonObject = msgspec.to_builtins(await call.services.transfers.of(row, ids))
    return document
