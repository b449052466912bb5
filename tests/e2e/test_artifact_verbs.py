"""Artifacts of loops passed on, and `tiphys artifacts`: listed, fetched, opened."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.driver import Home
from tests.e2e.workflows import shell, workflow

pytestmark = pytest.mark.e2e


def loops() -> dict[str, Any]:
    """Return a workflow that maps over a list and reduces what comes of it, twice over."""
    plain = {"name": "plain", "path": "/tmp/plain", "archive": {"none": {}}}
    packed = {"name": "packed", "path": "/tmp/packed"}
    make = shell(
        "make",
        "echo p{{inputs.parameters.p}} > /tmp/plain; mkdir /tmp/packed; "
        "echo t{{inputs.parameters.p}} > /tmp/packed/f; [ {{inputs.parameters.p}} != 2 ]",
    )
    make["inputs"] = {"parameters": [{"name": "p"}]}
    make["outputs"] = {"artifacts": [plain, packed]}
    join = shell("join", "cd /tmp/in; ls; cat */f; ls /tmp/plain; cat /tmp/plain/*")
    join["inputs"] = {
        "artifacts": [{"name": "in", "path": "/tmp/in"}, {"name": "plain", "path": "/tmp/plain"}]
    }
    given = [
        {"name": "in", "from": "{{tasks.make.outputs.artifacts.packed}}"},
        {"name": "plain", "from": "{{tasks.make.outputs.artifacts.plain}}"},
    ]
    arguments = {"parameters": [{"name": "p", "value": "{{item}}"}]}
    tasks = [
        {"name": "make", "template": "make", "withItems": [1, 2, 3], "arguments": arguments},
        {
            **{"name": "join", "template": "join", "depends": "make.Succeeded || make.Failed"},
            "arguments": {"artifacts": given},
        },
    ]
    kept = {"name": "kept", "from": "{{tasks.make.outputs.artifacts.packed}}"}
    main = {"name": "main", "dag": {"tasks": tasks, "failFast": False}}
    main["outputs"] = {"artifacts": [kept]}
    return workflow("w", main, make, join)


@pytest.fixture
def ran(home: Home) -> Home:
    document = home.file("w.yaml", loops())
    assert home.run("lint", document).code == 0
    assert home.run("run", document).code == 0
    return home


def test_a_loops_artifacts_are_a_directory_by_index(ran: Home) -> None:
    said = ran.run("logs", "w", "--no-color").out
    lines = [line.partition(": ")[2] for line in said.splitlines() if ": " in line]
    assert lines == ["0", "2", "t1", "t3", "0", "2", "p1", "p3"]
    node = ran.nodes("w")["join"]
    (whole, _) = node["inputs"]["artifacts"]
    assert [part["name"] for part in whole["items"]["artifacts"]] == ["0", "2"]


def test_artifacts_are_listed(ran: Home) -> None:
    table = ran.ok("artifacts", "ls", "@latest").splitlines()
    assert table[0].split() == ["NODE", "ARTIFACT", "SIZE", "KEY"]
    row = next(line.split() for line in table if line.startswith("make(0:1)   plain"))
    assert row[2:4] == ["3", "B"]
    assert row[4].startswith("w/")
    assert row[4].endswith("/plain")
    found = json.loads(ran.ok("artifacts", "ls", "w", "make", "-o", "json"))
    assert {item["node"] for item in found} == {f"w.make({n}:{n + 1})" for n in range(3)}
    assert all(len(item["sha256"]) == 64 and item["sizeBytes"] > 0 for item in found)
    given = ran.ok("artifacts", "ls", "w", "join", "--inputs", "-o", "wide")
    assert "(2 items of a loop)" in given
    names = ran.ok("artifacts", "ls", "w", "make(0:1)", "-o", "name").splitlines()
    assert [name.rpartition("/")[2] for name in names] == ["plain", "packed"]


def test_artifacts_are_fetched(ran: Home) -> None:
    assert ran.ok("artifacts", "get", "w", "make(0:1)", "plain") == "plain\n"
    assert (ran.path / "plain").read_text() == "p1\n"
    assert ran.ok("artifacts", "get", "w", "make(0:1)", "plain", "-o", "-") == "p1\n"
    ran.ok("artifacts", "get", "w", "make(0:1)", "packed", "-o", "sub/x.tgz")
    with tarfile.open(ran.path / "sub/x.tgz") as tar:
        assert tar.getnames() == ["packed", "packed/f"]
    ran.ok("artifacts", "get", "w", "make(0:1)", "packed", "-x", "-o", "plainly")
    assert (ran.path / "plainly/f").read_text() == "t1\n"
    ran.ok("artifacts", "get", "w", "join", "in", "--inputs", "-o", "all")
    found = sorted((ran.path / "all").rglob("f"))
    assert [path.read_text() for path in found] == ["t1\n", "t3\n"]
    assert [path.parent.name for path in found] == ["0", "2"]
    assert not list(ran.path.rglob("*tiphys-part*"))


def test_what_is_there_is_replaced_only_if_asked(ran: Home) -> None:
    (ran.path / "plain").write_text("mine")
    refused = ran.run("artifacts", "get", "w", "make(0:1)", "plain")
    assert (refused.code, refused.err) == (
        2,
        "Error: plain exists; -f replaces it, -o says another place\n",
    )
    assert (ran.path / "plain").read_text() == "mine"
    ran.ok("artifacts", "get", "w", "make(0:1)", "plain", "-f")
    assert (ran.path / "plain").read_text() == "p1\n"


def test_an_artifact_is_opened_unpacked(ran: Home) -> None:
    path = Path(ran.ok("artifacts", "open", "w", "make(2:3)", "packed").strip())
    try:
        assert (path / "f").read_text() == "t3\n"
    finally:
        subprocess.run(["rm", "-r", str(path.parent)], check=True)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("ls", "ww"), "did you mean `w`?"),
        (("ls", "w", "maek"), "workflow w has no node maek; did you mean `make`?"),
        (
            ("get", "w", "make(0:1)", "plian"),
            "node make(0:1) has no artifact plian among its outputs; did you mean `plain`?",
        ),
        (("get", "w", "join", "x"), "node join has no output artifacts"),
        (("get", "w", "make", "plain"), "3 nodes are called make and have an artifact plain; say"),
    ],
)
def test_mistakes_are_named_with_what_was_meant(ran: Home, words: Any, text: str) -> None:
    failed = ran.run("artifacts", *words)
    assert failed.code == 2
    assert text in failed.err
    assert "Traceback" not in failed.err
