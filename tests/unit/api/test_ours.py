"""What Argo's API does not have: explanations, transfers."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.api.driver import NAMESPACE, create, served

from tiphys.api.openapi import openapi
from tiphys.api.table import every_route
from tiphys.executor import contract
from tiphys.executor.moving import Moving

pytestmark = pytest.mark.anyio
BASE = "/api/tiphys/v1"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


async def test_why_a_workflow_is_as_it_is_can_be_asked(place):
    await create(place, "demo")
    path = f"{BASE}/workflows/{NAMESPACE}/demo/explain"
    answer = await place.client.get(path)
    assert answer.status == 200
    found = answer.json
    assert (found["workflow"], found["namespace"], found["phase"]) == ("demo", "team", "Pending")
    assert [line["text"] for line in found["story"]] == ["admitted"]
    missing = await place.client.get(path, node="deom")
    assert (missing.status, missing.json["code"]) == (404, 5)
    assert "workflow demo has no node deom" in missing.json["message"]
    latest = await place.client.get(f"{BASE}/workflows/{NAMESPACE}/@latest/explain")
    assert latest.json == found


async def test_an_explanation_is_read_by_who_may_read_the_workflow(place):
    await create(place, "demo")
    path = f"{BASE}/workflows/{NAMESPACE}/demo/explain"
    assert (await (await place.as_("view", NAMESPACE)).get(path)).status == 200
    assert (await (await place.as_("admin", "other")).get(path)).status == 403


def test_the_document_of_the_api_says_what_an_explanation_is():
    schemas = openapi(every_route())["components"]["schemas"]
    assert {"workflow", "phase", "waits", "decisive", "story"} <= {
        *schemas["Explanation"]["properties"]
    }


async def test_transfers_are_told_of_nodes_that_are_asked_about(place, tmp_path):
    await create(place, "demo")
    path = f"{BASE}/workflows/{NAMESPACE}/demo/transfers"
    assert (await place.client.get(path)).json == {"items": []}
    row = await place.serving.home.store.find(NAMESPACE, "demo")
    folder = tmp_path / "runs" / row.run / "demo-1"
    folder.mkdir(parents=True)
    (folder / contract.MOVING).write_bytes(msgspec.json.encode(Moving("big", "saving", 7)))
    told = {"items": [{"id": "demo-1", "artifact": "big", "action": "saving", "movedBytes": 7}]}
    assert (await place.client.get(path, nodes="demo-1,demo-2")).json == told
    reader = await place.as_("view", NAMESPACE)
    assert (await reader.get(path, nodes="demo-1")).json == told
    assert (await (await place.as_("admin", "other")).get(path)).status == 403


@pytest.mark.parametrize("nodes", ["..", "a/b", "../other/demo-1", "a\0b", ",".join(["a"] * 1001)])
async def test_what_is_no_id_of_a_node_leads_nowhere(place, nodes):
    await create(place, "demo")
    answer = await place.client.get(f"{BASE}/workflows/{NAMESPACE}/demo/transfers", nodes=nodes)
    assert answer.status == 400
