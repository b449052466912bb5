"""Several runtimes behind one: the contract of runtimes, and that jobs go where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.test_runtimes import RealWorld, left_over

from tiphys.messages import JobFinished
from tiphys.model.templates import Data, ResourceTemplate, Template
from tiphys.ports import Runtime
from tiphys.runtime.data import DataRuntime
from tiphys.runtime.http import HttpRuntime
from tiphys.runtime.plugin import Plugin, PluginRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.resource import ResourceRuntime
from tiphys.runtime.router import RouterRuntime
from tiphys.runtime.simulated import SimulatedRuntime
from tiphys.store.objects import MemoryObjects
from tiphys.testing.leaf_contract import leaf
from tiphys.testing.runtime_contract import RUN, Act, RuntimeContract, Session, job_of


class RouterWorld(RealWorld):
    def open(self, slots: int = 4) -> Runtime:
        root, objects = self.root / "runs", MemoryObjects(self.clock)
        return RouterRuntime(
            super().open(slots),
            {
                "Data": DataRuntime(root, self.clock, self.drivers),
                "HTTP": HttpRuntime(root, self.clock, objects),
                "Plugin": PluginRuntime(root, self.clock, [Plugin("http://127.0.0.1:1")]),
                "Resource": ResourceRuntime(root, self.clock, objects, self.drivers),
            },
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RouterWorld]:
    yield RouterWorld(ProcessRuntime, tmp_path)
    assert not left_over(tmp_path), "a job left processes behind"


class TestRouter(RuntimeContract):
    async def test_its_jobs_are_never_begun_before_that_is_stored(self, world: RouterWorld) -> None:
        played = SimulatedRuntime(world.clock)
        assert played.capabilities.ephemeral
        assert not RouterRuntime(played, {}).capabilities.ephemeral
        assert not world.open().capabilities.ephemeral

    async def test_each_job_goes_to_the_runtime_of_its_template(self, world: RouterWorld) -> None:
        waits = ResourceTemplate(
            action="create",
            manifest="{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}",
            success_condition="status.done = true",
        )
        async with Session(world, world.open()) as here:
            assert here.runtime.name == "process"
            data = await here.run(leaf(Template(name="data", data=Data())))
            pod = await here.run(job_of(world, "pod", Act()))
            waiting = leaf(Template(name="waits", resource=waits))
            hanging = job_of(world, "hangs", Act(hangs=True))
            for job in (waiting, hanging):
                await here.runtime.start(job)
            await here.ready(hanging)
            assert set(await here.runtime.present(RUN)) == {waiting.id, hanging.id}
            await here.runtime.stop(waiting.id, 0.0)
            assert (await here.wait(JobFinished, waiting.id)).phase == "Failed"
            await here.runtime.drop(RUN)
        assert "unable to process data template" in data.message
        assert pod.phase == "Succeeded"
        assert not (world.root / "runs" / RUN).exists()

    async def test_it_can_do_what_its_parts_can(self, world: RouterWorld) -> None:
        features = world.open().capabilities.features
        assert features >= {"container", "script", "http", "plugin", "resource", "data"}
