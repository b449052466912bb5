"""Streams: framing, watching with and without a version, logs. Source: rest-api.md 7, 8, 22."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.api.driver import NAMESPACE, create, echo, served, workflow

from tiphys.api.routes import streams
from tiphys.api.watch import Framing

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
WATCH = f"/api/v1/workflow-events/{NAMESPACE}"
SSE = {"accept": "text/event-stream"}


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path, drives=True) as place:
        yield place


async def frames(pieces, count):
    """Return the next frames of a stream of lines."""
    found = []
    async with asyncio.timeout(60):
        async for piece in pieces:
            found += [json.loads(line) for line in piece.splitlines() if line]
            if len(found) >= count:
                return found
    return found


def told(found):
    return [
        (frame["result"]["type"], frame["result"]["object"]["metadata"]["name"]) for frame in found
    ]


async def test_frames_of_events_are_what_the_go_client_cuts(place):
    await create(place, "a")
    async with place.client.open("GET", WATCH, **SSE) as (start, pieces):
        headers = dict(start["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
        assert headers[b"x-content-type-options"] == b"nosniff"
        piece = await anext(pieces)
    assert piece.endswith(b" \n\n\n")
    line = piece.split(b"\n")[0]
    assert line[:6] == b"data: "
    assert json.loads(line[6:])["result"]["type"] == "ADDED"
    assert all(len(other) <= 6 for other in piece.split(b"\n")[1:])


async def test_other_streams_are_lines_of_json(place):
    await create(place, "a")
    async with place.client.open("GET", WATCH) as (start, pieces):
        assert dict(start["headers"])[b"content-type"] == b"application/json"
        (frame,) = await frames(pieces, 1)
    assert set(frame) == {"result"}
    assert "kind" not in frame["result"]["object"]


async def test_headers_come_before_anything_happens(place):
    async with place.client.open("GET", WATCH, **SSE) as (start, _):
        assert start["status"] == 200


async def test_without_a_version_there_is_first_what_there_is(place):
    await create(place, "a", "b")
    async with place.client.open("GET", WATCH) as (_, pieces):
        assert set(told(await frames(pieces, 2))) == {("ADDED", "a"), ("ADDED", "b")}


async def test_with_a_version_only_what_comes_after_it(place):
    await create(place, "a")
    listed = (await place.client.get(BASE)).json
    version = listed["metadata"]["resourceVersion"]
    async with place.client.open("GET", WATCH, query=f"listOptions.resourceVersion={version}") as (
        _,
        pieces,
    ):
        await create(place, "b")
        seen = []
        while ("ADDED", "b") not in seen:
            seen += told(await frames(pieces, 1))
        await place.client.delete(f"{BASE}/b")
        while ("DELETED", "b") not in seen:
            seen += told(await frames(pieces, 1))
    assert ("ADDED", "a") not in seen


async def test_a_stream_resumes_from_the_version_it_came_to(place):
    await create(place, "a")
    async with place.client.open("GET", WATCH) as (_, pieces):
        (frame,) = await frames(pieces, 1)
    version = frame["result"]["object"]["metadata"]["resourceVersion"]
    await create(place, "b")
    await place.client.put(f"{BASE}/a/terminate")
    query = f"listOptions.resourceVersion={version}"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        seen = set()
        while not {("ADDED", "b"), ("MODIFIED", "a")} <= seen:
            seen |= set(told(await frames(pieces, 1)))


async def test_what_leaves_the_selector_is_told_as_deleted(place):
    await create(place, "a")
    phase = "workflows.argoproj.io/phase"
    query = f"listOptions.labelSelector={phase}=Running&fields=result.type,result.object.metadata"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        seen = []
        while ("ADDED", "a") not in seen:
            seen += told(await frames(pieces, 1))
        await place.client.put(f"{BASE}/a/terminate")
        while ("DELETED", "a") not in seen:
            seen += told(await frames(pieces, 1))


async def test_fields_of_frames_have_their_prefix(place):
    await create(place, "a")
    query = "fields=result.type,result.object.metadata.name"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        (frame,) = await frames(pieces, 1)
    assert frame == {"result": {"type": "ADDED", "object": {"metadata": {"name": "a"}}}}


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        (WATCH, "listOptions.fieldSelector=spec.x=1", 400, 3),
        (WATCH, "listOptions.labelSelector=a in", 400, 3),
        (WATCH, "listOptions.resourceVersion=x", 400, 3),
        (f"{BASE}/none/log", "", 404, 5),
        (f"{BASE}/a/log", "grep=(", 400, 3),
        (f"{BASE}/a/log", "selector=a in", 400, 3),
        (f"{BASE}/a/log", "logOptions.follow=maybe", 400, 3),
    ],
)
async def test_what_is_wrong_before_the_first_frame_has_its_status(
    place, path, query, status, code
):
    await create(place, "a")
    answer = await place.client.send("GET", path, query=query, **SSE)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/event-stream")
    error = json.loads(answer.body.removeprefix(b"data: "))["error"]
    assert (error["grpc_code"], error["http_code"]) == (code, status)
    assert set(error) == {"grpc_code", "http_code", "message", "http_status"}


async def ended(place, name):
    """Wait until a workflow has ended, by watching it."""
    query = f"listOptions.fieldSelector=metadata.name={name}"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        while True:
            for frame in await frames(pieces, 1):
                found = frame["result"]["object"]
                if found["status"]["finishedAt"]:
                    return found


async def test_logs_are_what_the_pods_wrote(place):
    said = echo("say", "one; echo; echo two")
    said["spec"]["podMetadata"] = {"labels": {"tier": "front", "team": "sea"}}
    said["spec"]["templates"][0]["metadata"] = {"labels": {"tier": "{{=sprig.lower('BACK')}}"}}
    await place.client.post(BASE, {"workflow": said})
    found = await ended(place, "say")
    assert found["status"]["phase"] == "Succeeded"
    answer = await place.client.send("GET", f"{BASE}/say/log", query="logOptions.container=main")
    lines = [json.loads(line)["result"] for line in answer.body.splitlines()]
    assert lines == [
        {"content": "one", "podName": "say"},
        {"podName": "say"},
        {"content": "two", "podName": "say"},
    ]
    for query, expected in (
        ("grep=t.o", ["two"]),
        ("logOptions.tailLines=1", ["two"]),
        ("podName=other", []),
        ("logOptions.limitBytes=3", ["one"]),
        ("", ["one", "", "two"]),
        ("podName=say&logOptions.sinceTime.seconds=1", ["one", "", "two"]),
        ("logOptions.sinceTime.seconds=4102444800", []),
        ("logOptions.previous=true", []),
        ("selector=workflows.argoproj.io/workflow=say,tier=back", ["one", "", "two"]),
        ("selector=tier=front", []),
        ("selector=workflows.argoproj.io/completed=true,team in (sea)", ["one", "", "two"]),
    ):
        answer = await place.client.send("GET", f"{BASE}/say/log", query=query)
        lines = [json.loads(line)["result"].get("content", "") for line in answer.body.splitlines()]
        assert lines == expected, query
    answer = await place.client.send("GET", f"{BASE}/say/say/log", **SSE)
    assert answer.body.startswith(b'data: {"result":{"content":"one","podName":"say"}} \n\n\n')


async def test_followed_logs_end_with_the_workflow(place):
    await place.client.post(BASE, {"workflow": echo("say", "one")})
    async with asyncio.timeout(60):
        query = "logOptions.follow=true"
        answer = await place.client.send("GET", f"{BASE}/say/log", query=query)
    assert [json.loads(line)["result"]["content"] for line in answer.body.splitlines()] == ["one"]


async def test_what_is_asked_of_a_run_shows_in_the_answer(place):
    await place.client.post(BASE, {"workflow": workflow("a")})
    answer = await place.client.put(f"{BASE}/a/suspend")
    assert answer.json["spec"]["suspend"] is True
    answer = await place.client.put(f"{BASE}/a/resume")
    assert "suspend" not in answer.json["spec"]
    await place.client.put(f"{BASE}/a/terminate")
    await ended(place, "a")
    answer = await place.client.put(f"{BASE}/a/suspend")
    assert (answer.status, answer.json["message"]) == (400, "cannot suspend completed workflows")


async def test_a_failed_workflow_is_retried_and_resubmitted(place):
    await place.client.post(BASE, {"workflow": echo("a", "no; exit 1")})
    assert (await ended(place, "a"))["status"]["phase"] == "Failed"
    answer = await place.client.put(f"{BASE}/a/resubmit", {"memoized": False})
    assert answer.status == 200
    label = "workflows.argoproj.io/resubmitted-from-workflow"
    assert answer.json["metadata"]["labels"][label] == "a"
    answer = await place.client.put(f"{BASE}/a/retry", {})
    assert answer.status == 200
    answer = await place.client.put(f"{BASE}/a/retry", {"parameters": ["x"]})
    assert answer.status == 400


async def test_a_workflow_ends_when_it_is_told_to(place):
    for verb, strategy in (("stop", "Stop"), ("terminate", "Terminate")):
        await place.client.post(BASE, {"workflow": workflow(verb)})
        answer = await place.client.put(f"{BASE}/{verb}/{verb}")
        assert answer.json["spec"]["shutdown"] == strategy
        assert (await ended(place, verb))["status"]["phase"] == "Failed"
        answer = await place.client.put(f"{BASE}/{verb}/{verb}")
        assert answer.json["message"].startswith("cannot shutdown a completed workflow")


async def test_a_suspend_node_is_answered(place):
    template = {
        "name": "main",
        "suspend": {},
        "outputs": {"parameters": [{"name": "answer", "valueFrom": {"supplied": {}}}]},
    }
    spec = {"entrypoint": "main", "templates": [template]}
    await place.client.post(BASE, {"workflow": {"metadata": {"name": "ask"}, "spec": spec}})
    await waits_for_a_person(place, "ask")
    for body, message in (
        ({}, "'set' currently only targets suspend nodes"),
        ({"nodeFieldSelector": "id=none"}, "no suspend nodes matching nodeFieldSelector: id=none"),
        ({"nodeFieldSelector": "id=ask", "phase": "Running"}, "Running is an invalid phase"),
        ({"nodeFieldSelector": "id=ask", "outputParameters": "["}, "unable to parse output"),
        (
            {"nodeFieldSelector": "id=ask", "outputParameters": '{"other":"x"}'},
            "node is not expecting output parameter 'other'",
        ),
    ):
        answer = await place.client.put(f"{BASE}/ask/set", body)
        assert answer.status == 400
        assert message in answer.json["message"]
    answer = await place.client.put(f"{BASE}/ask/resume")
    assert answer.json["message"].startswith("raw output parameter 'answer' has not been set")
    body = {"nodeFieldSelector": "id=ask", "outputParameters": '{"answer":"yes"}'}
    assert (await place.client.put(f"{BASE}/ask/set", body)).status == 200
    body = {"nodeFieldSelector": "id=ask", "phase": "Succeeded", "message": "fine"}
    assert (await place.client.put(f"{BASE}/ask/set", body)).status == 200
    node = (await ended(place, "ask"))["status"]["nodes"]["ask"]
    assert (node["phase"], node["message"]) == ("Succeeded", "fine")
    assert node["outputs"]["parameters"][0]["value"] == "yes"


PREFIX = "workflows.argoproj.io/"


async def waits_for_a_person(place, name):
    """Return when a node of a workflow waits for an answer."""
    query = f"listOptions.fieldSelector=metadata.name={name}"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        while not (await frames(pieces, 1))[-1]["result"]["object"]["status"].get("nodes"):
            pass


def actor(answer):
    """Return what the labels of a workflow say of who acted on it last: who, and how."""
    labels = answer.json["metadata"]["labels"]
    return labels.get(f"{PREFIX}actor"), labels.get(f"{PREFIX}action")


async def test_labels_say_who_acted_last_and_how(place):
    await place.client.post(BASE, {"workflow": workflow("a")})
    await waits_for_a_person(place, "a")
    assert actor(await place.client.get(f"{BASE}/a")) == (None, None)
    assert actor(await place.client.put(f"{BASE}/a/suspend")) == ("someone", "Suspend")
    query = {"listOptions__labelSelector": f"{PREFIX}action=Suspend"}
    listed = (await place.client.get(BASE, **query)).json["items"]
    assert [item["metadata"]["name"] for item in listed] == ["a"]
    answer = await place.client.put(f"{BASE}/a/resume")
    assert actor(answer) == ("someone", "Resume")
    node = (await ended(place, "a"))["status"]["nodes"]["a"]
    assert node["message"] == "Resumed by: map[User:someone]"
    assert actor(await place.client.get(f"{BASE}/a")) == ("someone", "Resume")


async def test_labels_say_who_answered_and_who_ended_a_workflow(place):
    for name, verb, body, action in (
        ("b", "set", {"nodeFieldSelector": "id=b", "phase": "Failed"}, None),
        ("c", "stop", {"nodeFieldSelector": "id=c"}, "Stop"),
        ("d", "resume", {"nodeFieldSelector": "id=d"}, "Resume"),
        ("e", "stop", {}, "Stop"),
        ("f", "terminate", {}, "Terminate"),
    ):
        await place.client.post(BASE, {"workflow": workflow(name)})
        await waits_for_a_person(place, name)
        assert actor(await place.client.put(f"{BASE}/{name}/{verb}", body)) == ("someone", action)
    assert (await ended(place, "d"))["status"]["nodes"]["d"]["message"] == (
        "Resumed by: map[User:someone]"
    )
    answer = await place.client.put(f"{BASE}/e/retry", {})
    assert actor(answer) == ("someone", "Retry")


async def test_of_one_who_acted_before_nothing_is_left(place):
    await place.client.post(BASE, {"workflow": workflow("a")})
    assert actor(await place.client.put(f"{BASE}/a/suspend")) == ("someone", "Suspend")
    home = place.serving.home
    row = await home.store.find("team", "a")
    await home.operator.suspend(row)  # by somebody who is not known
    await home.operator.settled(row)
    answer = await place.client.get(f"{BASE}/a")
    assert (answer.json["spec"]["suspend"], actor(answer)) == (True, (None, None))


def test_frames_that_come_together_are_sent_together():
    events, lines = Framing(True), Framing(False)
    assert events.frame([b"1", b"2"]) == events.frame([b"1"]) + events.frame([b"2"])
    assert lines.frame([b"1", b"2"]) == b"1\n2\n"
    assert lines.frame({"a": 1}) == b'{"a":1}\n'


async def test_no_more_is_sent_together_than_is_bounded(place, monkeypatch):
    monkeypatch.setattr(streams, "_TOGETHER_BYTES", 10)
    version = (await place.client.get(BASE)).json["metadata"]["resourceVersion"]
    await create(place, "a", "b", "c")
    query = f"listOptions.resourceVersion={version}&fields=result.type,result.object.metadata.name"
    async with place.client.open("GET", WATCH, query=query) as (_, pieces):
        sizes = []
        async with asyncio.timeout(60):
            async for piece in pieces:
                sizes.append(piece.count(b"\n"))
                if len(sizes) == 3:
                    break
    assert sizes == [1, 1, 1]


@pytest.mark.parametrize("path", [WATCH, f"/api/v1/stream/events/{NAMESPACE}"])
async def test_a_watch_ends_when_its_time_is_up_as_one_that_kubernetes_closes(place, path):
    query = "listOptions.timeoutSeconds=1"
    async with place.client.open("GET", path, query=query) as (start, pieces):
        assert start["status"] == 200
        (frame,) = await frames(pieces, 2)
    assert frame["error"]["http_code"] == 429
    assert (frame["error"]["grpc_code"], frame["error"]["message"]) == (8, "EOF")
