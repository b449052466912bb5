"""Programs written with Hera, unmodified, against a server of ours."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.serving import Server, serving

from tiphys.runtime import sandbox

pytest.importorskip("hera.workflows", reason="Hera is not installed")
from hera.exceptions import AlreadyExists, BadRequest, NotFound
from hera.workflows import (
    AsyncWorkflowsService,
    ClusterWorkflowTemplate,
    Container,
    Workflow,
    WorkflowsService,
    models,
)
from tests.e2e import hera_programs as programs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Hera's own, of pydantic
PYTHON = f"""
images:
  - pattern: python
    bin: ["{sys.base_prefix}/bin"]
    visible: ["{sys.base_prefix}"]
"""
ENDED = {"Succeeded", "Failed", "Error"}


class Port:
    """A server, and Hera's client of it."""

    def __init__(self, home: Home, server: Server) -> None:
        self.home = home
        self.server = server
        self.service = WorkflowsService(host=server.address, namespace="default")
        self.common: dict[str, Any] = {"workflows_service": self.service, "namespace": "default"}

    def ended(self, name: str, phase: str = "Succeeded") -> Any:
        """Return a workflow when it has ended as it should."""
        found = until(lambda: self._ended(name), f"{name} ends")
        said = [(n.display_name, n.phase, n.message) for n in (found.status.nodes or {}).values()]
        assert found.status.phase == phase, (found.status.message, said)
        return found

    def _ended(self, name: str) -> Any:
        found = self.service.get_workflow(name, namespace="default")
        return found if found.status.phase in ENDED else None

    def node(self, name: str, node: str) -> Any:
        """Return a node of a workflow by its display name, None if there is none."""
        found = self.service.get_workflow(name, namespace="default").status.nodes or {}
        return next((item for item in found.values() if item.display_name == node), None)

    def result(self, name: str, node: str) -> str:
        """Return what a node has written, without the newline at the end."""
        path = f"/api/v1/workflows/default/{name}/log?logOptions.container=main"
        found = self.node(name, node)
        if found is None:
            return ""
        with self.server.open("GET", f"{path}&podName={found.id}") as answer:
            lines = [json.loads(line)["result"]["content"] for line in answer]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> Iterator[Port]:
    """A server whose jobs run as plain processes, or in the runtime that a test asks for."""
    runtime = getattr(request, "param", "process")
    if runtime == "sandbox" and (why := sandbox.available()) is not None:
        pytest.skip(why)
    home = Home(tmp_path_factory.mktemp("hera"), runtime, cache)
    home.file("settings.yaml", PYTHON)
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            yield Port(home, server)
    finally:
        home.close()


EACH = pytest.mark.parametrize("port", ["process", "sandbox"], indirect=True)


@EACH
def test_results_and_parameters_go_from_step_to_step(port: Port) -> None:
    made = programs.steps(**port.common)
    assert made.lint().metadata.name == "steps"
    assert made.create().metadata.name == "steps"
    port.ended("steps")
    assert made.wait(poll_interval=1).status.phase == "Succeeded"
    assert port.result("steps", "second") == "42"
    assert port.result("steps", "speak") == "oar"
    with pytest.raises(Exception, match="already exists"):
        made.create()


@EACH
def test_a_file_goes_from_task_to_task(port: Port) -> None:
    programs.diamond(**port.common).create()
    ended = port.ended("diamond")
    assert port.result("diamond", "end") == "12"
    service, sail = port.service, port.node("diamond", "sail").id
    text = str(b"day 0\nday 1\nday 2\n")  # so Hera shows the bytes
    assert service.get_output_artifact("diamond", sail, "log", namespace="default") == text
    assert service.get_output_artifact_by_uid(ended.metadata.uid, sail, "log") == text
    left = port.node("diamond", "left").id
    assert service.get_input_artifact("diamond", left, "log", namespace="default") == text
    with pytest.raises(NotFound):
        service.get_output_artifact("diamond", sail, "none", namespace="default")


