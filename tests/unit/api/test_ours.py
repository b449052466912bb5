"""What Argo's API does not have: explanations."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, create, served

from tiphys.api.openapi import openapi
from tiphys.api.table import every_route

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
