"""Artifacts through a server: listed, fetched, opened, copied."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import shell, workflow

BYTES = 3 << 20
"""More than one piece of a download."""


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Away]:
    """A server without TLS, a command line, and a workflow that made something."""
    home = Home(tmp_path_factory.mktemp("far"), "process", cache)
    plain = {"name": "plain", "path": "/tmp/far-plain", "archive": {"none": {}}}
    packed = {"name": "packed", "path": "/tmp/far-packed"}
    make = shell(
        "make",
        f"head -c {BYTES} /dev/zero > /tmp/far-plain; mkdir -p /tmp/far-packed; "
        "echo inside > /tmp/far-packed/f",
    )
    make["outputs"] = {"artifacts": [plain, packed]}
    take = shell("take", "cat /tmp/far-in/f")
    take["inputs"] = {"artifacts": [{"name": "in", "path": "/tmp/far-in"}]}
    given = {"artifacts": [{"name": "in", "from": "{{steps.make.outputs.artifacts.packed}}"}]}
    steps = [
        [{"name": "make", "template": "make"}],
        [{"name": "take", "template": "take", "arguments": given}],
    ]
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            away = Away(home, server)
            document = workflow("w", {"name": "main", "steps": steps}, make, take)
            away.ok("submit", home.file("w.json", document), "--wait")
            yield away
    finally:
        home.close()


def test_they_are_listed_by_node(away: Away) -> None:
    lines = [line.split() for line in away.ok("artifacts", "ls", "w").splitlines()]
    assert lines[0] == ["NODE", "ARTIFACT", "SIZE", "KEY"]
    assert {tuple(line[:3]) for line in lines[1:]} == {
        ("make", "plain", "-"),
        ("make", "packed", "-"),
    }
    assert away.ok("artifacts", "ls", "w", "take", "--inputs", "-o", "name").endswith("/in\n")
    (first, _) = json.loads(away.ok("artifacts", "ls", "@latest", "make", "-o", "json"))
    assert first["node"] == "w[0].make"
    assert "has no node mak; did you mean `make`?" in away.refused("artifacts", "ls", "w", "mak")


def test_one_is_fetched_whole_or_unpacked(away: Away) -> None:
    to = away.home.path / "plain.bin"
    assert away.ok("artifacts", "get", "w", "make", "plain", "-o", str(to)) == f"{to}\n"
    assert to.read_bytes() == bytes(BYTES)
    assert "exists; -f" in away.refused("artifacts", "get", "w", "make", "plain", "-o", str(to))
    away.ok("artifacts", "get", "w", "make", "plain", "-o", str(to), "-f")
    assert len(away.ok("artifacts", "get", "w", "make", "plain", "-o", "-")) == BYTES
    folder = away.home.path / "unpacked"
    away.ok("artifacts", "get", "w", "make", "packed", "-x", "-o", str(folder))
    assert (folder / "f").read_text() == "inside\n"
    opened = Path(away.ok("artifacts", "open", "w", "take", "in", "--inputs").strip())
    assert (opened / "f").read_text() == "inside\n"
    assert "has no artifact plan" in away.refused("artifacts", "get", "w", "make", "plan")


def test_all_are_copied_to_a_folder(away: Away) -> None:
    out = away.home.path / "out"
    result = away.run("cp", "w", str(out), "--template-name", "make")
    assert result.code == 0, result
    assert result.err.count("Created ") == 2
    made = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert [path.parts[:2] for path in made] == [("default", "w")] * 2
    assert [path.parts[3:5] for path in made] == [("outputs", "packed"), ("outputs", "plain")]
    with tarfile.open(out / made[0]) as archive:
        assert any(name.endswith("f") for name in archive.getnames())
    flat = away.home.path / "flat"
    words = ("--artifact-name", "plain", "--path", "{templateName}")
    away.ok("cp", "w", str(flat), *words)
    assert [path.parent.name for path in flat.rglob("*") if path.is_file()] == ["make"]
    assert "not found" in away.refused("cp", "none", str(out))


def test_what_was_deleted_is_listed_as_that_and_skipped(away: Away) -> None:
    make = shell("make", "echo 1 > /tmp/far-gone; echo 2 > /tmp/far-kept")
    rule = {"artifactGC": {"strategy": "OnWorkflowCompletion"}}
    gone = {"name": "gone", "path": "/tmp/far-gone"} | rule
    make["outputs"] = {"artifacts": [gone, {"name": "kept", "path": "/tmp/far-kept"}]}
    away.ok("submit", away.home.file("gone.json", workflow("gone", make)), "--wait")

    def is_listed() -> bool:
        table = away.ok("artifacts", "ls", "gone")
        return "deleted" in table and "DELETION" in table

    until(is_listed, "the server shows what was deleted")
    copied = away.run("cp", "gone", str(away.home.path / "of-gone"))
    assert copied.code == 0, copied
    assert 'Skipped "gone.tgz" of gone: deleted by artifactGC\n' in copied.err
    assert 'Created "kept.tgz"\n' in copied.err
    assert "is no more" in away.refused("artifacts", "get", "gone", "make", "gone")


def test_what_only_the_archive_has_is_shown_and_copied(away: Away) -> None:
    archived = "workflows.argoproj.io/workflow-archiving-status"
    away.ok("resubmit", "w", "--wait", "-o", "name")
    name = away.ok("list", "--no-headers", "-o", "name").split()[0]
    assert name != "w"

    def is_kept() -> bool:
        labels = json.loads(away.ok("get", name, "-o", "json"))["metadata"]["labels"]
        return archived in labels

    until(is_kept, "it is archived")
    away.ok("delete", name)
    assert f"Name:                {name}\n" in away.ok("get", name)
    assert away.ok("wait", name).startswith(f"{name} Succeeded at ")
    assert "take" in away.ok("artifacts", "ls", name, "take", "--inputs")
    folder = away.home.path / "gone"
    away.ok("cp", name, str(folder))
    (plain,) = folder.rglob("far-plain")
    assert plain.stat().st_size == BYTES
    assert away.ok("delete", name) == f"Workflow '{name}' not found\n"
    assert away.ok("delete", name, "--dry-run") == f"Workflow '{name}' not found\n"
    for verb in ("stop", "retry", "logs"):
        said = away.refused(verb, name)
        assert "only the archive has it: `tiphys archive` has verbs for that" in said
