"""Containers at an engine that others use as well: it answers as podman does meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from tiphys.errors import NotFound, Permanent, Transient
from tiphys.executor import contract
from tiphys.executor.run import Member
from tiphys.messages import JobSpec
from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import Artifact
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template
from tiphys.runtime.engines import pods
from tiphys.runtime.engines.api import Api
from tiphys.runtime.engines.find import Found
from tiphys.runtime.engines.images import EngineImages
from tiphys.runtime.engines.layout import ContainerLayout
from tiphys.runtime.engines.outputs import copy_out
from tiphys.runtime.engines.pods import EnginePods, container_name
from tiphys.testing.runtime_contract import SystemClock

pytestmark = pytest.mark.anyio
GONE = "inspecting object: no container with ID 0123 found in database: no such container"


class Engine:
    """Knows names and states of containers; `says` are answers that come first, by request."""

    def __init__(self):
        self.containers = {}
        self.says = {}
        self.asked = []

    async def answer(self, request):
        path = request.path.removeprefix("/v1.40")
        what = f"{request.method} {path.rpartition('/')[2]}"
        if request.method == "DELETE":
            what = "DELETE"
        self.asked.append(what)
        if self.says.get(what):
            status, text = self.says[what].pop(0)
            return web.json_response({"message": text}, status=status)
        return self.act(request, path, what)

    def create(self, name):
        if name in self.containers:
            return web.json_response({"message": f"name {name} is in use"}, status=409)
        self.containers[name] = "created"
        return web.json_response({"Id": name}, status=201)

    def act(self, request, path, what):
        name = path.split("/")[2] if path.count("/") > 1 else ""
        if what == "POST create":
            return self.create(request.query["name"])
        if what == "GET version":
            return web.json_response({"Components": [{"Name": "Podman Engine"}]})
        if path == "/containers/json":
            return web.json_response([{"Id": name, "Names": [name]} for name in self.containers])
        if path.startswith("/images/"):
            return web.json_response({})
        if name not in self.containers:
            return web.json_response({"message": f"No such container: {name}"}, status=404)
        if what == "DELETE":
            del self.containers[name]
        elif what == "POST start":
            self.containers[name] = "running"
        elif what == "GET json":
            return web.json_response({"NetworkSettings": {"IPAddress": "10.88.0.9"}})
        elif what == "GET archive":
            return web.json_response({"message": "Could not find the file"}, status=404)
        return web.Response(status=204)


@pytest.fixture
async def engine(tmp_path):
    made = Engine()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "engine.sock")).start()
    yield made
    await runner.cleanup()


@pytest.fixture
async def api(tmp_path, engine):
    api = Api(Found(str(tmp_path / "engine.sock")), {})
    yield api
    await api.close()


@pytest.fixture
def at_engine(api, monkeypatch):
    monkeypatch.setattr(pods, "_PAUSES_SECONDS", (0.0,) * len(pods._PAUSES_SECONDS))
    return EnginePods(api, EngineImages(api, SystemClock(), ""), "bridge")


def job(**more) -> JobSpec:
    template = Template(name="t", container=Container(image="x", command=("sh",)), **more)
    return JobSpec(
        id=NodeId("n"),
        run=RunId("r"),
        workflow="wf",
        namespace="default",
        node_name="n",
        pod_name="wf-t-1",
        template=template,
        key_prefix="wf/n",
    )


def member(folder: Path) -> Member:
    spec = job()
    return Member(spec, spec.template.container, ContainerLayout(str(folder), (), "main"))


@pytest.mark.parametrize("asked", ["POST start", "GET json", "POST create"])
async def test_a_pod_is_made_again_if_what_others_removed_was_in_the_way(
    engine, at_engine, tmp_path, asked
):
    engine.says[asked] = [(500, GONE)]
    await at_engine.make([member(tmp_path)], True)
    names = {container_name(str(tmp_path), name): name for name in ("pod", "main")}
    assert {names[at]: state for at, state in engine.containers.items()} == {
        "pod": "running",
        "main": "created",
    }
    assert contract.read_address(str(tmp_path)) == "10.88.0.9"


async def test_an_engine_that_goes_on_failing_is_believed_at_last(engine, at_engine, tmp_path):
    engine.says["POST create"] = [(500, "no space left")] * 9
    with pytest.raises(Transient, match="no space left"):
        await at_engine.make([member(tmp_path)], False)
    assert engine.asked.count("POST create") == 1 + len(pods._PAUSES_SECONDS)


async def test_an_image_that_is_missing_is_not_asked_for_again(engine, at_engine, tmp_path):
    engine.says["POST create"] = [(404, "No such image: x")] * 2
    with pytest.raises(NotFound, match="No such image"):
        await at_engine.make([member(tmp_path)], False)
    assert engine.asked.count("POST create") == 1


@pytest.mark.parametrize(
    "said",
    [(404, "No such container"), (500, GONE), (409, "removal of it is already in progress")],
)
async def test_what_somebody_else_removes_is_removed(engine, at_engine, said):
    engine.containers["it"] = "exited"
    engine.says["DELETE"] = [said]
    await at_engine.remove("it")


async def test_all_of_a_run_are_removed_though_the_list_fails_at_first(engine, at_engine):
    engine.containers = {"a": "exited", "b": "running"}
    engine.says["GET json"] = [(500, GONE)]
    await at_engine.remove_all("run")
    assert engine.containers == {}


async def test_outputs_of_a_removed_container_are_lost_and_not_merely_missing(
    engine, api, tmp_path
):
    spec = job(outputs=Outputs(artifacts=(Artifact(name="a", path="/tmp/a", optional=True),)))
    layout = ContainerLayout(str(tmp_path), (), "main")
    engine.containers["it"] = "exited"
    await copy_out(api, "it", spec, layout)
    with pytest.raises(Permanent, match="removed before its outputs were copied"):
        await copy_out(api, "gone", spec, layout)
