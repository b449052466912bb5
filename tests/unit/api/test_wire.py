"""What Hera and the Go client send and parse. Source: reference/rest-api.md 2, 4.2, 21, 22."""

from __future__ import annotations

import json

import pytest
from tests.unit.api.driver import NAMESPACE, create, served, workflow

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
WHOLE = {
    "entrypoint": "main",
    "arguments": {"parameters": [{"name": "n", "value": 1.50}, {"name": "b", "value": True}]},
    "volumes": [{"name": "v", "emptyDir": {}}],
    "hooks": {"exit": {"template": "leaf"}},
    "templates": [
        {"name": "main", "steps": [[{"name": "a", "template": "dag"}]]},
        {"name": "dag", "dag": {"tasks": [{"name": "b", "template": "leaf"}]}},
        {
            "name": "leaf",
            "script": {"image": "python", "source": "print(1)"},
            "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o"}}]},
            "sidecars": [{"name": "side", "image": "busybox"}],
            "memoize": {"key": "k", "cache": {"configMap": {"name": "c"}}},
            "metrics": {
                "prometheus": [{"name": "m", "help": "h", "gauge": {"value": "1"}}],
            },
        },
    ],
}


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


async def test_what_clients_need_is_always_there(place):
    body = {"template": {"metadata": {"name": "whole"}, "spec": WHOLE}}
    answer = await place.client.post(f"/api/v1/workflow-templates/{NAMESPACE}", body)
    assert answer.status == 200, answer.body
    spec = answer.json["spec"]
    for template in spec["templates"]:
        assert {"inputs", "outputs", "metadata"} <= set(template)
    steps, dag, leaf = spec["templates"]
    assert steps["steps"][0][0]["arguments"] == {}
    assert dag["dag"]["tasks"][0]["arguments"] == {}
    assert spec["hooks"]["exit"]["arguments"] == {}
    assert {"name", "resources", "source"} <= set(leaf["script"])
    assert leaf["sidecars"][0]["resources"] == {}
    assert set(leaf["memoize"]) == {"key", "cache", "maxAge"}
    gauge = leaf["metrics"]["prometheus"][0]["gauge"]
    assert {"value", "realtime"} <= set(gauge)
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]
    values = {item["name"]: item["value"] for item in spec["arguments"]["parameters"]}
    assert values == {"n": "1.5", "b": "true"}


async def test_bodies_of_the_go_client_name_the_namespace_too(place):
    body = {"namespace": NAMESPACE, "workflow": workflow("a"), "instanceID": "", "unknown": 1}
    assert (await place.client.post(BASE, body)).status == 200
    body = {"namespace": "ignored", "name": "ignored", "nodeFieldSelector": ""}
    assert (await place.client.put(f"{BASE}/a/suspend", body)).json["metadata"]["name"] == "a"


async def test_keys_are_found_whatever_their_case(place):
    assert (await place.client.post(BASE, {"Workflow": workflow("a")})).status == 200
    made = workflow("b")
    made["Spec"] = made.pop("spec")
    assert (await place.client.post(BASE, {"workflow": made})).status == 200


async def test_numbers_and_booleans_of_clients_are_understood(place):
    await create(place, "a")
    for text in ("1e+06", "1000000"):
        assert (await place.client.get(BASE, listOptions__limit=text)).status == 200
    for text in ("True", "true", "1", "t", "F", "0"):
        query = f"logOptions.follow=false&logOptions.timestamps={text}"
        answer = await place.client.send("GET", f"{BASE}/a/log", query=query)
        assert (answer.status, answer.body) == (200, b"")
    assert (await place.client.get(BASE, listOptions__limit="1.5")).status == 400


async def test_a_missing_body_is_an_empty_one(place):
    await create(place, "a")
    for body in (b"", b"{}", b"null"):
        answer = await place.client.send("PUT", f"{BASE}/a/suspend", body)
        assert answer.status == 200, answer.body


async def test_every_json_error_has_a_code_and_a_message(place):
    for method, path, body in (
        ("GET", f"{BASE}/none", b""),
        ("POST", BASE, b"{"),
        ("GET", "/api/v1/none", b""),
        ("GET", "/api/v1/cron-workflows/team/none", b""),
        ("DELETE", "/api/v1/workflow-templates/team/none", b""),
    ):
        answer = await place.client.send(method, path, body)
        assert answer.status >= 400
        assert isinstance(answer.json["code"], int)
        assert answer.json["message"]
        assert "grpc-metadata-argo-version" not in answer.headers
        assert not answer.body.endswith(b"\n")


async def test_segments_are_matched_whole(place):
    await create(place, "lint")
    assert (await place.client.get(f"{BASE}/lint")).json["metadata"]["name"] == "lint"
    assert (await place.client.get(f"{BASE}/a%2Fb")).status == 404
    assert (await place.client.send("GET", f"{BASE}/a/b")).status == 501
    assert (await place.client.get("/api/v1/workflows/team/")).status == 404
    assert (await place.client.get(f"{BASE}/a\nb")).json["code"] == 5
    assert (await place.client.get("/api/v1/a\nb")).json["code"] == 12


async def test_a_list_of_hera_is_what_its_models_read(place):
    models = pytest.importorskip("hera.workflows.models", reason="Hera is not installed")
    await create(place, "a", "b", labels={"x": "y"})
    listed = await place.client.get(BASE)
    found = models.WorkflowList.model_validate(json.loads(listed.body))
    assert sorted(item.metadata.name for item in found.items) == ["a", "b"]
    version = await place.client.get("/api/v1/version")
    models.Version.model_validate(version.json)
    empty = await place.client.get("/api/v1/cron-workflows/team")
    assert models.CronWorkflowList.model_validate(empty.json).items is None