@EACH
def test_loops_fan_out_and_in(port: Port) -> None:
    programs.loops(**port.common).create()
    port.ended("loops")
    assert port.result("loops", "total") == str(sum(n * n + 1 for n in range(4)))
    pairs = ["pairs(0:left:1,right:2)", "pairs(1:left:30,right:40)"]
    assert [port.result("loops", name) for name in pairs] == ["3", "70"]


@EACH
def test_conditions_choose(port: Port) -> None:
    programs.conditions(**port.common).create()
    port.ended("conditions", "Failed")  # the end that was left out goes by what came before it
    phases = {
        name: port.node("conditions", name).phase
        for name in ("heads", "tails", "fails", "mend", "never")
    }
    assert phases == {
        "heads": "Succeeded",
        "tails": "Skipped",
        "fails": "Failed",
        "mend": "Succeeded",
        "never": "Omitted",
    }


@EACH
def test_a_step_is_tried_again_and_reported(port: Port) -> None:
    programs.attempts(**port.common).create()
    port.ended("attempts")
    tries = [port.node("attempts", f"stumble({number})") for number in range(3)]
    assert [item.phase for item in tries] == ["Failed", "Failed", "Succeeded"]
    assert port.result("attempts", "stumble(2)") == "attempt 2"
    assert port.result("attempts", "attempts.onExit").startswith("attempts Succeeded")


@EACH
def test_containers_of_a_set_share_a_directory(port: Port) -> None:
    programs.crew(**port.common).create()
    port.ended("crew")
    assert port.result("crew", "crew") == "stroke"


def test_a_person_answers(port: Port) -> None:
    programs.approval(**port.common).create()
    service = port.service
    until(lambda: port.node("approval", "asked"), "somebody is asked")
    request = models.WorkflowSuspendRequest()
    assert service.suspend_workflow("approval", request, namespace="default").spec.suspend
    resume = models.WorkflowResumeRequest()
    answer = models.WorkflowSetRequest(
        node_field_selector="displayName=asked", output_parameters=json.dumps({"who": "Medea"})
    )
    service.set_workflow("approval", answer, namespace="default")
    with pytest.raises(BadRequest, match="already set"):
        service.set_workflow("approval", answer, namespace="default")
    service.resume_workflow("approval", resume, namespace="default")
    port.ended("approval")
    assert port.result("approval", "answer") == "Medea"


def test_templates_are_kept_and_used(port: Port) -> None:
    service = port.service
    made = programs.stored(**port.common)
    made.lint()
    assert made.create().metadata.name == "stored"
    assert made.get().metadata.name == "stored"
    made.labels = {"sea": "black"}
    assert made.update().metadata.labels["sea"] == "black"
    listed = service.list_workflow_templates(namespace="default", label_selector="sea=black")
    assert [item.metadata.name for item in listed.items] == ["stored"]
    programs.refers(**port.common).create()
    port.ended("refers")
    assert port.result("refers", "b") == "7"
    options = models.SubmitOpts(parameters=["left=3"], generate_name="summed-")
    request = models.WorkflowSubmitRequest(
        resource_kind="WorkflowTemplate", resource_name="stored", submit_options=options
    )
    name = service.submit_workflow(request, namespace="default").metadata.name
    assert name.startswith("summed-")
    port.ended(name)
    assert port.result(name, "sum") == "43"
    run = made.create_as_workflow(generate_name="run-", wait=True, poll_interval=1)
    assert run.status.phase == "Succeeded"
    service.delete_workflow_template("stored", namespace="default")
    with pytest.raises(NotFound):
        made.get()


