"""Scenarios as data: a workflow, what its jobs do, what people ask, and what must come of it.

A scenario's `templates` come after those that every scenario has (`COMMON`); the workflow is
called `w`. `nodes` names for each node what must hold; with `complete` there is no other node.
`$ID(x)` in a text is the id of the node named x. `times` are whole seconds after the beginning.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tiphys.messages import (
    Input,
    JobSpec,
    LockAwaited,
    LocksReleased,
    LocksWanted,
    MetricObserved,
    NodeSet,
    QuestionAsked,
    ResumeRequested,
    StopRequested,
    SuspendRequested,
)
from tiphys.model.ids import NodeId, node_id
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import BEGINNING, Driver, admitted

FOLDER = Path(__file__).parent / "scenarios"
_P = {"parameters": [{"name": "p", "value": "none"}]}
_O = {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}
_IMAGE = {"image": "x", "command": ["x", "{{inputs.parameters.p}}"]}
COMMON: list[dict[str, Any]] = [
    {"name": "ok", "inputs": _P, "container": _IMAGE},
    {"name": "bad", "inputs": _P, "container": _IMAGE},
    {"name": "broken", "inputs": _P, "container": _IMAGE},
    {"name": "make", "inputs": _P, "outputs": _O, "container": _IMAGE},
    {"name": "say", "inputs": _P, "script": {"image": "x", "command": ["sh"], "source": "x"}},
    {"name": "ask", "suspend": {}},
]
JOBS = {"bad": Outcome(code=1), "broken": Outcome(error="it broke")}
_ID = re.compile(r"\$ID\(((?:[^()]|\([^()]*\))*)\)")


def load() -> list[Any]:
    """Return every scenario with its name as an id."""
    found: list[Any] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        items = yaml.safe_load(path.read_text(encoding="utf-8"))
        found += [(f"{path.stem}: {item['claim']}", item) for item in items]
    return found


def drive(scenario: dict[str, Any]) -> Driver:
    """Return a scenario's run at its end, or where it waits for ever."""
    driver = prepared(scenario)
    driver.to_end()
    return driver


def prepared(scenario: dict[str, Any]) -> Driver:
    """Return a scenario's run before its beginning."""
    driver = Driver(admitted(_text(scenario)), lambda job: _outcome(scenario, job))
    for request in scenario.get("requests", []):
        driver.world.at(BEGINNING + request["at"], _request(request))
    return driver


def _text(scenario: dict[str, Any]) -> str:
    spec = dict(scenario["spec"])
    spec.setdefault("entrypoint", "main")
    spec["templates"] = [*COMMON, *spec.get("templates", [])]
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "w"},
            "spec": spec,
        }
    ]
    for name, templates in scenario.get("stored", {}).items():
        documents.append(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "WorkflowTemplate",
                "metadata": {"name": name},
                "spec": {"templates": templates},
            }
        )
    return "\n---\n".join(json.dumps(item) for item in documents)


def _outcome(scenario: dict[str, Any], job: JobSpec) -> Outcome:
    jobs = scenario.get("jobs", {})
    told = jobs.get(job.node_name, jobs.get(job.template.name))
    if told is not None:
        return Outcome(**told)
    return JOBS.get(job.template.name, Outcome())


def _request(request: dict[str, Any]) -> Input:
    match request["op"]:
        case "stop":
            return StopRequested(at=0.0, strategy="Stop")
        case "terminate":
            return StopRequested(at=0.0, strategy="Terminate")
        case "suspend":
            return SuspendRequested(at=0.0)
        case "resume":
            return ResumeRequested(at=0.0)
        case _:
            return NodeSet(
                at=0.0,
                nodes=tuple(NodeId(node_id("w", name)) for name in request["nodes"]),
                phase=request.get("phase", ""),
                message=request.get("message", ""),
                outputs=request.get("outputs", {}),
            )


def check(scenario: dict[str, Any], driver: Driver) -> None:
    """Compare a finished run with what the scenario says must come of it."""
    document = driver.document()
    status = document["status"]
    nodes = {node["name"]: node for node in status["nodes"].values()}
    assert status["phase"] == scenario.get("phase", "Succeeded")
    if scenario.get("message") != "any":
        assert status.get("message", "") == _placed(scenario.get("message", ""))
    if "progress" in scenario:
        assert status["progress"] == scenario["progress"]
    _check_policies(scenario, driver, document)
    if "globals" in scenario:
        found = status.get("outputs", {}).get("parameters", [])
        assert {item["name"]: item["value"] for item in found} == scenario["globals"]
    for name, source in scenario.get("sources", {}).items():
        script = driver.world.jobs[NodeId(node_id("w", name))].spec.template.script
        assert script is not None
        assert script.source == source
    _check_asked(scenario, driver)
    if "deep" in scenario:
        _check_depth(scenario["deep"], nodes)
    _check_nodes(scenario, driver, nodes, status)


