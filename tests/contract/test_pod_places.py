"""What only some pods have: network probes, shared namespaces, images from a tar, users."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.contract.test_runtimes import RealWorld, left_over, needs_sandbox

from tiphys.executor.pod.probe import Probe
from tiphys.messages import JobFinished, JobReady
from tiphys.model.containers import Container
from tiphys.model.templates import Template
from tiphys.runtime import cgroups
from tiphys.runtime.images import ImageRule
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.roots import ImageRoots
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.testing.pod_contract import log_of, main, pod_job, template_of, user
from tiphys.testing.runtime_contract import RUN, Session

pytestmark = pytest.mark.anyio
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = self.path == "/healthz" and self.headers["X-Ask"] == "yes"
        self.send_response(204 if well else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture
def process(tmp_path):
    yield RealWorld(ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


@pytest.fixture
def sandbox(tmp_path):
    yield RealWorld(SandboxRuntime, tmp_path)
    assert not left_over(tmp_path)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
async def test_a_daemon_is_ready_when_it_answers(process, kind):
    port = free_port()
    action = {"port": "web"}
    if kind == "httpGet":
        action |= {"path": "/healthz", "httpHeaders": [{"name": "X-Ask", "value": "yes"}]}
    server = Container(
        image="alpine",
        command=(sys.executable, "-c", SERVER, str(port)),
        ports=({"name": "web", "containerPort": port},),
        readiness_probe={kind: action, "periodSeconds": 1},
        startup_probe={"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 60},
    )
    job = pod_job(process, Template(name="web", daemon=True, container=server))
    async with Session(process, process.open()) as here:
        await here.runtime.start(job)
        ready = await here.wait(JobReady, job.id)
        socket.create_connection((ready.ip, port), 5).close()
        await here.runtime.stop(job.id, 30.0)
        await here.wait(JobFinished, job.id)


async def test_a_startup_probe_that_never_holds_ends_the_container(process):
    probe = {"tcpSocket": {"port": free_port()}, "periodSeconds": 1, "failureThreshold": 2}
    job = pod_job(process, template_of("s", container=main("sleep 600", startup_probe=probe)))
    async with Session(process, process.open()) as here:
        done = await here.run(job)
    assert done.message == "main: Error (exit code 143): Container main failed startup probe"


async def test_a_grpc_probe_is_refused_by_name(process):
    probe = {"grpc": {"port": 1}}
    job = pod_job(process, template_of("g", container=main("true", liveness_probe=probe)))
    async with Session(process, process.open()) as here:
        done = await here.run(job)
    assert "grpc probes and hooks cannot be had on this machine" in done.message


async def test_an_init_container_that_restarts_is_a_sidecar_that_starts_first(process):
    text = "echo up >> /work-v/up; until [ -e /work-v/again ]; do sleep 0.01; done; sleep 600"
    mount = ({"name": "v", "mountPath": "/work-v"},)
    job = pod_job(
        process,
        template_of(
            "native",
            init_containers=(
                user("proxy", text, restart_policy="Always", volume_mounts=mount),
                user("next", "until [ -e /work-v/up ]; do sleep 0.01; done", volume_mounts=mount),
            ),
            container=main("cat /work-v/up", volume_mounts=mount),
        ),
        capture_result=True,
    )
    async with Session(process, process.open()) as here:
        done = await here.run(job)
    assert (done.phase, done.outputs.result) == ("Succeeded", "up")


def test_a_probe_needs_its_thresholds_and_waits_its_delay():
    probe = Probe({"initialDelaySeconds": 5, "periodSeconds": 2, "successThreshold": 2})
    probe.begin(100.0)
    assert probe.at == 105.0
    probe.asked(105.0)
    assert probe.until == 106.0
    probe.answered(105.5, True)
    assert (probe.verdict, probe.at) == (None, 107.5)
    probe.answered(107.5, True)
    assert probe.verdict is True
    for now in (110.0, 112.0):
        probe.answered(now, False)
    assert probe.verdict is True
    probe.answered(114.0, False)
    assert probe.verdict is False


# -------------------------------------------------------------------------------- the sandbox


@needs_sandbox
async def test_containers_of_a_pod_share_ipc_host_name_and_network_but_not_processes(sandbox):
    look = "readlink /proc/self/ns/{ipc,net,uts,pid}; hostname"
    tell = f"bash -c '{look}'; until [ -e /dev/shm/seen ]; do sleep 0.01; done; sleep 600"
    job = pod_job(
        sandbox,
        template_of(
            "ns",
            sidecars=(user("side", tell),),
            container=main(f"bash -c '{look}'; touch /dev/shm/seen; sleep 0.2"),
        ),
        capture_result=True,
    )
    async with Session(sandbox, sandbox.open()) as here:
        done = await here.run(job)
        log = await log_of(here, job, "side")
    mine, other = done.outputs.result.splitlines(), log.splitlines()
    assert done.phase == "Succeeded"
    assert mine[:3] == other[:3]
    assert mine[3] != other[3]
    assert mine[4] == other[4] == "wf-ns-1"
    assert mine[0] != os.readlink("/proc/self/ns/ipc")
    assert mine[1] == os.readlink("/proc/self/ns/net")


@needs_sandbox
async def test_a_probe_runs_inside_the_container_without_more_power(sandbox):
    probe = {
        "exec": {
            "command": [
                *("sh", "-c"),
                "readlink /proc/self/ns/pid > /tmp/pid-ns; "
                "grep CapEff /proc/self/status > /tmp/cap; "
                "kill -0 1 && touch /tmp/done",
            ]
        },
        "periodSeconds": 1,
    }
    text = (
        "until [ -e /tmp/done ]; do sleep 0.01; done; "
        "[ $(cat /tmp/pid-ns) = $(readlink /proc/self/ns/pid) ] && cat /tmp/cap"
    )
    job = pod_job(
        sandbox,
        template_of("in", container=main(text, readiness_probe=probe)),
        capture_result=True,
    )
    async with Session(sandbox, sandbox.open()) as here:
        done = await here.run(job)
    assert done.outputs.result.split() == ["CapEff:", "0000000000000000"]


@needs_sandbox
async def test_a_container_is_the_user_that_its_security_context_asks_for(sandbox):
    template = template_of(
        "user",
        security_context={"runAsUser": 1000, "runAsGroup": 2000},
        container=main("id -u; id -g", security_context={"runAsUser": 1001}),
    )
    async with Session(sandbox, sandbox.open()) as here:
        done = await here.run(pod_job(sandbox, template, capture_result=True))
    assert done.outputs.result == "1001\n2000"


@needs_sandbox
async def test_a_read_only_mount_cannot_be_written(sandbox):
    mounts = ({"name": "v", "mountPath": "/ro", "readOnly": True},)
    template = template_of("ro", container=main("echo x > /ro/x", volume_mounts=mounts))
    async with Session(sandbox, sandbox.open()) as here:
        done = await here.run(pod_job(sandbox, template))
        log = await log_of(here, pod_job(sandbox, template), "main")
    assert done.phase == "Failed"
    assert "Read-only file system" in log


def compiled(folder: Path) -> Path | None:
    """Return a program that needs no library: what an image holds."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    (folder / "hi.c").write_text('#include <stdio.h>\nint main(void) { puts("from the tar"); }\n')
    target = folder / "hi"
    done = subprocess.run(
        [compiler, "-static", "-o", str(target), str(folder / "hi.c")],
        capture_output=True,
        check=False,
    )
    return target if done.returncode == 0 else None


