"""Stored templates as `template get` and `template list` print them.

Source: argo cmd/argo/commands/template/util.go and list.go; reference/cli.md 12.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.table import Line, render_table
from tiphys.cli.render.times import instant, timestamp

_PADDING = 3


def render_template(document: JsonObject, now: float, style: Style) -> str:
    """Return a template as keys and values; one of all namespaces has no namespace to show."""
    metadata = document["metadata"]
    created = instant(metadata.get("creationTimestamp"))
    lines = [("Name:", metadata.get("name", ""))]
    namespace = metadata.get("namespace", "")  # what a server sends has no kind
    if namespace and document.get("kind") != "ClusterWorkflowTemplate":
        lines.append(("Namespace:", namespace))
    lines.append(("Created:", "" if created is None else timestamp(created, now, style.zone)))
    return "".join(f"{key:<20} {value}\n" for key, value in lines)


def render_templates(documents: Sequence[JsonObject], namespaces: bool) -> str:
    """Return templates as a table; every row ends with padding, as Argo's does."""
    lines: list[Line] = [("NAMESPACE", "NAME") if namespaces else ("NAME",)]
    for document in documents:
        metadata = document["metadata"]
        cells = (metadata.get("name", ""), "")
        lines.append((metadata.get("namespace", ""), *cells) if namespaces else cells)
    return render_table(lines, _PADDING)