def test_cluster_templates_are_kept_and_used(port: Port) -> None:
    common = {"workflows_service": port.service, "entrypoint": "main"}
    with ClusterWorkflowTemplate(name="shared", **common) as made:
        Container(name="main", image="busybox", command=["echo", "shared"])
    made.lint()
    made.create()
    made.update()
    listed = port.service.list_cluster_workflow_templates()
    assert [item.metadata.name for item in listed.items] == ["shared"]
    reference = models.WorkflowTemplateRef(name="shared", cluster_scope=True)
    Workflow(name="uses", workflow_template_ref=reference, **port.common).create()
    port.ended("uses")
    assert port.result("uses", "uses") == "shared"
    port.service.delete_cluster_workflow_template("shared")
    assert port.service.list_cluster_workflow_templates().items is None


def test_schedules_are_kept_held_and_run(port: Port) -> None:
    service = port.service
    made = programs.nightly(**port.common)
    made.lint()
    made.create()
    made.schedules = ["0 3 * * *"]
    assert made.update().spec.schedules == ["0 3 * * *"]
    request = models.CronWorkflowSuspendRequest(name="nightly", namespace="default")
    assert service.suspend_cron_workflow("nightly", request, namespace="default").spec.suspend
    resume = models.CronWorkflowResumeRequest(name="nightly", namespace="default")
    resumed = service.resume_cron_workflow("nightly", resume, namespace="default")
    assert not resumed.spec.suspend
    listed = service.list_cron_workflows(namespace="default")
    assert [item.metadata.name for item in listed.items] == ["nightly"]
    submit = models.WorkflowSubmitRequest(resource_kind="CronWorkflow", resource_name="nightly")
    name = service.submit_workflow(submit, namespace="default").metadata.name
    port.ended(name)
    assert port.result(name, "speak") == "good night"
    service.delete_cron_workflow("nightly", namespace="default")
    with pytest.raises(NotFound):
        service.get_cron_workflow("nightly", namespace="default")


def test_what_failed_is_retried_and_submitted_again(port: Port) -> None:
    service = port.service
    programs.leaky(**port.common).create()
    port.ended("leaky", "Failed")
    before = port.node("leaky", "before").started_at
    service.retry_workflow(
        "leaky", models.WorkflowRetryRequest(parameters=["leak=no"]), namespace="default"
    )
    port.ended("leaky")
    assert port.node("leaky", "before").started_at == before
    request = models.WorkflowResubmitRequest(name="leaky", parameters=["leak=yes"])
    again = service.resubmit_workflow("leaky", request, namespace="default").metadata.name
    assert again != "leaky"
    port.ended(again, "Failed")
    selector = "workflows.argoproj.io/phase=Failed"
    listed = service.list_workflows(namespace="default", label_selector=selector)
    assert again in [item.metadata.name for item in listed.items]


def test_what_runs_is_stopped_and_terminated_and_archived(port: Port) -> None:
    service = port.service
    for verb, named in (("stop", "Stop"), ("terminate", "Terminate")):
        made = programs.endless(**port.common)
        made.name = f"endless-{verb}"
        made.create()
        until(lambda made=made: port.result(made.name, made.name) == "rowing", "it runs")
        request = getattr(models, f"Workflow{named}Request")()
        asked = getattr(service, f"{verb}_workflow")(made.name, request, namespace="default")
        assert asked.spec.shutdown == named
        ended = port.ended(made.name, "Failed")
        service.delete_workflow(made.name, namespace="default")
        for kept in (
            service.get_workflow(made.name, namespace="default"),  # the archive has it now
            service.get_archived_workflow(ended.metadata.uid),
        ):
            assert kept.metadata.uid == ended.metadata.uid
            assert kept.metadata.labels[ARCHIVING] == "Persisted"
        with pytest.raises(NotFound, match="not found"):
            service.delete_workflow(made.name, namespace="default")
    listed = service.list_archived_workflows(namespace="default", name_prefix="endless-")
    assert len(listed.items) == 2
    for item in listed.items:
        service.delete_archived_workflow(item.metadata.uid)
    assert not service.list_archived_workflows(namespace="default", name_prefix="endless-").items


