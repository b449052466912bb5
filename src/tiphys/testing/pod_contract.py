"""What every runtime that runs whole pods must do: one suite, run for each of them.

Subclass `PodContract` in a test module and give it the fixture `world` of
`runtime_contract`. Containers are told in shell; nothing sleeps to wait for another.
"""

# A test module that lives in the package; each claim is its own docstring.

from __future__ import annotations

from ipaddress import ip_address

import msgspec
import pytest
from msgspec.structs import replace

from tiphys.messages import (
    ContainerReported,
    JobFinished,
    JobReady,
    JobSpec,
    JobStarted,
    JobWaiting,
)
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import (
    ArchiveStrategy,
    Artifact,
    ItemsArtifact,
    NoneStrategy,
    ZipStrategy,
)
from tiphys.model.base import JsonObject
from tiphys.model.containers import Container
from tiphys.model.templates import (
    ContainerNode,
    ContainerSetRetryStrategy,
    ContainerSetTemplate,
    Template,
    UserContainer,
)
from tiphys.testing.runtime_contract import (
    RUN,
    Act,
    Session,
    World,
    job_of,
    local,
    output,
    read_until,
)

_VOLUME: JsonObject = {"name": "v", "emptyDir": {}}
_MOUNT: JsonObject = {"name": "v", "mountPath": "/work-v"}
_HANG = "trap 'exit 143' TERM; echo ready; while :; do sleep 600 & wait $!; done"
"""Runs until SIGTERM comes, and then ends at once."""


def pod_job(world: World, template: Template, **more: object) -> JobSpec:
    """Return a job of a whole template."""
    job = job_of(world, template.name, Act(), template.inputs, template.outputs, **more)
    return msgspec.structs.replace(job, template=template)


def words(text: str) -> dict[str, tuple[str, ...]]:
    """Return the fields of a container that runs a shell text."""
    return {"command": ("sh", "-c"), "args": (text,)}


def user(name: str, text: str, **more: object) -> UserContainer:
    """Return an init container or sidecar."""
    fields = {"image": "alpine", **words(text), **more}
    return UserContainer(name=name, **fields)  # type: ignore[arg-type]


def member(name: str, text: str, *after: str, **more: object) -> ContainerNode:
    """Return a member of a container set."""
    fields = {"image": "alpine", "dependencies": after, **words(text), **more}
    return ContainerNode(name=name, **fields)  # type: ignore[arg-type]


def main(text: str, **more: object) -> Container:
    """Return the main container."""
    return Container(image="alpine", **{**words(text), **more})  # type: ignore[arg-type]


def set_of(*members: ContainerNode, **more: object) -> ContainerSetTemplate:
    """Return a container set whose members share a volume."""
    return ContainerSetTemplate(containers=members, volume_mounts=(_MOUNT,), **more)  # type: ignore[arg-type]


def template_of(name: str, **more: object) -> Template:
    """Return a template with a volume."""
    return Template(name=name, **{"volumes": (_VOLUME,), **more})  # type: ignore[arg-type]


async def log_of(session: Session, job: JobSpec, container: str) -> str:
    """Return all that a container has written."""
    pieces = session.runtime.logs(RUN, job.id, False, container)
    return b"".join([piece async for piece in pieces]).decode()


def said(log: str) -> list[str]:
    """Return the lines of a log, less what a shell says of a child that was ended with it."""
    return [line for line in log.splitlines() if line != "Terminated"]


def members_of(session: Session, job: JobSpec) -> list[tuple[str, str]]:
    """Return every phase that a container was reported in."""
    found = [r for r in session.reports if isinstance(r, ContainerReported) and r.job == job.id]
    return [(report.container, report.phase) for report in found]


