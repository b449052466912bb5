"""Objects through a server: kept, listed, read, followed and deleted by those who may."""

from __future__ import annotations

import json

import pytest
from tests.unit.api.driver import NAMESPACE, served

from tiphys.model.makers import Maker, marked
from tiphys.ports import ObjectRef

pytestmark = pytest.mark.anyio
BASE = f"/api/tiphys/v1/objects/{NAMESPACE}"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


def job(command="true", **spec):
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", command]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    document = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": pods, **spec}}
    return {"object": document}


async def test_a_job_is_kept_changed_listed_and_deleted(place):
    client = place.client
    made = (await client.put(f"{BASE}/job/j", job())).json
    assert (made["verb"], made["object"]["metadata"]["name"]) == ("created", "j")
    assert (await client.put(f"{BASE}/jobs.batch/j", job())).json["verb"] == "unchanged"
    assert (await client.put(f"{BASE}/job/j", job(suspend=True))).json["verb"] == "configured"
    assert (await client.get(f"{BASE}/job.batch/j")).json["spec"]["suspend"] is True
    listed = (await client.get(BASE, kinds="vcjob,job")).json["items"]
    assert [item["metadata"]["name"] for item in listed] == ["j"]
    assert (await client.get(BASE, kinds="pod")).json["items"] == []
    assert (await client.delete(f"{BASE}/job/j")).json["metadata"]["name"] == "j"
    assert (await client.get(f"{BASE}/job/j")).status == 404
    assert (await client.delete(f"{BASE}/job/j")).status == 404


async def test_what_a_file_is_refused_for_a_request_is_refused_for(place):
    gang = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"}
    policy = {"event": "PodFailed", "action": "RestartJbo"}
    task = {"template": job()["object"]["spec"]["template"], "policies": [policy]}
    sent = (
        (job(backofLimit=1), 400, "unknown field"),
        (job(successPolicy={"rules": []}), 400, "cannot run here"),
        (job(completionMode="Indexed", parallelism=2), 400, "spec.completions: Required value"),
        ({"object": {**gang, "spec": {"tasks": [task]}}}, 400, "validatejob.volcano.sh"),
        ({"object": {"kind": "Secret", "apiVersion": "v1"}}, 400, "/api/tiphys/v1/secrets"),
        ({}, 400, "kind of the object"),
    )
    for body, status, said in sent:
        answer = await place.client.put(f"{BASE}/job/j", body)
        assert (answer.status, said in answer.text) == (status, True), answer.text
    assert (await place.client.get(BASE)).json["items"] == []


async def test_what_a_workflow_made_is_found_by_it_and_by_what_owns_it(place):
    objects = place.serving.home.objects
    for name, maker in (("a", "w"), ("b", "other")):
        document = {**job()["object"], "metadata": {"name": name, "namespace": NAMESPACE}}
        await objects.create(marked(document, Maker(maker, f"uid-{maker}")))
    listed = (await place.client.get(BASE, workflow="w")).json["items"]
    assert [item["metadata"]["name"] for item in listed] == ["a"]
    uid = listed[0]["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": uid, "controller": True}
    pod = {"metadata": {"name": "p", "namespace": NAMESPACE, "ownerReferences": [owner]}}
    await objects.create({"apiVersion": "v1", "kind": "Pod", **pod})
    listed = (await place.client.get(BASE, kinds="pod", owner=uid)).json["items"]
    assert [item["metadata"]["name"] for item in listed] == ["p"]


async def test_a_role_may_what_its_name_says_and_only_in_its_namespace(place):
    edit, view = await place.as_("edit", NAMESPACE), await place.as_("view", NAMESPACE)
    stranger = await place.as_("admin", "elsewhere")
    assert (await edit.put(f"{BASE}/job/j", job())).status == 200
    assert (await view.get(f"{BASE}/job/j")).status == 200
    assert (await view.get(f"{BASE}/job/j/log")).status == 200
    for client, wanted in ((view, 403), (stranger, 403)):
        assert (await client.put(f"{BASE}/job/j", job())).status == wanted
        assert (await client.delete(f"{BASE}/job/j")).status == wanted
    assert (await stranger.get(BASE)).status == 403
    assert (await edit.get("/api/tiphys/v1/objects/")).status == 403  # all namespaces
    assert (await place.client.get("/api/tiphys/v1/objects/", kinds="job")).status == 200
    assert (await edit.delete(f"{BASE}/job/j")).status == 200


async def test_the_pods_of_a_job_are_followed_to_their_end(tmp_path):
    async with served(tmp_path, drives=True) as place:
        command = "echo index $JOB_COMPLETION_INDEX of $KEY"
        secret = {"object": {"stringData": {"k": "hunter2-and-more"}}}
        answer = await place.client.put(f"/api/tiphys/v1/secrets/{NAMESPACE}/s", secret)
        assert answer.status == 200
        body = job(command, completions=2, completionMode="Indexed")
        container = body["object"]["spec"]["template"]["spec"]["containers"][0]
        source = {"secretKeyRef": {"name": "s", "key": "k"}}
        container["env"] = [{"name": "KEY", "valueFrom": source}]
        assert (await place.client.put(f"{BASE}/job/j", body)).status == 200
        answer = await place.client.get(f"{BASE}/job/j/log", follow="true")
        lines = [json.loads(line)["result"] for line in answer.text.splitlines() if line]
        assert sorted(line["content"] for line in lines) == ["index 0 of ***", "index 1 of ***"]
        assert all(line["podName"].startswith("j-") for line in lines)
        ref = ObjectRef("batch/v1", "Job", NAMESPACE, "j")
        assert (await place.serving.home.objects.get(ref))["status"]["succeeded"] == 2
        again = await place.client.get(f"{BASE}/job/j/log", container="c")
        assert sorted(again.text) == sorted(answer.text)
        answer = await place.client.get(f"{BASE}/job/j/log", container="x")
        assert (answer.status, "no container" in answer.text) == (404, True)
