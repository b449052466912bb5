"""Flags of cli.md, in a home and through a server of that home: the same words, the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.driver import Home, Result, finish, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import shell, workflow


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
