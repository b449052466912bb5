"""Resource templates on the object store."""

from __future__ import annotations

import asyncio
import base64

import pytest
from msgspec.structs import replace

from tiphys.artifacts.registry import Drivers
from tiphys.errors import NotFound
from tiphys.executor import contract
from tiphys.messages import JobFinished, JobStarted
from tiphys.model.arguments import Inputs, Outputs, Parameter, ValueFrom
from tiphys.model.artifacts import ArchiveStrategy, Artifact, LocalArtifact, NoneStrategy
from tiphys.model.templates import ManifestFrom, ResourceTemplate, Template
from tiphys.ports import ObjectRef
from tiphys.runtime.resource import ResourceRuntime
from tiphys.store.objects import MemoryObjects
from tiphys.testing.leaf_contract import leaf
from tiphys.testing.objects_contract import config_map, ref
from tiphys.testing.runtime_contract import RUN, Session, SystemClock

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()
JOB = "{apiVersion: batch/v1, kind: Job, metadata: {generateName: calc-}, spec: {parallelism: 1}}"


class World:
    real = True
    clock = CLOCK

    def __init__(self, root):
        self.root = root
        self.objects = MemoryObjects(CLOCK)

    def open(self):
        drivers = Drivers({"local": {"root": self.root / "artifacts"}})
        return ResourceRuntime(self.root / "runs", CLOCK, self.objects, drivers)

    async def run(self, action, manifest="", name="t", **more):
        async with Session(self, self.open()) as here:
            return await here.run(step(action, manifest, name, **more))

    async def get(self, name, kind="ConfigMap", api_version="v1"):
        return await self.objects.get(ObjectRef(api_version, kind, "default", name))

    async def data(self, name="c"):
        return (await self.get(name)).get("data")


def step(action, manifest="", name="t", outputs=(), inputs=(), **more):
    resource = ResourceTemplate(action=action, manifest=manifest, **more)
    template = Template(name=name, resource=resource, outputs=Outputs(parameters=tuple(outputs)))
    return leaf(replace(template, inputs=Inputs(artifacts=tuple(inputs))))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def text(name="c", data="{k: v}", **metadata):
    more = "".join(f", {key}: {value}" for key, value in metadata.items())
    return f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}{more}}}, data: {data}}}"


def by_path(path, name="p", default=None):
    return Parameter(name=name, value_from=ValueFrom(json_path=path, default=default))


def failed(message):
    return "Failed", f"main: Error (exit code 64): {message}"


def refused(message):
    return failed(f"no more retries {message}")


def end(done):
    return done.phase, done.message


# ---------------------------------------------------------------------------------- create


async def test_what_is_created_can_be_read_by_path_and_by_filter(world):
    outputs = (
        by_path("{.metadata.name}", "name"),
        by_path("{.spec.b}", "missing", "default"),
        by_path("{.metadata.uid} x", "uid"),
        Parameter(name="jq", value_from=ValueFrom(jq_filter=".spec, .kind")),
        Parameter(name="own", value="as it is"),
    )
    done = await world.run("create", JOB, outputs=outputs)
    assert end(done) == ("Succeeded", "")
    assert done.outputs.exit_code == "0"
    values = {item.name: item.value for item in done.outputs.parameters}
    stored = await world.get(values["name"], "Job", "batch/v1")
    assert values["name"].startswith("calc-")
    assert values["missing"] == ""
    assert values["uid"] == stored["metadata"]["uid"] + " x"
    assert values["jq"] == '{"parallelism":1}\nJob'
    assert values["own"] == "as it is"
    assert done.outputs.parameters[0].value_from == outputs[0].value_from


async def test_several_documents_and_lists_are_all_created(world):
    await world.run("create", f"{text('a')}\n---\n{text('b')}\n---\n")
    listed = f"{{apiVersion: v1, kind: List, items: [{text('c')}, {text('d')}]}}"
    done = await world.run("create", listed, name="second")
    assert done.phase == "Succeeded"
    for name in "abcd":
        assert await world.data(name) == {"k": "v"}


