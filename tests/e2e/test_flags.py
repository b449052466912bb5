"""Flags of cli.md, in a home and through a server of that home: the same words, the same answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.e2e.driver import Home, Result, finish, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import shell, workflow

TEMPLATE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "k"},
}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Away]:
    """A server without TLS, its home, and a command line for each."""
    home = Home(tmp_path_factory.mktemp("flags"), "process", cache)
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            yield Away(home, server)
    finally:
        home.close()


def both(away: Away, *words: str) -> Result:
    """Carry a command out both ways and return what both left."""
    here, there = away.home.run(*words), away.run(*words)
    assert (here.code, here.out) == (there.code, there.out), (here, there)
    assert bool(here.err) == bool(there.err), (here, there)
    return here


def test_flags_stand_anywhere_and_logs_are_shown_where_asked_for(away: Away) -> None:
    assert both(away, "-n", "nowhere", "list").out == "No workflows found\n"
    assert both(away, "-k", "cron", "-n=nowhere", "list", "--all-namespaces=false").code == 0
    asked = away.run("--loglevel=debug", "list", "-n", "nowhere", "--log-format", "json")
    (line,) = asked.err.splitlines()
    assert json.loads(line)["msg"].endswith("/api/v1/workflows/nowhere: 200")
    assert away.run("list", ARGO_VERBOSE="true").err.count(" DEBUG ") == 1
    assert away.run("list").err == ""


# --------------------------------------------------------------------------------------- logs


def test_logs_has_argos_flags(away: Away) -> None:
    say = shell("say", "echo one; echo two; echo three")
    say["metadata"] = {"labels": {"tier": "back"}}
    steps = {"name": "main", "steps": [[{"name": "a", "template": "say"}]]}
    steps["steps"].append([{"name": "b", "template": "hush"}])
    hush = shell("hush", "echo four")
    away.ok("submit", away.home.file("l.json", workflow("l", steps, say, hush)), "--wait")
    everything = both(away, "logs", "l").out.splitlines()
    assert [line.split(": ")[1] for line in everything] == ["one", "two", "three", "four"]
    pod = everything[0].split(": ")[0]
    for words, said in {
        ("--tail", "1"): ["three", "four"],
        ("--grep", "^t"): ["two", "three"],
        ("-l", "tier=back", "--tail=2"): ["two", "three"],
        ("--selector", "tier!=back"): ["four"],
        ("-c", "wait"): [],
        ("--since", "1h"): ["one", "two", "three", "four"],
        ("--since-time", "2100-01-01T00:00:00Z"): [],
        (pod,): ["one", "two", "three"],
        ("l[1].b",): ["four"],
        ("-f", "--container=main", "--tail", "0"): [],
    }.items():
        found = both(away, "logs", "l", *words)
        assert [line.split(": ")[1] for line in found.out.splitlines()] == said, words
        assert found.code == 0
    stamped = both(away, "logs", "l", "--timestamps", "--grep", "Z four").out
    assert stamped.endswith(".000000000Z four\n")
    assert away.run("logs", "l", "-p").out == "" == away.home.run("logs", "l", "--previous").out
    assert 'has no pod "none"' in both(away, "logs", "l", "none").err
    for words, text in {
        ("--since=1h", "--since-time=2026-01-01T00:00:00Z"): (
            "Error: --since-time and --since cannot be used together\n"
        ),
        ("--since", "5x"): 'invalid argument "5x" for "--since" flag: time: ',
        ("--since-time", "noon"): "RFC 3339",
        ("-l", "a in"): "unable to parse requirement",
        ("--grep", "("): "failed to compile",
    }.items():
        assert text in both(away, "logs", "l", *words).err


def test_the_last_lines_come_first_and_what_follows_after_them(away: Away) -> None:
    gate = away.home.path / "gate"
    source = f"echo one; echo two; until test -e {gate}; do sleep 0.02; done; echo three"
    away.ok("submit", away.home.file("f.json", workflow("f", shell("main", source))))
    until(lambda: "two" in away.ok("logs", "f"), "it says two")
    words = ("logs", "-f", "f", "--tail", "1")
    readers = [away.home.start(*words), away.home.start(*words, environ=away.environ)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "f: two\n"
    assert not away.home.is_done("f")
    gate.touch()
    assert [finish(reader).out for reader in readers] == ["f: three\n", "f: three\n"]


# ------------------------------------------------------------------------- which ones are meant


@pytest.fixture
def fleet(home: Home) -> Iterator[Away]:
    """Some ended workflows: good and bad ones, one of them resubmitted, one elsewhere."""
    good = home.file("good.json", workflow("good", shell("main", "true")))
    bad = home.file("bad.json", workflow("bad", shell("main", "false")))
    home.run("run", good, "-l", "fleet=1")
    home.run("run", bad, "-l", "fleet=1")
    home.run("run", good, "-l", "fleet=2", "-n", "far")
    home.ok("resubmit", "good", "--wait")
    with serving(home, "--auth-mode", "server", "--no-secure") as server:
        yield Away(home, server)


def test_list_and_delete_have_argos_filters(fleet: Away) -> None:
    def listed(*words: str) -> list[str]:
        return sorted(both(fleet, "list", "-o", "name", *words).out.split())

    again = next(name for name in listed() if name.startswith("good-"))
    assert listed("-l", "fleet") == ["bad", "good", again]
    assert listed("-A", "-l", "fleet") == ["bad", "good", "good", again]
    for words, found in {
        ("--field-selector", "metadata.name=bad"): ["bad"],
        ("--field-selector=metadata.name!=bad", "-l", "fleet=1"): ["good", again],
        ("--status", "Failed", "--status", "Error,Running"): ["bad"],
        ("--status=Succeeded", "--prefix=good"): ["good", again],
        ("--resubmitted",): [again],
        ("--resubmitted", "--completed", "--older", "1h"): [],
        ("--older", "0s", "-l", "fleet=1"): ["bad", "good", again],
    }.items():
        assert listed(*words, "--chunk-size", "1") == found, words
        dry = both(fleet, "delete", "--dry-run", "--query-chunk-size=1", *words).out
        lines = [f"Workflow '{name}' deleted (dry-run)" for name in found]
        assert sorted(dry.splitlines()) == sorted(lines or ["No resources found"]), words
    both_added = both(fleet, "delete", "--dry-run", "bad", "nope", "--resubmitted").out
    assert sorted(both_added.splitlines()) == [
        "Workflow 'bad' deleted (dry-run)",
        f"Workflow '{again}' deleted (dry-run)",
        "Workflow 'nope' not found",
    ]
    assert both(fleet, "delete", "--dry-run", "-A").out.count("deleted (dry-run)") == 4
    assert "requires either a workflow" in both(fleet, "delete").err
    assert "expected format" in both(fleet, "delete", "--older", "soon").err
    assert "unsupported requirement" in both(fleet, "delete", "--field-selector", "a=b").err
    assert fleet.ok("delete", "--field-selector", "metadata.name=good") == (
        "Workflow 'good' deleted\n"
    )
    assert fleet.ok("delete", "-A", "-l", "fleet=2") == "Workflow 'good' deleted\n"
    left = fleet.home.ok("list", "-A", "-o", "name").split()
    assert sorted(left) == ["bad", again]
    # the server also lists what is only in its archive, and deletes none of that
    assert fleet.ok("delete", "-A", "--dry-run").count("deleted") == 2


def test_what_acts_takes_field_selectors(fleet: Away) -> None:
    one = ("--field-selector", "metadata.name=bad")
    assert both(fleet, "stop", *one, "--dry-run").out == "workflow bad stopped (dry-run)\n"
    assert both(fleet, "terminate", *one, "--dry-run").out == "workflow bad terminated (dry-run)\n"
    assert both(fleet, "stop", *one, "good", "--dry-run").out.count("\n") == 2
    assert "cannot shutdown a completed workflow" in both(fleet, "terminate", *one).err
    assert both(fleet, "resubmit", *one, "-l", "fleet=3").out == ""
    assert fleet.ok("resubmit", *one, "-o", "name").startswith("bad-")
    assert fleet.home.ok("resubmit", *one, "-o", "name").startswith("bad-")
    for retry in (fleet.run, fleet.home.run):
        done = retry("retry", *one, "-o", "name", "--wait")
        assert (done.code, done.out) == (1, "bad\n")


def test_watch_shows_the_nodes_that_are_wanted(away: Away) -> None:
    steps = [[{"name": name, "template": "say"}] for name in ("a", "b")]
    file = away.home.file("v.json", workflow("v", {"name": "m", "steps": steps}, shell("say", ":")))
    submitted = away.home.run("submit", file, "--watch", "--node-field-selector", "displayName=a")
    assert re.findall(r"  (v\S*)  Succeeded", submitted.out) == ["v[0].a"]
    for words, names in {
        ("--status", "Succeeded"): {"v", "v[0].a", "v[1].b"},
        ("--node-field-selector=displayName=b",): {"v[1].b"},
        ("--status", "Failed"): set(),
    }.items():
        for watch in (away.ok, away.home.ok):
            said = watch("watch", "v", *words)
            assert {*re.findall(r"  (v\S*)  Succeeded", said)} == names, words
            assert said.endswith("workflow v  Succeeded\n")
    both_ways = both(away, "watch", "v", "--status", "Failed", "--node-field-selector", "id=v")
    assert "cannot use both --status and --node-field-selector" in both_ways.err
    for way in (away.run, away.home.run):
        assert "--watch\n" in way("submit", file, "--name", "v2", "--status", "Failed").err
        way("delete", "v2")
        two = way("submit", file, file, "--watch")
        assert (two.code, two.err) == (2, "Error: cannot watch more than one workflow\n")
    assert away.ok("submit", file, "--name", "v3", "--watch", "--status=Failed").count("\n") > 3


# ------------------------------------------------------------------------- what a new user meets


def test_what_is_not_there_is_said_alike(away: Away) -> None:
    for verb in ("get", "stop", "terminate", "retry", "resubmit", "watch", "logs", "explain"):
        for name in ("nosuch", "@latest"):
            words = (verb, name, "-n", "nowhere")
            said = both(away, *words).err
            text = "no workflows found" if name == "@latest" else '"nosuch" not found'
            assert f"{text} in namespace nowhere of " in said, words
            assert away.run(*words).err.endswith("; `tiphys list -A` lists what is there\n")
    gone = both(away, "wait", "nosuch")
    assert (gone.code, gone.out) == (1, "")
    assert both(away, "wait", "nosuch", "other", "--ignore-not-found").code == 0
    assert both(away, "delete", "nosuch").out == "Workflow 'nosuch' not found\n"
    assert both(away, "delete", "nosuch").code == 0
    for verb in ("suspend", "resume"):
        assert both(away, verb, "nosuch").err.startswith(f"Error: failed to {verb} nosuch: ")
    for verb, name in {"template": "t", "cluster-template": "c", "cron": "n"}.items():
        assert f'"{name}" not found' in both(away, verb, "get", name).err


def test_an_ended_workflow_is_neither_suspended_nor_resumed(away: Away) -> None:
    away.home.run("run", away.home.file("e.json", workflow("e", shell("main", "true"))))
    said = "Error: failed to suspend e: cannot suspend completed workflows\n"
    assert both(away, "suspend", "e").err == said
    said = "workflow e has ended (Succeeded): there is nothing to resume\n"
    assert both(away, "resume", "e").out == said
    assert both(away, "suspend").code == both(away, "wait").code == 0
    assert both(away, "resubmit").code == 0
    usage = "requires either node field selector or workflow"
    assert usage in both(away, "resume", "--node-field-selector", "id=a").err
    assert usage in both(away, "retry").err
    assert both(away, "node", "sat", "e").err == "Error: unknown action 'sat'\n"


def test_several_are_waited_for_at_once(away: Away) -> None:
    for name, seconds in (("slow", 2), ("fast", 0)):
        steps = workflow(name, shell("main", f"sleep {seconds}"))
        away.ok("submit", away.home.file(f"{name}.json", steps))
    assert [line.split()[0] for line in away.ok("wait", "slow", "fast").splitlines()] == [
        "fast",
        "slow",
    ]


def test_what_is_stored_is_shown_before_it_is_run(away: Away) -> None:
    spec = workflow("x", shell("main", "true"))["spec"]
    away.home.ok("template", "create", away.home.file("k.json", TEMPLATE | {"spec": spec}))
    for way in (away.ok, away.home.ok):
        asked = json.loads(way("submit", "--from", "wftmpl/k", "--dry-run", "-o", "json"))
        assert asked["metadata"].get("name", "") == ""
        assert asked["spec"]["workflowTemplateRef"]["name"] == "k"
        words = ("--from=wftmpl/k", "--server-dry-run", "-o=name", "--generate-name", "shown-")
        assert way("submit", *words).startswith("shown-")
    assert "shown-" not in away.ok("list", "-o", "name")
    for words, text in {
        ("--from", "k"): "resource identifier 'k' is malformed. Should be `kind/name`, e.g. cronwf",
        ("--from", "wftmpl/k", "--scheduled-time", "noon"): (
            "scheduled-time contains invalid time.RFC3339 format. (e.g.: "
        ),
        ("--from", "wftmpl/k", "a.yaml"): "cannot combine --from with file arguments",
        ("--from", "wftmpl/none"): '"none" not found',
    }.items():
        assert text in both(away, "submit", *words).err


def test_version_has_a_block_for_the_server(away: Away) -> None:
    said = away.ok("version").splitlines()
    assert said.index("argo-server: v4.1.2") > 0
    block = said[said.index("argo-server: v4.1.2") + 1 :]
    assert [line.split(":")[0] for line in block][:2] == ["  BuildDate", "  GitCommit"]


def test_version_as_a_document_has_both_sides(away: Away) -> None:
    found = json.loads(away.ok("version", "-o", "json"))
    assert found["client"]["argoWorkflows"] == found["server"]["version"] == "v4.1.2"
    assert yaml.safe_load(away.ok("version", "-o", "yaml")) == found
    assert [*json.loads(away.ok("version", "--short", "-o", "json"))] == ["client"]
    assert [*json.loads(away.home.ok("version", "-o", "json"))] == ["client"]
