"""The tree of a workflow's nodes.

Source: argo cmd/argo/commands/common/get.go (renderNodes, renderChild, printNode);
reference/cli.md 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tiphys.cli.render import nodes as cells
from tiphys.cli.render.colour import DEFAULT, paint
from tiphys.cli.render.forest import Branch, build_forest
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.table import Line, one_line, render_table
from tiphys.model.ids import node_id

PADDING = 2
_GROUPS = {"StepGroup", "TaskGroup"}
_SEPARATOR = ("", "", "", "", "", "")
_HEADERS: dict[str, Line] = {
    "default": ("TEMPLATE", "PODNAME", "DURATION", "MESSAGE"),
    "short": ("TEMPLATE", "PODNAME", "DURATION", "MESSAGE", "NODENAME"),
    "wide": (
        "TEMPLATE",
        "PODNAME",
        "DURATION",
        "ARTIFACTS",
        "MESSAGE",
        "RESOURCESDURATION",
        "NODENAME",
    ),
}


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The parts prefixes are made of."""

    only: str
    first: str
    middle: str
    last: str
    bar: str


_UTF8 = _Pieces("──", "┬─", "├─", "└─", "│ ")
_ASCII = _Pieces("--", "+-", "|-", "`-", "| ")
_GAP = "  "


def render_tree(workflow: JsonObject, now: float, style: Style) -> str:
    """Return the tree as a table, "" as long as the workflow has no root node."""
    name = workflow["metadata"].get("name", "")
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    if name not in nodes:
        return ""
    lines: list[Line] = [(paint("STEP", DEFAULT, style.colour), *_HEADERS[style.form])]
    roots = build_forest(nodes)
    if name in roots:
        lines += _branch_lines(roots[name], workflow, now, style)
    leaving = roots.get(node_id(name, f"{name}.onExit"))
    if leaving is not None:
        lines.append(_SEPARATOR)
        lines += _branch_lines(leaving, workflow, now, style)
    return render_table(lines, PADDING)


def _branch_lines(root: Branch, workflow: JsonObject, now: float, style: Style) -> Iterator[Line]:
    pieces = _UTF8 if style.utf8 else _ASCII
    reasons = _reasons(workflow["status"]["nodes"])
    pending = [(root, " ", " ")]
    while pending:
        branch, own, below = pending.pop()
        hidden, indents = _is_hidden(branch.node, style)
        if not hidden:
            yield _row(workflow, branch.node, own, now, style, reasons)
        pending += reversed(_children(branch, own, below, (hidden, indents), pieces))


def _children(
    branch: Branch, own: str, below: str, hiding: tuple[bool, bool], pieces: _Pieces
) -> list[tuple[Branch, str, str]]:
    last = len(branch.children) - 1
    found = []
    for index, child in enumerate(branch.children):
        part, rest = _joint(index, last, hiding, pieces)
        # The first child of a hidden node continues on that node's own prefix.
        start = own if hiding[0] and index == 0 else below
        found.append((child, start + part, below + rest))
    return found


def _joint(index: int, last: int, hiding: tuple[bool, bool], pieces: _Pieces) -> tuple[str, str]:
    hidden, indents = hiding
    if hidden and not indents:
        return "", ""
    if index == last:
        return (pieces.only if hidden and last == 0 else pieces.last), _GAP
    return (pieces.first if hidden and index == 0 else pieces.middle), pieces.bar


def _is_hidden(node: JsonObject, style: Style) -> tuple[bool, bool]:
    """Return whether the node is left out, and whether its children are then drawn as a group."""
    kind = node["type"]
    if kind == "Retry" and len(node.get("children") or []) == 1:
        return True, False
    if kind == "StepGroup":
        return True, True
    if kind == "Skipped" and node.get("phase") == "Omitted":
        return True, False
    return not style.keep(node), False


def _reasons(nodes: JsonObject) -> dict[str, str]:
    """Return why nodes wait; what a group waits for stands at its boundary, which has a line."""
    found = {key: node["waitingReason"] for key, node in nodes.items() if "waitingReason" in node}
    for key in [*found]:
        if nodes[key]["type"] in _GROUPS:
            found.setdefault(nodes[key].get("boundaryID", ""), found[key])
    return found


def _row(
    workflow: JsonObject,
    node: JsonObject,
    prefix: str,
    now: float,
    style: Style,
    reasons: Mapping[str, str],
) -> Line:
    is_pod = node["type"] == "Pod"
    head = (
        f"{prefix}{cells.icon(node, style)} {node.get('displayName', '')}",
        cells.template_name(node),
        cells.node_pod_name(workflow, node) if is_pod else "",
        cells.duration(node, now) if is_pod else "",
    )
    message = one_line(node.get("message") or reasons.get(node["id"], ""))
    host = (node.get("hostNodeName") or "") if is_pod else ""
    if style.form == "wide":
        used = cells.resources(node.get("resourcesDuration")) if is_pod else ""
        return (*head, cells.artifact_names(node), message, used, host)
    return (*head, message, host if style.form == "short" else "")