async def test_several_documents_have_no_one_output(world):
    manifest = f"{text('a')}\n---\n{text('b')}"
    done = await world.run("create", manifest, outputs=[by_path("{.a}")])
    assert end(done) == failed(
        "Kind and name are both required but at least one of them is missing from the manifest"
    )


async def test_what_exists_cannot_be_created(world):
    await world.objects.create(config_map())
    assert end(await world.run("create", text())) == refused(
        'Error from server (AlreadyExists): error when creating "/tmp/manifest.yaml": '
        'configmaps "c" already exists'
    )


TYPO = (
    "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {backofLimit: 1, template: "
    "{spec: {containers: [{name: c, comand: [x]}]}}}}"
)


@pytest.mark.parametrize("verb", ["create", "apply", "replace"])
async def test_a_field_that_a_job_does_not_have_is_refused(world, verb):
    doing = "replacing" if verb == "replace" else "creating"
    assert end(await world.run(verb, TYPO)) == refused(
        f'Error from server (BadRequest): error when {doing} "/tmp/manifest.yaml": Job in version '
        '"v1" cannot be handled as a Job: strict decoding error: unknown field '
        '"spec.backofLimit", unknown field "spec.template.spec.containers[0].comand"; '
        "did you mean `backoffLimit`?; did you mean `command`?"
    )
    assert not await world.objects.kinds()


@pytest.mark.parametrize("flag", ["--validate=false", "--validate=ignore", "--validate=warn"])
async def test_unknown_fields_pass_where_kubectl_would_let_them(world, flag):
    assert (await world.run("create", TYPO, flags=[flag])).phase == "Succeeded"


async def test_a_field_of_another_type_is_refused(world):
    done = await world.run("create", JOB.replace("parallelism: 1", "parallelism: many"))
    assert 'Job in version "v1" cannot be handled as a Job: json: cannot unmarshal string' in (
        done.message
    )


async def test_the_workflow_becomes_the_owner(world):
    await world.run("create", text(), set_owner_reference=True)
    assert (await world.get("c"))["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "name": "wf",
            "uid": RUN,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    await world.open().drop(RUN)
    with pytest.raises(NotFound):
        await world.get("c")


async def test_a_namespace_is_the_manifests_or_the_flags_or_the_workflows(world):
    await world.run("create", text("a", namespace="own"), name="a")
    await world.run("create", text("b"), name="b", flags=("-n", "given"))
    await world.objects.get(ref("a", "own"))
    await world.objects.get(ref("b", "given"))
    done = await world.run("create", text("c", namespace="own"), name="c", flags=("-ngiven",))
    assert done.message.endswith(
        'error: the namespace from the provided object "own" does not match the namespace '
        "\"given\". You must pass '--namespace=own' to perform this operation."
    )


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("a: [", "error: error parsing /tmp/manifest.yaml: error converting YAML to JSON: yaml: "),
        ("{kind: X}", "error: unable to decode \"/tmp/manifest.yaml\": Object 'apiVersion' is"),
        ("{apiVersion: v1}", "error: unable to decode \"/tmp/manifest.yaml\": Object 'Kind' is"),
        (text("Bad_Name"), 'The ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value'),
        ("{apiVersion: v1, kind: X}", "The object is invalid: resource name may not be empty"),
    ],
)
async def test_a_manifest_that_is_no_object_fails(world, manifest, message):
    done = await world.run("create", manifest)
    assert done.phase == "Failed"
    assert done.message.startswith(refused(message)[1])


async def test_a_step_needs_flags_or_a_manifest(world):
    assert end(await world.run("create")) == failed(
        "Must provide at least one of flags or manifest."
    )


