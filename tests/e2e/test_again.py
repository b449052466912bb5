"""Retry and resubmit, with real jobs: what succeeded is not done twice."""

from __future__ import annotations

import json
from typing import Any

import yaml
from tests.e2e.driver import Home
from tests.e2e.workflows import given, hello, inputs, shell, workflow

SELECTOR = "workflows.argoproj.io/resubmitted-from-workflow=w"


def told(name: str, word: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "template": "note", "arguments": given(word=word), **more}


def flaky(home: Home) -> dict[str, Any]:
    """A workflow that notes what its steps do, and fails until it is mended."""
    word = "{{inputs.parameters.word}}"
    used = "{{steps.make.outputs.result}}-used"
    steps = [
        [told("make", "made")],
        [{"name": "try", "template": "try"}, told("loop", "{{item}}", withItems=["1", "2"])],
        [told("use", used)],
    ]
    return workflow(
        "w",
        {"name": "main", "steps": steps},
        shell("note", f"echo {word} >> {home.path}/done; echo {word}", inputs=inputs("word")),
        shell("try", f"test -e {home.path}/mended -o {{{{workflow.parameters.ok}}}} = yes"),
        shell("bye", f"echo bye >> {home.path}/done"),
        onExit="bye",
        arguments=given(ok="no"),
    )


def done(home: Home) -> list[str]:
    """Return what was done since the last time."""
    file = home.path / "done"
    words = file.read_text().split()
    file.write_text("")
    return sorted(words)


def failed(home: Home) -> None:
    assert home.run("run", home.file("w.json", flaky(home))).code == 1
    assert done(home) == ["1", "2", "bye", "made"]


def test_a_retry_does_what_failed_and_what_was_left(home: Home) -> None:
    failed(home)
    # when: nothing was mended
    assert home.run("retry", "w", "--wait").code == 1
    # then: only what failed was tried again
    assert done(home) == ["bye"]
    # when: it was
    (home.path / "mended").touch()
    result = home.run("retry", "w", "--wait", "-o", "name")
    # then
    assert (result.code, result.out) == (0, "w\n")
    assert done(home) == ["bye", "made-used"]
    status = home.get("w")["status"]
    assert (status["phase"], status["progress"]) == ("Succeeded", "6/6")
    assert "message" not in status


def test_a_succeeded_workflow_runs_again_from_where_it_is_told(home: Home) -> None:
    (home.path / "mended").touch()
    assert home.run("run", home.file("w.json", flaky(home))).code == 0
    done(home)
    refused = home.run("retry", "w")
    assert refused.code == 2
    assert "set the options restartSuccessful and nodeFieldSelector" in refused.err
    chosen = "--restart-successful", "--node-field-selector", "displayName=use"
    assert home.run("retry", "w", *chosen, "--wait").code == 0
    assert done(home) == ["bye", "made-used"]


def test_a_retry_takes_parameters(home: Home) -> None:
    failed(home)
    shown = json.loads(home.ok("retry", "w", "-p", "ok=yes", "-o", "json"))
    assert shown["status"]["phase"] != "Failed"  # it goes on, or has ended already
    assert home.run("wait", "w").code == 0
    assert done(home) == ["1", "2", "bye", "made-used"]
    assert home.get("w")["spec"]["arguments"] == given(ok="yes")


def test_a_memoized_resubmit_takes_over_what_succeeded(each_home: Home) -> None:
    home = each_home
    (home.path / "done").touch()
    home.run("run", home.file("w.json", flaky(home)))
    old = home.nodes("w")
    name = home.ok("resubmit", "w", "--memoized", "-p", "ok=yes", "-o", "name").strip()
    assert name.startswith("w-")
    home.run("wait", name)
    nodes = home.nodes(name)
    assert nodes["make"]["type"] == "Skipped"
    assert nodes["make"]["message"] == f"original pod: {old['make']['id']}"
    assert nodes["make"]["outputs"] == old["make"]["outputs"]
    assert home.get(name)["status"]["phase"] in {"Succeeded", "Failed"}


def test_a_resubmit_runs_everything_under_another_name(home: Home) -> None:
    failed(home)
    (home.path / "mended").touch()
    result = home.run("resubmit", "w", "--wait")
    assert result.code == 0
    assert done(home) == ["1", "2", "bye", "made", "made-used"]
    (name,) = home.ok("list", "-o", "name", "--status", "Succeeded").split()
    assert f"{name} Succeeded at " in result.out
    # and: what is named by its labels is the resubmitted one
    refused = home.run("retry", "-l", SELECTOR)
    assert refused.code == 2
    assert "restartSuccessful" in refused.err


def test_selectors_and_dry_runs_say_what_would_be_ended(home: Home) -> None:
    labelled = hello("w") | {"metadata": {"name": "w", "labels": {"team": "a"}}}
    home.ok("run", home.file("w.json", labelled))
    words = "-l", "team=a", "--dry-run"
    assert home.ok("stop", *words) == "workflow w stopped (dry-run)\n"
    assert home.ok("terminate", *words) == "workflow w terminated (dry-run)\n"
    assert home.ok("stop", "-l", "team=b") == ""
    broken = home.run("stop", "-l", "team in a")
    assert (broken.code, "unable to parse requirement" in broken.err) == (2, True)


def test_a_dry_run_shows_the_workflow_and_keeps_nothing(home: Home) -> None:
    document = hello("w") | {"metadata": {"generateName": "w-"}}
    file = home.file("w.json", document)
    words = "--annotations", "a=1", "--labels", "l=1", "--priority", "3"
    asked = yaml.safe_load(home.ok("submit", file, *words, "--dry-run", "-o", "yaml"))
    assert asked["metadata"] == {
        "generateName": "w-",
        "labels": {"l": "1"},
        "annotations": {"a": "1"},
    }
    assert asked["spec"]["priority"] == 3
    stored = yaml.safe_load(home.ok("submit", file, "--server-dry-run", "-o", "yaml"))
    assert stored["metadata"]["name"].startswith("w-")
    assert stored["metadata"]["uid"]
    assert home.ok("list", "-o", "name").strip() in {"", "No workflows found"}
    refused = home.run("submit", file, "--dry-run")
    assert (refused.code, refused.err) == (2, "Error: --dry-run should have an output option\n")


def test_submit_shows_logs_until_the_end(home: Home) -> None:
    out = home.ok("submit", home.file("w.json", hello("w")), "-o", "name", "--log", "--wait")
    assert out.startswith("w\n")
    assert "hello world" in out
