"""What single cells say about a node or about resources.

Source: argo cmd/argo/commands/common/get.go (printNode); reference/cli.md 5.2 and 5.4.
"""

from __future__ import annotations

from tiphys.cli.render.colour import CYAN, DEFAULT, GREEN, RED, YELLOW, paint
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.times import go_duration, short_duration, span
from tiphys.model.ids import pod_name

# phase: icon, colour, word for terminals without UTF-8
ICONS: dict[str, tuple[str, int, str]] = {
    "Pending": ("◷", YELLOW, "Pending"),
    "Running": ("●", CYAN, "Running"),
    "Suspend": ("ǁ", CYAN, "Suspend"),
    "Succeeded": ("✔", GREEN, "Succeeded"),
    "Skipped": ("○", DEFAULT, "Skipped"),
    "Failed": ("✖", RED, "Failed"),
    "Error": ("⚠", RED, "Error"),
}
_DENOMINATORS = {"memory": "100Mi", "storage": "10Gi", "ephemeral-storage": "10Gi"}
_V1 = "v1"


def icon(node: JsonObject, style: Style) -> str:
    """Return the sign of the node's phase, "" when it has none."""
    phase = node.get("phase") or ""
    found = ICONS.get("Suspend" if is_waiting(node) else phase)
    if found is None:
        return ""
    sign, colour, word = found
    return paint(sign if style.utf8 else word, colour, style.colour)


def is_waiting(node: JsonObject) -> bool:
    """Return whether the node is a suspend node that still waits."""
    return node.get("type") == "Suspend" and node.get("phase") == "Running"


def template_name(node: JsonObject) -> str:
    """Return `reference/template` or the template's name; "" for inline templates."""
    reference = node.get("templateRef")
    if reference:
        return f"{reference.get('name', '')}/{reference.get('template', '')}"
    return str(node.get("templateName") or "")


def node_pod_name(workflow: JsonObject, node: JsonObject) -> str:
    """Return the name of the node's pod."""
    annotations = workflow["metadata"].get("annotations") or {}
    if annotations.get("workflows.argoproj.io/pod-name-format") == _V1:
        return str(node["id"])
    reference = node.get("templateRef") or {}
    template = reference.get("template") or node.get("templateName") or ""
    return pod_name(workflow["metadata"].get("name", ""), node["name"], template)


def duration(node: JsonObject, now: float) -> str:
    """Return how long the node has taken, `12s`."""
    return short_duration(span(node.get("startedAt"), node.get("finishedAt"), now))


def artifact_names(node: JsonObject) -> str:
    """Return the names of the node's output artifacts, `raw,main-logs`."""
    artifacts = (node.get("outputs") or {}).get("artifacts") or []
    return ",".join(artifact["name"] for artifact in artifacts)


def resources(used: JsonObject | None) -> str:
    """Return `14s*(1 cpu),14s*(100Mi memory)` from seconds by resource."""
    return ",".join(
        f"{go_duration(int(seconds))}*({_DENOMINATORS.get(name, '1')} {name})"
        for name, seconds in sorted((used or {}).items())
    )