@pytest.mark.parametrize("archive", [None, ArchiveStrategy(none=NoneStrategy())])
async def test_a_manifest_may_be_an_artifact(world, archive, tmp_path):
    from tiphys.executor.archive import pack
    from tiphys.executor.layout import Spot
    from tiphys.executor.opened import opened

    where = Artifact(name="m", path="/in/m.yaml", local=LocalArtifact(key="m"), archive=archive)
    source, stored = tmp_path / "m.yaml", tmp_path / "artifacts" / "m"
    source.write_text(text())
    stored.parent.mkdir()
    if archive is None:
        with opened(Spot("", str(source))) as item:
            pack(item, stored, None, "m.yaml")
    else:
        stored.write_text(text())
    origin = ManifestFrom(artifact=Artifact(name="m"))
    assert (await world.run("create", manifest_from=origin, inputs=[where])).phase == "Succeeded"
    assert await world.data() == {"k": "v"}
    again = await world.run("create", name="u", manifest_from=origin, inputs=[where])
    assert 'error when creating "/in/m.yaml"' in again.message
    stored.unlink()
    gone = await world.run("create", name="v", manifest_from=origin, inputs=[where])
    assert gone.phase == "Error"
    assert gone.message.startswith("init: Error (exit code 64): artifact m failed to load: ")


# ------------------------------------------------------------------------ conditions, waiting


async def waiting(world, here, **more):
    """Start a step that creates a Job and waits; return the step and the Job."""
    job = step("create", JOB, **more)
    await here.runtime.start(job)
    number = await world.objects.changed(0)
    assert number
    return job, (await world.objects.list("batch/v1", "Job", None))[0]


SUCCESS = "status.succeeded > 1, status.phase in (Done, Complete)"
FAILURE = "status.failed > 3, status.phase = Broken"


async def test_a_step_waits_until_all_success_requirements_hold(world):
    async with Session(world, world.open()) as here:
        outputs = [by_path("{.status.succeeded}")]
        job, made = await waiting(
            world, here, success_condition=SUCCESS, failure_condition=FAILURE, outputs=outputs
        )
        for status in ({"succeeded": 2}, {"succeeded": 1, "phase": "Done", "failed": 3}):
            made = await world.objects.replace({**made, "status": status})
            assert list(await here.runtime.present(RUN)) == [job.id]
        await world.objects.replace({**made, "status": {"succeeded": 2, "phase": "Done"}})
        done = await here.wait(JobFinished, job.id)
    assert end(done) == ("Succeeded", "")
    assert done.outputs.parameters[0].value == "2"


@pytest.mark.parametrize(
    ("status", "requirement"),
    [
        ({"failed": 4, "succeeded": 2, "phase": "Done"}, "{status.failed gt [3]}"),
        ({"phase": "Broken"}, "{status.phase = [Broken]}"),
    ],
)
async def test_any_failure_requirement_fails_the_step(world, status, requirement):
    async with Session(world, world.open()) as here:
        job, made = await waiting(world, here, success_condition=SUCCESS, failure_condition=FAILURE)
        await world.objects.replace({**made, "status": status})
        done = await here.wait(JobFinished, job.id)
    assert end(done) == failed(f"failure condition '{requirement}' evaluated true")


async def test_why_the_object_failed_stands_behind_the_condition(world):
    async with Session(world, world.open()) as here:
        job, made = await waiting(world, here, success_condition=SUCCESS, failure_condition=FAILURE)
        owner = {"kind": "Job", "name": "j", "uid": made["metadata"]["uid"]}
        for name, owners in (("own", [owner]), ("other", [])):
            metadata = {"name": name, "namespace": "default", "ownerReferences": owners}
            status = {"phase": "Failed", "message": "Error (exit code 3)"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}
            await world.objects.create(pod)
        condition = {"type": "Failed", "status": "True", "reason": "TooOften", "message": "no"}
        status = {"phase": "Broken", "conditions": [condition]}
        await world.objects.replace({**made, "status": status})
        done = await here.wait(JobFinished, job.id)
    assert end(done) == failed(
        "failure condition '{status.phase = [Broken]}' evaluated true: TooOften: no; "
        "pod own: Error (exit code 3)"
    )


async def test_a_job_that_has_ended_is_not_waited_for(world):
    async with Session(world, world.open()) as here:
        job, made = await waiting(world, here, success_condition=SUCCESS, failure_condition=FAILURE)
        condition = {"type": "Failed", "status": "True", "reason": "Invalid", "message": "no"}
        status = {"failed": 1, "conditions": [condition]}
        await world.objects.replace({**made, "status": status})
        done = await here.wait(JobFinished, job.id)
    assert end(done) == failed("the Job has ended and neither condition holds: Invalid: no")


