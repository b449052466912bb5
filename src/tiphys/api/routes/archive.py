"""Archived workflows. Source: reference/rest-api.md 9.

`/archived-workflows/` with an empty uid takes name and namespace from the query.
"""

from __future__ import annotations

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.routes.asking import LIST, asked_of
from tiphys.api.routing import Answer, Need, Policy, Routes, Says, needs
from tiphys.model.base import JsonObject
from tiphys.ports_server import Listed
from tiphys.service.selection import selection

BASE = "/api/v1/archived-workflows"
ONE = f"{BASE}/{{uid}}"
DENIED = "permission denied"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    names = ("namespace", "name")
    says = Says(
        "List archived workflows.",
        query=(*LIST, "namePrefix", "namespace", "nameFilter"),
        answer="WorkflowList",
    )
    routes.add("GET", BASE, needs("list", "workflows", list_place, DENIED), list_archived, says)
    says = Says("Read an archived workflow.", query=names, answer="Workflow")
    routes.add("GET", ONE, of_item("get"), get_archived, says)
    says = Says("Delete an archived workflow.", query=names)
    routes.add("DELETE", ONE, of_item("delete"), delete_archived, says)
    policy = needs("list", "workflows", label_place, DENIED)
    says = Says("List label keys.", query=("namespace",), answer="LabelKeys")
    routes.add("GET", f"{BASE}-label-keys", policy, label_keys, says)
    says = Says("List label values.", query=(*LIST, "namespace"), answer="LabelValues")
    routes.add("GET", f"{BASE}-label-values", policy, label_values, says)


def of_item(verb: str) -> Policy:
    """Return the policy of an archived workflow: its own namespace counts, not one that is said."""
    return Policy("needs", (Need(verb, "workflows", item_place, DENIED),))


async def find(call: Call) -> Listed:
    """Return the archived workflow a request is about. Raises NotFound."""
    query = call.query
    return await call.services.archive.find(
        call.params["uid"], query.text("namespace"), query.text("name")
    )


async def item_place(call: Call) -> str:
    """Return the namespace of an archived workflow. Raises NotFound."""
    return (await find(call)).row.namespace


async def list_place(call: Call) -> str:
    """Return the namespace a list is of, "" for all. Raises UserError."""
    asked = asked_of(call, call.query.text("namespace"))
    return selection(asked, "archived").filter.namespace or ""


async def label_place(call: Call) -> str:
    """Return the namespace whose labels are listed, "" for all."""
    return call.query.text("namespace")


async def list_archived(call: Call) -> Answer:
    """Return a page of archived workflows."""
    page = await call.services.archive.page(asked_of(call, call.query.text("namespace")))
    items = [await call.services.workflows.shown(item) for item in page.items]
    return documents.workflow_list(items, page.metadata, "")


async def get_archived(call: Call) -> Answer:
    """Return an archived workflow."""
    document = await call.services.archive.document(await find(call))
    return documents.workflow(await call.services.workflows.shown(document))


async def delete_archived(call: Call) -> Answer:
    """Remove an archived workflow; a live one of the same uid stays."""
    await call.services.forget_archived(await find(call))
    return {}


async def label_keys(call: Call) -> Answer:
    """Return the names of all labels."""
    return _items([*await call.services.archive.label_names(call.query.text("namespace"))])


async def label_values(call: Call) -> Answer:
    """Return the values of a label."""
    query = call.query
    found = await call.services.archive.label_values(
        query.text("namespace"), query.text("listOptions.labelSelector")
    )
    return _items([*found])


def _items(found: list[str]) -> JsonObject:
    return {"items": [*found]} if found else {}
