"""What the command line says is true: of what has ended, stopped, begins again or is left alone."""

from __future__ import annotations

import json

from tests.e2e.driver import Home, kill, until
from tests.e2e.workflows import hello, shell, workflow


def test_a_workflow_that_has_ended_is_not_resumed(home: Home) -> None:
    home.run("run", home.file("w.json", hello("w")))
    said = "workflow w has ended (Succeeded): there is nothing to resume\n"
    assert home.ok("resume", "w") == said


def test_after_a_retry_the_tree_is_that_of_the_retry(home: Home) -> None:
    gate, mended = home.path / "gate", home.path / "mended"
    source = f"test -e {mended} || exit 1; until test -e {gate}; do sleep 0.01; done"
    tasks = [{"name": "a", "template": "hold"}]
    document = workflow("w", {"name": "main", "dag": {"tasks": tasks}}, shell("hold", source))
    assert home.run("run", home.file("w.json", document)).code == 1
    mended.touch()
    shown = json.loads(home.ok("retry", "w", "-o", "json"))
    phases = {node["displayName"]: node["phase"] for node in shown["status"]["nodes"].values()}
    assert phases["w"] == "Running"
    assert phases.get("a", "Pending") in {"Pending", "Running"}
    assert "Failed" not in home.ok("get", "w")
    gate.touch()
    assert home.run("wait", "w").code == 0


def test_a_workflow_whose_process_was_killed_is_said_to_be_left_alone(home: Home) -> None:
    gate = home.path / "gate"
    hold = shell("hold", f"until test -e {gate}; do sleep 0.01; done")
    runs = home.start("run", home.file("w.json", workflow("w", hold)))
    until(lambda: home.commits("w") > 1, "it begins")
    assert home.run("get", "w").err == ""
    kill(runs.pid)
    runs.wait()
    result = home.run("get", "w")
    assert "Running" in result.out
    assert result.err == (
        "Nobody drives workflow w any more: the process that did has ended; "
        "`tiphys wait w` has it go on.\n"
    )
    assert home.run("get", "w", "-o", "json").err == ""
    gate.touch()
    assert home.run("wait", "w").code == 0
    assert home.run("get", "w").err == ""


def test_explain_does_not_take_an_option_for_a_rule(home: Home) -> None:
    result = home.run("lint", "--explain", "-o", "json")
    assert result.code == 2
    assert result.err.startswith("Error: --explain needs a rule, as TIP004")