async def test_with_a_failure_condition_only_the_first_look_decides(world):
    assert (await world.run("create", JOB, failure_condition=FAILURE)).phase == "Succeeded"


@pytest.mark.parametrize(("side", "said"), [("success", "success"), ("failure", "fail")])
async def test_a_condition_that_cannot_be_read_fails_before_anything_is_done(world, side, said):
    done = await world.run("create", JOB, **{f"{side}_condition": "a>=1"})
    assert done.message.startswith(failed(f"{said} condition 'a>=1' failed to parse: ")[1])
    assert not await world.objects.kinds()


async def test_an_object_that_is_deleted_while_it_is_waited_for_fails_the_step(world):
    async with Session(world, world.open()) as here:
        job, made = await waiting(world, here, success_condition=SUCCESS)
        name = made["metadata"]["name"]
        await world.objects.delete(ObjectRef("batch/v1", "Job", "default", name))
        done = await here.wait(JobFinished, job.id)
    assert end(done) == failed(
        "The resource has been deleted while its status was still being checked. Will not be "
        f'retried: jobs.batch "{name}" not found'
    )


async def test_many_steps_wait_with_one_watch(world):
    count = 50
    async with Session(world, world.open()) as here:
        jobs = [
            step("create", text(f"c{n}"), f"s{n}", success_condition="data.k = done")
            for n in range(count)
        ]
        for job in jobs:
            await here.runtime.start(job)
        async with asyncio.timeout(60):
            while len(await world.objects.list("v1", "ConfigMap", None)) < count:
                await asyncio.sleep(0)
        for n in range(count):
            await world.objects.replace(
                {**await world.get(f"c{n}"), "data": {"k": "done"}},
            )
        for job in jobs:
            assert (await here.wait(JobFinished, job.id)).phase == "Succeeded"


# ------------------------------------------------------------------------------------- get


async def test_get_reads_what_flags_or_manifest_name(world):
    await world.objects.create(config_map())
    for number, (manifest, flags) in enumerate(
        [(text(), ()), ("", ("cm", "c")), ("", ("configmap/c",)), ("", ("configmaps.v1.", "c"))]
    ):
        outputs = [by_path("{.data.k}")]
        done = await world.run("get", manifest, str(number), flags=flags, outputs=outputs)
        assert done.outputs.parameters[0].value == "v"


async def test_a_get_that_finds_nothing_gives_the_defaults(world):
    outputs = [by_path("{.data.k}", "a", "none"), by_path("{.data.k}", "b")]
    flags = ("cm", "c", "--ignore-not-found")
    done = await world.run("get", flags=flags, outputs=outputs)
    assert [item.value for item in done.outputs.parameters] == ["none", ""]
    done = await world.run("get", name="u", flags=("cm", "c"), outputs=outputs)
    assert end(done) == refused('Error from server (NotFound): configmaps "c" not found')


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("thing", "c"), 'error: the server doesn\'t have a resource type "thing"'),
        (("cm", "c", "--dry-run=client"), "the kubectl flag --dry-run=client is not supported"),
        (("-f", "x"), "the kubectl flag -f is not supported for get"),
        (("cm", "--selector"), "error: flag needs an argument: --selector"),
        (("cm", "-l", "a=1,,b"), "error: "),
        (("cm", "--field-selector", "spec.x=1"), 'the field selector "spec.x=1" is not supported'),
    ],
)
async def test_flags_that_cannot_be_heeded_are_refused_by_name(world, flags, message):
    done = await world.run("get", flags=flags)
    assert done.phase == "Failed"
    assert message in done.message


# ----------------------------------------------------------------------------------- delete


async def test_delete_takes_what_is_there(world):
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {"x": "2"}), ("d", {})):
        await world.objects.create(config_map(name, labels=labels))
    await world.objects.create(config_map("e", "other", labels={"x": "1"}))

    async def left(*flags, manifest=""):
        done = await world.run("delete", manifest, str(flags) + manifest, flags=flags)
        assert end(done) == ("Succeeded", "")
        return [item["metadata"]["name"] for item in await world.objects.list(*CM)]

    assert await left("configmap", "--selector", "x=1") == ["c", "d", "e"]
    assert await left(manifest=text("c")) == ["d", "e"]
    assert await left(manifest=text("gone")) == ["d", "e"]
    assert await left("cm", "--field-selector=metadata.name=d", "-A") == ["e"]
    assert await left("cm", "--all", "-n", "other") == []


