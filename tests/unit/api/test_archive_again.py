"""Archived workflows that are gone, retried and resubmitted. Source: reference/rest-api.md 9."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.api.driver import NAMESPACE, served

from tiphys.model.base import JsonObject
from tiphys.settings import Settings

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
STATUS = "workflows.argoproj.io/workflow-archiving-status"
ARCHIVE = "/api/v1/archived-workflows"
BODY = {"namespace": NAMESPACE, "name": "w"}


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request, tmp_path):
    database = request.getfixturevalue("postgres").new() if request.param == "postgres" else ""
    settings = Settings(home=tmp_path / "home", runtime="process", database=database)
    async with served(tmp_path, drives=True, settings=settings) as place:
        yield place


def one_that_fails(folder) -> JsonObject:
    """A workflow whose second step wants a file; each step says in a file that it ran."""
    say = "echo {0} >> {1}/ran".format
    make = {"image": "x", "command": ["sh", "-c"], "args": [f"{say('a', folder)}; echo made"]}
    there = f"test -f {folder}/{{{{workflow.parameters.file}}}}"
    take = f"{say('b-{{inputs.parameters.from}}', folder)}; {there}"
    given = {"parameters": [{"name": "from", "value": "{{steps.a.outputs.result}}"}]}
    return {
        "metadata": {"name": "w", "labels": {"app": "x"}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "file", "value": "here"}]},
            "templates": [
                {
                    "name": "main",
                    "steps": [
                        [{"name": "a", "template": "a"}],
                        [{"name": "b", "template": "b", "arguments": given}],
                    ],
                },
                {"name": "a", "script": {**make, "args": [], "source": make["args"][0]}},
                {
                    "name": "b",
                    "inputs": {"parameters": [{"name": "from"}]},
                    "container": {"image": "x", "command": ["sh", "-c"], "args": [take]},
                },
            ],
        },
    }


async def is_archived(place, uid):
    """Return when the archive has how a workflow ended."""
    catalogue = place.serving.home.store.catalogue
    number = 0
    async with asyncio.timeout(60):
        while not (await catalogue.listed(uid)).archived:
            number = await catalogue.changed(number)


async def is_gone(place):
    """Tell whether at most the archive has the workflow."""
    answer = await place.client.get(f"{BASE}/w", fields="metadata")
    return answer.status == 404 or answer.json["metadata"]["labels"][STATUS] == "Persisted"


async def failed_and_gone(place, folder):
    """Let a workflow fail, be archived and be deleted; return its uid."""
    made = await place.client.post(BASE, {"workflow": one_that_fails(folder)})
    uid = made.json["metadata"]["uid"]
    await is_archived(place, uid)
    assert (await place.client.delete(f"{BASE}/w")).status == 200
    assert await is_gone(place)
    return uid


def ran(folder):
    return (folder / "ran").read_text().split()


async def test_a_workflow_that_is_gone_goes_on_from_what_failed(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    assert ran(tmp_path) == ["a", "b-made"]
    (tmp_path / "here").touch()
    answer = await place.client.put(f"{ARCHIVE}/{uid}/retry", BODY)
    assert answer.status == 200, answer.body
    back = answer.json["metadata"]
    assert (back["uid"], back["name"], back["labels"]["app"]) == (uid, "w", "x")
    await is_archived(place, uid)
    again = await place.client.put(f"{ARCHIVE}/{uid}/retry", BODY)
    assert (again.status, again.json["message"]) == (
        409,
        "Workflow already exists on cluster, use argo retry w instead",
    )
    live = (await place.client.get(f"{BASE}/w")).json
    assert live["status"]["phase"] == "Succeeded"
    assert ran(tmp_path) == ["a", "b-made", "b-made"]
    kept = (await place.client.get(f"{ARCHIVE}/{uid}")).json
    assert kept["status"]["phase"] == "Succeeded"
    await place.client.delete(f"{BASE}/w")
    answer = await place.client.put(f"{ARCHIVE}/{uid}/retry", BODY)
    assert answer.status == 400
    assert "To retry a succeeded workflow" in answer.json["message"]
    selected = {"restartSuccessful": True, "nodeFieldSelector": "displayName=b"}
    assert (await place.client.put(f"{ARCHIVE}/{uid}/retry", {**BODY, **selected})).status == 200
    await is_archived(place, uid)
    assert ran(tmp_path) == ["a", "b-made", "b-made", "b-made"]


async def test_it_takes_other_parameters(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    (tmp_path / "there").touch()
    body = {**BODY, "parameters": ["file=there"]}
    assert (await place.client.put(f"{ARCHIVE}/{uid}/retry", body)).status == 200
    await is_archived(place, uid)
    assert (await place.client.get(f"{BASE}/w")).json["status"]["phase"] == "Succeeded"


async def test_a_name_that_is_taken_meanwhile_is_a_conflict(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    other = (await place.client.post(BASE, {"workflow": one_that_fails(tmp_path)})).json
    answer = await place.client.put(f"{ARCHIVE}/{uid}/retry", BODY)
    assert (answer.status, answer.json["message"]) == (
        409,
        "Workflow already exists on cluster, use argo retry w instead",
    )
    assert (await place.client.get(f"{BASE}/w")).json["metadata"]["uid"] == other["metadata"]["uid"]


async def test_it_is_resubmitted_without_what_succeeded(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    (tmp_path / "here").touch()
    answer = await place.client.put(f"{ARCHIVE}/{uid}/resubmit", {**BODY, "memoized": True})
    assert answer.status == 200, answer.body
    made = answer.json["metadata"]
    assert made["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "w"
    await is_archived(place, made["uid"])
    found = (await place.client.get(f"{BASE}/{made['name']}")).json
    assert found["status"]["phase"] == "Succeeded"
    assert ran(tmp_path) == ["a", "b-made", "b-made"]
    assert await is_gone(place)


async def test_who_may_not_create_does_not_retry(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    for client in (await place.as_("view", NAMESPACE), await place.as_("admin", "other")):
        answer = await client.put(f"{ARCHIVE}/{uid}/retry", BODY)
        assert answer.status in {403, 404}
    assert await is_gone(place)


async def without_its_journal(place):
    """Leave only the documents in the archive, as Argo does, or a Tiphys of old."""
    database = place.serving.home.store.database
    await database.write(lambda db: db.execute("DELETE FROM retired_runs"))


async def test_one_of_which_only_the_document_is_there_goes_on_as_well(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    await without_its_journal(place)
    before = (await place.client.get(f"{ARCHIVE}/{uid}")).json
    (tmp_path / "here").touch()
    answer = await place.client.put(f"{ARCHIVE}/{uid}/retry", BODY)
    assert answer.status == 200, answer.body
    await is_archived(place, uid)
    found = (await place.client.get(f"{BASE}/w")).json
    assert found["status"]["phase"] == "Succeeded"
    assert found["metadata"]["uid"] == uid
    assert found["metadata"]["creationTimestamp"] == before["metadata"]["creationTimestamp"]
    assert ran(tmp_path) == ["a", "b-made", "b-made"]
    now, then = found["status"]["nodes"], before["status"]["nodes"]
    (a,) = [key for key, node in then.items() if node["displayName"] == "a"]
    for field in ("startedAt", "finishedAt", "inputs", "outputs", "phase", "type", "children"):
        assert now[a].get(field) == then[a].get(field)


async def test_one_of_which_only_the_document_is_there_is_resubmitted_in_memoized_mode(
    place, tmp_path
):
    uid = await failed_and_gone(place, tmp_path)
    await without_its_journal(place)
    (tmp_path / "there").touch()
    body = {**BODY, "memoized": True, "parameters": ["file=there"]}
    answer = await place.client.put(f"{ARCHIVE}/{uid}/resubmit", body)
    assert answer.status == 200, answer.body
    made = answer.json["metadata"]
    await is_archived(place, made["uid"])
    found = (await place.client.get(f"{BASE}/{made['name']}")).json
    assert found["status"]["phase"] == "Succeeded"
    assert ran(tmp_path) == ["a", "b-made", "b-made"]
    assert await is_gone(place)


async def test_a_document_that_does_not_tell_enough_is_refused_by_name(place, tmp_path):
    uid = await failed_and_gone(place, tmp_path)
    await without_its_journal(place)
    catalogue = place.serving.home.store.catalogue
    item, document = await catalogue.listed(uid), await catalogue.archived(uid)
    del document["status"]["nodes"]
    database = place.serving.home.store.database
    text = json.dumps(document)
    update = f"UPDATE argo_archived_workflows SET workflow = {database.archived_json} WHERE uid = ?"
    await database.write(lambda db: db.execute(update, (text, item.row.run)))
    for verb, body, word in (
        ("retry", {}, "cannot be retried"),
        ("resubmit", {"memoized": True}, "cannot be resubmitted in memoized mode"),
    ):
        answer = await place.client.put(f"{ARCHIVE}/{uid}/{verb}", {**BODY, **body})
        assert answer.status == 400
        assert word in answer.json["message"]
        assert "its document has no nodes" in answer.json["message"]
    answer = await place.client.put(f"{ARCHIVE}/{uid}/resubmit", BODY)
    assert answer.status == 200
    await is_archived(place, answer.json["metadata"]["uid"])
    assert ran(tmp_path) == ["a", "b-made", "a", "b-made"]
