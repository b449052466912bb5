"""What only jobs in containers of a real engine have: images, users, limits, networks, outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import replace
from uuid import uuid4

import pytest
from msgspec.structs import replace as replaced
from tests.contract.container_engine import IMAGE, client, containers_of_test, environ, need_engine
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.app import choose_runtime
from tiphys.errors import UserError
from tiphys.executor import contract
from tiphys.executor.volumes import Places
from tiphys.messages import JobFinished, JobLost, JobReady, JobWaiting
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact, RawArtifact
from tiphys.model.containers import Container, EnvVar
from tiphys.runtime.container import ContainerRuntime, EngineSetup
from tiphys.runtime.engines.find import Found, find_engine
from tiphys.runtime.engines.pods import container_name
from tiphys.runtime.images import ImageRule
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.settings import Image, Settings
from tiphys.testing.pod_contract import main, pod_job, template_of, until, user
from tiphys.testing.runtime_contract import RUN, Act, Session, SystemClock, job_of, local, output

pytestmark = pytest.mark.anyio
HANG = "trap 'exit 143' TERM; echo ready; while :; do sleep 600 & wait $!; done"
SAYING = "docker.io/library/tiphys-saying:latest"


@pytest.fixture(scope="module", params=["podman", "docker"])
def engine(request):
    return need_engine(request.param)


@pytest.fixture
def world(tmp_path, engine):
    yield ContainerWorld(tmp_path, engine)
    assert not containers_of_test(tmp_path, engine)
    assert not left_over(tmp_path)


@pytest.fixture(scope="module")
def saying(engine):
    """Have an image with an entrypoint, words, a variable, a user and a directory of its own."""
    file = (
        "FROM docker.io/library/alpine:latest\n"
        'ENTRYPOINT ["echo", "from"]\nCMD ["the", "image"]\nENV OWN=mine\nUSER 1000\nWORKDIR /tmp\n'
    )
    own = ["--isolation=chroot"] if engine.command else []
    words = [*client(engine), "build", "-q", "-t", SAYING, *own, "-"]
    subprocess.run(words, input=file.encode(), env=environ(), check=True, capture_output=True)
    return SAYING


async def run(world, template, **more):
    async with Session(world, world.open()) as here:
        return await here.run(pod_job(world, template, capture_result=True, **more))


async def said(world, text, **more):
    done = await run(world, template_of("t", container=main(text, **more)))
    assert done.phase == "Succeeded", done.message
    return done.outputs.result


# ---------------------------------------------------------------------------------- images


async def test_an_image_says_what_runs_and_the_template_may_say_more(world, saying):
    plain = await run(world, template_of("a", container=Container(image=saying)))
    args = await run(world, template_of("b", container=Container(image=saying, args=("me",))))
    text = 'echo "$OWN $(id -u) $(pwd)"'
    own = await run(
        world, template_of("c", container=Container(image=saying, command=("sh", "-c", text)))
    )
    results = [done.outputs.result for done in (plain, args, own)]
    assert results == ["from the image", "from me", "mine 1000 /tmp"]


@pytest.mark.skipif(WHY_NO_SANDBOX is not None, reason=WHY_NO_SANDBOX or "")
async def test_the_sandbox_takes_what_an_image_of_podmans_says(world, saying, tmp_path):
    if not world.found.command or is_rootless(world.found):
        pytest.skip("the files of an image are to be had from podman only, as root")
    rules = [
        ImageRule("tiphys-saying", root=f"podman:{SAYING}"),
        ImageRule("own-words", root=f"podman:{SAYING}", entrypoint=("echo", "mine")),
    ]
    # Places of its own: those of the containers have the containers' jobs.
    sandboxed = RealWorld(SandboxRuntime, tmp_path / "sandboxed")
    text = 'echo "$OWN $(id -u) $(pwd) $HOME"'
    ids = 'echo "$OWN $(id -u) $(id -g) $(pwd)"'
    shell = Container(image=saying, command=("sh", "-c", text))
    given = replaced(shell, working_dir="/etc", env=(EnvVar(name="OWN", value="yours"),))
    context = {"runAsUser": 7, "runAsGroup": 8}
    containers = {
        "plain": Container(image=saying),
        "args": Container(image=saying, args=("me",)),
        "shell": shell,
        "given": given,
        "other": replaced(shell, command=("sh", "-c", ids), security_context=context),
        "words": Container(image="own-words"),
    }
    jobs = [
        pod_job(sandboxed, template_of(n, container=c), capture_result=True)
        for n, c in containers.items()
    ]
    try:
        async with Session(sandboxed, sandboxed.open(setup=Setup(images=rules))) as here:
            found = [(await here.run(job)).outputs.result for job in jobs]
    finally:
        down = [*client(world.found), "image", "unmount", SAYING]
        subprocess.run(down, env=environ(), check=True, capture_output=True)
    assert found == [
        "from the image",
        "from me",
        "mine 1000 /tmp /tmp",
        "yours 1000 /etc /tmp",
        "mine 7 8 /tmp",
        "mine",
    ]
    # The same in containers, but for the last, whose words are the settings'.
    assert [
        (await run(world, replaced(job.template, name=f"c-{job.template.name}"))).outputs.result
        for job in jobs[:-1]
    ] == found[:-1]


async def test_an_image_that_says_nothing_needs_a_command(world):
    done = await run(world, template_of("t", container=Container(image="alpine")))
    text = "Pod failed before main container starts due to CreateContainerError: "
    assert (done.phase, done.message) == ("Error", text + "no command specified")


async def test_an_image_that_must_not_be_pulled_is_missed_at_once(world):
    job = template_of("t", container=Container(image="nobody/has", image_pull_policy="Never"))
    done = await run(world, job)
    text = "Pod failed before main container starts due to ErrImageNeverPull: "
    image = 'Container image "nobody/has" is not present with pull policy of Never'
    assert (done.phase, done.message) == ("Error", text + image)


class Hurried(SystemClock):
    async def sleep_until(self, at):
        await super().sleep_until(min(at, self.now() + 0.05))


async def test_an_image_that_cannot_be_pulled_is_tried_again_and_then_an_error(world):
    world.clock = Hurried()
    job = pod_job(world, template_of("t", container=Container(image="127.0.0.1:1/no/image")))
    async with Session(world, world.open()) as here:
        done = await here.run(job)
        told = [r.message for r in here.reports if isinstance(r, JobWaiting)]
    assert told.count('Pulling image "127.0.0.1:1/no/image"') == 3
    assert told[1].startswith('ImagePullBackOff: Back-off pulling image "127.0.0.1:1/no/image": ')
    assert done.phase == "Error"
    assert "due to ImagePullBackOff: Back-off pulling image" in done.message
    assert "connection refused" in done.message
    assert done.message.endswith("(--runtime sandbox or --runtime process)")


# -------------------------------------------------------------------------- rights and limits


async def test_a_security_context_is_the_users_groups_and_rights(world):
    context = {
        "runAsUser": 1000,
        "runAsGroup": 2000,
        "supplementalGroups": [3000],
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "allowPrivilegeEscalation": False,
    }
    text = (
        'touch /new 2>/dev/null || printf "kept "; id -u; id -g; id -G; '
        "grep -E 'CapBnd|NoNewPrivs' /proc/self/status"
    )
    lines = (await said(world, text, security_context=context)).split()
    assert lines[:3] == ["kept", "1000", "2000"]
    assert "3000" in lines
    assert lines[-4:] == ["CapBnd:", "0000000000000000", "NoNewPrivs:", "1"]


async def test_a_claim_can_be_written_by_the_user_that_a_pod_has(world, tmp_path):
    claim = {"name": "c", "persistentVolumeClaim": {"claimName": "wf-shared"}}
    container = main(
        "id -u > /work-c/who; cat /work-c/who",
        security_context={"runAsUser": 1500},
        volume_mounts=({"name": "c", "mountPath": "/work-c"},),
    )
    template = template_of("t", container=container, volumes=(claim,))
    job = pod_job(world, template, capture_result=True)
    claims = tmp_path / "claims"
    setup = Setup(places=Places(str(claims)))
    async with Session(world, world.open(setup=setup)) as here:
        done = await here.run(job)
    assert (done.phase, done.outputs.result, done.message) == ("Succeeded", "1500", "")
    assert claims.stat().st_mode & 0o077 == 0, "nobody else on the machine gets there"


async def test_input_artifacts_belong_to_the_user_of_the_pod(world):
    if os.geteuid() != 0:
        pytest.skip("only root may give files to others")
    given = Artifact(name="i", path="/data/in", raw=RawArtifact(data="a "))
    text = "printf b >> /data/in; cat /data/in; stat -c ' %u %g' /data/in"
    template = template_of(
        "t",
        container=main(text),
        security_context={"runAsUser": 1500, "runAsGroup": 1501},
        inputs=Inputs(artifacts=(given,)),
    )
    done = await run(world, template)
    assert (done.outputs.result, done.message) == ("a b 1500 1501", "")


async def test_a_container_that_must_not_be_root_is_refused_if_it_would_be(world):
    context = {"runAsNonRoot": True}
    done = await run(world, template_of("t", container=main("true", security_context=context)))
    text = "CreateContainerConfigError: container has runAsNonRoot and image will run as root"
    assert done.message == f"Pod failed before main container starts due to {text}"


async def test_what_needs_more_memory_than_its_limit_is_ended_and_named_so(world):
    if is_rootless(world.found) and not keeps_memory(world.found):
        pytest.skip("this engine keeps no limits of memory: rootless, with cgroups of version 1")
    limits = {"limits": {"memory": "20Mi", "cpu": "500m"}}
    done = await run(
        world, template_of("greedy", container=main("exec tail /dev/zero", resources=limits))
    )
    # Where cgroups of both versions are mixed podman cannot tell why it was killed.
    reason = "OOMKilled" if tells_out_of_memory(world.found, world.root) else "Error"
    assert (done.phase, done.message) == ("Failed", f"main: {reason} (exit code 137)")


def is_rootless(engine):
    return bool(engine.command) and os.getuid() != 0


def keeps_memory(engine):
    look = [*client(engine), "info", "--format", "{{.Host.CgroupControllers}}"]
    return b"memory" in subprocess.run(look, env=environ(), check=True, capture_output=True).stdout


def tells_out_of_memory(engine, folder):
    # Other tests may ask the same engine the same; and conmon leaves a file `oom` where it is.
    name = f"tiphys-test-memory-{uuid4()}"
    words = [*client(engine), "run", "--name", name, "--memory", "20m", IMAGE, "tail", "/dev/zero"]
    try:
        subprocess.run(words, env=environ(), check=False, cwd=folder)
        look = [*client(engine), "inspect", name, "--format", "{{.State.OOMKilled}}"]
        said = subprocess.run(look, env=environ(), check=True, capture_output=True).stdout
        return b"true" in said
    finally:
        subprocess.run([*client(engine), "rm", "-f", name], env=environ(), check=True)


async def test_a_volume_that_is_mounted_read_only_cannot_be_written(world):
    mounts = ({"name": "v", "mountPath": "/v", "readOnly": True},)
    assert await said(world, "touch /v/x 2>/dev/null || echo kept", volume_mounts=mounts) == "kept"


# ------------------------------------------------------------------------ inputs and outputs


async def test_outputs_are_found_at_any_path_behind_links_too(world):
    outputs = Outputs(
        parameters=(output("p", "/tmp/link"), output("q", "/var/deep/q")),
        artifacts=(local("a", "/var/deep", "wf/a.tgz"),),
    )
    text = "mkdir -p /var/deep /opt/x; echo one > /opt/x/one; echo two > /var/deep/q; "
    text += "ln -s ../opt/x/one /tmp/link"
    done = await run(world, template_of("t", container=main(text), outputs=outputs))
    assert [item.value for item in done.outputs.parameters] == ["one", "two"]
    assert [item.name for item in done.outputs.artifacts] == ["a"]


async def test_an_input_can_be_changed_and_is_then_an_output(world):
    inputs = Inputs(artifacts=(Artifact(name="i", path="/data/in", raw=RawArtifact(data="x")),))
    outputs = Outputs(parameters=(output("o", "/data/in"),))
    text = "cat /data/in; printf y >> /data/in"
    template = template_of("t", container=main(text), inputs=inputs, outputs=outputs)
    done = await run(world, template)
    assert (done.outputs.result, done.outputs.parameters[0].value) == ("x", "xy")


async def test_a_link_out_of_the_container_leads_to_nothing_of_ours(world, tmp_path):
    (tmp_path / "secret").write_text("ours")
    outputs = Outputs(parameters=(output("o", "/tmp/o", "none"),))
    text = f"ln -s {tmp_path}/secret /tmp/o"
    done = await run(world, template_of("t", container=main(text), outputs=outputs))
    assert done.outputs.parameters[0].value == "none"


async def test_a_message_in_the_termination_log_is_the_jobs(world):
    done = await run(
        world, template_of("t", container=main("echo why > /dev/termination-log; exit 3"))
    )
    assert done.message == "main: Error (exit code 3): why"


# ---------------------------------------------------------------------------------- networks


async def test_without_root_a_probe_that_asks_from_outside_is_refused_by_name(world):
    if not is_rootless(world.found):
        pytest.skip("only podman without root hides its pods")
    probe = {"tcpSocket": {"port": 8080}}
    done = await run(world, template_of("d", container=main("true", readiness_probe=probe)))
    assert done.phase == "Error"
    assert "readinessProbe with httpGet or tcpSocket cannot be had" in done.message


async def test_containers_of_a_pod_share_localhost_and_other_pods_reach_its_address(world):
    serve = "mkdir -p /www; echo served > /www/x; exec httpd -f -p 8080 -h /www"
    probe = {"httpGet": {"path": "/x", "port": 8080}, "periodSeconds": 1}
    if is_rootless(world.found):
        probe = {"exec": {"command": ["wget", "-q", "-O", "-", "http://127.0.0.1:8080/x"]}}
    ask = "until wget -q -O - http://{}:8080/x 2>/dev/null; do sleep 0.1; done; hostname"
    daemon = pod_job(
        world,
        template_of(
            "daemon",
            daemon=True,
            container=main(serve, readiness_probe=probe),
            sidecars=(user("beside", ask.format("127.0.0.1") + "; " + HANG),),
        ),
    )
    async with Session(world, world.open()) as here:
        await here.runtime.start(daemon)
        ready = await here.wait(JobReady, daemon.id)
        await until(here, daemon, "beside", f"served\n{daemon.pod_name}\n")
        other = template_of("other", container=main(ask.format(ready.ip)))
        done = await here.run(pod_job(world, other, capture_result=True))
        await here.runtime.stop(daemon.id, 10.0)
        await here.wait(JobFinished, daemon.id)
    assert done.outputs.result == "served\nwf-other-1"
    assert ready.ip != "127.0.0.1"


async def test_the_machines_own_network_can_be_had(world):
    job = pod_job(world, template_of("d", daemon=True, container=main(HANG)))
    engine = EngineSetup(world.found, environ(), "host")
    runtime = ContainerRuntime(world.root / "runs", world.drivers, world.clock, engine=engine)
    async with Session(world, runtime) as here:
        await here.runtime.start(job)
        ready = await here.wait(JobReady, job.id)
        await here.runtime.stop(job.id, 10.0)
        await here.wait(JobFinished, job.id)
    assert ready.ip == "127.0.0.1"


# ------------------------------------------------------------------------- engines that die


async def test_a_killed_launcher_takes_its_containers_along(world):
    job = pod_job(world, template_of("k", container=main(HANG), sidecars=(user("h", HANG),)))
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await until(here, job, "main", "ready")
        who = contract.read_pid(contract.job_directory(world.root / "runs", job))
        os.kill(who[0], signal.SIGKILL)
        await here.wait(JobLost, job.id)
        assert not containers_of_test(world.root, world.found)


async def test_what_ended_while_no_engine_lived_is_captured_by_the_next(world):
    outputs = Outputs(parameters=(output("p", "/tmp/p"),))
    act = Act(files={"/tmp/p": "kept"}, hangs=True)
    job = job_of(world, "away", act, outputs=outputs)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.ready(job)
    name = container_name(contract.job_directory(world.root / "runs", job), "main")
    words = [*client(world.found), "kill", "-s", "TERM", name]
    subprocess.run(words, env=environ(), check=True, capture_output=True)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        done = await here.wait(JobFinished, job.id)
    assert done.message == "main: Error (exit code 143)"
    assert done.outputs.parameters[0].value == "kept"


async def test_what_somebody_removed_while_no_engine_lived_is_said_to_be_lost(world):
    outputs = Outputs(parameters=(output("p", "/tmp/p", "default"),))
    job = job_of(world, "pruned", Act(files={"/tmp/p": "x"}, hangs=True), outputs=outputs)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.ready(job)
    name = container_name(contract.job_directory(world.root / "runs", job), "main")
    words = [*client(world.found), "rm", "-f", name]
    subprocess.run(words, env=environ(), check=True, capture_output=True)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        done = await here.wait(JobFinished, job.id)
    text = "the container was removed before its outputs were copied out of it"
    assert (done.phase, done.message) == ("Error", f"wait: Error (exit code 64): {text}")
    assert done.outputs.parameters == ()


async def test_outputs_that_were_copied_are_kept_though_the_containers_are_gone(world, monkeypatch):
    """An engine dies after it has removed the containers and before it has said the last word."""
    outputs = Outputs(parameters=(output("p", "/tmp/p"),))
    job = job_of(world, "twice", Act(files={"/tmp/p": "kept"}), outputs=outputs)
    with monkeypatch.context() as dying:
        dying.setattr(contract, "write_report", refuse)
        async with Session(world, world.open()) as here:
            await here.run(job)
            assert not containers_of_test(world.root, world.found)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        done = await here.wait(JobFinished, job.id)
    assert (done.phase, done.outputs.parameters[0].value) == ("Succeeded", "kept")


def refuse(*_args):
    raise OSError("the engine is dead")


async def test_variables_are_not_in_the_command_line_of_what_runs(world):
    job = pod_job(
        world,
        template_of("e", container=main(HANG, env=(EnvVar(name="TOKEN", value="hidden-value"),))),
    )
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await until(here, job, "main", "ready")
        who = contract.read_pid(contract.job_directory(world.root / "runs", job))
        seen = subprocess.run(["ps", "axww"], capture_output=True, check=True).stdout
        assert b"hidden-value" not in seen
        assert who is not None
        await here.runtime.drop(RUN)


# ---------------------------------------------------------------------------- finding engines


def test_a_variable_alone_decides_which_engine():
    assert find_engine({"DOCKER_HOST": "unix:///no"}).problem == (
        "nothing answers at DOCKER_HOST=unix:///no"
    )
    assert "only an engine on this machine" in find_engine({"DOCKER_HOST": "tcp://a:1"}).problem
    assert "no command podman" in find_engine({"PATH": "/nowhere"}).problem or os.path.exists(
        "/run/podman/podman.sock"
    )


def test_the_socket_of_a_variable_is_used():
    found = need_engine()
    address = f"unix://{found.socket}"
    assert find_engine({"CONTAINER_HOST": address}) == Found(found.socket)


async def test_podmans_service_is_started_if_nobody_else_has(world, tmp_path, monkeypatch):
    if not world.found.command:
        pytest.skip("docker's service is not ours to start")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = tempfile.mkdtemp(prefix="tiphys-service-")  # it ends by itself, after the test
    found = Found(f"{folder}/podman.sock", world.found.command)
    engine = EngineSetup(found, environ())
    runtime = ContainerRuntime(world.root / "runs", world.drivers, world.clock, engine=engine)
    async with Session(world, runtime) as here:
        done = await here.run(job_of(world, "first", Act()))
        limits = {"limits": {"memory": "20Mi"}}
        greedy = main("exec tail /dev/zero", resources=limits)
        if keeps_memory(world.found):
            await here.run(pod_job(world, template_of("greedy", container=greedy)))
    assert done.phase == "Succeeded"
    # conmon, which podman starts, leaves a file `oom` in its directory: not the user's.
    assert os.listdir(tmp_path / "here") == []


def test_auto_takes_an_engine_first_unless_the_settings_map_images(tmp_path):
    address = f"unix://{need_engine().socket}"
    given = Settings(home=tmp_path, environ={"DOCKER_HOST": address})
    assert choose_runtime(given).name == "container"
    mapped = replace(given, images=(Image("alpine"),))
    assert choose_runtime(mapped).name != "container"
    with pytest.raises(UserError, match="nothing answers at DOCKER_HOST"):
        choose_runtime(replace(given, runtime="container", environ={"DOCKER_HOST": "unix:///no"}))


def test_auto_says_why_it_takes_no_engine(tmp_path):
    given = Settings(home=tmp_path, environ={"CONTAINER_HOST": "unix:///no"})
    choice = choose_runtime(given)
    assert choice.name != "container"
    assert "; no containers, because nothing answers at CONTAINER_HOST=unix:///no" in choice.reason
    assert "CONTAINER_HOST" not in choose_runtime(replace(given, images=(Image("a"),))).reason
