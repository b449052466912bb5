"""The workflows whose pages reference/cli.md 5.5 and 6 show, as documents."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tiphys.model.ids import node_id

ZONE = timezone(timedelta(hours=1), "CET")
START = datetime(2026, 1, 31, 9, 5, 0, tzinfo=UTC).timestamp()
NOW = START + 5 * 60 + 10
WORKFLOW = "etl-7xk2p"


def at(seconds: float) -> str:
    moment = datetime.fromtimestamp(START + seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def node(name: str, kind: str, phase: str, **more: Any) -> dict[str, Any]:
    """A node of the sample; `boundary` and `children` are given as names, `took` in seconds."""
    workflow = more.pop("workflow", WORKFLOW)
    started, took = more.pop("started", 0), more.pop("took", None)
    found = {
        "id": node_id(workflow, name),
        "name": name,
        "displayName": more.pop("shown", name),
        "type": kind,
        "phase": phase,
        "startedAt": at(started),
        "finishedAt": None if took is None else at(started + took),
    }
    if "boundary" in more:
        found["boundaryID"] = node_id(workflow, more.pop("boundary"))
    if "children" in more:
        found["children"] = [node_id(workflow, child) for child in more.pop("children")]
    if "template" in more:
        found["templateName"] = more.pop("template")
    return found | more


def etl() -> dict[str, Any]:
    root, retry = WORKFLOW, f"{WORKFLOW}[1].load(1:b)"
    inside: dict[str, Any] = {"boundary": root}
    attempts = {"template": "load", "message": "Error (exit code 1)", **inside}
    kept = {"artifacts": [{"name": "raw"}, {"name": "main-logs"}]}
    nodes = [
        node(root, "Steps", "Failed", template="main", took=20,
             message="child 'etl-7xk2p-1' failed", children=[f"{root}[0]"]),
        node(f"{root}[0]", "StepGroup", "Succeeded", shown="[0]", took=5, **inside,
             children=[f"{root}[0].fetch"]),
        node(f"{root}[0].fetch", "Pod", "Succeeded", shown="fetch", template="fetch", took=4,
             **inside, children=[f"{root}[1]"], outputs=kept, hostNodeName="node-1",
             resourcesDuration={"memory": 2, "cpu": 2}),
        node(f"{root}[1]", "StepGroup", "Failed", shown="[1]", started=5, took=12, **inside,
             children=[f"{root}[1].check", f"{root}[1].load(0:a)", retry]),
        node(f"{root}[1].check", "Skipped", "Skipped", shown="check", template="check",
             started=5, took=0, message="when 'false' evaluated false", **inside),
        node(f"{root}[1].load(0:a)", "Pod", "Succeeded", shown="load(0:a)", template="load",
             started=5, took=12, **inside),
        node(retry, "Retry", "Failed", shown="load(1:b)", template="load", started=5, took=10,
             message="No more retries left", **inside, children=[f"{retry}(0)", f"{retry}(1)"]),
        node(f"{retry}(0)", "Pod", "Failed", shown="load(1:b)(0)", started=5, took=3, **attempts),
        node(f"{retry}(1)", "Pod", "Failed", shown="load(1:b)(1)", started=9, took=3, **attempts),
        node(f"{root}.onExit", "Pod", "Succeeded", shown=f"{root}.onExit", template="notify",
             started=20, took=2),
    ]  # fmt: skip
    return {
        "metadata": {"name": root, "namespace": "team", "creationTimestamp": at(0)},
        "spec": {
            "serviceAccountName": "loader",
            "priority": 5,
            "arguments": {"parameters": [{"name": "day", "value": "2026-01-31"}]},
        },
        "status": {
            "phase": "Failed",
            "message": "child 'etl-7xk2p-1' failed",
            "startedAt": at(0),
            "finishedAt": at(22),
            "progress": "3/5",
            "conditions": [
                {"type": "PodRunning", "status": "False"},
                {"type": "Completed", "status": "True"},
            ],
            "resourcesDuration": {"cpu": 14, "memory": 14},
            "nodes": {item["id"]: item for item in nodes},
        },
    }


def deploy() -> dict[str, Any]:
    root = "deploy-q8v2k"
    inside: dict[str, Any] = {"boundary": root, "workflow": root}
    shared = {"name": "common", "template": "build"}
    nodes = [
        node(root, "DAG", "Running", workflow=root, template="main"),
        node(f"{root}.build", "Pod", "Succeeded", shown="build", templateRef=shared, took=31,
             **inside),
        node(f"{root}.test", "TaskGroup", "Succeeded", shown="test", started=31, took=51, **inside,
             children=[f"{root}.test(0:unit)", f"{root}.test(1:e2e)"]),
        node(f"{root}.test(1:e2e)", "Pod", "Succeeded", shown="test(1:e2e)", template="test",
             started=31, took=50, **inside),
        node(f"{root}.test(0:unit)", "Pod", "Succeeded", shown="test(0:unit)", template="test",
             started=31, took=12, **inside),
        node(f"{root}.approve", "Suspend", "Running", shown="approve", template="approve",
             started=90, **inside),
        node(f"{root}.undo", "Skipped", "Omitted", shown="undo", template="undo", started=91,
             took=0, **inside),
    ]  # fmt: skip
    return {
        "metadata": {"name": root, "namespace": "team", "creationTimestamp": at(0)},
        "spec": {},
        "status": {
            "phase": "Running",
            "startedAt": at(0),
            "nodes": {item["id"]: item for item in nodes},
        },
    }


def nightly() -> dict[str, Any]:
    root, names = "nightly-28c4q", ("a", "b", "c", "d", "e")
    phases = ("Running", "Running", "Succeeded", "Succeeded", "Failed")
    pods = [node(f"{root}.{n}", "Pod", p) for n, p in zip(names, phases, strict=True)]
    values = {"day": "2026-01-31", "mode": "full"}
    return {
        "metadata": {"name": root, "namespace": "team", "creationTimestamp": at(270)},
        "spec": {"arguments": {"parameters": [{"name": k, "value": v} for k, v in values.items()]}},
        "status": {
            "phase": "Running",
            "startedAt": at(272),
            "nodes": {item["id"]: item for item in pods},
        },
    }
