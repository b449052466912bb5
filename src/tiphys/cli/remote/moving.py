"""Transfers that take long, of a workflow on a server: asked for beside the watch, in a thread.

They are no changes of the workflow, so no watch tells of them. Argo's server knows nothing of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tiphys.cli.moving import transfer_text
from tiphys.client.workflows import Transfer, Workflows
from tiphys.errors import Impossible, TiphysError

_MOST = 100
"""How many nodes are asked about at a time: those that run first."""
_LAST_SECONDS = 1.0


class Asked:
    """The transfers of one workflow as they were when the server was asked last."""

    def __init__(self, workflows: Workflows) -> None:
        """Begin with nothing known."""
        self._workflows = workflows
        self._name = ""
        self._busy: dict[str, str] = {}
        self._known: dict[str, Transfer] = {}

    def see(self, workflow: Mapping[str, Any]) -> None:
        """Take note of the nodes that are at work."""
        nodes = (workflow.get("status") or {}).get("nodes") or {}
        busy = [
            (node.get("phase") != "Running", key, str(node.get("name")))
            for key, node in nodes.items()
            if node.get("type") == "Pod" and node.get("phase") in {"Pending", "Running"}
        ]
        self._name = str(workflow["metadata"]["name"])  # who watches may have said @latest
        self._busy = {key: name for _, key, name in sorted(busy)[:_MOST]}

    def ask(self) -> None:
        """Ask the server, if there is anything to ask about. Raises TiphysError."""
        busy = self._busy
        self._known = self._workflows.transfers(self._name, [*busy]) if busy else {}

    def notes(self) -> Mapping[str, str]:
        """Return what is told of each node that loads or saves something, by its id."""
        busy = self._busy
        return {key: transfer_text(item) for key, item in self._known.items() if key in busy}

    def lines(self) -> Iterator[str]:
        """Yield the same with the names of nodes."""
        busy = self._busy
        for key, item in self._known.items():
            if key in busy:
                yield f"{busy[key]}  {transfer_text(item)}"


@contextmanager
def asked_every(
    seconds: float, asked: Asked, told: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Ask again every so often, and have what came of it told, as long as this is open."""
    ended = threading.Event()

    def ask_on() -> None:
        while not ended.wait(seconds):
            try:
                asked.ask()
            except Impossible:
                return  # Argo's server
            except TiphysError:
                continue  # the watch says it if the server is gone for good
            told()

    thread = threading.Thread(target=ask_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_LAST_SECONDS)
