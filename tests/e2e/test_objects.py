"""Objects that run, from the command line: Jobs, gangs, child workflows, and what a kill leaves."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.driver import Home, kill, until
from tests.e2e.workflows import given, inputs, workflow

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT.parent / "shared" / "conformance" / "seeds"
TOOLS = ROOT / "tests" / "conformance" / "tools"
needs_seeds = pytest.mark.skipif(not SEEDS.exists(), reason="the conformance corpus is not here")


def stored(home: Home, kind: str, version: str = "") -> dict[str, dict[str, Any]]:
    """Return the stored objects of a kind, by name."""
    query = "SELECT name, data FROM objects WHERE kind = ? AND api_version LIKE ?"
    return {name: json.loads(data) for name, data in home.rows(query, kind, f"{version}%")}


def create(name: str, document: dict[str, Any], success: str, **more: Any) -> dict[str, Any]:
    """Return a template that creates an object and waits for a condition."""
    fields = {"action": "create", "setOwnerReference": True, "successCondition": success, **more}
    manifest = json.dumps(document)
    return {"name": name, "resource": {**fields, "manifest": manifest}}


def job(command: str, name: str = "job", **spec: Any) -> dict[str, Any]:
    """Return a Job whose pods run a piece of shell."""
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", command]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{name}-"},
        "spec": {"template": pods, **spec},
    }


def cowsay(home: Home) -> None:
    """Let whalesay's cow be found, as the corpus wants it."""
    image = {"pattern": "docker/whalesay", "root": "host", "bin": [str(TOOLS / "cowsay")]}
    home.file("settings.yaml", {"idle_seconds": 0.3, "images": [image]})


# ------------------------------------------------------------------------------------ the seeds


@needs_seeds
def test_a_job_calculates_pi(home: Home) -> None:
    text = (SEEDS / "10-resource-pi-job.yaml").read_text()
    # The library of some hosts cannot do 2000 digits.
    home.ok("run", home.file("pi.yaml", text.replace("bpi(2000)", "bpi(40)")))
    assert "3.14159265358979" in home.said()
    (status,) = [item["status"] for item in stored(home, "Job").values()]
    assert status["succeeded"] == 1
    until(lambda: not home.processes(), "everything has ended")


@needs_seeds
@pytest.mark.parametrize(
    ("seed", "jobs"), [("19-volcano-steps.yaml", 3), ("20-volcano-dag.yaml", 4)]
)
def test_gangs_run_as_steps_and_as_a_diamond(home: Home, seed: str, jobs: int) -> None:
    cowsay(home)
    home.ok("run", str(SEEDS / seed))
    made = stored(home, "Job", "batch.volcano.sh")
    assert [item["status"]["state"]["phase"] for item in made.values()] == ["Completed"] * jobs
    assert {item["status"]["succeeded"] for item in made.values()} == {2}
    assert len(stored(home, "Pod")) == 2 * jobs


# ----------------------------------------------------------------------------------------- jobs


def test_each_index_of_a_job_is_run_for_real(each_home: Home) -> None:
    home = each_home
    command = "echo index $JOB_COMPLETION_INDEX of $HOW; test -w /scratch"
    document = job(command, completions=3, parallelism=2, completionMode="Indexed")
    pods = document["spec"]["template"]["spec"]
    pods["volumes"] = [{"name": "s", "emptyDir": {}}]
    pods["containers"][0] |= {
        "env": [{"name": "HOW", "value": "three"}],
        "volumeMounts": [{"name": "s", "mountPath": "/scratch"}],
        "workingDir": "/scratch",
    }
    leaf = create("main", document, "status.succeeded == 3")
    value = {"name": "done", "valueFrom": {"jsonPath": "{.status.completedIndexes}"}}
    leaf["outputs"] = {"parameters": [value]}
    home.ok("run", home.file("w.yaml", workflow("w", leaf)))
    assert sorted(re.findall(r"index . of \w+", home.said())) == [
        f"index {index} of three" for index in range(3)
    ]
    (node,) = home.nodes("w").values()
    assert node["outputs"]["parameters"][0]["value"] == "0-2"


