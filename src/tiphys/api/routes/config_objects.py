"""ConfigMaps and Secrets, below the path of what Argo's API does not have.

Values of Secrets go in and never come out: no policy is needed to say so, no answer holds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tiphys.api.call import Call
from tiphys.api.routes.ours import BASE
from tiphys.api.routing import Answer, Routes, Says, all_of, needs
from tiphys.model.base import JsonObject
from tiphys.ports import ObjectRef
from tiphys.service.config_objects import Kind, reference


def register(routes: Routes) -> None:
    """Add the endpoints."""
    _Kind("ConfigMap", "configmaps").register(routes, f"{BASE}/config-maps/{{namespace}}")
    _Kind("Secret", "secrets").register(routes, f"{BASE}/secrets/{{namespace}}")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two kinds; they have the same endpoints."""

    kind: Kind
    resource: str

    def register(self, routes: Routes, base: str) -> None:
        """Add the endpoints of a kind."""
        kind, resource = self.kind, self.resource
        query = ("listOptions.labelSelector",)
        says = Says(f"List {kind}s with their keys.", query=query, answer="KeptList")
        routes.add("GET", base, needs("list", resource), self.list, says)
        one, text = f"{base}/{{name}}", "its values" if kind == "ConfigMap" else "its keys"
        says = Says(f"Read a {kind} with {text}.", answer="Kept")
        routes.add("GET", one, needs("get", resource), self.get, says)
        may = all_of(needs("create", resource), needs("update", resource))
        says = Says(f"Keep a {kind}, or change it.", body=("object:object",), answer="Applied")
        routes.add("PUT", one, may, self.apply, says)
        says = Says(f"Delete a {kind}.")
        routes.add("DELETE", one, needs("delete", resource), self.delete, says)

    def _named(self, call: Call) -> ObjectRef:
        return reference(self.kind, call.namespace, call.name)

    async def list(self, call: Call) -> Answer:
        """Return what there is, with keys and without values."""
        labels = call.query.text("listOptions.labelSelector")
        return _written(await call.services.config.list(self.kind, call.namespace, labels))

    async def get(self, call: Call) -> Answer:
        """Return one; of a ConfigMap with its values."""
        return _written(await call.services.config.get(self._named(call)))

    async def apply(self, call: Call) -> Answer:
        """Create one, or let the one of its name take on what is said of it."""
        document = call.body.part("object").value
        return _written(await call.services.config.apply(self._named(call), document))

    async def delete(self, call: Call) -> Answer:
        """Remove one."""
        await call.services.config.delete(self._named(call))
        return {}


def _written(value: msgspec.Struct) -> JsonObject:
    document: JsonObject = msgspec.to_builtins(value)
    return document