@needs_sandbox
async def test_an_image_may_come_as_a_tar_of_its_root(sandbox, tmp_path):
    program = compiled(tmp_path)
    if program is None:
        pytest.skip("needs a C compiler that links statically")
    (tmp_path / "image.tar").parent.mkdir(exist_ok=True)
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        tar.add(program, "usr/bin/hi")
        link = tarfile.TarInfo("bin")
        link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
        tar.addfile(link)
        device = tarfile.TarInfo("dev/null")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    rule = ImageRule("own/image", root=str(tmp_path / "image.tar"))
    job = pod_job(
        sandbox,
        Template(name="tar", container=Container(image="own/image:1", command=("/bin/hi",))),
        capture_result=True,
    )
    for _ in range(2):  # the second engine finds it unpacked, and the job over
        runtime = SandboxRuntime(
            tmp_path / "runs", sandbox.drivers, sandbox.clock, setup=Setup(images=[rule])
        )
        async with Session(sandbox, runtime) as here:
            done = await here.run(job)
        assert (done.message, done.outputs.result) == ("", "from the tar")
    assert len(list((tmp_path / "images").iterdir())) == 1


async def test_a_tar_that_is_none_says_so(tmp_path):
    (tmp_path / "bad.tar").write_text("no tar")
    with pytest.raises(Exception, match=r"bad\.tar cannot be unpacked"):
        await ImageRoots(tmp_path / "images").make(ImageRule("x", root=str(tmp_path / "bad.tar")))


async def test_podman_shows_an_image(tmp_path, monkeypatch):
    (tmp_path / "merged").mkdir()
    podman = tmp_path / "podman"
    podman.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "image mount own:1" ] && echo {tmp_path}/merged && exit\n'
        """[ "$1 $2 $3" = "image inspect own:1" ] && echo '[{"Config": {}}]' && exit\n"""
        "echo no such image >&2; exit 125\n"
    )
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    roots = ImageRoots(tmp_path / "images")
    rule = ImageRule("own", root="podman:own:1")
    assert roots.lacks(rule)
    await roots.make(rule)
    assert roots.known(rule).root == f"{tmp_path}/merged"
    with pytest.raises(Exception, match="podman image mount other: no such image"):
        await roots.make(ImageRule("own", root="podman:other"))


# ------------------------------------------------------------------------------------ limits


def test_limits_become_files_of_a_cgroup(tmp_path):
    own = tmp_path / "own"
    own.write_text("0::/user.slice/me.scope\n")
    parent = tmp_path / "mount" / "user.slice"
    parent.mkdir(parents=True)
    control = parent / "cgroup.subtree_control"
    control.write_text("cpu memory pids\n")
    assert cgroups.find_parent(tmp_path / "mount", own) == parent
    container = Container(image="x", resources={"limits": {"memory": "64Mi", "cpu": "500m"}})
    groups = cgroups.Groups(parent)
    folder = Path(groups.make(container))
    assert (folder / "memory.max").read_text() == str(64 << 20)
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert groups.make(Container(image="x")) == ""
    control.write_text("pids\n")
    assert cgroups.find_parent(tmp_path / "mount", own) is None
    own.write_text("0::/\n")
    assert cgroups.find_parent(tmp_path / "mount", own) is None


async def test_a_job_with_limits_runs_in_a_cgroup_where_there_is_one(process, tmp_path):
    runtime = process.open()
    (tmp_path / "groups").mkdir()
    runtime.groups = cgroups.Groups(tmp_path / "groups")
    container = main("echo hi", resources={"limits": {"memory": "64Mi"}})
    job = pod_job(process, template_of("limited", container=container), capture_result=True)
    async with Session(process, runtime) as here:
        done = await here.run(job)
        assert await here.runtime.present(RUN) == []
    assert (done.phase, done.outputs.result) == ("Succeeded", "hi")
    (folder,) = (tmp_path / "groups").iterdir()
    assert (folder / "cgroup.procs").read_text() == "0"
