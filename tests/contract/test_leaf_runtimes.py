"""The runtimes without processes pass their contract suite, each with real work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.contract.servers import Server

from tiphys.executor import contract
from tiphys.messages import JobSpec
from tiphys.model.artifacts import LocalArtifact
from tiphys.model.templates import (
    HTTP,
    ArtifactPaths,
    Data,
    DataSource,
    ResourceTemplate,
    Template,
)
from tiphys.ports import Entry, ObjectRef
from tiphys.runtime.data import DataRuntime
from tiphys.runtime.http import HttpRuntime
from tiphys.runtime.plugin import Plugin, PluginRuntime
from tiphys.runtime.resource import ResourceRuntime
from tiphys.store.objects import MemoryObjects
from tiphys.testing.leaf_contract import LeafContract
from tiphys.testing.runtime_contract import SystemClock


class Leaves:
    real = True
    clock = SystemClock()

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, job: JobSpec) -> str:
        return contract.job_directory(self.root, job)


class HttpWorld(Leaves):
    def __init__(self, root: Path, server: Server) -> None:
        super().__init__(root)
        self.server = server

    def open(self, slots: int = 4) -> HttpRuntime:
        return HttpRuntime(self.root, self.clock, MemoryObjects(self.clock))

    def template(self, name: str, hangs: bool) -> Template:
        return Template(name=name, http=HTTP(url=f"{self.server.url}/{name}"))

    async def at_work(self, name: str) -> None:
        await self.server.called(f"/{name}")

    def effects(self, name: str) -> int:
        return self.server.calls[f"/{name}"]


class PluginWorld(HttpWorld):
    def __init__(self, root: Path, server: Server) -> None:
        super().__init__(root, server)
        self.calls: Counter[str] = Counter()

    def open(self, slots: int = 4) -> PluginRuntime:
        return PluginRuntime(self.root, self.clock, [Plugin(self.server.url, "token")])

    def template(self, name: str, hangs: bool) -> Template:
        return Template(name=name, plugin={"p": {"name": name, "hangs": hangs}})

    async def at_work(self, name: str) -> None:
        while not self.effects(name):
            self.server.came.clear()
            await self.server.came.wait()

    def effects(self, name: str) -> int:
        return sum(f'"name":"{name}"'.encode() in body for *_, body in self.server.seen)


class ResourceWorld(Leaves):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.objects = MemoryObjects(self.clock)
        self.made: Counter[str] = Counter()
        self.came = asyncio.Event()
        create = self.objects.create

        async def counted(document, uid=""):
            stored = await create(document, uid)
            self.made[document["metadata"]["name"]] += 1
            self.came.set()
            return stored

        self.objects.create = counted

    def open(self, slots: int = 4) -> ResourceRuntime:
        return ResourceRuntime(self.root, self.clock, self.objects, no_drivers)

    def template(self, name: str, hangs: bool) -> Template:
        return Template(
            name=name,
            resource=ResourceTemplate(
                action="create",
                manifest=f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}",
                success_condition="status.done = true" if hangs else "",
            ),
        )

    async def at_work(self, name: str) -> None:
        while not self.made[name]:
            self.came.clear()
            await self.came.wait()

    def effects(self, name: str) -> int:
        return self.made[name]


def no_drivers(where):
    raise AssertionError(where)


class DataWorld(Leaves):
    """Its driver's store answers some requests only when it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: Counter[str] = Counter()
        self.came = asyncio.Event()

    def open(self, slots: int = 4) -> DataRuntime:
        return DataRuntime(self.root, self.clock, lambda where: self)

    async def list(self, where) -> AsyncIterator[Entry]:
        self.listed[where.local.key] += 1
        self.came.set()
        yield Entry("a", 1)
        if where.name == "hangs":
            await asyncio.Event().wait()

    def template(self, name: str, hangs: bool) -> Template:
        paths = ArtifactPaths(name="hangs" if hangs else "", local=LocalArtifact(key=name))
        return Template(name=name, data=Data(source=DataSource(artifact_paths=paths)))

    async def at_work(self, name: str) -> None:
        while not self.listed[name]:
            self.came.clear()
            await self.came.wait()

    def effects(self, name: str) -> int:
        return self.listed[name]


def answering() -> Server:
    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/hangs" or b'"hangs":true' in await request.read():
            await server.hold.wait()
        return web.json_response({"node": {"phase": "Succeeded"}})

    server = Server(handler)
    return server


class TestHttp(LeafContract):
    @pytest.fixture
    async def world(self, tmp_path):
        async with answering() as server:
            yield HttpWorld(tmp_path, server)


class TestPlugin(LeafContract):
    @pytest.fixture
    async def world(self, tmp_path):
        async with answering() as server:
            yield PluginWorld(tmp_path, server)


class TestResource(LeafContract):
    @pytest.fixture
    def world(self, tmp_path):
        return ResourceWorld(tmp_path)

    async def test_dropping_a_run_removes_what_it_owns(self, world: ResourceWorld) -> None:
        owner = {"apiVersion": "v1", "kind": "Workflow", "name": "wf", "uid": "run-1"}
        metadata = {"name": "mine", "namespace": "default", "ownerReferences": [owner]}
        await world.objects.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        runtime = world.open()
        await runtime.drop("run-1")
        assert await world.objects.since(0) == [ObjectRef("v1", "ConfigMap", "default", "mine")]
        assert not await world.objects.kinds()
        await runtime.close()


class TestData(LeafContract):
    @pytest.fixture
    def world(self, tmp_path):
        return DataWorld(tmp_path)
