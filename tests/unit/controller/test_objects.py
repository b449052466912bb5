"""Objects at work, in virtual time: pods in the line for room, gangs, restarts, deletion, turns."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tiphys.compile.needs import Runtime as Offer
from tiphys.controller.object_ports import ObjectPorts
from tiphys.controller.objects import ObjectLoop
from tiphys.controller.pods import PodRunner
from tiphys.errors import InvalidDocument, NotFound, Transient
from tiphys.model.base import API_VERSION
from tiphys.model.makers import placed, runtime_of
from tiphys.ports import ObjectRef
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.runtime.slots import Slots
from tiphys.service.faces import Children, FacedObjects, are_at_work, drop_face
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock, run

BATCH, VOLCANO = "batch/v1", "batch.volcano.sh/v1alpha1"


class Turn:
    """Who works; another process may have it."""

    def __init__(self):
        self.is_taken = False

    async def take(self):
        return not self.is_taken

    async def give_up(self):
        pass


@dataclass
class World:
    """A store, a loop beside it, and what its pods do."""

    script: object = field(default_factory=dict)
    slots: int = 4
    turn: Turn = field(default_factory=Turn)

    def __post_init__(self):
        self.clock = JumpingClock()
        self.objects = MemoryObjects(self.clock)
        self.store = MemoryStore()
        self.room = Slots(self.slots)
        self.began = []
        self.runtimes = []
        self.submitter = Submitter(self.store, self.clock, lambda _: ALL)
        self.loop = ObjectLoop(
            ObjectPorts(
                objects=self.objects,
                clock=self.clock,
                runtime=self._runtime,
                offer=lambda where: Offer(where, ALL),
                place="simulated",
                room=self.room,
                turn=self.turn,
                children=Children(
                    self.objects, self.store, self.submitter, self._forget, "simulated"
                ),
            )
        )

    def _runtime(self, name):
        self.runtimes.append(name)
        return SimulatedRuntime(self.clock, self._begin)

    def _begin(self, job):
        self.began.append((self.clock.now(), job.pod_name))
        return self.script(job) if callable(self.script) else self.script.get(job.node_name)

    async def _forget(self, row):
        await self.store.delete(row.run)
        await drop_face(self.objects, row)

    @asynccontextmanager
    async def at_work(self):
        task = asyncio.ensure_future(self.loop.run())
        yield self
        task.cancel()
        await asyncio.wait({task})

    async def get(self, version, kind, name):
        return await self.objects.get(ObjectRef(version, kind, "default", name))

    async def status(self, version, kind, name):
        return (await self.get(version, kind, name)).get("status", {})

    async def pods(self):
        found = await self.objects.list("v1", "Pod", None)
        return {item["metadata"]["name"]: item["status"]["phase"] for item in found}


def container(**more):
    return {"name": "c", "image": "busybox", "command": ["true"], **more}


def template(policy="Never"):
    return {"spec": {"restartPolicy": policy, "containers": [container()]}}


def thing(version, kind, name, **spec):
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def gang(name, replicas, **spec):
    task = {"name": "w", "replicas": replicas, "template": template()}
    return thing(VOLCANO, "Job", name, tasks=[task], **spec)


def lasting(seconds, code=0):
    return lambda _: Outcome(seconds=seconds, code=code)


def test_a_job_runs_as_many_pods_as_there_is_room_for():
    async def play():
        world = World(lasting(10), slots=2)
        async with world.at_work():
            spec = {"completions": 5, "parallelism": 5, "template": template()}
            await world.objects.create(thing(BATCH, "Job", "j", **spec))
            await world.clock.idle()
            status = await world.status(BATCH, "Job", "j")
            assert status["succeeded"] == 5
            start = world.began[0][0]
            assert [round(at - start) for at, _ in world.began] == [0, 0, 10, 10, 20]
            assert not world.loop.has_work
            assert not await are_at_work(world.objects)

    run(play())


def test_a_gang_begins_all_at_once_or_not_at_all():
    async def play():
        world = World(lasting(10), slots=4)
        async with world.at_work():
            spec = {"completions": 2, "parallelism": 2, "template": template()}
            await world.objects.create(thing(BATCH, "Job", "a", **spec))
            await world.clock.sleep_until(world.clock.now() + 5)
            await world.objects.create(gang("g", 3))
            await world.clock.sleep_until(world.clock.now() + 1)
            await world.objects.create(thing(BATCH, "Job", "z", template=template()))
            await world.clock.sleep_until(world.clock.now() + 1)
            assert len(world.began) == 2  # two slots are free, and nobody overtakes the gang
            assert (await world.status(VOLCANO, "Job", "g"))["state"]["phase"] == "Pending"
            await world.clock.idle()
            times = {name: at - world.began[0][0] for at, name in world.began}
            assert {round(times[f"g-w-{i}"]) for i in range(3)} == {10}
            assert (await world.status(VOLCANO, "Job", "g"))["state"]["phase"] == "Completed"
            assert (await world.status(BATCH, "Job", "z"))["succeeded"] == 1

    run(play())


def test_a_gang_larger_than_the_machine_begins_when_nothing_else_runs():
    async def play():
        world = World(lasting(10), slots=2)
        async with world.at_work():
            await world.objects.create(gang("g", 5))
            await world.clock.idle()
            assert len({at for at, _ in world.began}) == 1
            assert (await world.status(VOLCANO, "Job", "g"))["state"]["phase"] == "Completed"

    run(play())


def test_what_is_beyond_a_gang_s_minimum_begins_as_there_is_room():
    async def play():
        world = World(lasting(10), slots=2)
        async with world.at_work():
            await world.objects.create(gang("g", 4, minAvailable=2))
            await world.clock.idle()
            start = world.began[0][0]
            assert [round(at - start) for at, _ in world.began] == [0, 0, 10, 10]

    run(play())


def test_a_pod_that_fails_is_begun_again_in_place_after_pauses_that_double():
    async def play():
        tries = []

        def script(_):
            tries.append(1)
            return Outcome(code=0 if len(tries) == 3 else 1)

        world = World(script)
        async with world.at_work():
            spec = {"template": template("OnFailure"), "backoffLimit": 6}
            await world.objects.create(thing(BATCH, "Job", "j", **spec))
            await world.clock.idle()
            start = world.began[0][0]
            assert [round(at - start) for at, _ in world.began] == [0, 10, 30]
            assert (await world.status(BATCH, "Job", "j"))["succeeded"] == 1
            (pod,) = await world.objects.list("v1", "Pod", None)
            assert pod["status"]["containerStatuses"][0]["restartCount"] == 2

    run(play())


def test_a_deleted_job_takes_its_pods_with_it():
    async def play():
        world = World(lasting(1000))
        async with world.at_work():
            await world.objects.create(thing(BATCH, "Job", "j", template=template()))
            await world.clock.sleep_until(world.clock.now() + 5)
            assert [*(await world.pods()).values()] == ["Running"]
            await world.objects.delete(ObjectRef(BATCH, "Job", "default", "j"))
            await world.clock.idle()
            assert await world.pods() == {}
            assert not world.loop.has_work

    run(play())


def test_a_job_is_gone_when_its_time_to_live_is_over():
    async def play():
        world = World()
        async with world.at_work():
            spec = {"template": template(), "ttlSecondsAfterFinished": 60}
            await world.objects.create(thing(BATCH, "Job", "j", **spec))
            await world.clock.sleep_until(world.clock.now() + 59)
            assert (await world.status(BATCH, "Job", "j"))["succeeded"] == 1
            await world.clock.sleep_until(world.clock.now() + 2)
            with pytest.raises(NotFound):
                await world.get(BATCH, "Job", "j")
            await world.clock.idle()
            assert await world.pods() == {}

    run(play())


def test_a_pod_of_its_own_runs_once():
    async def play():
        world = World()
        async with world.at_work():
            await world.objects.create(thing("v1", "Pod", "p", containers=[container()]))
            await world.clock.idle()
            status = await world.status("v1", "Pod", "p")
            assert status["phase"] == "Succeeded"
            assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
            assert len(world.began) == 1

    run(play())


def test_a_restarted_job_has_new_pods_under_the_old_names():
    async def play():
        tries = []

        def script(job):
            tries.append(job.node_name)
            return Outcome(seconds=5, code=1 if len(tries) == 1 else 0)

        world = World(script)
        async with world.at_work():
            policies = [{"event": "PodFailed", "action": "RestartJob"}]
            await world.objects.create(gang("g", 2, policies=policies))
            await world.clock.idle()
            status = await world.status(VOLCANO, "Job", "g")
            assert (status["state"]["phase"], status["retryCount"]) == ("Completed", 1)
            assert sorted(tries) == ["g-w-0", "g-w-0", "g-w-1", "g-w-1"]

    run(play())


def test_a_command_ends_a_job():
    async def play():
        world = World(lasting(1000))
        async with world.at_work():
            await world.objects.create(gang("g", 1))
            await world.clock.sleep_until(world.clock.now() + 5)
            command = thing("bus.volcano.sh/v1alpha1", "Command", "c")
            command |= {"action": "TerminateJob", "target": {"kind": "Job", "name": "g"}}
            await world.objects.create(command)
            await world.clock.idle()
            assert (await world.status(VOLCANO, "Job", "g"))["state"]["phase"] == "Terminated"

    run(play())


def test_what_the_runtime_cannot_do_is_a_condition_of_the_job():
    async def play():
        world = World()
        plain = ALL - {"volumes.nfs"}
        ports = world.loop._ports
        world.loop = ObjectLoop(replace(ports, offer=lambda where: Offer(where, plain)))
        async with world.at_work():
            pods = template()
            pods["spec"]["volumes"] = [{"name": "n", "nfs": {"server": "s", "path": "/"}}]
            await world.objects.create(thing(BATCH, "Job", "j", template=pods))
            await world.clock.idle()
            conditions = (await world.status(BATCH, "Job", "j"))["conditions"]
            assert conditions[-1]["reason"] == "Unsupported"
            assert "nfs volumes" in conditions[-1]["message"]

    run(play())


def test_pods_run_where_their_job_says_whoever_keeps_them_at_work():
    async def play():
        world = World(lasting(10))
        other = placed(thing(BATCH, "Job", "other", template=template()), "sandbox")
        forged = placed(template(), "container")
        for job in (other, thing(BATCH, "Job", "plain", template=forged)):
            await world.objects.create(job)
        bare = thing("v1", "Pod", "bare", containers=[container()], restartPolicy="Never")
        await world.objects.create(bare)
        async with world.at_work():
            await world.clock.sleep_until(world.clock.now() + 5)
        assert sorted(world.runtimes) == ["sandbox", "simulated"]
        found = await world.objects.list("v1", "Pod", None)
        places = {pod["metadata"]["name"][:4]: runtime_of(pod) for pod in found}
        assert places == {"othe": "sandbox", "plai": "simulated", "bare": "simulated"}
        # Another process, whose pods usually run elsewhere, goes on with each where it is.
        ports = world.loop._ports
        world.loop = ObjectLoop(replace(ports, place="process"))
        async with world.at_work():
            await world.clock.idle()
            for name in ("other", "plain"):
                assert (await world.status(BATCH, "Job", name))["succeeded"] == 1
        assert sorted(world.runtimes) == ["sandbox", "sandbox", "simulated", "simulated"]

    run(play())


def test_a_pod_whose_runtime_is_gone_stays_until_it_is_back_and_is_in_nobodys_way():
    async def play():
        world = World()
        away = Away(world.clock)
        ports = world.loop._ports
        found = {"simulated": SimulatedRuntime(world.clock, world._begin), "container": away}
        world.loop = ObjectLoop(replace(ports, runtime=found.__getitem__))
        pod = thing("v1", "Pod", "p", containers=[container()], restartPolicy="Never")
        await world.objects.create(placed(pod, "container"))
        ref = ObjectRef("v1", "Pod", "default", "p")
        async with world.at_work():
            await world.clock.sleep_until(world.clock.now() + 5)
            await world.objects.delete(ref)
            await world.objects.create(thing(BATCH, "Job", "j", template=template()))
            await world.clock.sleep_until(world.clock.now() + 60)
            assert (await world.status(BATCH, "Job", "j"))["succeeded"] == 1
            assert (await world.objects.get(ref))["metadata"]["deletionTimestamp"]
            assert 3 < away.asked < 12
            away.is_gone = False
            await world.clock.sleep_until(world.clock.now() + 30)
            with pytest.raises(NotFound):
                await world.objects.get(ref)
            assert not world.loop.has_work

    run(play())


class Away(SimulatedRuntime):
    """A runtime whose engine does not answer for a while."""

    is_gone = True
    asked = 0

    async def drop(self, run):
        self.asked += 1
        if self.is_gone:
            raise Transient("nothing answers")
        await super().drop(run)


def test_a_pod_that_is_over_is_not_begun_by_old_news_and_can_be_deleted():
    async def play():
        world = World()
        await world.objects.create(
            thing("v1", "Pod", "p", containers=[container()], restartPolicy="Never")
        )
        ref = ObjectRef("v1", "Pod", "default", "p")
        async with asyncio.TaskGroup() as group:
            runner = PodRunner(world.loop._ports, group)

            async def look():
                pod = await world.objects.get(ref)
                await runner.look(ref, pod)
                await runner.begin()
                await world.clock.idle()
                return pod

            await look()  # it is kept from now on
            await look()  # and has room
            over = await world.objects.get(ref)
            assert over["status"]["phase"] == "Succeeded"
            # What the loop read before the end is looked at after it.
            await runner.look(ref, {**over, "status": {"phase": "Running"}})
            await world.objects.delete(ref)
            await look()
            with pytest.raises(NotFound):
                await world.objects.get(ref)
            await runner.close()
        assert len(world.began) == 1

    run(play())


def test_nothing_is_done_while_another_process_does_it():
    async def play():
        world = World()
        world.turn.is_taken = True
        async with world.at_work():
            await world.objects.create(thing(BATCH, "Job", "j", template=template()))
            await world.clock.sleep_until(world.clock.now() + 60)
            assert world.began == []
            assert not world.loop.has_work
            world.turn.is_taken = False
            await world.clock.sleep_until(world.clock.now() + 60)
            assert len(world.began) == 1

    run(play())


# ----------------------------------------------------------------------------- Workflow objects


def workflow(name, **spec):
    body = {"entrypoint": "m", "templates": [{"name": "m", "container": container()}]}
    return thing(API_VERSION, "Workflow", name, **(body | spec))


def test_a_workflow_object_becomes_a_run_under_its_uid():
    async def play():
        world = World()
        async with world.at_work():
            made = await world.objects.create(workflow("w"))
            await world.clock.sleep_until(world.clock.now() + 1)
            row = await world.store.find("default", "w")
            assert row.run == made["metadata"]["uid"]
            assert await are_at_work(world.objects)

    run(play())


def test_a_workflow_object_that_cannot_run_says_why():
    async def play():
        world = World()
        async with world.at_work():
            await world.objects.create(workflow("w", entrypoint="nowhere"))
            await world.clock.sleep_until(world.clock.now() + 1)
            status = await world.status(API_VERSION, "Workflow", "w")
            assert status["phase"] == "Failed"
            assert status["message"].startswith("invalid spec: ")
            assert not world.loop.has_work
            assert not await are_at_work(world.objects)

    run(play())


def test_deleting_the_object_deletes_the_run_and_the_other_way_round():
    async def play():
        world = World()
        async with world.at_work():
            for name in ("a", "b"):
                await world.objects.create(workflow(name))
            await world.clock.sleep_until(world.clock.now() + 1)
            await world.objects.delete(ObjectRef(API_VERSION, "Workflow", "default", "a"))
            await world._forget(await world.store.find("default", "b"))
            await world.clock.sleep_until(world.clock.now() + 1)
            assert await world.objects.list(API_VERSION, "Workflow", None) == []
            assert await world.store.list(None) == []

    run(play())


def test_a_run_is_an_object_to_whoever_asks_for_it():
    async def play():
        world = World()
        faced = FacedObjects(world.objects, world.store)
        plain = workflow("w")
        row = await world.submitter.submit(
            _decoded(plain), [], Overrides(runtime="simulated", namespace="default")
        )
        (listed,) = await faced.list(API_VERSION, "Workflow", "default")
        ref = ObjectRef(API_VERSION, "Workflow", "default", "w")
        found = await faced.get(ref)
        assert listed["metadata"]["uid"] == found["metadata"]["uid"] == row.run
        labels = {**found["metadata"].get("labels", {}), "mine": "yes"}
        await faced.replace({**found, "metadata": {**found["metadata"], "labels": labels}})
        async with world.at_work():
            await world.clock.sleep_until(world.clock.now() + 1)
            assert (await faced.get(ref))["metadata"]["labels"]["mine"] == "yes"

    run(play())


def test_what_would_never_run_is_refused_when_a_step_makes_or_changes_it():
    async def play():
        world = World()
        faced = FacedObjects(world.objects, world.store)
        wrong = thing(BATCH, "Job", "j", template={"spec": {"containers": [container()]}})
        with pytest.raises(InvalidDocument, match="restartPolicy: Required value"):
            await faced.create(wrong)
        assert await world.objects.list(BATCH, "Job", None) == []
        made = await world.objects.create(wrong)
        with pytest.raises(InvalidDocument, match="restartPolicy: Required value"):
            await faced.replace({**made, "spec": {**made["spec"], "parallelism": 2}})

    run(play())


def _decoded(document):
    from tiphys.model.codec import convert
    from tiphys.model.workflow import Workflow

    return convert(document, Workflow)
