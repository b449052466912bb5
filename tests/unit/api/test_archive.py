"""Archived workflows. Source: reference/rest-api.md 6.3, 9."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, Client, echo, served, workflow

from tiphys.settings import Server, Settings

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
ARCHIVE = "/api/v1/archived-workflows"
STATUS = "workflows.argoproj.io/workflow-archiving-status"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path, drives=True) as place:
        yield place


async def archived(place, name="say", **labels):
    """Let a workflow end and be archived; return its uid."""
    made = echo(name)
    made["metadata"]["labels"] = labels
    uid = (await place.client.post(BASE, {"workflow": made})).json["metadata"]["uid"]
    catalogue = place.serving.home.store.catalogue
    number = 0
    while not (await catalogue.listed(uid)).archived:
        number = await catalogue.changed(number)
    return uid


async def test_an_ended_workflow_is_archived_and_outlives_its_deletion(place):
    uid = await archived(place)
    live = (await place.client.get(f"{BASE}/say")).json
    assert live["metadata"]["labels"][STATUS] == "Archived"
    assert (await place.client.delete(f"{BASE}/say")).status == 200
    for answer in (
        await place.client.get(f"{BASE}/say"),
        await place.client.get(f"{BASE}/say", uid=uid),
        await place.client.get(f"{ARCHIVE}/{uid}"),
        await place.client.get(f"{ARCHIVE}/", namespace=NAMESPACE, name="say"),
    ):
        found = answer.json
        assert found["metadata"]["labels"][STATUS] == "Persisted"
        assert found["status"]["nodes"]["say"]["phase"] == "Succeeded"
        assert "kind" not in found
    (item,) = (await place.client.get(BASE)).json["items"]
    assert item["metadata"]["labels"][STATUS] == "Persisted"
    assert set(item["spec"]) == {"arguments"}
    assert "nodes" not in item["status"]
    assert item["status"]["phase"] == "Succeeded"
    (item,) = (await place.client.get(ARCHIVE, namespace=NAMESPACE)).json["items"]
    assert item["metadata"]["uid"] == uid
    assert (await place.client.delete(f"{ARCHIVE}/{uid}")).json == {}
    assert (await place.client.get(f"{ARCHIVE}/{uid}")).status == 404
    assert (await place.client.get(BASE)).json["items"] is None


async def test_of_a_name_the_live_one_is_read_then_the_newest_that_is_gone(place):
    first = await archived(place)
    await place.client.delete(f"{BASE}/say")
    second = await archived(place)
    for uid in (second, first):
        found = (await place.client.get(f"{BASE}/say", fields="metadata")).json
        assert found["metadata"]["uid"] == second
        if uid == second:
            assert found["metadata"]["labels"][STATUS] == "Archived"
            await place.client.delete(f"{BASE}/say")
    assert found["metadata"]["labels"][STATUS] == "Persisted"
    for path in ("/api/v1/workflows/other/say", f"{BASE}/sa", f"{BASE}/@latest"):
        assert (await place.client.get(path)).status == 404
    for method, path in (("DELETE", ""), ("PUT", "/retry"), ("PUT", "/stop"), ("GET", "/log")):
        answer = await place.client.send(method, f"{BASE}/say{path}", b"")
        assert answer.status == 404, (method, path)


async def test_lists_of_the_archive_show_the_same_part_of_those_that_live(place):
    uid = await archived(place)
    (live,) = (await place.client.get(ARCHIVE, namespace=NAMESPACE)).json["items"]
    assert live["metadata"]["uid"] == uid
    await place.client.delete(f"{BASE}/say")
    (gone,) = (await place.client.get(ARCHIVE, namespace=NAMESPACE)).json["items"]
    assert live["metadata"]["labels"] == gone["metadata"]["labels"]
    assert live["metadata"]["labels"][STATUS] == "Persisted"
    assert set(live["spec"]) == set(gone["spec"]) == {"arguments"}
    assert live["status"] == gone["status"]


async def test_labels_of_the_archive_are_listed(place):
    await archived(place, "a", app="x")
    await archived(place, "b", app="y")
    keys = (await place.client.get(f"{ARCHIVE}-label-keys")).json["items"]
    assert "app" in keys
    values = f"{ARCHIVE}-label-values"
    answer = await place.client.get(values, listOptions__labelSelector="app")
    assert answer.json == {"items": ["x", "y"]}
    assert (await place.client.get(values, listOptions__labelSelector="no")).json == {}
    for selector, message in (
        ("", "only allow 1 labelRequirement, found 0"),
        ("a,b", "only allow 1 labelRequirement, found 2"),
        ("a=b", "operation = is not supported"),
    ):
        answer = await place.client.get(values, listOptions__labelSelector=selector)
        assert (answer.status, answer.json["message"]) == (400, message)


async def test_an_archived_workflow_is_resubmitted(place):
    uid = await archived(place)
    body = {"namespace": NAMESPACE, "name": "say"}
    answer = await place.client.put(f"{ARCHIVE}/{uid}/retry", body)
    assert answer.status == 409
    assert answer.json["message"].startswith("Workflow already exists on cluster")
    await place.client.delete(f"{BASE}/say")
    answer = await place.client.put(f"{ARCHIVE}/{uid}/resubmit", body)
    assert answer.status == 200, answer.body
    label = "workflows.argoproj.io/resubmitted-from-workflow"
    assert answer.json["metadata"]["labels"][label] == "say"


async def test_the_archive_of_another_namespace_is_closed(place):
    """Argo's advisories: authorisation missing on the archive, and by falling back to it."""
    uid = await archived(place)
    await place.client.delete(f"{BASE}/say")
    stranger = await place.as_("admin", "other")
    for method, path, query in (
        ("GET", f"{ARCHIVE}/{uid}", ""),
        ("GET", f"{ARCHIVE}/{uid}", "namespace=other"),
        ("GET", f"{ARCHIVE}/", f"namespace={NAMESPACE}&name=say"),
        ("DELETE", f"{ARCHIVE}/{uid}", "namespace=other"),
        ("PUT", f"{ARCHIVE}/{uid}/resubmit", ""),
        ("GET", "/api/v1/workflows/other/say", f"uid={uid}"),
        ("GET", "/api/v1/workflows/other/say", ""),
        ("GET", f"{BASE}/say", ""),
        ("GET", f"{ARCHIVE}", ""),
        ("GET", f"{ARCHIVE}-label-keys", ""),
        ("GET", f"/artifacts-by-uid/{uid}/say/main-logs", ""),
    ):
        body = b'{"namespace":"other","name":"say"}'
        answer = await stranger.send(method, path, body, query)
        assert answer.status in {401, 403, 404}, (method, path, answer.body)
        assert b"echo" not in answer.body
    assert (await place.client.get(f"{ARCHIVE}/{uid}")).status == 200


async def test_without_an_archive_the_texts_are_argos(tmp_path):
    settings = Settings(home=tmp_path, runtime="process", server=Server(archive=False))
    async with served(tmp_path, settings=settings) as place:
        await place.client.post(BASE, {"workflow": workflow("a")})
        assert (await place.client.get(ARCHIVE)).json == {"metadata": {}, "items": None}
        answer = await place.client.get(f"{ARCHIVE}/some-uid")
        assert answer.status == 500
        assert answer.json["message"] == "getting archived workflows not supported"
        assert (await place.client.get(f"{ARCHIVE}-label-keys")).json == {}


async def test_nobody_without_a_token_sees_the_archive(place):
    uid = await archived(place)
    client = Client(place.serving.application)
    assert (await client.get(f"{ARCHIVE}/{uid}")).status == 401
