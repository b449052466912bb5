"""Ctrl-C and SIGTERM: once stops a workflow cleanly, twice terminates it."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest
from tests.e2e.driver import Home, finish, until
from tests.e2e.workflows import hello, shell, workflow

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def long(last_words: str = "echo bye") -> dict[str, Any]:
    """A workflow that runs for a minute and has an exit handler."""
    return workflow(
        "long",
        {
            "name": "main",
            "steps": [[{"name": "a", "template": "nap"}], [{"name": "b", "template": "nap"}]],
        },
        shell("nap", "exec sleep 60"),
        shell("bye", last_words),
        onExit="bye",
    )


def running(home: Home, node: str, *words: str) -> subprocess.Popen[str]:
    """Start a command that runs workflows and return it once a node runs."""
    process = home.start(*words)
    until(lambda: home.nodes("long").get(node, {}).get("phase") == "Running", f"{node} runs")
    return process


@SIGNALS
def test_once_stops_the_workflow_and_runs_its_exit_handler(
    each_home: Home, number: signal.Signals
) -> None:
    home = each_home
    # given
    process = running(home, "a", "run", home.file("long.json", long()))
    # when
    process.send_signal(number)
    result = finish(process)
    # then
    assert result.code == 1
    assert "stopping long" in result.err
    nodes = home.nodes("long")
    assert nodes["long.onExit"]["phase"] == "Succeeded"
    assert "b" not in nodes
    assert not home.processes()


@SIGNALS
def test_twice_terminates_it(each_home: Home, number: signal.Signals) -> None:
    home = each_home
    # given: a workflow that was stopped and whose exit handler takes long
    last_words = "echo last words; exec sleep 60"
    process = running(home, "a", "run", home.file("long.json", long(last_words)))
    process.send_signal(number)
    until(lambda: "last words" in home.said(), "the exit handler runs")
    # when
    process.send_signal(number)
    result = finish(process)
    # then
    assert (result.code, "terminating long" in result.err) == (1, True), result
    assert home.get("long")["status"]["phase"] == "Failed"
    assert not home.processes()


def test_workflows_still_to_come_are_stopped_too(home: Home) -> None:
    # given: two workflows in one command
    files = home.file("long.json", long()), home.file("next.json", hello("next"))
    process = running(home, "a", "run", *files)
    # when
    process.send_signal(signal.SIGINT)
    result = finish(process)
    # then
    assert result.code == 1
    assert home.get("next")["status"]["phase"] == "Failed"
    assert home.said() == "bye\n"  # said by the first one


def test_three_times_leaves_the_workflow_to_others(home: Home) -> None:
    # given: a workflow that does not end
    text = "trap '' TERM; echo deaf; for i in $(seq 60); do sleep 1; done"
    stubborn = workflow("long", shell("main", text))
    process = running(home, "long", "run", home.file("long.json", stubborn))
    until(lambda: "deaf" in home.said(), "the step no longer hears SIGTERM")
    # when
    for count in (1, 2, 3):
        process.send_signal(signal.SIGINT)
        if count < 3:
            until(lambda want=count: asked(home) >= want, "the request is kept")
    result = finish(process)
    # then
    assert result.code == 130
    assert "`tiphys wait` goes on" in result.err
    assert not home.is_done("long")
    assert home.ok("delete", "long") == "Workflow 'long' deleted\n"
    assert not home.processes()


def asked(home: Home) -> int:
    """Return how often the workflow was asked to end."""
    return home.rows("SELECT count(*) FROM requests")[0][0] + sum(
        type(event).__name__ == "ShutdownSet" for event in home.events("long")
    )
