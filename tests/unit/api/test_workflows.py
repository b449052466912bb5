"""Workflows over the API: shapes, status codes, lists. Source: reference/rest-api.md 3, 4, 6."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, create, served, workflow

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


async def test_a_fresh_workflow_has_argos_shape(place):
    answer = await place.client.post(BASE, {"workflow": workflow(generate_name="demo-")})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["grpc-metadata-argo-version"].startswith("v4.1.")
    made = answer.json
    assert "kind" not in made
    assert "apiVersion" not in made
    assert made["metadata"]["name"].startswith("demo-")
    assert len(made["metadata"]["name"]) == len("demo-") + 5
    assert made["metadata"]["namespace"] == NAMESPACE
    assert made["metadata"]["uid"]
    assert made["metadata"]["resourceVersion"].isdigit()
    assert made["metadata"]["labels"]["workflows.argoproj.io/creator"] == "someone"
    assert made["spec"]["arguments"] == {}
    assert made["spec"]["templates"][0]["inputs"] == {}
    assert made["spec"]["templates"][0]["outputs"] == {}
    assert made["spec"]["templates"][0]["metadata"] == {}
    assert "phase" not in made["status"]
    assert made["status"]["startedAt"] is None
    assert made["status"]["finishedAt"] is None


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({}, 400, 3, "workflow body not specified"),
        ({"workflow": workflow("x", namespace="b")}, 400, 3, "does not match the namespace"),
        ({"workflow": {"metadata": {"name": "x"}, "spec": {}}}, 400, 3, "entrypoint"),
        ({"workflow": {"spec": 7}}, 400, 3, "cannot unmarshal number"),
        ({"workflow": workflow()}, 400, 3, ""),
        ([1], 400, 3, "the body is not a JSON object"),
    ],
)
async def test_a_bad_workflow_is_refused(place, body, status, code, message):
    answer = await place.client.post(BASE, body)
    assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert message in answer.json["message"]


async def test_a_body_that_is_no_json_is_refused(place):
    for body in (b"{", b"\xff", b"[" * 100_000):
        answer = await place.client.send("POST", BASE, body)
        assert (answer.status, answer.json["code"]) == (400, 3)


async def test_a_name_is_taken_once(place):
    await create(place, "demo")
    answer = await place.client.post(BASE, {"workflow": workflow("demo")})
    assert answer.status == 409
    assert answer.json == {"code": 6, "message": 'workflows.argoproj.io "demo" already exists'}


async def test_a_dry_run_keeps_nothing(place):
    for how in ({"createOptions": {"dryRun": ["All"]}}, {"serverDryRun": True}):
        body = {"workflow": workflow(generate_name="demo-"), **how}
        answer = await place.client.post(BASE, body)
        assert answer.status == 200
        assert bool(answer.json["metadata"].get("uid")) == ("serverDryRun" in how)
    assert (await place.client.get(BASE)).json["items"] is None


async def test_labels_of_the_server_cannot_be_forged(place):
    labels = {"workflows.argoproj.io/creator": "root", "workflows.argoproj.io/action": "Stop"}
    answer = await place.client.post(BASE, {"workflow": workflow("demo", labels=labels)})
    found = answer.json["metadata"]["labels"]
    assert found["workflows.argoproj.io/creator"] == "someone"
    assert "workflows.argoproj.io/action" not in found


async def test_what_is_not_there_is_not_found(place):
    answer = await place.client.get(f"{BASE}/none")
    assert answer.status == 404
    assert answer.json == {"code": 5, "message": 'workflows.argoproj.io "none" not found'}
    answer = await place.client.get(f"{BASE}/@latest")
    assert (answer.status, answer.json["message"]) == (404, "no workflows found")


async def test_the_latest_is_found_and_a_uid_must_be_the_right_one(place):
    await create(place, "a", "b")
    latest = (await place.client.get(f"{BASE}/@latest")).json
    assert latest["metadata"]["name"] == "b"
    uid = latest["metadata"]["uid"]
    assert (await place.client.get(f"{BASE}/b", uid=uid)).status == 200
    assert (await place.client.get(f"{BASE}/a", uid="other")).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1/workflows"),
        ("PATCH", "/api/v1/workflows/team"),
        ("GET", "/api/v1/workflows/team/a/b/c/d"),
        ("OPTIONS", "/api/v1/workflows/team"),
    ],
)
async def test_an_unknown_path_or_method_is_not_implemented(place, method, path):
    answer = await place.client.send(method, path)
    assert answer.status == 501
    assert answer.json == {"code": 12, "message": "Not Implemented"}


async def test_every_answer_tells_of_the_rate_limit(place):
    for path in (BASE, "/api/v1/nothing", "/"):
        headers = (await place.client.get(path)).headers
        assert headers["x-ratelimit-limit"] == "1000"
        assert headers["x-ratelimit-reset"].endswith(" UTC")


async def test_an_empty_list_has_null_items(place):
    answer = await place.client.get(BASE)
    assert answer.json["items"] is None
    assert "resourceVersion" in answer.json["metadata"]


async def test_an_empty_namespace_is_all_of_them(place):
    await create(place, "a")
    assert len((await place.client.get("/api/v1/workflows/")).json["items"]) == 1


async def test_pages_follow_each_other(place):
    await create(place, *(f"w{i}" for i in range(5)))
    seen, token = [], ""
    while True:
        query = {"listOptions__limit": "2", "fields": "metadata,items.metadata.name"}
        if token:
            query["listOptions__continue"] = token
        page = (await place.client.get(BASE, **query)).json
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert token.isdigit()
    assert sorted(seen) == [f"w{i}" for i in range(5)]
    assert page["items"][0] == {
        "metadata": {"name": "w0"},
        "spec": {"arguments": {}},
        "status": {"startedAt": None, "finishedAt": None},
    }


async def test_fields_may_be_left_out_instead(place):
    await create(place, "a")
    found = (await place.client.get(f"{BASE}/a", fields="-spec,metadata.labels")).json
    assert found["spec"] == {"arguments": {}}
    assert "labels" not in found["metadata"]
    found = (await place.client.get(f"{BASE}/a", fields="spec.templates.name")).json
    template = found["spec"]["templates"][0]
    assert template == {"name": "main"} or template["inputs"] == {}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"listOptions__continue": "x"}, "listOptions.continue must be int"),
        ({"listOptions__continue": "-1"}, "listOptions.continue must >= 0"),
        (
            {"listOptions__fieldSelector": "status.phase=x"},
            "unsupported requirement status.phase=x",
        ),
        ({"listOptions__fieldSelector": "metadata.namespace=b"}, "contradict each other"),
        ({"listOptions__labelSelector": "a in"}, "unable to parse requirement"),
        ({"listOptions__limit": "many"}, "listOptions.limit"),
        ({"createdAfter": "yesterday"}, "yesterday"),
    ],
)
async def test_a_bad_question_is_refused(place, query, message):
    answer = await place.client.get(BASE, **query)
    assert answer.status == 400
    assert answer.json["code"] == 3
    assert message in answer.json["message"]


async def test_lists_are_filtered(place):
    await create(place, "load-a", labels={"app": "x"})
    await create(place, "load-b", "other")
    for query, expected in (
        ({"listOptions__labelSelector": "app=x"}, ["load-a"]),
        ({"listOptions__labelSelector": "workflows.argoproj.io/phase in (Pending)"}, 3),
        ({"listOptions__fieldSelector": "metadata.name=load", "nameFilter": "Prefix"}, 2),
        ({"listOptions__fieldSelector": "metadata.name!=other"}, 2),
        ({"list_options.field_selector": "metadata.name=other"}, ["other"]),
        ({"createdAfter": "2100-01-01T00:00:00Z"}, 0),
    ):
        items = (await place.client.get(BASE, **query)).json["items"] or []
        names = [item["metadata"]["name"] for item in items]
        assert names == expected if isinstance(expected, list) else len(names) == expected, query


async def test_lint_returns_the_workflow_or_what_is_wrong(place):
    assert (await place.client.post(f"{BASE}/lint", {"workflow": workflow("x")})).status == 200
    body = {"workflow": {"metadata": {"name": "x"}, "spec": {"entrypoint": "none"}}}
    answer = await place.client.post(f"{BASE}/lint", body)
    assert answer.status == 400
    assert answer.json["message"]


async def test_a_deleted_workflow_is_gone(place):
    await create(place, "a")
    answer = await place.client.delete(f"{BASE}/a", force="True")
    assert (answer.status, answer.json) == (200, {})
    assert (await place.client.get(f"{BASE}/a")).status == 404


async def test_markup_is_escaped_in_json(place):
    answer = await place.client.get(f"{BASE}/<b>&")
    assert b"<" not in answer.body
    assert answer.json["message"] == 'workflows.argoproj.io "<b>&" not found'


async def test_a_path_with_dots_is_led_to_its_clean_form(place):
    answer = await place.client.get("/api/v1/workflows/team/../other/")
    assert answer.status == 301
    assert answer.headers["location"] == "/api/v1/workflows/other/"
