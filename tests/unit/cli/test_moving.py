"""Transfers that take long: beside nodes of the live tree, and as lines in a pipe."""

import asyncio
import io

import msgspec
import pytest
from tests.unit.cli.samples import NOW, ZONE

from tiphys.cli.moving import lines
from tiphys.cli.render import Style
from tiphys.cli.render.live import LiveTree
from tiphys.cli.render.sizes import size, transfer
from tiphys.executor import contract
from tiphys.executor.moving import Moving
from tiphys.model.ids import RunId
from tiphys.service.moving import Moves

STYLE = Style(zone=ZONE)


def test_what_a_job_moves_stands_beside_its_node_in_the_live_tree():
    out = io.StringIO()
    notes = {"n": "saving model: 1.0 GiB of 2.0 GiB, 50%"}
    node = {"id": "n", "name": "n", "displayName": "n", "type": "Pod", "phase": "Running"}
    workflow = {
        "metadata": {"name": "n"},
        "status": {"phase": "Running", "nodes": {"n": {**node, "message": "its own"}}},
    }
    with LiveTree(lambda: NOW, STYLE, out, lambda: notes) as view:
        view.update(workflow)
        notes.clear()
        notes["n"] = "saving model: 1.5 GiB of 2.0 GiB, 75%"
    assert "saving model: 1.5 GiB of 2.0 GiB, 75%" in out.getvalue()
    assert workflow["status"]["nodes"]["n"]["message"] == "its own"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (5 << 20, "5.0 MiB"), (300 << 30, "300 GiB")],
)
def test_sizes_are_short(count, text):
    assert size(count) == text


def test_a_transfer_says_what_is_known():
    assert transfer("saving x", 0, None) == "saving x"
    assert transfer("saving x", 5 << 20, None) == "saving x: 5.0 MiB"
    assert transfer("x", 1 << 20, 4 << 20, 1 << 20) == "x: 1.0 MiB of 4.0 MiB, 25%, 1.0 MiB/s"


def test_only_nodes_at_work_are_looked_at(tmp_path):
    moves = Moves(tmp_path, RunId("r"))
    folder = tmp_path / "r" / "n"
    folder.mkdir(parents=True)
    told = Moving("big", "loading", 1, 2)
    (folder / contract.MOVING).write_bytes(msgspec.json.encode(told))
    node = {"id": "n", "name": "w.n", "type": "Pod", "phase": "Pending"}
    moves.see([node])
    assert moves.now() == {"n": ("w.n", told)}
    moves.see([{**node, "phase": "Succeeded"}])
    assert moves.now() == {}


def test_lines_are_printed_now_and_then(tmp_path, capsys):
    moves = Moves(tmp_path, RunId("r"))
    folder = tmp_path / "r" / "n"
    folder.mkdir(parents=True)
    content = msgspec.json.encode(Moving("big", "loading", 1 << 20, 2 << 20))
    (folder / contract.MOVING).write_bytes(content)
    moves.see([{"id": "n", "name": "w.n", "type": "Pod", "phase": "Running"}])

    async def look():
        async with asyncio.timeout(10), lines(moves, every_seconds=0.0):
            while not (said := capsys.readouterr().out):
                await asyncio.sleep(0)
            return said

    said = asyncio.run(look()).splitlines()[0]
    assert said.endswith("  w.n  loading big: 1.0 MiB of 2.0 MiB, 50%")
