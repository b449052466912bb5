"""Transfers of a workflow on a server, as the command line is told of them."""

from __future__ import annotations

import threading

import pytest

from tiphys.cli.remote.moving import Asked, asked_every
from tiphys.client.workflows import Transfer
from tiphys.errors import Impossible, Transient

NODES = {
    "w-1": {"name": "w.a", "type": "Pod", "phase": "Running"},
    "w-2": {"name": "w.b", "type": "Pod", "phase": "Succeeded"},
    "w-3": {"name": "w.c", "type": "DAG", "phase": "Running"},
}
WORKFLOW = {"metadata": {"name": "w"}, "status": {"nodes": NODES}}


class Server:
    """Answers with what is in line, and notes what it is asked."""

    def __init__(self, *line):
        self.line, self.asked = [*line], []
        self.is_empty = threading.Event()

    def transfers(self, name, ids):
        self.asked.append((name, ids))
        found = self.line.pop(0)
        if not self.line:
            self.is_empty.set()
        if isinstance(found, Exception):
            raise found
        return found


MOVING = {"w-1": Transfer("big", "saving", 1 << 20, None)}


def test_only_nodes_at_work_are_asked_about():
    server = Server(MOVING)
    asked = Asked(server)
    asked.ask()
    assert server.asked == []
    asked.see(WORKFLOW)
    asked.ask()
    assert server.asked == [("w", ["w-1"])]
    assert asked.notes() == {"w-1": "saving big: 1.0 MiB"}
    assert [*asked.lines()] == ["w.a  saving big: 1.0 MiB"]
    asked.see({**WORKFLOW, "status": {"nodes": {"w-1": {**NODES["w-1"], "phase": "Succeeded"}}}})
    assert asked.notes() == {}
    assert [*asked.lines()] == []


def test_at_most_a_hundred_are_asked_about_those_that_run_first():
    server = Server({})
    asked = Asked(server)
    nodes = {f"w-{i:03}": {**NODES["w-1"], "phase": "Pending"} for i in range(300)}
    nodes["w-299"]["phase"] = "Running"
    asked.see({**WORKFLOW, "status": {"nodes": nodes}})
    asked.ask()
    ((_, ids),) = server.asked
    assert (len(ids), ids[0]) == (100, "w-299")


@pytest.mark.parametrize("last", [Impossible("Argo's"), Transient("gone")])
def test_a_server_that_cannot_say_is_no_error(last):
    server = Server(Transient("gone"), MOVING, last)
    asked = Asked(server)
    asked.see(WORKFLOW)
    said = []
    with asked_every(0.001, asked, lambda: said.extend(asked.lines())):
        assert server.is_empty.wait(30)
    assert "w.a  saving big: 1.0 MiB" in said
