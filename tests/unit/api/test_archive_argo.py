"""What an Argo controller archived is retried and resubmitted here: rows as Argo writes them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.contract.test_postgres import ARGO, ARGO_LABELS
from tests.postgres import run
from tests.unit.api.driver import NAMESPACE, served

from tiphys.model.ids import node_id, pod_name
from tiphys.settings import Settings

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
ARCHIVE = "/api/v1/archived-workflows"
UID = "5c1f8a52-3c1e-4b8e-9a07-0d5a4b1c2e3f"
LABELS = {
    "workflows.argoproj.io/completed": "true",
    "workflows.argoproj.io/phase": "Failed",
    "workflows.argoproj.io/workflow-archiving-status": "Pending",
    "app": "etl",
}
STORE = """
    INSERT INTO argo_archived_workflows (clustername, uid, instanceid, name, namespace, phase,
        startedat, finishedat, workflow, creationtimestamp)
    VALUES ('default', $1, '', $2, $3, 'Failed', $4::text::timestamp, $5::text::timestamp,
        $6::text::jsonb, $4::text::timestamp)
"""


def at(second: int) -> str:
    return f"2026-01-31T09:05:{second:02}Z"


class Nodes:
    """The `status.nodes` of a workflow, as Argo's controller keeps them."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.made: dict[str, dict[str, Any]] = {}

    def id(self, name: str) -> str:
        return node_id(self.workflow, name)

    def add(self, name: str, kind: str, phase: str, boundary: str = "", **more: Any) -> None:
        shown = name[len(boundary) :] if boundary else name
        step = shown.partition("].")[2] or shown.removeprefix(".")
        began = at(2 * len(self.made))
        node = {
            "id": self.id(name),
            "name": name,
            "displayName": step,
            "type": kind,
            "templateScope": f"local/{self.workflow}",
            "phase": phase,
            "startedAt": began,
            "finishedAt": at(2 * len(self.made) + 1),
            "progress": "1/1" if phase == "Succeeded" else "0/1",
            "resourcesDuration": {"cpu": 0, "memory": 3},
            **({"boundaryID": self.id(boundary)} if boundary else {}),
            **more,
        }
        if kind == "Pod":
            code = "0" if phase == "Succeeded" else "1"
            node["hostNodeName"] = "ip-10-0-0-7"
            node["taskResultSynced"] = True
            key = f"{self.workflow}/{pod_name(self.workflow, name, 'x')}/main.log"
            outputs = {"exitCode": code, "artifacts": [{"name": "main-logs", "s3": {"key": key}}]}
            node["outputs"] = {**outputs, **node.get("outputs", {})}
        if kind in {"StepGroup", "TaskGroup", "Skipped"}:
            node["nodeFlag"] = {}
        self.made[node["id"]] = node

    def link(self, parent: str, *children: str) -> None:
        self.made[self.id(parent)]["children"] = [self.id(child) for child in children]


def etl(folder: Any) -> dict[str, Any]:
    """A workflow of a stored template: a loop, a retried step of another template, an exit handler.

    Both templates are not kept anywhere but in its status. The last load failed.
    """

    def script(name: str, source: str, **more: Any) -> dict[str, Any]:
        text = f"echo {name}{more.pop('of', '')} >> {folder}/ran; {source}"
        return {"name": name, "script": {"image": "x", "command": ["sh"], "source": text}, **more}

    item = {"inputs": {"parameters": [{"name": "of"}]}}
    extract = script(
        "extract", "echo '\"{{inputs.parameters.of}}\"'", of="-{{inputs.parameters.of}}"
    )
    load = script("load", f"test -f {folder}/there", of="-{{inputs.parameters.rows}}")
    load["inputs"] = {"parameters": [{"name": "rows"}]}
    load["retryStrategy"] = {"limit": "1"}
    given = {"parameters": [{"name": "of", "value": "{{item}}"}]}
    rows = {"parameters": [{"name": "rows", "value": "{{tasks.extract.outputs.result}}"}]}
    main = {
        "name": "main",
        "dag": {
            "tasks": [
                {"name": "extract", "template": "extract", "arguments": given,
                 "withItems": ["a", "b"]},
                {"name": "load", "depends": "extract", "arguments": rows,
                 "templateRef": {"name": "lib", "template": "load"}},
            ]
        },
    }  # fmt: skip
    bye = script("bye", "true")
    spec = {
        "entrypoint": "main",
        "onExit": "bye",
        "arguments": {},
        "templates": [main, {**extract, **item}, bye],
    }
    nodes = Nodes("etl-x")
    nodes.add("etl-x", "DAG", "Failed", templateName="main")
    nodes.add("etl-x.extract", "TaskGroup", "Succeeded", "etl-x", templateName="extract")
    for index, of in enumerate("ab"):
        name = f"etl-x.extract({index}:{of})"
        inputs = {"parameters": [{"name": "of", "value": of}]}
        nodes.add(name, "Pod", "Succeeded", "etl-x", templateName="extract", inputs=inputs,
                  outputs={"result": f'"{of}"'})  # fmt: skip
    inputs = {"parameters": [{"name": "rows", "value": '["a","b"]'}]}
    reference = {"templateRef": {"name": "lib", "template": "load"}, "inputs": inputs}
    nodes.add("etl-x.load", "Retry", "Failed", "etl-x", **reference,
              message="No more retries left", outputs={"exitCode": "1"})  # fmt: skip
    for number in range(2):
        nodes.add(f"etl-x.load({number})", "Pod", "Failed", "etl-x", **reference,
                  nodeFlag={"retried": True}, message="Error (exit code 1)")  # fmt: skip
    nodes.add("etl-x.onExit", "Pod", "Succeeded", templateName="bye", nodeFlag={"hooked": True})
    nodes.link("etl-x", "etl-x.extract")
    nodes.link("etl-x.extract", "etl-x.extract(0:a)", "etl-x.extract(1:b)")
    nodes.link("etl-x.extract(0:a)", "etl-x.load")
    nodes.link("etl-x.extract(1:b)", "etl-x.load")
    nodes.link("etl-x.load", "etl-x.load(0)", "etl-x.load(1)")
    last = nodes.id("etl-x.load(1)")
    nodes.made["etl-x"]["outboundNodes"] = [last]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": "etl-x",
            "generateName": "etl-",
            "namespace": NAMESPACE,
            "uid": UID,
            "resourceVersion": "123456",
            "generation": 9,
            "creationTimestamp": at(0),
            "labels": LABELS,
            "managedFields": [{"manager": "argo", "operation": "Update"}],
        },
        "spec": {"arguments": {}, "workflowTemplateRef": {"name": "etl"}},
        "status": {
            "phase": "Failed",
            "startedAt": at(0),
            "finishedAt": at(50),
            "progress": "3/5",
            "conditions": [
                {"type": "PodRunning", "status": "False"},
                {"type": "Completed", "status": "True"},
            ],
            "resourcesDuration": {"cpu": 0, "memory": 15},
            "taskResultsCompletionStatus": dict.fromkeys(nodes.made, True),
            "artifactRepositoryRef": {"default": True, "artifactRepository": {}},
            "artifactGCStatus": {"notSpecified": True},
            "storedTemplates": {"namespaced/lib/load": load},
            "storedWorkflowTemplateSpec": {**spec, "workflowTemplateRef": {"name": "etl"}},
            # As jsonb has it: by length, then by text.
            "nodes": dict(sorted(nodes.made.items(), key=lambda pair: (len(pair[0]), pair[0]))),
        },
    }


