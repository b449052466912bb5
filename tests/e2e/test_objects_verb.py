"""`tiphys objects`, and what is said of Jobs that outlive what made them: real pods, real kills."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import pytest
from tests.e2e.driver import Home, finish, kill, until
from tests.e2e.serving import Away, serving
from tests.e2e.test_objects import create, job, stored
from tests.e2e.workflows import workflow

import tiphys
from tiphys.runtime import sandbox

LONG = "echo begun; exec sleep 1000"


def leaf(name: str, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a template that creates an object and does not wait for it."""
    manifest = json.dumps(document)
    return {"name": name, "resource": {"action": "create", "manifest": manifest, **more}}


def both(command: str = LONG) -> dict[str, Any]:
    """Return a workflow that leaves two Jobs: one that it owns, and one that it does not."""
    free, owned = job(command), job(command)
    free["metadata"], owned["metadata"] = {"name": "free"}, {"name": "owned"}
    steps = [[{"name": name, "template": name} for name in ("free", "owned")]]
    return workflow(
        "w",
        {"name": "main", "steps": steps},
        leaf("free", free),
        leaf("owned", owned, setOwnerReference=True),
    )


def sleeping(home: Home) -> int:
    """Return how many pods of a home sleep."""
    return sum(line.startswith("sleep 1000") for line in home.processes().values())


def succeeded(home: Home) -> list[int | None]:
    """Return how many pods of each Job have succeeded."""
    return [item["status"].get("succeeded") for item in stored(home, "Job").values()]


def until_they_run(home: Home, wanted: int = 2) -> None:
    until(lambda: sleeping(home) == wanted, f"{wanted} pods sleep")


def until_nothing_is_left(home: Home) -> None:
    until(lambda: not stored(home, "Pod"), "the pods are gone")
    until(lambda: not home.processes(), "nothing runs")


def said_of(text: str) -> list[str]:
    """Return which Jobs are said to be at work still, and until when."""
    lines = [line for line in text.splitlines() if " is still at work" in line]
    return sorted(line.partition(";")[0].replace(" is still at work", "") for line in lines)


BOTH = ["w: job.batch/free", "w: job.batch/owned, until w is deleted"]


def test_what_goes_on_after_the_end_is_named_found_and_ended(home: Home) -> None:
    result = home.run("run", home.file("w.yaml", both()))
    assert (result.code, said_of(result.err)) == (0, BOTH)
    until_they_run(home)
    listed = home.ok("objects", "ls", "-o", "name")
    assert listed == "job.batch/free\njob.batch/owned\n"
    assert [line.split()[:4] for line in home.ok("objects", "ls").splitlines()[1:]] == [
        ["job.batch/free", "Running", "0/1", "w"],
        ["job.batch/owned", "Running", "0/1", "w"],
    ]
    shown = home.ok("objects", "get", "job/free")
    assert "Status:              Running" in shown
    (pod,) = (name for name in stored(home, "Pod") if name.startswith("free-"))
    assert pod in shown
    assert home.ok("objects", "logs", "job/free") == f"{pod}: begun\n"
    assert json.loads(home.ok("objects", "get", f"pod/{pod}", "-o", "json"))["kind"] == "Pod"
    for words in (("get", "w"), ("wait", "w")):
        assert said_of(home.run(*words).err) == BOTH
    # It has ended, and a deletion takes what it owns with it.
    result = home.run("delete", "w")
    assert (result.code, said_of(result.err)) == (0, BOTH[:1])
    until_they_run(home, 1)
    assert home.ok("objects", "delete", "job/free") == 'job.batch "free" deleted\n'
    until_nothing_is_left(home)
    assert home.ok("objects", "ls", "-o", "name") == ""


@pytest.mark.parametrize("verb", ["stop", "terminate"])
def test_stop_says_what_it_does_not_stop(home: Home, verb: str) -> None:
    waits = workflow("w", create("main", {**job(LONG), "metadata": {"name": "owned"}}, "status.x"))
    home.submit(home.file("w.yaml", waits))
    until_they_run(home, 1)
    result = home.run(verb, "w")
    assert (result.code, said_of(result.err)) == (0, BOTH[1:])
    until(lambda: home.is_done("w"), "the workflow has ended")
    until_they_run(home, 1)
    assert home.ok("objects", "delete", "--workflow", "w") == 'job.batch "owned" deleted\n'
    until_nothing_is_left(home)


def test_after_ctrl_c_the_jobs_that_go_on_are_named(home: Home) -> None:
    waits = workflow("w", create("main", {**job(LONG), "metadata": {"name": "owned"}}, "status.x"))
    process = home.start("run", home.file("w.yaml", waits))
    until_they_run(home, 1)
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert (result.code, said_of(result.err)) == (1, BOTH[1:])
    until_they_run(home, 1)
    home.ok("delete", "w")
    until_nothing_is_left(home)