def test_the_server_tells_of_itself_and_lint_of_mistakes(port: Port) -> None:
    service = port.service
    assert service.get_version().version.startswith("v4.1.")
    assert service.get_info().model_dump() is not None
    assert service.get_user_info() is not None
    made = programs.steps(**port.common)
    made.entrypoint = "mian"
    with pytest.raises(BadRequest, match="mian"):
        made.lint()
    with pytest.raises(BadRequest, match="mian"):
        made.create()


# ------------------------------------------------------------------------------------ asynchronous


ARCHIVING = "workflows.argoproj.io/workflow-archiving-status"
ASYNCHRONOUS = pytest.mark.skipif(
    find_spec("httpx") is None, reason="Hera's asynchronous client needs httpx: `make setup`"
)


async def _run_to_its_end(port: Port) -> tuple[Any, list[str]]:
    """Create, read, follow and wait for a workflow; return how it ended and what it wrote."""
    async with AsyncWorkflowsService(host=port.server.address, namespace="default") as service:
        made = programs.one_line(workflows_service=service, namespace="default")
        assert (await made.async_lint()).metadata.name == "one-line"
        created = await made.async_create(wait=False)
        with pytest.raises(AlreadyExists, match="already exists"):
            await made.async_create(wait=False)
        read = await service.get_workflow("one-line")
        assert read.metadata.uid == created.metadata.uid
        said = await _followed(service, "one-line")
        ended = await made.async_wait(poll_interval=0)
        # These take a frame for the entry in it, and know one frame only: so they do with Argo.
        await service.workflow_logs("one-line", container="main", follow=True)
        await service.pod_logs("one-line", ended.metadata.name, container="main")
        return ended, said


async def _followed(service: AsyncWorkflowsService, name: str) -> list[str]:
    """Return the lines of a workflow, read as they come with Hera's own session."""
    url = f"{service.host}/api/v1/workflows/default/{name}/log"
    query = {"logOptions.container": "main", "logOptions.follow": "true"}
    async with service.session.stream("GET", url, params=query, timeout=60) as answer:
        frames = [json.loads(line) async for line in answer.aiter_lines() if line]
    return [frame["result"]["content"] for frame in frames]


async def _stopped_while_it_runs(port: Port) -> Any:
    """Stop and delete a workflow that would never end, beside others that are asked for."""
    async with AsyncWorkflowsService(host=port.server.address, namespace="default") as service:
        made = programs.endless(workflows_service=service, namespace="default")
        made.name = "endless-async"
        await made.async_create(wait=False)
        runs = partial(port.node, made.name, made.name)
        await asyncio.to_thread(until, lambda: runs() and runs().phase == "Running", "it runs")
        request = models.WorkflowStopRequest(message="enough")
        stopped, listed, version = await asyncio.gather(
            service.stop_workflow(made.name, request),
            service.list_workflows(),
            service.get_version(),
        )
        assert stopped.spec.shutdown == "Stop"
        assert made.name in [item.metadata.name for item in listed.items]
        assert version.version.startswith("v4.1.")
        ended = await made.async_wait(poll_interval=0)
        await service.delete_workflow(made.name)
        kept = await service.get_workflow(made.name)  # the archive has it now
        assert kept.metadata.labels[ARCHIVING] == "Persisted"
        with pytest.raises(NotFound, match="not found"):
            await service.delete_workflow(made.name)
        return ended


@ASYNCHRONOUS
def test_the_asynchronous_client_creates_reads_waits_and_sees_logs(port: Port) -> None:
    ended, said = asyncio.run(_run_to_its_end(port))
    assert ended.status.phase == "Succeeded"
    assert said == ["ahoy"]


@ASYNCHRONOUS
def test_the_asynchronous_client_stops_and_deletes(port: Port) -> None:
    assert asyncio.run(_stopped_while_it_runs(port)).status.phase == "Failed"
