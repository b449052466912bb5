"""The executor-plugin protocol against real servers."""

from __future__ import annotations

import json
import socket

import pytest
from aiohttp import web
from tests.contract.servers import Server

from tiphys.messages import JobProgressed, JobWaiting
from tiphys.model.arguments import Inputs, Parameter
from tiphys.model.templates import Template
from tiphys.runtime.plugin import Plugin, PluginRuntime
from tiphys.testing.leaf_contract import leaf
from tiphys.testing.runtime_contract import Session, SystemClock

pytestmark = pytest.mark.anyio


class HastyClock(SystemClock):
    """Remembers how long it was to wait, and does not wait."""

    def __init__(self):
        self.waits = []

    async def sleep_until(self, at):
        self.waits.append(round(at - self.now(), 1))


class World:
    real = True

    def __init__(self):
        self.clock = HastyClock()


TEMPLATE = Template(
    name="t",
    plugin={"hello": {"text": "hi"}},
    inputs=Inputs(parameters=(Parameter(name="p", value="v"),)),
)


async def run(tmp_path, *servers, template=TEMPLATE):
    world = World()
    plugins = [Plugin(getattr(server, "url", server), "opensesame") for server in servers]
    runtime = PluginRuntime(tmp_path, world.clock, plugins)
    async with Session(world, runtime) as here:
        done = await here.run(leaf(template))
        return done, here.reports, world.clock.waits


def saying(*answers):
    left = [*answers]

    async def handler(request):
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, int):
            return web.Response(status=answer, text="no opensesame")
        return web.json_response(answer)

    return Server(handler)


def node(phase, requeue="", **more):
    return {"node": {"phase": phase, **more}, **({"requeue": requeue} if requeue else {})}


async def test_a_plugin_is_told_workflow_and_template(tmp_path):
    parameters = {"parameters": [{"name": "x", "value": 1}], "result": "r"}
    async with saying(node("Succeeded", message="done", outputs=parameters)) as server:
        done, _, _ = await run(tmp_path, server)
    assert (done.phase, done.message, done.outputs.result) == ("Succeeded", "done", "r")
    assert done.outputs.parameters == (Parameter(name="x", value="1"),)
    method, path, headers, body = server.seen[0]
    assert (method, path) == ("POST", "/api/v1/template.execute")
    assert headers["Authorization"] == "Bearer opensesame"
    assert headers["Content-Type"] == "application/json"
    told = json.loads(body)
    metadata = {"name": "wf", "namespace": "default", "uid": "run-1"}
    assert told["workflow"] == {"metadata": metadata}
    assert told["template"]["plugin"] == {"hello": {"text": "hi"}}
    assert told["template"]["inputs"] == {"parameters": [{"name": "p", "value": "v"}]}


async def test_the_first_plugin_with_an_answer_counts(tmp_path):
    async with saying({}) as one, saying(node("Failed", message="b")) as two, saying({}) as three:
        done, _, _ = await run(tmp_path, one, two, three)
    assert (done.phase, done.message) == ("Failed", "b")
    assert (len(one.seen), len(two.seen), len(three.seen)) == (1, 1, 0)


async def test_a_template_that_nobody_knows_fails(tmp_path):
    async with saying({}) as server:
        done, _, _ = await run(tmp_path, server)
    assert (done.phase, done.message) == ("Failed", "no plugin executed the template")


async def test_a_plugin_is_called_again_when_it_asks_for_that(tmp_path):
    answers = [
        node("Pending", "2m", message="waits"),
        node("Running", "30s", progress="1/2"),
        node("", "1.5s"),
        node("Succeeded", progress="2/2"),
    ]
    async with saying(*answers) as server:
        done, reports, waits = await run(tmp_path, server)
    assert done.phase == "Succeeded"
    assert waits == [120.0, 30.0, 1.5]
    assert [r.message for r in reports if isinstance(r, JobWaiting)] == ["waits"]
    assert [r.progress for r in reports if isinstance(r, JobProgressed)] == ["1/2", "2/2"]


async def test_a_node_that_would_stay_open_for_ever_is_an_error(tmp_path):
    async with saying(node("Running")) as server:
        done, _, _ = await run(tmp_path, server)
    text = "the plugin left the node Running and did not ask to be called again"
    assert (done.phase, done.message) == ("Error", text)


async def test_what_may_pass_is_tried_five_times(tmp_path):
    async with saying(503, 503, node("Succeeded")) as server:
        done, _, waits = await run(tmp_path / "1", server)
    assert (done.phase, waits) == ("Succeeded", [1.0, 2.0])
    async with saying(503) as server:
        done, _, waits = await run(tmp_path / "2", server)
    assert done.message == "503 Service Unavailable: no [ REDACTED ]"
    assert waits == [1.0, 2.0, 4.0, 8.0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    done, _, waits = await run(tmp_path / "3", address)
    assert done.message.endswith("connect: connection refused")
    assert len(waits) == 4


async def test_another_status_fails_at_once_and_shows_no_token(tmp_path):
    async with saying(500) as server:
        done, _, waits = await run(tmp_path, server)
    assert (done.phase, done.message) == (
        "Failed",
        "500 Internal Server Error: no [ REDACTED ]",
    )
    assert not waits


async def test_a_plugin_without_the_method_is_never_asked_again(tmp_path):
    async with saying(404) as one, saying(node("Running", "1s"), node("Succeeded")) as two:
        done, _, _ = await run(tmp_path, one, two)
    assert done.phase == "Succeeded"
    assert (len(one.seen), len(two.seen)) == (1, 2)


async def test_an_answer_that_cannot_be_read_fails(tmp_path):
    wrong = [{"node": {"phase": "Odd"}}, node("Running", "soon"), node("Succeeded", outputs=[])]
    for number, answer in enumerate(wrong):
        async with saying(answer) as server:
            done, _, _ = await run(tmp_path / str(number), server)
        assert done.phase == "Failed"
        assert done.message


async def test_a_plugin_template_has_exactly_one_key(tmp_path):
    done, _, _ = await run(tmp_path, template=Template(name="t", plugin={"a": 1, "b": 2}))
    assert done.message == "expected exactly one key, got 2"


def test_without_plugins_there_is_no_such_feature(tmp_path):
    clock = SystemClock()
    assert not PluginRuntime(tmp_path, clock, []).capabilities.features
    with_one = PluginRuntime(tmp_path, clock, [Plugin("http://127.0.0.1:1")])
    assert with_one.capabilities.features == {"plugin"}