def test_a_job_that_fails_fails_the_node(home: Home) -> None:
    leaf = create(
        "main",
        job("exit 3", backoffLimit=0),
        "status.succeeded > 0",
        failureCondition="status.failed > 0",
    )
    result = home.run("run", home.file("w.yaml", workflow("w", leaf)))
    assert result.code == 1
    (node,) = home.nodes("w").values()
    said = "main: Error (exit code 64): failure condition '{status.failed gt [0]}' evaluated true: "
    reason = "BackoffLimitExceeded: Job has reached the specified backoff limit; pod job-"
    assert node["message"].startswith(said + reason)
    assert node["message"].endswith(": main: Error (exit code 3)")
    until(lambda: not home.processes(), "everything has ended")


def test_a_gang_that_fails_fails_the_node_with_argo_s_text(home: Home) -> None:
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", "exit $VC_TASK_INDEX"]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    document = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "g"},
        "spec": {"tasks": [{"name": "w", "replicas": 2, "template": pods}], "plugins": {"env": []}},
    }
    failure = "status.state.phase in (Failed, Aborted, Terminated)"
    leaf = create("main", document, "status.state.phase = Completed", failureCondition=failure)
    assert home.run("run", home.file("w.yaml", workflow("w", leaf))).code == 1
    (node,) = home.nodes("w").values()
    said = "failure condition '{status.state.phase in [Aborted Failed Terminated]}' evaluated true"
    reason = "pod g-w-1: main: Error (exit code 1)"
    assert node["message"] == f"main: Error (exit code 64): {said}: {reason}"


def test_only_the_partition_of_a_failed_pod_runs_again(home: Home) -> None:
    # The last pod fails once, and the others last until it has.
    last = "mkdir failed && exit 1 || exit 0"
    command = f"cd {home.path}; if test $VC_TASK_INDEX = 3; then {last}; fi; "
    command += "until test -e failed; do sleep 0.05; done"
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", command]}
    task = {
        "name": "w",
        "replicas": 4,
        "partitionPolicy": {"totalPartitions": 2, "partitionSize": 2},
        "policies": [{"event": "PodFailed", "action": "RestartPartition"}],
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    }
    document = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "g"},
        "spec": {"tasks": [task], "plugins": {"env": []}},
    }
    home.file("settings.yaml", {"idle_seconds": 0.3, "slots": 4})
    leaf = create("main", document, "status.state.phase == Completed")
    home.ok("run", home.file("w.yaml", workflow("w", leaf)))
    (made,) = stored(home, "Job", "batch.volcano.sh").values()
    assert (made["status"]["retryCount"], made["status"]["succeeded"]) == (1, 4)
    label = "volcano.sh/job-retry-count"
    rounds = {name: pod["metadata"]["labels"][label] for name, pod in stored(home, "Pod").items()}
    assert rounds == {"g-w-0": "0", "g-w-1": "0", "g-w-2": "1", "g-w-3": "1"}


def test_what_a_workflow_leaves_at_work_is_finished_in_the_background(home: Home) -> None:
    manifest = json.dumps(job("sleep 1; echo and it ended"))
    leaf = {"name": "main", "resource": {"action": "create", "manifest": manifest}}
    home.ok("run", home.file("w.yaml", workflow("w", leaf)))
    until(
        lambda: [item["status"].get("succeeded") for item in stored(home, "Job").values()] == [1],
        "the Job is complete",
    )
    assert "and it ended" in home.said()
    until(lambda: not home.processes(), "the engine has ended")


def test_deleting_a_workflow_ends_what_its_objects_run(home: Home) -> None:
    leaf = create("main", job("echo begun; sleep 1000"), "status.succeeded > 0")
    name = home.submit(home.file("w.yaml", workflow("w", leaf)))
    until(lambda: "begun" in home.said(), "the pod runs")
    home.ok("delete", name)
    until(lambda: not stored(home, "Pod"), "its pods are gone")
    until(lambda: not home.processes(), "nothing runs")
    assert stored(home, "Job") == {}


