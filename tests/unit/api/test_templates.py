"""Templates, CronWorkflows and submits. Source: reference/rest-api.md 6.6, 10."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, served

pytestmark = pytest.mark.anyio
SPEC = {
    "entrypoint": "main",
    "arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
    "templates": [{"name": "main", "suspend": {}}],
}
KINDS = {
    "workflow-templates": f"/api/v1/workflow-templates/{NAMESPACE}",
    "cluster-workflow-templates": "/api/v1/cluster-workflow-templates",
}
CRONS = f"/api/v1/cron-workflows/{NAMESPACE}"
SUBMIT = f"/api/v1/workflows/{NAMESPACE}/submit"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


def template(name="etl", **metadata):
    return {"template": {"metadata": {"name": name, **metadata}, "spec": SPEC}}


@pytest.mark.parametrize("base", KINDS.values(), ids=KINDS)
async def test_a_template_is_kept_changed_and_removed(place, base):
    made = (await place.client.post(base, template())).json
    assert "kind" not in made
    assert made["metadata"]["labels"]["workflows.argoproj.io/creator"] == "someone"
    assert made["spec"]["templates"][0]["inputs"] == {}
    assert (await place.client.post(base, template())).status == 409
    assert (await place.client.get(f"{base}/etl")).json == made
    assert (await place.client.get(f"{base}/none")).status == 404
    made["spec"]["entrypoint"] = "none"
    answer = await place.client.put(f"{base}/etl", {"template": made})
    assert answer.status == 400
    made["spec"]["entrypoint"] = "main"
    made["spec"]["parallelism"] = 3
    changed = (await place.client.put(f"{base}/etl", {"template": made})).json
    assert changed["spec"]["parallelism"] == 3
    assert changed["metadata"]["labels"]["workflows.argoproj.io/action"] == "Update"
    answer = await place.client.put(f"{base}/etl", {"template": made})
    assert answer.status == 409
    assert "the object has been modified" in answer.json["message"]
    del made["metadata"]["resourceVersion"]
    answer = await place.client.put(f"{base}/etl", {"template": made})
    assert "must be specified for an update" in answer.json["message"]
    assert (await place.client.delete(f"{base}/etl")).json == {}
    assert (await place.client.delete(f"{base}/etl")).status == 404


@pytest.mark.parametrize("base", KINDS.values(), ids=KINDS)
async def test_a_template_is_checked(place, base):
    assert (await place.client.post(f"{base}/lint", template())).status == 200
    assert (await place.client.get(base)).json == {"metadata": {}, "items": None}
    for path in (base, f"{base}/lint"):
        answer = await place.client.post(path, {})
        message = "workflow template was not found in the request body"
        assert (answer.status, answer.json["message"]) == (400, message)
        body = {"template": {"metadata": {"name": "x"}, "spec": {"templates": [{"name": "a"}]}}}
        assert (await place.client.post(path, body)).status == 400


async def test_a_page_of_less_than_nothing_is_refused(place):
    base = "/api/v1/cluster-workflow-templates"
    assert (await place.client.get(base, listOptions__limit="-1")).status == 400


async def test_templates_are_listed_by_name_and_in_pages(place):
    base = KINDS["workflow-templates"]
    for name in ("b", "a", "c", "ab"):
        await place.client.post(base, template(name, labels={"l": name}))
    listed = (await place.client.get(base)).json
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "ab", "b", "c"]
    for query, expected in (
        ({"namePattern": "b"}, ["ab", "b"]),
        ({"listOptions__labelSelector": "l in (a,c)"}, ["a", "c"]),
    ):
        items = (await place.client.get(base, **query)).json["items"]
        assert [item["metadata"]["name"] for item in items] == expected
    seen, token = [], {}
    for _ in range(4):
        page = (await place.client.get(base, listOptions__limit="1", **token)).json
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = {"listOptions__continue": page["metadata"].get("continue", "")}
    assert sorted(seen) == ["a", "ab", "b", "c"]
    assert token == {"listOptions__continue": ""}


def cron(name="nightly", **spec):
    return {
        "cronWorkflow": {
            "metadata": {"name": name},
            "spec": {"schedules": ["0 2 * * *"], "workflowSpec": SPEC, **spec},
        }
    }


async def test_a_cron_workflow_has_argos_shape(place):
    made = (await place.client.post(CRONS, cron())).json
    assert made["status"] == {
        **{"active": None, "lastScheduledTime": None, "conditions": None},
        **{"succeeded": 0, "failed": 0, "phase": ""},
    }
    assert made["spec"]["schedules"] == ["0 2 * * *"]
    assert "kind" not in made
    suspended = (await place.client.put(f"{CRONS}/nightly/suspend")).json
    assert suspended["spec"]["suspend"] is True
    assert "suspend" not in (await place.client.put(f"{CRONS}/nightly/resume")).json["spec"]
    found = (await place.client.get(f"{CRONS}/nightly")).json
    found["spec"]["schedules"] = ["0 3 * * *"]
    changed = (await place.client.put(f"{CRONS}/nightly", {"cronWorkflow": found})).json
    assert changed["spec"]["schedules"] == ["0 3 * * *"]
    assert len((await place.client.get(CRONS)).json["items"]) == 1
    assert (await place.client.delete(f"{CRONS}/nightly")).json == {}
    assert (await place.client.get(f"{CRONS}/nightly")).status == 404


async def test_a_cron_workflow_is_checked(place):
    answer = await place.client.post(CRONS, {})
    message = "cron workflow was not found in the request body"
    assert (answer.status, answer.json["message"]) == (404, message)
    assert (await place.client.post(CRONS, cron(schedules=["never"]))).status == 400
    assert (await place.client.post(f"{CRONS}/lint", cron())).status == 200
    assert (await place.client.post(f"{CRONS}/lint", cron(schedules=["never"]))).status == 400
    assert (await place.client.get(CRONS)).json["items"] is None


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("WorkflowTemplate", "workflow-template"),
        ("wftmpl", "workflow-template"),
        ("ClusterWorkflowTemplate", "cluster-workflow-template"),
        ("cwftmpl", "cluster-workflow-template"),
        ("CronWorkflow", "cron-workflow"),
        ("cronwf", "cron-workflow"),
    ],
)
async def test_what_is_stored_can_be_submitted(place, kind, label):
    for base in KINDS.values():
        await place.client.post(base, template())
    await place.client.post(CRONS, cron("etl"))
    options = {
        "entryPoint": "main",
        "parameters": ["b=x=y"],
        "labels": "k=v,l=w",
        "annotations": "n=m",
        "priority": 5,
        "serviceAccount": "sa",
    }
    body = {"resourceKind": kind, "resourceName": "etl", "submitOptions": options}
    answer = await place.client.post(SUBMIT, body)
    assert answer.status == 200, answer.body
    made = answer.json
    assert made["metadata"]["name"].startswith("etl")
    labels = made["metadata"]["labels"]
    assert labels[f"workflows.argoproj.io/{label}"] == "etl"
    assert labels["workflows.argoproj.io/creator"] == "someone"
    assert (labels["k"], labels["l"]) == ("v", "w")
    assert made["metadata"]["annotations"]["n"] == "m"
    assert made["spec"]["arguments"]["parameters"][0] == {"name": "b", "value": "x=y"}
    assert (made["spec"]["priority"], made["spec"]["serviceAccountName"]) == (5, "sa")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"resourceKind": "Job", "resourceName": "x"}, 400, "Resource kind 'Job' is not supported"),
        ({"resourceKind": "wftmpl", "resourceName": "none"}, 404, '"none" not found'),
        (
            {
                "resourceKind": "wftmpl",
                "resourceName": "etl",
                "submitOptions": {"parameters": ["x"]},
            },
            400,
            "expected parameter of the form: NAME=VALUE. Received: x",
        ),
        (
            {
                "resourceKind": "wftmpl",
                "resourceName": "etl",
                "submitOptions": {"artifacts": ["data=../../etc/passwd"]},
            },
            400,
            "is not the key of an upload",
        ),
    ],
)
async def test_a_submit_that_cannot_be_is_refused(place, body, status, message):
    await place.client.post(KINDS["workflow-templates"], template())
    answer = await place.client.post(SUBMIT, body)
    assert answer.status == status
    assert message in answer.json["message"]


async def test_who_may_not_read_a_template_cannot_submit_it(place):
    from tiphys.ports_server import Grant

    await place.client.post(KINDS["workflow-templates"], template())
    book = place.serving.services.auth.tokens
    grant = Grant((NAMESPACE,), ("create", "get"), ("workflows",))
    place.client.token = await book.create("runner", [grant], 60.0)
    body = {"resourceKind": "wftmpl", "resourceName": "etl"}
    assert (await place.client.post(SUBMIT, body)).status == 403


@pytest.mark.parametrize("base", [*KINDS.values(), CRONS], ids=[*KINDS, "crons"])
async def test_lists_are_of_what_a_field_selector_names(place, base):
    cron = {"schedules": ["0 2 * * *"], "workflowSpec": SPEC}
    for name in ("a", "b"):
        body = template(name)
        if base == CRONS:
            body = {"cronWorkflow": {"metadata": {"name": name}, "spec": cron}}
        assert (await place.client.post(base, body)).status == 200

    async def listed(selector):
        answer = await place.client.get(base, listOptions__fieldSelector=selector)
        assert answer.status == 200, answer.body
        return sorted(item["metadata"]["name"] for item in answer.json["items"] or [])

    assert await listed("metadata.name=a") == ["a"]
    assert await listed("metadata.name==a,metadata.name==b") == []
    assert await listed("metadata.name!=a") == ["b"]
    where = "" if "cluster" in base else NAMESPACE
    assert await listed(f"metadata.namespace={where}") == ["a", "b"]
    assert await listed("metadata.namespace=elsewhere") == []
    answer = await place.client.get(base, listOptions__fieldSelector="spec.suspend=true")
    message = "field label not supported: spec.suspend=true"
    assert (answer.status, answer.json["message"]) == (400, message)