CM = ("v1", "ConfigMap", None)


async def test_delete_has_no_conditions_and_no_outputs(world):
    message = "successCondition, failureCondition and outputs are not supported for delete action"
    for number, more in enumerate(({"success_condition": "a = b"}, {"outputs": [by_path("{.a}")]})):
        done = await world.run("delete", text(), str(number), **more)
        assert end(done) == failed(message)


async def test_delete_wants_a_name_or_a_selector(world):
    await world.objects.create(config_map())
    done = await world.run("delete", flags=("cm",))
    assert end(done) == refused("error: resource(s) were provided, but no name was specified")


async def test_delete_waits_for_finalizers(world):
    made = await world.objects.create(config_map(finalizers=["x.io/hold"]))
    async with Session(world, world.open()) as here:
        job = step("delete", text())
        await here.runtime.start(job)
        before = int(made["metadata"]["resourceVersion"])
        await world.objects.changed(before)
        assert list(await here.runtime.present(RUN)) == [job.id]
        going = await world.get("c")
        metadata = {k: v for k, v in going["metadata"].items() if k != "finalizers"}
        await world.objects.replace({**going, "metadata": metadata})
        assert (await here.wait(JobFinished, job.id)).phase == "Succeeded"


# --------------------------------------------------------------------- patch, apply, replace


async def test_patch_merges_by_its_strategy(world):
    await world.objects.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default", "annotations": {"a": "1"}},
            "spec": {"containers": [{"name": "one", "image": "1"}, {"name": "two", "image": "1"}]},
        }
    )
    head = "apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {b: '2'}}"
    strategic = f"{{{head}, spec: {{containers: [{{name: two, image: '2'}}]}}}}"
    assert (await world.run("patch", strategic, "1")).phase == "Succeeded"
    pod = await world.get("p", "Pod")
    assert pod["metadata"]["annotations"] == {"a": "1", "b": "2"}
    assert [item["image"] for item in pod["spec"]["containers"]] == ["1", "2"]
    merge = "{metadata: {annotations: {a: null}}, spec: {containers: [{name: z}]}}"
    flags = ("pod", "p")
    done = await world.run("patch", merge, "2", merge_strategy="merge", flags=flags)
    assert done.phase == "Succeeded"
    pod = await world.get("p", "Pod")
    assert pod["metadata"]["annotations"] == {"b": "2"}
    assert pod["spec"]["containers"] == [{"name": "z"}]
    json = "- {op: add, path: /metadata/annotations/foo, value: bar}"
    done = await world.run(
        "patch",
        json,
        "3",
        merge_strategy="json",
        flags=flags,
        outputs=[by_path("{.metadata.annotations.foo}")],
    )
    assert done.outputs.parameters[0].value == "bar"


async def test_a_patch_that_does_not_fit_fails(world):
    await world.objects.create(config_map())
    json = "- {op: remove, path: /data/no}"
    done = await world.run("patch", json, merge_strategy="json", flags=("cm", "c"))
    assert end(done) == refused(
        'The request is invalid: operation 0 of the json patch: doc is missing path: "/data/no"'
    )
    done = await world.run("patch", text("gone"), "u")
    assert end(done) == refused('Error from server (NotFound): configmaps "gone" not found')


async def test_custom_resources_know_no_strategic_patch(world):
    thing = "apiVersion: x.io/v1, kind: Thing, metadata: {name: t}"
    await world.run("create", f"{{{thing}}}", "1")
    done = await world.run("patch", f"{{{thing}, spec: 1}}", "2")
    assert "Error from server (UnsupportedMediaType)" in done.message
    done = await world.run("patch", f"{{{thing}, spec: 1}}", "3", merge_strategy="merge")
    assert (await world.get("t", "Thing", "x.io/v1"))["spec"] == 1


