"""Limits of semaphores. Source: reference/rest-api.md 14."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import served

pytestmark = pytest.mark.anyio
BASE = "/api/v1/sync/team"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


@pytest.mark.parametrize("kind", ["DATABASE", 1, "CONFIGMAP", 0, None])
async def test_a_limit_is_made_changed_and_removed(place, kind):
    in_database = kind in {"DATABASE", 1}
    body = {"type": kind, "cmName": "locks", "key": "k", "limit": 3}
    shown = {"namespace": "team", "key": "k", "limit": 3}
    shown |= {"type": 1} if in_database else {"cmName": "locks"}
    made = await place.client.post(BASE, body)
    assert (made.status, made.json) == (200, shown)
    assert (await place.client.post(BASE, body)).status == 409
    query = {"type": str(kind), "cmName": "locks"} if kind is not None else {"cmName": "locks"}
    assert (await place.client.get(f"{BASE}/k", **query)).json == shown
    changed = await place.client.put(f"{BASE}/k", {**body, "limit": 5})
    assert changed.json["limit"] == 5
    assert (await place.client.put(f"{BASE}/none", body)).status == 404
    assert (await place.client.delete(f"{BASE}/k", **query)).json == {}
    assert (await place.client.get(f"{BASE}/k", **query)).status == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"key": "k", "cmName": "c", "limit": 0}, "limit must be greater than zero"),
        ({"key": "k", "cmName": "c"}, "limit must be greater than zero"),
        ({"key": "k", "cmName": "c", "limit": "3"}, "limit"),
        ({"key": "k", "limit": 3}, "cmName"),
        ({"key": "k", "type": "OTHER", "limit": 3}, "unsupported sync config type: OTHER"),
    ],
)
async def test_a_bad_limit_is_refused(place, body, message):
    answer = await place.client.post(BASE, body)
    assert answer.status == 400
    assert message in answer.json["message"]


async def test_texts_are_argos(place):
    answer = await place.client.get(f"{BASE}/k", type="DATABASE")
    text = 'Database sync limit not found in namespace "team".'
    assert (answer.status, answer.json["message"]) == (404, text)
    reader = await place.as_("view", "team")
    answer = await reader.post(BASE, {"key": "k", "cmName": "c", "limit": 1})
    text = 'Permission denied, you are not allowed to create configmaps in namespace "team".'
    assert (answer.status, answer.json["message"]) == (403, text)