@pytest.mark.parametrize("moment", ["begun", "between"])
def test_after_a_kill_no_pod_runs_twice_and_the_end_is_the_same(home: Home, moment: str) -> None:
    command = "echo begun $JOB_COMPLETION_INDEX; sleep 1; echo ended $JOB_COMPLETION_INDEX"
    document = job(command, completions=6, parallelism=2, completionMode="Indexed")
    leaf = create("main", document, "status.succeeded == 6")
    running = home.start("run", home.file("w.yaml", workflow("w", leaf)))
    mark = "begun" if moment == "begun" else "ended"
    until(lambda: mark in home.said(), "the first pods run")
    kill(running.pid)
    running.wait()
    if moment == "between":
        until(lambda: not home.processes(), "the pods end while nobody looks")
    assert home.run("wait", "w").code == 0
    said = Counter(re.findall(r"(?:begun|ended) \d", home.said()))
    assert said == {f"{word} {index}": 1 for word in ("begun", "ended") for index in range(6)}
    (status,) = [item["status"] for item in stored(home, "Job").values()]
    assert (status["succeeded"], status.get("failed")) == (6, None)
    assert len(stored(home, "Pod")) == 6


# ------------------------------------------------------------------------------ child workflows


def child(name: str, source: str) -> dict[str, Any]:
    """Return a workflow that has a global output."""
    value = {"name": "o", "globalName": "answer", "valueFrom": {"path": "/tmp/o"}}
    container = {"image": "busybox", "command": ["sh", "-c", source]}
    document = workflow(
        "", {"name": "w", "container": container, "outputs": {"parameters": [value]}}
    )
    return {**document, "metadata": {"generateName": f"{name}-"}}


@pytest.mark.parametrize("how", ["run", "submit"])
def test_a_child_workflow_runs_and_shows_its_outputs(home: Home, how: str) -> None:
    leaf = create("make", child("inner", "echo 42 > /tmp/o"), "status.phase == Succeeded")
    leaf["outputs"] = {
        "parameters": [
            {"name": "out", "valueFrom": {"jqFilter": ".status.outputs.parameters[0].value"}}
        ]
    }
    say = {
        "name": "say",
        "inputs": inputs("x"),
        "container": {"image": "busybox", "command": ["echo", "it is {{inputs.parameters.x}}"]},
    }
    steps = [
        [{"name": "make", "template": "make"}],
        [
            {
                "name": "say",
                "template": "say",
                "arguments": given(x="{{steps.make.outputs.parameters.out}}"),
            }
        ],
    ]
    outer = workflow("outer", {"name": "main", "steps": steps}, leaf, say)
    if how == "run":
        home.ok("run", home.file("w.yaml", outer))
    else:
        home.submit(home.file("w.yaml", outer))
        assert home.run("wait", "outer").code == 0
    assert "it is 42" in home.said()
    (name,) = (n for n in home.ok("list", "-o", "name").split() if n.startswith("inner-"))
    assert home.get(name)["status"]["phase"] == "Succeeded"
    home.ok("delete", "outer")
    until(lambda: home.ok("list", "-o", "name") == "", "the child goes with its parent")
    assert stored(home, "Workflow") == {}


def test_a_child_workflow_that_fails_fails_the_node(home: Home) -> None:
    leaf = create(
        "make",
        child("inner", "exit 1"),
        "status.phase == Succeeded",
        failureCondition="status.phase in (Failed, Error)",
    )
    assert home.run("run", home.file("w.yaml", workflow("outer", leaf))).code == 1
    (node,) = home.nodes("outer").values()
    assert "evaluated true" in node["message"]


def test_a_workflow_may_change_its_own_object(home: Home) -> None:
    manifest = '[{"op": "add", "path": "/metadata/labels/mine", "value": "yes"}]'
    flags = ["workflow", "{{workflow.name}}"]
    patch = {"action": "patch", "mergeStrategy": "json", "flags": flags, "manifest": manifest}
    home.ok("run", home.file("w.yaml", workflow("own", {"name": "main", "resource": patch})))
    (document,) = stored(home, "Workflow").values()
    assert document["metadata"]["labels"]["mine"] == "yes"


def test_a_step_may_change_its_own_pod_but_not_delete_it(home: Home) -> None:
    change = {"action": "patch", "mergeStrategy": "merge", "flags": ["pod", "{{pod.name}}"]}
    change["manifest"] = "metadata: {annotations: {mine: 'yes'}}"
    patch = workflow("own", {"name": "main", "resource": change})
    home.ok("run", home.file("w.yaml", patch))
    (pod,) = stored(home, "Pod").values()
    assert (pod["metadata"]["name"], pod["metadata"]["annotations"]["mine"]) == ("own", "yes")
    until(lambda: not home.processes(), "nobody takes it for a pod to run")
    remove = {"action": "delete", "flags": ["pod", "{{pod.name}}"]}
    file = home.file("d.yaml", workflow("gone", {"name": "main", "resource": remove}))
    assert "is a step of a workflow" in home.run("run", file).out
    home.ok("delete", "own")
    assert "own" not in stored(home, "Pod")


