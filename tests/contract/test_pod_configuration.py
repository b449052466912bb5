"""Environment, configuration and volumes of local pods."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path

import msgspec
import pytest
from tests.contract.container_engine import containers_of_test, need_engine
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.errors import NotFound
from tiphys.executor.volumes import Places
from tiphys.messages import JobFinished
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact, RawArtifact
from tiphys.model.containers import EnvVar
from tiphys.model.meta import Metadata
from tiphys.ports import ObjectRef
from tiphys.runtime.claims import delete_claims
from tiphys.runtime.container import ContainerRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.testing.pod_contract import log_of, main, member, pod_job, set_of, template_of, user
from tiphys.testing.runtime_contract import Act, Session, job_of, local, output

pytestmark = pytest.mark.anyio


def coded(text):
    return base64.b64encode(text.encode()).decode()


class Shelf:
    """Objects in a dictionary."""

    def __init__(self):
        self.stored = {
            ("ConfigMap", "conf"): {"data": {"a": "1", "b.txt": "two\n", "not=a name": "x"}},
            ("ConfigMap", "bytes"): {"binaryData": {"raw": coded("\x01\x02")}},
            ("Secret", "cred"): {
                "data": {"password": coded("hunter2-long"), "pin": coded("7")},
                "stringData": {"user": "ann"},
            },
            ("PersistentVolumeClaim", "known"): {"spec": {}},
        }
        self.asked = []

    async def get(self, ref: ObjectRef):
        self.asked.append((ref.namespace, ref.kind, ref.name))
        try:
            return self.stored[ref.kind, ref.name]
        except KeyError:
            raise NotFound(ref.name) from None


class SetUpWorld(RealWorld):
    def __init__(self, made, root: Path) -> None:
        super().__init__(made, root)
        self.shelf = Shelf()
        (root / "allowed").mkdir()
        self.places = Places(str(root / "volumes"), (str(root / "allowed"),))

    def open(self, slots: int = 4):
        setup = Setup(objects=self.shelf, places=self.places)
        if self.made is ContainerRuntime:
            return ContainerWorld(self.root, need_engine()).open(slots, setup)
        return self.made(self.root / "runs", self.drivers, self.clock, slots=slots, setup=setup)


@pytest.fixture(params=["process", "sandbox", "container"])
def world(request, tmp_path):
    if request.param == "container":
        need_engine()
        yield SetUpWorld(ContainerRuntime, tmp_path)
        assert not containers_of_test(tmp_path, need_engine())
        assert not left_over(tmp_path)
        return
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    yield SetUpWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


async def run(world, template, **more):
    async with Session(world, world.open()) as here:
        return await here.run(pod_job(world, template, capture_result=True, **more))


def plain(text, **more):
    return template_of("t", volumes=(), container=main(text, **more))


def mounting(text, *volumes, mounts, **more):
    return template_of("t", volumes=volumes, container=main(text, volume_mounts=mounts), **more)


def at(path, name="v", **more):
    return {"name": name, "mountPath": path, **more}


# ----------------------------------------------------------------------------- environment


async def test_variables_come_from_config_maps_secrets_fields_and_resources(world):
    env = (
        EnvVar(name="C", value_from={"configMapKeyRef": {"name": "conf", "key": "a"}}),
        EnvVar(name="S", value_from={"secretKeyRef": {"name": "cred", "key": "password"}}),
        EnvVar(
            name="NONE",
            value_from={"secretKeyRef": {"name": "gone", "key": "x", "optional": True}},
        ),
        EnvVar(name="N", value_from={"fieldRef": {"fieldPath": "metadata.name"}}),
        EnvVar(name="L", value_from={"fieldRef": {"fieldPath": "metadata.labels['team']"}}),
        EnvVar(name="IP", value_from={"fieldRef": {"fieldPath": "status.podIP"}}),
        EnvVar(
            name="M",
            value_from={"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
        ),
        EnvVar(name="ALL", value="$(C)-$(S)-$(NONE)"),
    )
    text = 'printf "%s|" "$C" "$S" "${NONE-unset}" "$N" "$L" "$IP" "$M" "$ALL"'
    template = plain(text, env=env, resources={"limits": {"memory": "100M"}})
    template = msgspec.structs.replace(template, metadata=Metadata(labels={"team": "red"}))
    done = await run(world, template)
    assert done.outputs.result == (
        "1|hunter2-long|unset|wf-t-1|red|127.0.0.1|96|1-hunter2-long-$(NONE)|"
    )
    assert ("default", "Secret", "cred") in world.shelf.asked


async def test_env_from_takes_every_key_with_a_prefix_and_later_ones_win(world):
    sources = (
        {"configMapRef": {"name": "conf"}, "prefix": "P_"},
        {"secretRef": {"name": "cred"}},
        {"secretRef": {"name": "gone", "optional": True}},
    )
    env = (EnvVar(name="user", value="bob"), EnvVar(name="X", value="$(P_a)"))
    template = plain('echo "$P_a $password $user $X"', env_from=sources, env=env)
    done = await run(world, template)
    assert done.outputs.result == "1 hunter2-long bob $(P_a)"


async def test_words_are_expanded_as_kubernetes_does(world):
    env = (EnvVar(name="A", value="x y"),)
    template = template_of(
        "t", container=main("", command=("printf", "%s|"), args=("$(A)", "$$(A)", "$(B)"), env=env)
    )
    done = await run(world, template)
    assert done.outputs.result == "x y|$(A)|$(B)|"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"configMapKeyRef": {"name": "gone", "key": "a"}}, 'configmap "gone" not found'),
        ({"secretKeyRef": {"name": "gone", "key": "a"}}, 'secret "gone" not found'),
        (
            {"secretKeyRef": {"name": "cred", "key": "a"}},
            "couldn't find key a in Secret default/cred",
        ),
    ],
)
async def test_what_is_missing_fails_at_once_in_the_kubelets_words(world, source, wanted):
    done = await run(world, plain("true", env=(EnvVar(name="A", value_from=source),)))
    text = "Pod failed before main container starts due to CreateContainerConfigError: "
    assert (done.phase, done.message) == ("Error", text + wanted)


async def test_secrets_do_not_show_in_messages_but_in_outputs(world):
    env = (EnvVar(name="S", value_from={"secretKeyRef": {"name": "cred", "key": "password"}}),)
    text = "echo $S; printf 'bad %s' $S > /dev/termination-log; exit 1"
    async with Session(world, world.open()) as here:
        job = pod_job(world, plain(text, env=env), capture_result=True)
        done = await here.run(job)
        directory = world.root / "runs" / job.run / job.id
        files = [
            p.read_bytes() for p in directory.rglob("*") if p.is_file() and "root" not in p.parts
        ]
    assert done.message == "main: Error (exit code 1): bad ***"
    assert done.outputs.result == "hunter2-long"
    found = sorted(
        p.relative_to(directory).as_posix()
        for p in directory.rglob("*")
        if p.is_file() and not p.is_symlink() and b"hunter2" in p.read_bytes()
    )
    assert files
    # What the job itself wrote, and the report with its result.
    assert set(found) <= {
        *("ctr/main/combined", "ctr/main/stdout", "report", "termination-log"),
        "root/var/run/argo/termination-log",
    }


async def test_messages_of_an_adopted_job_are_masked_as_well(world):
    env = (EnvVar(name="S", value_from={"secretKeyRef": {"name": "cred", "key": "password"}}),)
    text = "trap 'printf %s $S > /dev/termination-log; exit 1' TERM; echo ready; sleep 600 & wait"
    job = pod_job(world, plain(text, env=env))
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.ready(job)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.runtime.stop(job.id, 30.0)
        done = await here.wait(JobFinished, job.id)
    assert done.message == "main: Error (exit code 1): ***"


# --------------------------------------------------------------------------------- volumes


async def test_config_maps_and_secrets_are_files(world):
    volumes = (
        {"name": "c", "configMap": {"name": "conf", "items": [{"key": "b.txt", "path": "d/b"}]}},
        {"name": "s", "secret": {"secretName": "cred", "defaultMode": 0o400}},
        {"name": "n", "configMap": {"name": "gone", "optional": True}},
    )
    text = "cat /conf-v/d/b /cred-v/password; stat -c ' %a' /cred-v/password; ls /none-v | wc -l"
    mounts = (at("/conf-v", "c"), at("/cred-v", "s", readOnly=True), at("/none-v", "n"))
    async with Session(world, world.open()) as here:
        job = pod_job(world, mounting(text, *volumes, mounts=mounts), capture_result=True)
        done = await here.run(job)
    assert (done.phase, done.outputs.result) == ("Succeeded", "two\nhunter2-long 400\n0")
    left = world.root / "runs" / job.run / job.id / "volumes"
    assert not (left / "s").exists()
    assert (left / "c").exists()


async def test_projected_and_downward_files_lie_in_one_volume(world):
    volume = {
        "name": "v",
        "projected": {
            "defaultMode": 0o600,
            "sources": [
                {"configMap": {"name": "conf", "items": [{"key": "a", "path": "a"}]}},
                {
                    "secret": {
                        "name": "cred",
                        "items": [{"key": "user", "path": "u", "mode": 0o444}],
                    }
                },
                {
                    "downwardAPI": {
                        "items": [
                            {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        ]
                    }
                },
            ],
        },
    }
    text = "cd /proj-v; cat a; echo; cat u; echo; cat name; echo; cat labels; stat -c ' %a' a u"
    done = await run(world, mounting(text, volume, mounts=(at("/proj-v"),)))
    assert done.outputs.result.splitlines() == [
        *("1", "ann", "wf-t-1", 'workflows.argoproj.io/completed="false"'),
        *('workflows.argoproj.io/workflow="wf" 600', " 444"),
    ]


async def test_a_missing_config_map_of_a_volume_fails_at_once(world):
    volume = {"name": "v", "configMap": {"name": "gone"}}
    done = await run(world, mounting("true", volume, mounts=(at("/v-v"),)))
    cause = 'MountVolume.SetUp failed for volume "v" : configmap "gone" not found'
    text = f"Pod failed before main container starts due to ContainerCreating: {cause}"
    assert (done.phase, done.message) == ("Error", text)


async def test_a_volume_that_is_not_declared_is_an_error(world):
    done = await run(world, mounting("true", mounts=(at("/v-v", "nope"),)))
    assert "volume 'nope' not found in workflow spec" in done.message


async def test_parts_of_a_volume_are_mounted_at_several_places(world):
    env = (EnvVar(name="PART", value="b"),)
    mounts = (
        at("/whole-v"),
        at("/part-a", subPath="a"),
        at("/part-b", subPathExpr="$(PART)"),
        at("/conf-v/one", "c", subPath="b.txt"),
    )
    text = "echo 1 > /part-a/x; echo 2 > /part-b/x; cat /whole-v/a/x /whole-v/b/x /conf-v/one"
    volumes = ({"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "conf"}})
    template = template_of(
        "t", volumes=volumes, container=main(text, volume_mounts=mounts, env=env)
    )
    done = await run(world, template)
    assert (done.phase, done.outputs.result) == ("Succeeded", "1\n2\ntwo")


@pytest.mark.parametrize("part", ["../x", "/etc", "a/../../x"])
async def test_a_sub_path_does_not_leave_its_volume(world, part):
    done = await run(
        world,
        mounting("true", {"name": "v", "emptyDir": {}}, mounts=(at("/v-v", subPath=part),)),
    )
    assert "leaves the volume" in done.message


async def test_a_sub_path_that_became_a_link_is_not_followed_out(world):
    swap = "rmdir /whole-v/part; ln -s / /whole-v/part"
    template = template_of(
        "t",
        init_containers=(user("swap", swap, volume_mounts=(at("/whole-v"),)),),
        container=main("ls /part-v", volume_mounts=(at("/part-v", subPath="part"),)),
    )
    done = await run(world, template)
    assert (done.phase, done.outputs.exit_code) == ("Failed", "64")
    assert "leaves its volume" in done.message


async def test_host_paths_need_leave(world):
    allowed = world.root / "allowed"
    (allowed / "x").write_text("here")
    volume = {"name": "v", "hostPath": {"path": str(allowed), "type": "Directory"}}
    done = await run(world, mounting("cat /host-v/x", volume, mounts=(at("/host-v"),)))
    assert done.outputs.result == "here"
    other = {"name": "v", "hostPath": {"path": str(world.root)}}
    refused = await run(
        world,
        msgspec.structs.replace(
            mounting("cat /host-v/x", other, mounts=(at("/host-v"),)), name="other"
        ),
    )
    assert "is not allowed on this machine" in refused.message


async def test_claims_are_directories_that_outlive_the_pod_and_go_with_the_workflow(world):
    def claim(name):
        return {"name": "v", "persistentVolumeClaim": {"claimName": name}}

    async def go(name, claim_name, text):
        template = mounting(text, claim(claim_name), mounts=(at("/pvc-v"),))
        return await run(world, msgspec.structs.replace(template, name=name))

    assert (await go("w", "wf-own", "echo kept > /pvc-v/x")).phase == "Succeeded"
    assert (await go("r", "wf-own", "cat /pvc-v/x")).outputs.result == "kept"
    assert (await go("k", "known", "touch /pvc-v/x")).phase == "Succeeded"
    lost = await go("l", "unknown", "true")
    assert 'persistentvolumeclaim "unknown" not found' in lost.message
    folder = world.root / "volumes" / "default"
    assert (folder / "wf-own" / "x").read_text() == "kept\n"
    delete_claims(world.places, "default", "wf", ["own", "never-made"])
    assert sorted(path.name for path in folder.iterdir()) == ["known"]


async def test_the_volumes_of_the_workflow_are_found_as_well(world):
    container = main("cat /wf-v/a", volume_mounts=(at("/wf-v", "c"),))
    job = pod_job(
        world,
        template_of("t", volumes=(), container=container),
        capture_result=True,
        volumes=(
            {"name": "c", "configMap": {"name": "conf"}},
            {"name": "unused", "configMap": {"name": "gone"}},
        ),
    )
    async with Session(world, world.open()) as here:
        done = await here.run(job)
    assert (done.phase, done.outputs.result) == ("Succeeded", "1")


async def test_input_artifacts_in_a_volume_are_seen_by_all_who_mount_it(world):
    text = RawArtifact(data="from afar")
    inputs = Inputs(
        artifacts=(
            Artifact(name="in", path="/art-v/deep/in", raw=text),
            Artifact(name="own", path="/own-art", raw=text),
        )
    )
    template = template_of(
        "t",
        inputs=inputs,
        volumes=({"name": "v", "emptyDir": {}},),
        init_containers=(user("look", "cat /art-v/deep/in /own-art", mirror_volume_mounts=True),),
        sidecars=(user("side", "cat /art-v/deep/in > /art-v/side", volume_mounts=(at("/art-v"),)),),
        container=main(
            "until [ -s /art-v/side ]; do sleep 0.01; done; cat /own-art /art-v/side",
            volume_mounts=(at("/art-v"),),
        ),
    )
    async with Session(world, world.open()) as here:
        job = pod_job(world, template, capture_result=True)
        done = await here.run(job)
        log = await log_of(here, job, "look")
    assert (done.phase, done.message) == ("Succeeded", "")
    assert (done.outputs.result, log) == ("from afarfrom afar", "from afarfrom afar")


async def test_an_artifact_of_a_set_is_taken_from_main_only(world):
    whole = set_of(
        member("a", "echo no > /tmp/set-out; echo yes > /work-v/x"),
        member("main", "cp /work-v/x /tmp/set-out", "a"),
    )
    outputs = Outputs(
        parameters=(output("p", "/tmp/set-out"),),
        artifacts=(local("o", "/tmp/set-out", "wf/o.tgz"),),
    )
    done = await run(world, template_of("t", container_set=whole, outputs=outputs))
    assert (done.phase, done.outputs.parameters[0].value) == ("Succeeded", "yes")


async def test_jobs_without_configuration_ask_nobody(world):
    async with Session(world, world.open()) as here:
        await here.run(job_of(world, "plain", Act()))
    assert world.shelf.asked == []


async def test_features_are_named_by_what_the_setup_allows(tmp_path):
    runtime = ProcessRuntime(tmp_path, None, None)
    bare = runtime.capabilities.features
    assert {"containerSet", "daemon", "volumes.emptyDir"} <= bare
    assert not bare & {"envFrom", "volumes.secret", "volumes.hostPath"}
    world = SetUpWorld(ProcessRuntime, tmp_path)
    everything = world.open().capabilities.features
    assert {"envFrom", "volumes.hostPath", "volumes.persistentVolumeClaim"} <= everything


async def test_secret_values_cannot_be_printed_or_written_down():
    import pickle

    from tiphys.executor.secret import SecretBytes, mask

    secret = SecretBytes(b"hunter2\nline-two")
    assert (str(secret), repr([secret])) == ("***", "[***]")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert mask("a hunter2 b line-two", [secret]) == "a *** b ***"
    assert mask("1234567", [SecretBytes(b"123")]) == "1234567"
    await asyncio.sleep(0)


async def test_files_of_a_secret_can_be_read_by_the_group_of_the_pod(tmp_path):
    engine = need_engine()
    if os.geteuid() != 0:
        pytest.skip("only root may give a file to a group")
    world = SetUpWorld(ContainerRuntime, tmp_path)
    volume = {"name": "s", "secret": {"secretName": "cred", "defaultMode": 0o400}}
    mount = {"name": "s", "mountPath": "/work-s"}
    context = {"runAsUser": 1500, "runAsGroup": 1501, "fsGroup": 1600}
    text = "cat /work-s/user; stat -c ' %g %a' /work-s/user"
    read = mounting(text, volume, mounts=(mount,), security_context=context)
    done = await run(world, read)
    assert (done.outputs.result, done.message) == ("ann 1600 440", "")
    without = msgspec.structs.replace(read, name="u", security_context={"runAsUser": 1500})
    assert "ann" not in ((await run(world, without)).outputs.result or "")
    assert not containers_of_test(tmp_path, engine)