@pytest.fixture
async def place(postgres, tmp_path):
    url = postgres.new()
    run(url, ARGO)
    run(url, ARGO_LABELS)
    document = etl(tmp_path)
    times = ("2026-01-31 09:05:00", "2026-01-31 09:05:50")
    run(url, STORE, UID, "etl-x", NAMESPACE, *times, json.dumps(document))
    for name, value in LABELS.items():
        insert = "INSERT INTO argo_archived_workflows_labels VALUES ('default', $1, $2, $3)"
        run(url, insert, UID, name, value)
    settings = Settings(home=tmp_path / "home", runtime="process", database=url)
    async with served(tmp_path, drives=True, settings=settings) as place:
        yield place


async def ended(place, name: str) -> dict[str, Any]:
    catalogue = place.serving.home.store.catalogue
    number = 0
    async with asyncio.timeout(60):
        while True:
            found = (await place.client.get(f"{BASE}/{name}")).json
            if found["status"].get("finishedAt"):
                return found
            number = await catalogue.changed(number)


def failures(workflow: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is said of the nodes that failed."""
    nodes = workflow["status"]["nodes"].values()
    bad = [node for node in nodes if node["phase"] in {"Failed", "Error"}]
    return [(node["name"], node.get("message", "")) for node in bad]


def ran(folder) -> list[str]:
    return (folder / "ran").read_text().split()


async def test_what_argo_archived_is_retried(place, tmp_path):
    (tmp_path / "there").touch()
    answer = await place.client.put(f"{ARCHIVE}/{UID}/retry", {"namespace": NAMESPACE})
    assert answer.status == 200, answer.body
    back = answer.json["metadata"]
    assert (back["uid"], back["name"], back["labels"]["app"]) == (UID, "etl-x", "etl")
    assert back["creationTimestamp"] == at(0)
    found = await ended(place, "etl-x")
    assert found["status"]["phase"] == "Succeeded", failures(found)
    assert ran(tmp_path) == ["load-[a,b]", "bye"]
    nodes = {node["name"]: node for node in found["status"]["nodes"].values()}
    assert nodes["etl-x.extract(1:b)"]["finishedAt"] == at(7)
    assert nodes["etl-x.extract(1:b)"]["hostNodeName"] == "ip-10-0-0-7"
    assert nodes["etl-x.load(0)"]["phase"] == "Succeeded"
    assert "etl-x.load(1)" not in nodes
    assert "namespaced/lib/load" in found["status"]["storedTemplates"]


async def test_what_argo_archived_is_resubmitted_without_what_succeeded(place, tmp_path):
    (tmp_path / "there").touch()
    body = {"namespace": NAMESPACE, "memoized": True}
    answer = await place.client.put(f"{ARCHIVE}/{UID}/resubmit", body)
    assert answer.status == 200, answer.body
    made = answer.json["metadata"]
    assert made["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "etl-x"
    found = await ended(place, made["name"])
    assert found["status"]["phase"] == "Succeeded", failures(found)
    assert ran(tmp_path) == ["load-[a,b]", "bye"]


async def test_what_is_chosen_runs_again_although_it_succeeded(place, tmp_path):
    (tmp_path / "there").touch()
    body = {
        "namespace": NAMESPACE,
        "restartSuccessful": True,
        "nodeFieldSelector": "displayName=extract(0:a)",
    }
    assert (await place.client.put(f"{ARCHIVE}/{UID}/retry", body)).status == 200
    found = await ended(place, "etl-x")
    assert found["status"]["phase"] == "Succeeded", failures(found)
    assert ran(tmp_path) == ["extract-a", "load-[a,b]", "bye"]
