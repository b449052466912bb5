"""The progress of a run as lines, for pipes and log files: one line per change of a node.

Feed it with nodes and workflows in the order things happen; a line comes back when there is
something new to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from tiphys.cli.render.header import status_text
from tiphys.cli.render.style import JsonObject, Keep, keep_all
from tiphys.cli.render.times import clock

_PHASE_WIDTH = 9
_SILENT = {"StepGroup", "TaskGroup"}


class PlainLog:
    """Remembers what was said of each node, and says what is new; `keep` says of which nodes."""

    def __init__(self, zone: tzinfo | None = None, keep: Keep = keep_all) -> None:
        self._zone = zone
        self._keep = keep
        self._said: dict[str, tuple[str, str]] = {}

    def node(self, node: JsonObject, now: float) -> str | None:
        """Return `HH:MM:SS  node  phase  message`, None if that is known or of no interest."""
        if node.get("type") in _SILENT:
            return None
        phase = "Waiting" if _waits(node) else node.get("phase") or ""
        return self._news(node["name"], phase, node.get("message") or "", now)

    def workflow(self, workflow: JsonObject, now: float) -> Iterator[str]:
        """Yield a line for each node that changed, then one for the workflow if it changed."""
        status = workflow.get("status") or {}
        nodes = filter(self._keep, (status.get("nodes") or {}).values())
        for node in sorted(nodes, key=lambda item: item.get("startedAt") or ""):
            line = self.node(node, now)
            if line:
                yield line
        name = f"workflow {workflow['metadata'].get('name', '')}"
        line = self._news(name, status_text(workflow), status.get("message") or "", now)
        if line:
            yield line

    def _news(self, name: str, phase: str, message: str, now: float) -> str | None:
        if not phase or self._said.get(name) == (phase, message):
            return None
        self._said[name] = (phase, message)
        text = " ".join(message.split())
        return f"{clock(now, self._zone)}  {name}  {phase:<{_PHASE_WIDTH}}  {text}".rstrip()


def _waits(node: JsonObject) -> bool:
    return node.get("type") == "Suspend" and node.get("phase") == "Running"
