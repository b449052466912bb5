"""A finished workflow against its expectation: the comparison rules of the corpus's README."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance.workflows.expect import fill, matches, node_id

Json = dict[str, Any]
_QUIET_TYPES = {"Steps", "DAG", "StepGroup", "TaskGroup"}
_QUIET_PHASES = {"Succeeded", "Skipped"}


def differences(expected: Json, workflow: Json) -> list[str]:
    """Return what differs, the most telling first."""
    name = workflow["metadata"]["name"]
    status = workflow.get("status") or {}
    found = [*_name(expected, name), *_summary(expected, status, name)]
    found += _nodes(expected, status, name)
    found += _global_outputs(expected, status, name)
    return found


def _name(expected: Json, name: str) -> Iterator[str]:
    if expected["kind"] != "Workflow":
        return
    wanted = expected["name"]
    if not (name.startswith(wanted) if expected.get("generated") else name == wanted):
        yield _said("name", wanted, name)


def _summary(expected: Json, status: Json, name: str) -> Iterator[str]:
    for field in ("phase", "message", "progress"):
        if field in expected and not matches(expected[field], status.get(field), name):
            yield _said(field, expected[field], status.get(field))
    if "storedTemplates" in expected:
        stored = sorted(status.get("storedTemplates") or {})
        if stored != expected["storedTemplates"]:
            yield _said("storedTemplates", expected["storedTemplates"], stored)


def _nodes(expected: Json, status: Json, name: str) -> Iterator[str]:
    nodes = status.get("nodes") or {}
    by_name = {node["name"]: node for node in nodes.values()}
    names = {key: node["name"] for key, node in nodes.items()}
    wanted = expected.get("nodes", [])
    known = {fill(item["name"], name) for item in wanted}
    for item in wanted:
        node = by_name.get(fill(item["name"], name))
        if node is None:
            yield f"node {item['name']} is missing"
        else:
            yield from (f"node {item['name']}: {text}" for text in _node(item, node, name, names))
    if expected.get("nodesComplete"):
        yield from (f"node {extra} should not exist" for extra in sorted(set(by_name) - known))
    if "nodeCount" in expected and len(nodes) != expected["nodeCount"]:
        yield _said("nodeCount", expected["nodeCount"], len(nodes))


def _node(item: Json, node: Json, name: str, names: dict[str, str]) -> Iterator[str]:
    if node["id"] != node_id(name, node["name"]):
        yield _said("id", node_id(name, node["name"]), node["id"])
    for field, read in _FIELDS.items():
        if field in item and not matches(item[field], read(node, names), name):
            yield _said(field, item[field], read(node, names))
    if "message" not in item and _is_quiet(item) and node.get("message"):
        yield _said("message", None, node["message"])
    yield from _lists(item, node, name, names)
    yield from _values(item, node, name)


def _is_quiet(item: Json) -> bool:
    phase = item.get("phase")
    phases = phase if isinstance(phase, list) else [phase]
    return item.get("type") in _QUIET_TYPES and _QUIET_PHASES.issuperset(phases)


def _reference(node: Json, _names: dict[str, str]) -> str:
    reference = node.get("templateRef") or {}
    return f"{reference.get('name', '')}/{reference.get('template', '')}"


def _boundary(node: Json, names: dict[str, str]) -> str:
    key = node.get("boundaryID", "")
    return names.get(key, key)


_FIELDS: dict[str, Callable[[Json, dict[str, str]], object]] = {
    "displayName": lambda node, _names: node.get("displayName"),
    "type": lambda node, _names: node.get("type"),
    "phase": lambda node, _names: node.get("phase"),
    "message": lambda node, _names: node.get("message"),
    "template": lambda node, _names: node.get("templateName"),
    "templateRef": _reference,
    "boundary": _boundary,
}


def _lists(item: Json, node: Json, name: str, names: dict[str, str]) -> Iterator[str]:
    if "children" in item:
        wanted = sorted(fill(child, name) for child in item["children"])
        actual = sorted(names.get(key, key) for key in node.get("children") or [])
        if wanted != actual:
            yield _said("children", wanted, actual)
    if "flags" in item:
        flags = sorted(key for key, value in (node.get("nodeFlag") or {}).items() if value)
        if sorted(item["flags"]) != flags:
            yield _said("flags", item["flags"], flags)


def _values(item: Json, node: Json, name: str) -> Iterator[str]:
    inputs = _parameters(node.get("inputs"))
    yield from _contains("inputs", item.get("inputs") or {}, inputs, name)
    wanted, outputs = item.get("outputs") or {}, node.get("outputs") or {}
    yield from _outputs("outputs", wanted, outputs, name)
    for field in ("result", "exitCode"):
        if field in wanted and not matches(wanted[field], outputs.get(field), name):
            yield _said(f"outputs.{field}", wanted[field], outputs.get(field))


def _global_outputs(expected: Json, status: Json, name: str) -> Iterator[str]:
    wanted = expected.get("workflowOutputs") or {}
    yield from _outputs("workflowOutputs", wanted, status.get("outputs") or {}, name)


def _outputs(title: str, wanted: Json, outputs: Json, name: str) -> Iterator[str]:
    parameters = _parameters(outputs)
    yield from _contains(f"{title}.parameters", wanted.get("parameters") or {}, parameters, name)
    if "artifacts" in wanted:
        actual = _artifact_names(item["name"] for item in outputs.get("artifacts") or [])
        if _artifact_names(wanted["artifacts"]) != actual:
            yield _said(f"{title}.artifacts", wanted["artifacts"], sorted(actual))


def _artifact_names(names: Any) -> set[str]:
    return {name for name in names if not name.endswith("-logs")}


def _contains(title: str, wanted: Json, actual: Json, name: str) -> Iterator[str]:
    for key, value in wanted.items():
        if key not in actual or not matches(value, actual[key], name):
            yield _said(f"{title}.{key}", value, actual.get(key))


def _parameters(holder: Json | None) -> Json:
    parameters = (holder or {}).get("parameters") or []
    return {item["name"]: item.get("value") for item in parameters}


def _said(what: str, wanted: object, actual: object) -> str:
    return f"{what}: wanted {wanted!r}, got {actual!r}"