def _check_policies(scenario: dict[str, Any], driver: Driver, document: dict[str, Any]) -> None:
    """Compare what a workflow shows of itself: its status, labels and metrics, and dropped pods."""
    status = document["status"]
    if "status" in scenario:
        assert {key: status.get(key) for key in scenario["status"]} == scenario["status"]
    if "labels" in scenario:
        labels = document["metadata"]["labels"]
        assert {key: labels.get(key) for key in scenario["labels"]} == scenario["labels"]
    if "metrics" in scenario:
        assert _metrics(driver) == scenario["metrics"]
    if "metric_faults" in scenario:
        found = [item for item in status["conditions"] if item["type"] == "MetricsError"]
        assert [item["message"] for item in found] == scenario["metric_faults"]
    if "dropped" in scenario:
        nodes_by_id = status["nodes"]
        dropped = driver.world.dropped.items()
        assert {nodes_by_id[k]["name"]: at - BEGINNING for k, at in dropped} == scenario["dropped"]


def _check_nodes(
    scenario: dict[str, Any], driver: Driver, nodes: dict[str, Any], status: dict[str, Any]
) -> None:
    wanted = scenario.get("nodes", {})
    if scenario.get("complete"):
        assert sorted(nodes) == sorted(wanted)
    for name in scenario.get("absent", []):
        assert name not in nodes
    for name, fields in wanted.items():
        assert name in nodes, f"there is no {name}, only {sorted(nodes)}"
        seen = _seen(nodes[name], status["nodes"], driver)
        expected = {key: _placed(value) for key, value in (fields or {}).items()}
        assert {key: seen.get(key) for key in expected} == expected, name


def _metrics(driver: Driver) -> list[str]:
    """Return each metric as `kind name{labels} value`, clocks as `since seconds`."""
    found = []
    for event in driver.log:
        if isinstance(event, MetricObserved):
            labels = ",".join(f"{key}={value}" for key, value in event.labels)
            value = (
                f"{event.value:g}" if event.since is None else f"since {event.since - BEGINNING:g}"
            )
            sign = {"Set": "", "Add": "+", "Sub": "-"}[event.operation]
            found.append(f"{event.kind} {event.name}{{{labels}}} {sign}{value}")
    return found


def _check_asked(scenario: dict[str, Any], driver: Driver) -> None:
    """Compare the locks asked for, what was released, and the hosts kept away from."""
    for name, hosts in scenario.get("avoid", {}).items():
        assert driver.world.jobs[NodeId(node_id("w", name))].spec.avoid_hosts == tuple(hosts)
    for name, reasons in scenario.get("waits", {}).items():
        key = node_id("w", name)
        waited = [e for e in driver.log if isinstance(e, LockAwaited) and e.node == key]
        assert [event.message for event in waited] == reasons
    questions = [event.question for event in driver.log if isinstance(event, QuestionAsked)]
    asked = {q.question: q.locks for q in questions if isinstance(q, LocksWanted)}
    for name, locks in scenario.get("asked", {}).items():
        assert msgspec.json.decode(msgspec.json.encode(asked[_placed(name)])) == locks
    if "released" in scenario:
        released = [event.question for event in driver.log if isinstance(event, LocksReleased)]
        assert released == [_placed(name) for name in scenario["released"]]


def _check_depth(deep: dict[str, Any], nodes: dict[str, Any]) -> None:
    found = [node for node in nodes.values() if node["type"] == deep["type"]]
    assert len(found) == deep["count"]
    assert any(node.get("message") == deep["last"] for node in nodes.values())


def _placed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _ID.sub(lambda match: node_id("w", match.group(1)), value)


def _seen(node: dict[str, Any], by_id: dict[str, Any], driver: Driver) -> dict[str, Any]:
    """Return a node in the words of scenarios."""
    own = driver.run.state.nodes[NodeId(node["id"])]
    assert node["id"] == node_id("w", node["name"])
    inputs = node.get("inputs", {}).get("parameters", [])
    memo = node.get("memoizationStatus")
    outputs = node.get("outputs", {})
    return {
        "type": node["type"],
        "phase": node["phase"],
        "message": node.get("message", ""),
        "display": node["displayName"],
        "template": node.get("templateName", ""),
        "boundary": by_id[node["boundaryID"]]["name"] if "boundaryID" in node else "",
        "children": sorted(by_id[key]["name"] for key in node.get("children", [])),
        "outbound": sorted(by_id[key]["name"] for key in node.get("outboundNodes", [])),
        "in": {item["name"]: item["value"] for item in inputs},
        "out": {item["name"]: item.get("value") for item in outputs.get("parameters", [])},
        "result": outputs.get("result"),
        "code": outputs.get("exitCode"),
        "progress": node.get("progress"),
        "resources": node.get("resourcesDuration", {}),
        "flags": sorted(key for key, value in node.get("nodeFlag", {}).items() if value),
        "memo": [memo["hit"], memo["key"], memo["cacheName"]] if memo else None,
        "from": own.started_at - BEGINNING,
        "to": own.finished_at - BEGINNING,
    }
