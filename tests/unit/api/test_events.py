"""Events, webhooks, and what Argo Events would add. Source: reference/rest-api.md 11-13."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from tests.unit.api.driver import NAMESPACE, Client, served

pytestmark = pytest.mark.anyio
EVENTS = f"/api/v1/events/{NAMESPACE}"
WORKFLOWS = f"/api/v1/workflows/{NAMESPACE}"
BINDING = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowEventBinding",
    "metadata": {"name": "release", "namespace": NAMESPACE},
    "spec": {
        "event": {"selector": 'discriminator == "build" && payload.tag startsWith "v"'},
        "submit": {
            "workflowTemplateRef": {"name": "release"},
            "metadata": {"labels": {"tag": "payload.tag"}},
            "arguments": {"parameters": [{"name": "id", "valueFrom": {"event": "payload.id"}}]},
        },
    },
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "argo-workflows-webhook-clients", "namespace": NAMESPACE},
    "stringData": {
        "github.com": '{"type": "github", "secret": "shh"}',
        "gitlab.com": "type: gitlab\nsecret: tok",
        "bitbucket.org": "type: bitbucket\nsecret: uuid",
        "bitbucketserver": "type: bitbucketserver\nsecret: srv",
        "empty": "type: gitlab\nsecret: ''",
        "odd": "type: other\nsecret: x",
        "broken": "[",
    },
}


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        spec = {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "id", "value": "0"}]},
            "templates": [{"name": "main", "suspend": {}}],
        }
        body = {"template": {"metadata": {"name": "release"}, "spec": spec}}
        await place.client.post(f"/api/v1/workflow-templates/{NAMESPACE}", body)
        await place.serving.home.objects.create(BINDING)
        yield place


async def started(place):
    return (await place.client.get(WORKFLOWS)).json["items"] or []


async def test_an_event_starts_what_its_bindings_say(place):
    answer = await place.client.post(f"{EVENTS}/build", {"id": 7, "tag": "v1"})
    assert (answer.status, answer.json) == (200, {})
    (made,) = await started(place)
    assert made["metadata"]["labels"]["tag"] == "v1"
    assert made["spec"]["arguments"]["parameters"] == [{"name": "id", "value": "7"}]
    for path, body in ((f"{EVENTS}/other", {"tag": "v1"}), (f"{EVENTS}/", {})):
        answer = await place.client.post(path, body)
        assert (answer.status, len(await started(place))) == (200, 1)


async def test_a_binding_that_fails_is_told_of(place):
    answer = await place.client.post(f"{EVENTS}/build", "text")
    assert answer.status == 500
    assert answer.json["message"].startswith("failed to dispatch event: [")


async def test_bindings_are_listed(place):
    path = f"/api/v1/workflow-event-bindings/{NAMESPACE}"
    (item,) = (await place.client.get(path)).json["items"]
    assert item["spec"] == BINDING["spec"]
    assert "kind" not in item


def signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


BODY = json.dumps({"id": 7, "tag": "v1"}).encode()


@pytest.mark.parametrize(
    ("headers", "lets"),
    [
        ({"x-github-event": "push", "x-hub-signature-256": signed("shh", BODY)}, True),
        ({"x-github-event": "push", "x-hub-signature-256": signed("no", BODY)}, False),
        ({"x-github-event": "push", "x-hub-signature-256": signed("shh", b"x")}, False),
        ({"x-github-event": "odd", "x-hub-signature-256": signed("shh", BODY)}, False),
        ({"x-hub-signature-256": signed("shh", BODY)}, False),
        ({"x-gitlab-event": "Push Hook", "x-gitlab-token": "tok"}, True),
        ({"x-gitlab-event": "Push Hook", "x-gitlab-token": ""}, False),
        ({"x-gitlab-event": "Push Hook"}, False),
        ({"x-event-key": "repo:push", "x-hook-uuid": "uuid"}, True),
        ({"x-event-key": "pr:opened", "x-hub-signature": signed("srv", BODY)}, True),
        ({"x-event-key": "pr:opened", "x-hub-signature": signed("x", BODY)}, False),
        ({}, False),
    ],
)
async def test_a_webhook_is_let_in_by_its_signature_alone(place, headers, lets):
    await place.serving.home.objects.create(SECRET)
    client = Client(place.serving.application)
    answer = await client.send("POST", f"{EVENTS}/build", BODY, **headers)
    assert answer.status == (200 if lets else 401), answer.body
    assert len(await started(place)) == lets


async def test_a_signature_is_worth_nothing_elsewhere(place):
    await place.serving.home.objects.create(SECRET)
    client = Client(place.serving.application)
    headers = {"x-github-event": "push", "x-hub-signature-256": signed("shh", BODY)}
    for path in ("/api/v1/events/other/build", WORKFLOWS, f"{WORKFLOWS}/submit"):
        assert (await client.send("POST", path, BODY, **headers)).status == 401


async def test_the_body_of_a_webhook_is_limited(place):
    """Argo's advisory: a webhook's body of any size was read of anybody."""
    client = Client(place.serving.application)
    large = b" " * (3 << 20)
    answer = await client.send("POST", f"{EVENTS}/build", large)
    assert answer.status == 401  # no Secret: the body is not read at all
    await place.serving.home.objects.create(SECRET)
    answer = await client.send("POST", f"{EVENTS}/build", large)
    assert answer.status == 403
    assert answer.json["message"] == "failed to process webhook request"


@pytest.mark.parametrize(
    ("method", "path", "verb", "plural"),
    [
        ("GET", "sensors/team", "list", "sensors"),
        ("GET", "sensors/team/x", "get", "sensors"),
        ("PUT", "sensors/team/x", "put", "sensors"),
        ("DELETE", "event-sources/team/x", "delete", "eventsources"),
        ("POST", "event-sources/team", "create", "eventsources"),
    ],
)
async def test_argo_events_is_not_installed(place, method, path, verb, plural):
    answer = await place.client.send(method, f"/api/v1/{path}", b"{}")
    text = f"the server could not find the requested resource ({verb} {plural}.argoproj.io)"
    assert (answer.status, answer.json) == (404, {"code": 5, "message": text})


async def test_events_about_objects_are_streamed(place):
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": NAMESPACE},
        "involvedObject": {"kind": "Workflow", "name": "demo"},
        "reason": "WorkflowRunning",
    }
    path = f"/api/v1/stream/events/{NAMESPACE}"
    selector = "involvedObject.kind=Workflow,involvedObject.name=demo"
    query = f"listOptions.fieldSelector={selector}"
    async with place.client.open("GET", path, query=query) as (_, pieces):
        await place.serving.home.objects.create(event)
        frame = json.loads(await anext(pieces))
    assert frame["result"]["reason"] == "WorkflowRunning"
    assert "kind" not in frame["result"]
