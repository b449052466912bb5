"""Pods of one subdomain find each other by name, as behind a headless Service."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.contract.container_engine import containers_of_test, environ, need_engine
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.messages import JobFinished
from tiphys.runtime.container import ContainerRuntime, EngineSetup
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.pod_contract import log_of, main, pod_job, template_of, until, user
from tiphys.testing.runtime_contract import Session

pytestmark = pytest.mark.anyio
HANG = "trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done"
ASK = "until {} > /tmp/got 2>/dev/null; do sleep 0.1; done; cat /tmp/got"


@pytest.fixture(params=["sandbox", "podman", "docker", "podman on the machine's network"])
def world(request, tmp_path):
    if request.param == "sandbox":
        if WHY_NO_SANDBOX is not None:
            pytest.skip(WHY_NO_SANDBOX)
        yield RealWorld(SandboxRuntime, tmp_path)
    else:
        found = need_engine(request.param.partition(" ")[0])
        made = ContainerWorld if request.param.isalpha() else OnTheMachine
        yield made(tmp_path, found)
        assert not containers_of_test(tmp_path, found)
    assert not left_over(tmp_path)


class OnTheMachine(ContainerWorld):
    def open(self, slots=4, setup=None):
        engine = EngineSetup(self.found, environ(), "host")
        return ContainerRuntime(self.root / "runs", self.drivers, self.clock, engine=engine)


def pod(world, name, text, subdomain="gang", **more):
    template = template_of(name, container=main(text), **more)
    job = pod_job(world, template, capture_result=True)
    return replace(job, hostname=name, subdomain=subdomain)


def serving(world, words):
    """Return a text that says a word to whoever connects to port 18080 of the pod's own name."""
    if world.made is SandboxRuntime:
        code = (
            "import socket as s, sys; l = s.create_server((s.gethostname(), 18080)); "
            f"[c.sendall(b'{words}') or c.close() for c, _ in iter(l.accept, None)]"
        )
        return f'exec python3 -c "{code}"'
    return f"mkdir /www; echo {words} > /www/x; exec httpd -f -p $(hostname -i):18080 -h /www"


def asking(world, host):
    if world.made is SandboxRuntime:
        code = (
            f"import socket as s; print(s.create_connection(('{host}', 18080)).recv(99).decode())"
        )
        return ASK.format(f'python3 -c "{code}"')
    return ASK.format(f"wget -q -O - http://{host}:18080/x")


async def test_pods_that_begin_together_reach_each_other_by_name(world):
    seen = "cat /etc/hosts; "
    # Two servers with the same port.
    servers = [pod(world, f"server-{i}", serving(world, f"from-{i}")) for i in range(2)]
    text = seen + "; ".join(asking(world, f"server-{i}.gang") for i in range(2))
    text += "; " + asking(world, "server-1.gang.default.svc.cluster.local")
    client = pod(world, "client", text)
    async with Session(world, world.open()) as here:
        for job in (client, *servers):
            await here.runtime.start(job)
        done = await here.wait(JobFinished, client.id)
        for job in servers:
            await here.runtime.stop(job.id, 5.0)
            await here.wait(JobFinished, job.id)
    assert done.phase == "Succeeded", done.message
    *hosts, first, second, third = done.outputs.result.splitlines()
    assert [first, second, third] == ["from-0", "from-1", "from-1"]
    # It knew all of them when it began.
    known = {name for line in hosts if not line.startswith("#") for name in line.split()[1:]}
    assert {"localhost", "server-0.gang", "server-1.gang", "client.gang", "client"} <= known
    assert not {"server-0", "server-1"} & known


async def test_who_comes_later_is_known_too_and_who_has_ended_no_more(world):
    wait = "while {} grep -q later.gang /etc/hosts; do sleep 0.05; done; echo {}; "
    text = "hostname; " + wait.format("!", "came") + wait.format("", "went")
    first = pod(world, "first", text, sidecars=(user("beside", text),))
    later = pod(world, "later", "grep -c first.gang /etc/hosts")
    other = pod(world, "other", "grep -c first /etc/hosts || true", subdomain="else")
    async with Session(world, world.open()) as here:
        await here.runtime.start(first)
        await until(here, first, "main", "first\n")
        assert (await here.run(later)).outputs.result == "1"
        assert (await here.run(other)).outputs.result == "0"
        done = await here.wait(JobFinished, first.id)
        beside = await log_of(here, first, "beside")
    assert done.outputs.result == "first\ncame\nwent"
    assert beside.startswith("first\ncame\n")


async def test_names_outlive_the_engine(world):
    see = "until grep -q late.gang /etc/hosts; do sleep 0.05; done; cat /etc/hosts; echo seen; "
    old = [pod(world, name, "echo up; " + see + HANG) for name in ("one", "two")]
    async with Session(world, world.open()) as here:
        for job in old:
            await here.runtime.start(job)
        for job in old:
            await until(here, job, "main", "up\n")
    jobs = [*old, pod(world, "late", see + HANG)]
    async with Session(world, world.open()) as here:
        for job in jobs:
            await here.runtime.start(job)
        logs = await seen_and_ended(here, jobs)
    for log in logs:
        found = [line.split()[0] for line in log.splitlines() if ".gang" in line]
        assert len(set(found)) == len(found) == 3


async def seen_and_ended(session, jobs):
    """Return what jobs wrote, the last word of which was `seen`."""
    for job in jobs:
        await until(session, job, "main", "seen\n")
    for job in jobs:
        await session.runtime.stop(job.id, 5.0)
        await session.wait(JobFinished, job.id)
    return [await log_of(session, job, "main") for job in jobs]


async def test_a_pod_that_fails_before_it_begins_keeps_nobody_waiting(world):
    bad = pod(world, "bad", "true", volumes=({"name": "v", "configMap": {"name": "none"}},))
    good = pod(world, "good", "grep -c bad.gang /etc/hosts || true")
    async with Session(world, world.open()) as here:
        for job in (good, bad):
            await here.runtime.start(job)
        ends = [await here.wait(JobFinished, job.id) for job in (bad, good)]
    assert [done.phase for done in ends] == ["Error", "Succeeded"]


async def test_without_isolation_the_addresses_are_in_the_file_that_a_template_names(tmp_path):
    world = RealWorld(ProcessRuntime, tmp_path)
    see = "until [ $(grep -c gang /etc/hosts) = 2 ]; do sleep 0.05; done; "
    see += "grep gang /etc/hosts; echo seen; "
    jobs = [pod(world, name, see + HANG) for name in ("one", "two")]
    async with Session(world, world.open()) as here:
        for job in jobs:
            await here.runtime.start(job)
        first, second = await seen_and_ended(here, jobs)
    addresses = [line.split()[0] for line in first.splitlines() if "gang" in line]
    assert len(set(addresses)) == 2
    assert all(address.startswith("127.") for address in addresses)
    assert all(address in second for address in addresses)