def test_when_who_keeps_them_at_work_is_killed_that_is_said_and_they_go_on(home: Home) -> None:
    command = "echo begun; until test -e go; do sleep 0.05; done; echo ended"
    home.ok("run", home.file("w.yaml", both(f"cd {home.path}; {command}")))
    until(lambda: home.said().count("begun") == 2, "both pods run")
    (engine,) = home.engines()
    kill(engine)
    until(lambda: not home.engines(), "the engine is dead")
    result = home.run("objects", "ls")
    assert "Nobody keeps these objects at work any more" in result.err
    follower = home.start("objects", "logs", "-f", "job/free")
    until(home.engines, "another engine has begun")
    home.file("go", "")
    lines = finish(follower).out.splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["begun", "ended"]
    until(lambda: succeeded(home) == [1, 1], "both are complete")
    until(lambda: not home.processes(), "nothing runs")
    assert home.said().count("begun") == 2  # nothing ran twice


@pytest.mark.skipif(sandbox.available() is not None, reason=str(sandbox.available()))
def test_pods_stay_in_the_runtime_of_the_workflow_that_made_their_job(home: Home) -> None:
    # The engine that goes on with them would choose another one for itself.
    home.file("settings.yaml", {"idle_seconds": 0.3, "runtime": "process"})
    spied = f"test -e {home.path} && echo seen || echo private"
    forged = {"tiphys.io/runtime": "process"}
    made = job(spied, completions=3, parallelism=1)
    made["metadata"] = {"name": "free", "annotations": forged}
    made["spec"]["template"]["metadata"] = {"annotations": forged}
    file = home.file("w.yaml", workflow("w", leaf("main", made)))
    home.ok("run", file, "--runtime", "sandbox")
    until(lambda: succeeded(home) == [3], "it is complete")
    assert re.findall("private|seen", home.said()) == ["private"] * 3
    notes = [pod["metadata"]["annotations"] for pod in stored(home, "Pod").values()]
    assert [note["tiphys.io/runtime"] for note in notes] == ["sandbox"] * 3


@pytest.mark.parametrize("how", ["templateRef", "workflowTemplateRef"])
def test_jobs_of_templates_that_are_kept_apart_are_named_too(home: Home, how: str) -> None:
    document = job(LONG)
    document["metadata"] = {"name": "free"}
    spec = {"entrypoint": "main", "templates": [leaf("main", document)]}
    kept = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate"}
    home.ok("apply", home.file("t.yaml", {**kept, "metadata": {"name": "kept"}, "spec": spec}))
    reference = {"name": "kept", "template": "main"}
    made = workflow("w", {"name": "main", "steps": [[{"name": "s", "templateRef": reference}]]})
    if how == "workflowTemplateRef":
        made["spec"] = {"workflowTemplateRef": {"name": "kept"}}
    assert said_of(home.run("run", home.file("w.yaml", made)).err) == BOTH[:1]
    assert said_of(home.run("get", "w").err) == BOTH[:1]
    home.ok("objects", "delete", "--workflow", "w")
    until_nothing_is_left(home)


def test_the_verb_and_what_is_said_through_a_server(home: Home) -> None:
    with serving(home, "--auth-mode", "server", "--no-secure") as server:
        there = Away(home, server)
        file = home.file("w.yaml", both())
        there.ok("submit", file)
        until_they_run(home)
        for verb in ("wait", "watch", "get"):
            result = there.run(verb, "w")
            assert (result.code, said_of(result.err)) == (0, BOTH)
        assert there.ok("objects", "ls", "-o", "name") == "job.batch/free\njob.batch/owned\n"
        shown = there.ok("objects", "get", "job/free")
        (pod,) = (name for name in stored(home, "Pod") if name.startswith("free-"))
        assert pod in shown
        assert there.ok("objects", "logs", "job/free") == f"{pod}: begun\n"
        result = there.run("delete", "w")
        assert said_of(result.err) == BOTH[:1]
        gone = there.ok("objects", "delete", "--workflow", "w")
        assert gone == 'job.batch "free" deleted\n'
        until(lambda: not stored(home, "Pod"), "the pods are gone")
        until(lambda: sleeping(home) == 0, "nothing sleeps")
        assert there.run("objects", "get", "job/free").code == 2


def test_a_program_is_told_what_its_workflow_leaves_and_the_next_engine_goes_on(home: Home) -> None:
    result = tiphys.run(both(), home=home.home, runtime="process")
    assert (result.ok, result.left) == (True, ("job.batch/free", "job.batch/owned"))
    assert home.engines() == []
    follower = home.start("objects", "logs", "-f", "job/free")
    until_they_run(home)
    home.ok("objects", "delete", "--workflow", "w")
    assert finish(follower).code == 0
    until_nothing_is_left(home)
