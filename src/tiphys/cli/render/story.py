"""The page of an explanation: what is waited for, the chain down to a cause, the story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.table import one_line, render_table

_MOST_WAITS = 8
_MOST_NAMES = 3
_MOST_LINKS = 6
_MOST_LINES = 6
_MOST_DUE = 18
_PADDING = 2


def render_story(found: JsonObject) -> str:
    """Return an explanation as text: of a workflow at most a screen, of a node all of it."""
    if "cronWorkflow" in found:
        return _cron_page(found)
    node = found.get("node")
    lines = [_title(found, node)]
    if node is not None and node.get("reason"):
        return f"{lines[0]}\n{_block([('', node['reason'])])}"
    page = f"{lines[0]}\n"
    page += _section("waits now:", [*_waits(found.get("waits") or [], node is not None)])
    page += _section("because:", _chain(found.get("decisive") or []))
    told = [(item["at"], one_line(item["text"])) for item in found.get("story") or []]
    if node is None and len(told) > _MOST_LINES:
        left = len(told) - _MOST_LINES
        told = [told[0], ("...", f"{left} more; see -o json"), *told[1 - _MOST_LINES :]]
    return page + _section("story:", told)


def _cron_page(found: JsonObject) -> str:
    """Return what came of the due times of a CronWorkflow, the newest first, on a screen."""
    state = found.get("phase") or "Active"
    if found.get("suspended"):
        state = "suspended"
    after = f", due next at {found['next']}" if found.get("next") else ""
    if state == "Stopped":
        after = ", for its stopStrategy was met"
    runs = f"; its workflows run on {found['runtime']}" if found.get("runtime") else ""
    rows = [(item["at"], _outcome(item)) for item in found.get("due") or []]
    if len(rows) > _MOST_DUE:
        rows = [*rows[:_MOST_DUE], ("...", f"{len(rows) - _MOST_DUE} more; see -o json")]
    page = f"cron workflow {found['cronWorkflow']}: {state}{after}{runs}\n"
    return page + (_section("due times:", rows) or "it has not been due yet\n")


def _outcome(item: JsonObject) -> str:
    reason = one_line(item.get("reason") or "")
    if item["kind"] == "Submitted":
        return f"made workflow {reason}"
    words = {"Skipped": "no workflow", "Missed": "missed", "Open": "being decided"}
    return f"{words.get(item['kind'], 'refused')}{': ' if reason else ''}{reason}"


def _title(found: JsonObject, node: JsonObject | None) -> str:
    if node is None:
        return _with_message(f"workflow {found['workflow']}: {found['phase']}", found)
    if not node.get("id"):
        return f"node {node['name']} of workflow {found['workflow']} ({found['phase']})"
    return _with_message(f"node {node['name']} ({node['type']}): {node['phase']}", node)


def _with_message(text: str, item: JsonObject) -> str:
    message = one_line(item.get("message") or "")
    return f"{text}, {message}" if message else text


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    return f"{title}\n{_block(rows)}" if rows else ""


def _block(rows: Sequence[tuple[str, str]]) -> str:
    if not any(head for head, _ in rows):
        return "".join(f"  {text}\n" for _, text in rows)
    return render_table([(f"  {head}", text) for head, text in rows], _PADDING)


def _waits(waits: Sequence[Any], of_node: bool) -> Iterator[tuple[str, str]]:
    """Yield a row for each reason, with all who wait for it."""
    groups: dict[str, list[str]] = {}
    for item in waits:
        groups.setdefault(item["reason"], []).append(item.get("node") or "the workflow")
    rows = [(_names(names), one_line(reason)) for reason, names in groups.items()]
    yield from ((("" if of_node else head), text) for head, text in rows[:_MOST_WAITS])
    if len(rows) > _MOST_WAITS:
        yield "...", f"{len(rows) - _MOST_WAITS} more reasons; see -o json"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _chain(links: Sequence[Any]) -> list[tuple[str, str]]:
    rows = []
    for item in links:
        message = one_line(item.get("message") or "")
        rows.append((item["node"], f"{item['phase']}: {message}" if message else item["phase"]))
    if len(rows) > _MOST_LINKS:
        left = len(rows) - _MOST_LINKS
        half = _MOST_LINKS // 2
        rows = [*rows[:half], ("...", f"{left} more; see -o json"), *rows[-half:]]
    return rows