@pytest.mark.anyio
class PodContract:
    """The claims. `world` is a fixture of the subclass's module."""

    # ------------------------------------------------------------------------------ artifacts

    async def test_the_artifacts_of_a_loop_are_a_directory_of_its_items(self, world: World) -> None:
        keys = {"0": "wf/0.tgz", "2": "wf/2", "3": "wf/3.zip"}
        how = (None, ArchiveStrategy(none=NoneStrategy()), ArchiveStrategy(zip=ZipStrategy()))
        parts = tuple(
            local(name, "", key, archive=packed)
            for (name, key), packed in zip(keys.items(), how, strict=True)
        )
        paths = ("/work-a/file", "/work-a/dir", "/work-a/dir")
        saved = [replace(p, path=at) for p, at in zip(parts, paths, strict=True)]
        made = template_of(
            "makes",
            container=main("mkdir -p /work-a/dir; echo 0 > /work-a/file; echo 1 > /work-a/dir/f"),
            outputs=Outputs(artifacts=tuple(saved)),
        )
        nested = Artifact(name="9", items=ItemsArtifact(artifacts=parts[:1]))
        whole = Artifact(
            name="in", path="/work-b", items=ItemsArtifact(artifacts=(*parts, nested)), mode=0o755
        )
        none = Artifact(name="none", path="/work-c", items=ItemsArtifact())
        used = template_of(
            "uses",
            container=main("cd /work-b; ls . 9; cat 0 2/f 3/f 9/0; ls /work-c"),
            inputs=Inputs(artifacts=(whole, none)),
        )
        async with Session(world, world.open()) as here:
            first = await here.run(pod_job(world, made))
            done = await here.run(pod_job(world, used, capture_result=True))
        assert (first.phase, done.phase, done.message) == ("Succeeded", "Succeeded", "")
        listed = ".: 0 2 3 9 9: 0 0 1 1 0"
        assert (done.outputs.result or "").split() == listed.split()

    # ------------------------------------------------------------------------ init containers

    async def test_init_containers_run_one_after_another_before_main(self, world: World) -> None:
        job = pod_job(
            world,
            template_of(
                "init",
                init_containers=(
                    user("one", "echo 1 > /work-v/n", volume_mounts=(_MOUNT,)),
                    user("two", "echo 2 >> /work-v/n", mirror_volume_mounts=True),
                ),
                container=main("cat /work-v/n", volume_mounts=(_MOUNT,)),
            ),
            capture_result=True,
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            kinds = [type(report) for report in here.reports]
        assert (done.phase, done.message, done.outputs.result) == ("Succeeded", "", "1\n2")
        assert kinds == [JobWaiting, JobStarted, JobFinished]

    async def test_a_failed_init_container_fails_the_job_before_main_runs(
        self, world: World
    ) -> None:
        job = pod_job(
            world,
            template_of(
                "bad-init",
                init_containers=(user("prep", "exit 4"), user("later", "echo never")),
                container=main("echo never"),
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "main") + await log_of(here, job, "later")
        assert (done.phase, done.message) == ("Failed", "prep: Error (exit code 4)")
        assert (done.outputs.exit_code, log) == (None, "")

    async def test_a_job_stopped_while_an_init_container_runs_is_deleted(
        self, world: World
    ) -> None:
        job = pod_job(
            world,
            template_of(
                "slow-init", init_containers=(user("prep", _HANG),), container=main("true")
            ),
        )
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            await until(here, job, "prep", "ready")
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
        assert (done.phase, done.message) == ("Error", "pod deleted")

    # ------------------------------------------------------------------------------- sidecars

    async def test_sidecars_run_beside_main_and_are_ended_after_it(self, world: World) -> None:
        helper = "trap 'echo bye; exit 0' TERM; echo up > /work-v/up; while :; do sleep 0.01; done"
        wait = "until [ -e /work-v/up ]; do sleep 0.01; done; cat /work-v/up"
        job = pod_job(
            world,
            template_of(
                "side",
                sidecars=(user("helper", helper, volume_mounts=(_MOUNT,)),),
                container=main(wait, volume_mounts=(_MOUNT,)),
            ),
            capture_result=True,
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "helper")
        assert (done.phase, done.outputs.result, said(log)) == ("Succeeded", "up", ["bye"])

    async def test_a_sidecar_that_ignores_sigterm_is_killed_and_that_is_no_failure(
        self, world: World
    ) -> None:
        deaf = "trap '' TERM; touch /work-v/up; while :; do sleep 0.01; done"
        job = pod_job(
            world,
            template_of(
                "deaf",
                sidecars=(user("helper", deaf, volume_mounts=(_MOUNT,)),),
                container=main(
                    "until [ -e /work-v/up ]; do sleep 0.01; done", volume_mounts=(_MOUNT,)
                ),
            ),
            grace_seconds=0.2,
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert (done.phase, done.message) == ("Succeeded", "")

    async def test_a_sidecar_that_fails_by_itself_fails_the_job(self, world: World) -> None:
        job = pod_job(
            world,
            template_of(
                "bad-side",
                sidecars=(user("helper", "touch /work-v/up; exit 3", volume_mounts=(_MOUNT,)),),
                container=main(
                    "until [ -e /work-v/up ]; do sleep 0.01; done; sleep 0.2",
                    volume_mounts=(_MOUNT,),
                ),
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert (done.phase, done.message) == ("Failed", "helper: Error (exit code 3)")

    async def test_main_outranks_a_failed_sidecar(self, world: World) -> None:
        job = pod_job(
            world,
            template_of(
                "both-bad", sidecars=(user("a-helper", "exit 3"),), container=main("exit 5")
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert (done.phase, done.message) == ("Failed", "main: Error (exit code 5)")
        assert done.outputs.exit_code == "5"

    # --------------------------------------------------------------------------- container set

    async def test_members_wait_for_what_they_depend_on(self, world: World) -> None:
        whole = set_of(
            member("main", "cat /work-v/x; echo v > /tmp/p", "b"),
            member("b", "echo b >> /work-v/x", "a"),
            member("a", "echo a > /work-v/x"),
        )
        outputs = Outputs(parameters=(output("p", "/tmp/p"),))
        job = pod_job(
            world, template_of("set", container_set=whole, outputs=outputs), capture_result=True
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            told = members_of(here, job)
        assert (done.phase, done.outputs.result) == ("Succeeded", "a\nb")
        assert done.outputs.parameters[0].value == "v"
        assert {(item.container, item.phase) for item in done.containers} == {
            *(("main", "Succeeded"), ("a", "Succeeded"), ("b", "Succeeded"))
        }
        order = [("a", "Succeeded"), ("b", "Running"), ("b", "Succeeded"), ("main", "Running")]
        assert [item for item in told if item in order] == order

    async def test_what_depends_on_a_failure_is_an_error_with_64(self, world: World) -> None:
        whole = set_of(
            member("a", "exit 7"), member("b", "true", "a"), member("main", "echo no", "b")
        )
        job = pod_job(world, template_of("set-fails", container_set=whole))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "main")
        ends = {item.container: (item.phase, item.message) for item in done.containers}
        text = 'Error (exit code 64): dependency "{}" exited with non-zero code: 7'
        assert ends == {
            "a": ("Failed", "a: Error (exit code 7): "),
            "b": ("Error", "b: " + text.format("a")),
            "main": ("Error", "main: " + text.format("b")),
        }
        assert (done.phase, done.message, log) == ("Failed", "a: Error (exit code 7)", "")

    async def test_the_failure_of_one_member_ends_the_others(self, world: World) -> None:
        whole = set_of(
            member("main", _HANG), member("bad", "exit 1"), member("waits", "echo no", "main")
        )
        job = pod_job(world, template_of("set-ends", container_set=whole))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        ends = {item.container: item.message for item in done.containers}
        assert ends["bad"] == "bad: Error (exit code 1): "
        assert ends["main"] == "main: Error (exit code 143): "
        assert "exit code" in ends["waits"]
        assert done.message == "bad: Error (exit code 1)"

    async def test_members_are_run_again_up_to_the_total_of_runs(self, world: World) -> None:
        text = "echo run; [ -e /work-v/n ] || { touch /work-v/n; exit 9; }"
        whole = set_of(
            member("main", text),
            retry_strategy=ContainerSetRetryStrategy(retries=3, duration="10ms"),
        )
        job = pod_job(world, template_of("again", container_set=whole))
        none = msgspec.structs.replace(
            job_of(world, "never", Act()),
            template=template_of(
                "never",
                container_set=set_of(
                    member("main", "echo run; exit 1"),
                    retry_strategy=ContainerSetRetryStrategy(retries=0),
                ),
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "main")
            never = await here.run(none)
            silence = await log_of(here, none, "main")
        assert (done.phase, log) == ("Succeeded", "run\nrun\n")
        assert (never.phase, silence) == ("Succeeded", "")

    async def test_retries_that_run_out_are_a_failure(self, world: World) -> None:
        whole = set_of(
            member("main", "echo run; exit 9"),
            retry_strategy=ContainerSetRetryStrategy(retries=2),
        )
        job = pod_job(world, template_of("out", container_set=whole))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "main")
        assert (done.message, log) == ("main: Error (exit code 9)", "run\nrun\n")

    async def test_every_members_log_is_archived(self, world: World) -> None:
        whole = set_of(member("a", "echo from a"), member("main", "echo from main", "a"))
        job = pod_job(world, template_of("logs", container_set=whole), archive_logs=True)
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert [item.name for item in done.outputs.artifacts] == ["a-logs", "main-logs"]

    # --------------------------------------------------------------------------------- daemons

    async def test_a_daemon_is_ready_when_all_containers_run_and_lives_on(
        self, world: World
    ) -> None:
        job = pod_job(world, template_of("daemon", daemon=True, container=main(_HANG)))
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            ready = await here.wait(JobReady, job.id)
            await until(here, job, "main", "ready")
            assert list(await here.runtime.present(RUN)) == [job.id]
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
            kinds = [type(report) for report in here.reports]
        assert ip_address(ready.ip).is_private
        assert kinds == [JobStarted, JobReady, JobFinished]
        assert done.message == "main: Error (exit code 143)"

    async def test_a_readiness_probe_decides_when_a_daemon_is_ready(self, world: World) -> None:
        probe: JsonObject = {
            "exec": {"command": ["sh", "-c", "echo asked >> /work-v/asked; [ -e /work-v/up ]"]},
            "periodSeconds": 1,
            "successThreshold": 1,
        }
        # It serves only after it was found not ready.
        text = "until [ -e /work-v/asked ]; do sleep 0.01; done; touch /work-v/up; " + _HANG
        job = pod_job(
            world,
            template_of(
                "probed",
                daemon=True,
                container=main(text, volume_mounts=(_MOUNT,), readiness_probe=probe),
            ),
        )
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            await here.wait(JobReady, job.id)
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
        assert done.phase == "Failed"

    async def test_a_daemon_that_ends_by_itself_is_finished(self, world: World) -> None:
        job = pod_job(world, template_of("short", daemon=True, container=main("exit 0")))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert (done.phase, done.outputs.exit_code) == ("Succeeded", "0")

    # ------------------------------------------------------------------------- probes and hooks

    async def test_a_liveness_probe_that_fails_ends_the_container(self, world: World) -> None:
        probe: JsonObject = {"exec": {"command": ["false"]}, "failureThreshold": 1}
        job = pod_job(world, template_of("unwell", container=main(_HANG, liveness_probe=probe)))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        text = "main: Error (exit code 143): Container main failed liveness probe"
        assert (done.phase, done.message) == ("Failed", text)

    async def test_hooks_run_after_the_start_and_before_the_end(self, world: World) -> None:
        hooks: JsonObject = {
            "postStart": {"exec": {"command": ["sh", "-c", "touch /work-v/begun"]}},
            "preStop": {"exec": {"command": ["sh", "-c", "touch /work-v/ending"]}},
        }
        helper = "trap 'ls /work-v; exit 0' TERM; while :; do sleep 0.01; done"
        job = pod_job(
            world,
            template_of(
                "hooks",
                sidecars=(user("helper", helper, lifecycle=hooks, volume_mounts=(_MOUNT,)),),
                container=main(
                    "until [ -e /work-v/begun ]; do sleep 0.01; done", volume_mounts=(_MOUNT,)
                ),
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
            log = await log_of(here, job, "helper")
        assert (done.phase, said(log)) == ("Succeeded", ["begun", "ending"])

    # --------------------------------------------------------------------------------- the rest

    async def test_a_deadline_ends_the_whole_pod(self, world: World) -> None:
        job = pod_job(
            world,
            template_of("late-pod", sidecars=(user("helper", _HANG),), container=main(_HANG)),
            deadline_seconds=0.3,
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        text = "Pod was active on the node longer than the specified deadline"
        assert (done.phase, done.message) == ("Failed", text)

    async def test_a_command_that_is_missing_is_its_containers_failure(self, world: World) -> None:
        job = pod_job(
            world,
            template_of(
                "missing", sidecars=(user("helper", _HANG),), container=main("", command=("nope",))
            ),
        )
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        text = 'failed to find name in PATH: exec: "nope": executable file not found in $PATH'
        assert (done.phase, done.message) == ("Failed", f"main: Error (exit code 64): {text}")

    async def test_outputs_in_a_volume_are_saved(self, world: World) -> None:
        outputs = Outputs(
            parameters=(output("p", "/work-v/sub/p"),),
            artifacts=(local("a", "/work-v/sub", "wf/a.tgz"),),
        )
        text = "mkdir /work-v/sub; echo v > /work-v/sub/p"
        container = main(text, volume_mounts=(_MOUNT,))
        job = pod_job(world, template_of("vol-out", container=container, outputs=outputs))
        async with Session(world, world.open()) as here:
            done = await here.run(job)
        assert (done.phase, done.outputs.parameters[0].value) == ("Succeeded", "v")
        assert [item.name for item in done.outputs.artifacts] == ["a"]


async def until(session: Session, job: JobSpec, container: str, wanted: str) -> None:
    """Wait until a container has written something."""
    pieces = session.runtime.logs(RUN, job.id, True, container)
    async for text in read_until(pieces, wanted.encode()):
        assert text
        return
