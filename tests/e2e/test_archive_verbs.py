"""`archive` as a user calls it: in a home, and through the server of that home."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import shell, workflow


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Away]:
    """A server without TLS, and a command line."""
    home = Home(tmp_path_factory.mktemp("archive"), "process", cache)
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            yield Away(home, server)
    finally:
        home.close()


@pytest.fixture(params=["home", "server"])
def ok(request: pytest.FixtureRequest, away: Away) -> Callable[..., str]:
    """A command line that knows the home, and one that knows the server."""
    return away.ok if request.param == "server" else away.home.ok


@pytest.fixture
def refused(ok: Callable[..., str], away: Away) -> Callable[..., str]:
    """The same, for what cannot be done."""

    def of_home(*words: str) -> str:
        result = away.home.run(*words)
        assert result.code == 2, result
        return result.err

    return away.refused if ok == away.ok else of_home


def kept(away: Away, name: str, leak: str = "yes") -> str:
    """Let a workflow end and be archived; return its uid."""
    made = workflow(name, shell("main", 'test "{{workflow.parameters.leak}}" = no'))
    made["spec"]["arguments"] = {"parameters": [{"name": "leak", "value": leak}]}
    made["metadata"]["labels"] = {"ship": name}
    file = away.home.file(f"{name}.json", made)
    assert away.run("submit", file, "--wait").code == (0 if leak == "no" else 1)
    found = json.loads(away.ok("get", name, "-o", "json"))
    until(lambda: f"{name}\n" in away.ok("archive", "list", "-o", "name"), "it is archived")
    return str(found["metadata"]["uid"])


def gone(away: Away, name: str) -> str:
    """Let a workflow end, be archived and be deleted; return its uid."""
    uid = kept(away, name)
    assert away.ok("delete", name) == f"Workflow '{name}' deleted\n"
    return uid


def test_what_is_archived_is_listed_shown_and_removed(away: Away, ok, refused, request) -> None:
    name = f"look-{request.node.callspec.params['ok']}"
    longer = f"{name}-er"  # Argo would take it for the other one
    uid, other = gone(away, name), kept(away, longer, leak="no")
    rows = [line.split() for line in ok("archive", "list", "-l", f"ship={name}").splitlines()]
    assert rows[0] == ["NAMESPACE", "NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE",
                       "P/R/C", "PARAMETERS", "UID"]  # fmt: skip
    assert (rows[1][:3], rows[1][-2:]) == (["default", name, "Failed"], ["leak=yes", uid])
    assert len(rows) == 2
    shown = ok("archive", "get", name)
    assert shown.startswith(f"Name:                {name}\nNamespace:           default\n")
    assert "\nStatus:              Failed\n" in shown
    assert "✖" not in shown
    document = json.loads(ok("archive", "get", uid, "-o", "json"))
    assert document["metadata"]["uid"] == uid
    assert document["status"]["nodes"][name]["phase"] == "Failed"
    assert ok("archive", "get", "--name", name, "-o", "yaml").endswith("\n\n")
    assert "ship\n" in ok("archive", "list-label-keys")
    assert f"{name}\n{longer}\n" in ok("archive", "list-label-values", "-l", "ship")
    assert len(ok("archive", "list", "--chunk-size", "1", "-o", "name").splitlines()) >= 2
    assert "archived workflow 'look' not found" in refused("archive", "get", "look")
    assert "were all set" in refused("archive", "get", name, "--uid", "--name")
    assert ok("archive", "delete", other) == f"Archived workflow '{other}' deleted\n"
    assert ok("archive", "delete", name) == f"Archived workflow '{name}' deleted\n"
    said = refused("archive", "delete", name)
    assert said == f"Error: resolve UID: archived workflow '{name}' not found\n"


def test_what_is_gone_is_resubmitted_and_retried(away: Away, ok, refused, request) -> None:
    name = f"again-{request.node.callspec.params['ok']}"
    uid = gone(away, name)
    made = ok("archive", "resubmit", name, "--memoized", "-p", "leak=no", "-o", "json", "--wait")
    found = json.loads(made.splitlines()[0])["metadata"]
    assert found["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == name
    assert json.loads(ok("get", found["name"], "-o", "json"))["status"]["phase"] == "Succeeded"
    by_field = ("--field-selector", f"metadata.name={name}")
    back = ok("archive", "retry", *by_field, "-p", "leak=no", "--wait")
    assert back.startswith(f"Name:                {name}\n")
    live = json.loads(ok("get", name, "-o", "json"))
    assert (live["metadata"]["uid"], live["status"]["phase"]) == (uid, "Succeeded")
    until(lambda: f"{name}\n" in ok("archive", "list", "-o", "name"), "it is archived again")
    said = refused("archive", "retry", uid)
    text = f"Workflow already exists on cluster, use argo retry {name} instead"
    assert said == f"Error: {text}\n"
    assert "requires either" in refused("archive", "retry")


def test_several_of_one_name_are_told_apart_by_uid(away: Away, ok, refused, request) -> None:
    name = f"twice-{request.node.callspec.params['ok']}"
    uids = [gone(away, name), gone(away, name)]
    said = refused("archive", "get", name)
    assert said.startswith(
        f"Error: resolve UID: Multiple archived workflows found with name '{name}':\n"
    )
    assert all(f"  {uid} (Created: " in said for uid in uids)
    assert json.loads(ok("archive", "get", uids[0], "-o", "json"))["metadata"]["uid"] == uids[0]


def test_without_an_archive_that_is_said(away: Away) -> None:
    settings = away.home.file("off.yaml", "server: {archive: false}\n")
    result = away.home.run("archive", "get", "--uid", "a", "--settings", settings)
    assert result.err == "Error: getting archived workflows not supported\n"
    assert away.home.ok("archive", "list", "--settings", settings) == "No workflows found\n"