# -------------------------------------------------------------------------------------- keeping

TEMPLATE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "etl"},
    "spec": {
        "entrypoint": "m",
        "templates": [{"name": "m", "container": {"image": "busybox", "command": ["echo", "hi"]}}],
    },
}


CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c"},
    "data": {"a": "1"},
}


def test_templates_are_kept_shown_listed_and_removed(home: Home) -> None:
    file = home.file("t.yaml", TEMPLATE)
    assert home.ok("template", "create", file).startswith("Name:                etl\n")
    taken = 'failed to create workflow template: workflowtemplates.argoproj.io "etl" already exists'
    assert home.run("template", "create", file).err == f"Error: {taken}\n"
    listed = "NAMESPACE   NAME\ndefault     etl   \n"
    assert home.ok("template", "list") == listed
    assert home.ok("template", "get", "etl", "-o", "name") == "etl\n"
    assert home.ok("submit", "--from", "wftmpl/etl", "-o", "name").startswith("etl-")
    changed = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "entrypoint": "n"}}
    refused = home.run("template", "update", home.file("c.yaml", changed))
    assert "failed to update workflow template: " in refused.err
    assert home.ok("template", "update", file, "-o", "name") == "etl\n"
    assert home.ok("template", "delete", "etl") == "WorkflowTemplate 'etl' deleted\n"
    assert home.ok("template", "list") == "NAMESPACE   NAME\n"
    assert home.run("template", "get", "etl").code == 2
    assert home.ok("template", "lint", file)


def test_cluster_templates_have_no_namespace(home: Home) -> None:
    document = {**TEMPLATE, "kind": "ClusterWorkflowTemplate"}
    shown = home.ok("cluster-template", "create", home.file("t.yaml", document))
    assert "Namespace:" not in shown
    assert home.ok("cluster-template", "list") == "NAME\netl   \n"
    assert home.ok("template", "list") == "NAMESPACE   NAME\n"
    said = home.ok("cluster-template", "delete", "--all")
    assert said == "ClusterWorkflowTemplate 'etl' deleted\n"


def test_apply_keeps_everything_and_says_what_it_did(home: Home) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "1"},
    }
    document = {**job("echo applied"), "metadata": {"name": "j"}}
    files = [home.file(f"{i}.yaml", it) for i, it in enumerate((TEMPLATE, config, document))]
    options = [word for file in files for word in ("-f", file)]
    assert set(home.ok("apply", *options).splitlines()) == {
        "workflowtemplate.argoproj.io/etl created",
        "configmap/c created",
        "job.batch/j created",
    }
    until(lambda: "applied" in home.said(), "the Job runs")
    changed = home.file("c.yaml", {**config, "data": {"a": "2"}})
    assert home.ok("apply", "-f", changed) == "configmap/c configured\n"
    assert home.ok("apply", "-f", changed) == "configmap/c unchanged\n"
    until(lambda: stored(home, "Job")["j"]["status"].get("succeeded") == 1, "the Job is complete")
    assert home.ok("apply", "-f", files[2]) == "job.batch/j unchanged\n"


def test_apply_refuses_a_binding_that_no_event_makes_good(home: Home) -> None:
    text = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowEventBinding
metadata: {name: b}
spec:
  event: {selector: payload.tag startsWith}
  submit:
    workflowTemplateRef: {name: t}
    metadata: {generateName: nobody + "-"}
"""
    result = home.run("apply", "-f", home.file("b.yaml", text))
    assert result.code == 2
    assert "b.yaml:5:21: failed to evaluate workflow template expression: " in result.err
    assert "b.yaml:8:30: failed to evaluate workflow generateName expression: " in result.err
    assert stored(home, "WorkflowEventBinding") == {}


def test_apply_keeps_nothing_when_something_is_wrong(home: Home) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "1"},
    }
    bad = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "entrypoint": "nowhere"}}
    result = home.run("apply", "-f", home.file("c.yaml", config), "-f", home.file("t.yaml", bad))
    assert result.code == 2
    assert stored(home, "ConfigMap") == {}
    assert home.run("apply", "-f", home.file("w.yaml", workflow("w", {"name": "m"}))).code == 2
