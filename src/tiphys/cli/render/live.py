"""The tree of a running workflow on a terminal, redrawn in place.

It owns the terminal while it is open, draws what it was last fed with and lets durations run on.
rich does the drawing and is imported when a view is opened.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from tiphys.cli.render.header import status_text
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.times import long_duration, span
from tiphys.cli.render.tree import render_tree

if TYPE_CHECKING:
    from rich.text import Text

_FRAMES_PER_SECOND = 8
_ROOM_BELOW = 3
_MOST_NODES = 3_000  # a frame of more would take longer than it is shown
_QUIET_ICONS = ("✔", "○", "Succeeded", "Skipped")


class LiveTree:
    """A context manager that shows the last workflow it was fed with.

    `now` is the clock that running durations are measured with. `notes` says what is told beside
    nodes instead of their messages, by id; it is asked for each frame.
    """

    def __init__(
        self,
        now: Callable[[], float],
        style: Style,
        stream: TextIO | None = None,
        notes: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._now = now
        self._notes = notes
        self._style = style
        self._workflow: JsonObject | None = None
        self._nodes: dict[str, JsonObject] = {}
        self._is_closing = False
        self._console = Console(
            file=stream, color_system="standard" if style.colour else None, highlight=False
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=_FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Take over the terminal."""
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the whole tree on the terminal and give it back."""
        self._is_closing = True
        self._live.stop()

    def update(self, workflow: JsonObject) -> None:
        """Show this state of the workflow at the next frame."""
        self._nodes = dict((workflow.get("status") or {}).get("nodes") or {})
        self._workflow = workflow

    def update_node(self, node: JsonObject) -> None:
        """Show this state of one node at the next frame; costs the same however many there are."""
        self._nodes[node["id"]] = node

    def _draw(self) -> Text:
        from rich.text import Text

        if self._workflow is None:
            return Text("")
        # Frames are drawn by rich's thread: copying a dict is one step that nothing can cut in on.
        nodes = dict(self._nodes)
        for key, note in self._notes().items():
            if key in nodes:
                nodes[key] = {**nodes[key], "message": note}
        status = {**(self._workflow.get("status") or {}), "nodes": nodes}
        height = sys.maxsize if self._is_closing else self._console.height
        text = picture({**self._workflow, "status": status}, self._now(), self._style, height)
        drawn = Text.from_ansi(text, no_wrap=True, overflow="ellipsis")
        drawn.end = ""
        return drawn


def picture(workflow: JsonObject, now: float, style: Style, height: int) -> str:
    """Return the tree and a closing line, cut to `height` rows by leaving out what is over."""
    count = len((workflow.get("status") or {}).get("nodes") or {})
    if count > _MOST_NODES:
        return f"{count} nodes, too many to draw\n{_closing_line(workflow, now)}"
    rows = render_tree(workflow, now, style).splitlines()
    shown = fitting(rows, height - _ROOM_BELOW)
    if len(shown) < len(rows):
        shown = [*shown, f" … {len(rows) - len(shown)} more"]
    return "\n".join([*(row.rstrip() for row in shown), "", _closing_line(workflow, now)])


def fitting(rows: list[str], room: int) -> list[str]:
    """Return at most `room` rows: the first ones stay, quiet ones go first."""
    surplus = len(rows) - max(room - 1, 1)
    if len(rows) <= max(room, 1):
        return rows
    quiet = [i for i, row in enumerate(rows[2:], 2) if any(s in row for s in _QUIET_ICONS)]
    dropped = set(quiet[:surplus])
    return [row for i, row in enumerate(rows) if i not in dropped][: max(room - 1, 1)]


def _closing_line(workflow: JsonObject, now: float) -> str:
    status = workflow.get("status") or {}
    taken = span(status.get("startedAt"), status.get("finishedAt"), now)
    pieces = [
        workflow["metadata"].get("name", ""),
        status_text(workflow),
        status.get("progress") or "",
        long_duration(taken),
        " ".join((status.get("message") or "").split()),
    ]
    return "  ".join(piece for piece in pieces if piece)