async def test_apply_creates_changes_and_removes_what_is_left_out(world):
    await world.run("apply", text(data="{a: '1', b: '1'}"), "1")
    mine = await world.get("c")
    await world.objects.replace({**mine, "data": {**mine["data"], "theirs": "1"}})
    done = await world.run("apply", text(data="{a: '2'}"), "2", outputs=[by_path("{.data.a}")])
    assert done.outputs.parameters[0].value == "2"
    assert await world.data() == {"a": "2", "theirs": "1"}
    done = await world.run("apply", JOB, "3")
    assert end(done) == refused("error: from calc-: cannot use generate name with apply")


async def test_replace_puts_all_but_the_status(world):
    await world.objects.create({**config_map(), "status": {"s": 1}})
    assert (await world.run("replace", text(data="{new: '1'}"), "1")).phase == "Succeeded"
    stored = await world.get("c")
    assert (stored["data"], stored["status"]) == ({"new": "1"}, {"s": 1})
    assert end(await world.run("replace", text("gone"), "2")) == refused(
        'Error from server (NotFound): error when replacing "/tmp/manifest.yaml": '
        'configmaps "gone" not found'
    )
    stale = text(resourceVersion="'0'")
    done = await world.run("replace", stale, "3")
    assert "Error from server (Conflict): error when replacing" in done.message


# ---------------------------------------------------------------------------------- crashes


async def crashed_after_effect(world, job, monkeypatch):
    """Do a step's command and let the engine die before it can note that."""
    from tiphys.runtime import resource

    write, died = resource._write_note, asyncio.Event()

    def dies(desk, progress, refs):
        if refs is not None:
            died.set()
            raise asyncio.CancelledError
        write(desk, progress, refs)

    with monkeypatch.context() as patch:
        patch.setattr(resource, "_write_note", dies)
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            await died.wait()
    assert contract.read_report(f"{world.root}/runs/{RUN}/{job.id}") is None


@pytest.mark.parametrize("manifest", [JOB, text(), f"{text('a')}\n---\n{JOB}"])
async def test_an_object_is_created_once_although_the_engine_dies(world, manifest, monkeypatch):
    job = step("create", manifest)
    await crashed_after_effect(world, job, monkeypatch)
    before = await world.objects.since(0)
    assert before
    async with Session(world, world.open()) as here:
        assert end(await here.run(job)) == ("Succeeded", "")
    assert await world.objects.since(0) == before


async def test_an_object_of_another_is_not_taken_for_ones_own(world):
    await world.objects.create(config_map())
    async with Session(world, world.open()) as here:
        assert (await here.run(step("create", text()))).phase == "Failed"


async def test_a_json_patch_is_applied_once_although_the_engine_dies(world, monkeypatch):
    await world.objects.create({**config_map(), "items": []})
    patch = "- {op: add, path: /items/-, value: x}"
    job = step("patch", patch, merge_strategy="json", flags=("cm", "c"))
    await crashed_after_effect(world, job, monkeypatch)
    async with Session(world, world.open()) as here:
        assert (await here.run(job)).phase == "Succeeded"
    assert (await world.get("c"))["items"] == ["x"]


async def test_waiting_goes_on_after_the_engine_died(world):
    async with Session(world, world.open()) as here:
        job, made = await waiting(world, here, success_condition="status.done = true")
        await here.wait(JobStarted, job.id)
    await world.objects.replace({**made, "status": {"done": True}})
    async with Session(world, world.open()) as here:
        assert (await here.run(job)).phase == "Succeeded"
    assert len(await world.objects.list("batch/v1", "Job", None)) == 1


async def test_the_log_says_what_was_done(world):
    async with Session(world, world.open()) as here:
        job = step("create", f"{text()}\n---\n{JOB.replace('generateName: calc-', 'name: j')}")
        await here.run(job)
        log = b"".join([piece async for piece in here.runtime.logs(RUN, job.id, False)])
    assert log == b"configmap/c created\njob.batch/j created\n"


async def test_a_secret_is_stored_as_a_server_would(world):
    await world.run(
        "create", "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: b}}"
    )
    assert (await world.get("s", "Secret"))["data"] == {"a": base64.b64encode(b"b").decode()}
