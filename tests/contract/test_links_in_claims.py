"""What is put into a volume stays in it, whatever another pod that shares it makes of its parts.

The other pod's move is made at a fixed moment: before the job comes, while its artifact is on its
way, or between the look at a path and its use.
"""

from __future__ import annotations

from importlib import import_module

import pytest
from tests.contract.worlds import RUNTIMES, real_world

from tiphys.executor.volumes import Places
from tiphys.model.arguments import Inputs
from tiphys.model.artifacts import Artifact, RawArtifact
from tiphys.model.templates import ScriptTemplate
from tiphys.runtime.images import ImageRule
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.testing.pod_contract import main, pod_job, template_of
from tiphys.testing.runtime_contract import Session, local

pytestmark = pytest.mark.anyio
VOLUME = {"name": "c", "persistentVolumeClaim": {"claimName": "wf-shared"}}


@pytest.fixture(params=RUNTIMES)
def world(request, tmp_path):
    yield from real_world(request.param, tmp_path)


class Shared:
    """A claim with a directory `d`, and what lies outside of it."""

    def __init__(self, root):
        self.claims = root / "claims"
        self.folder = self.claims / "default/wf-shared"
        self.outside = root / "outside"
        (self.folder / "d").mkdir(parents=True)
        self.outside.mkdir()
        (self.outside / "in").write_text("the host's")
        self.moved = 0

    def exchange(self):
        """Put a link out of the claim in place of `d`."""
        if not (self.folder / "d").is_symlink():
            (self.folder / "d").rename(self.folder / f"was-d-{self.moved}")
            (self.folder / "d").symlink_to(self.outside)
        self.moved += 1

    def is_untouched(self):
        """Tell whether all that is outside is as it was."""
        found = {path.name: path.read_text() for path in self.outside.iterdir()}
        return found == {"in": "the host's"}


@pytest.fixture
def shared(tmp_path):
    return Shared(tmp_path)


async def run(world, shared, template):
    # In the sandbox the other directory is to be seen, as parts of the host are.
    rule = ImageRule("alpine", visible=(str(shared.outside),))
    setup = Setup(places=Places(str(shared.claims)), images=[rule])
    async with Session(world, world.open(setup=setup)) as here:
        return await here.run(pod_job(world, template, capture_result=True))


def exchange_before(monkeypatch, shared, name):
    """Let the other pod make its move right before a function is called."""
    module, _, function = name.rpartition(".")
    real = getattr(import_module(module), function)

    def late(*args, **more):
        shared.exchange()
        return real(*args, **more)

    monkeypatch.setattr(name, late)


def reading(path="/work-c/d/in", at="/work-c", **more):
    given = Artifact(name="in", path=path, raw=RawArtifact(data="the artifact"), **more)
    container = main(f"cat {path}", volume_mounts=({"name": "c", "mountPath": at},))
    inputs = Inputs(artifacts=(given,))
    return template_of("reads", container=container, volumes=(VOLUME,), inputs=inputs)


async def test_an_input_goes_into_a_claim_in_place_of_what_was_there(world, shared):
    (shared.folder / "d/in").mkdir()
    (shared.folder / "d/in/old").write_text("old")
    done = await run(world, shared, reading())
    assert (done.phase, done.outputs.result) == ("Succeeded", "the artifact")
    assert (shared.folder / "d/in").read_text() == "the artifact"
    assert [path.name for path in shared.folder.rglob("*")] == ["d", "in"]


async def test_an_input_takes_the_place_of_a_link_and_leaves_alone_where_it_leads(world, shared):
    (shared.folder / "d/in").symlink_to(shared.outside / "in")
    done = await run(world, shared, reading())
    assert done.outputs.result == "the artifact"
    assert not (shared.folder / "d/in").is_symlink()
    assert shared.is_untouched()


@pytest.mark.parametrize("when", ["before it comes", "while it is on its way"])
async def test_an_input_is_not_put_behind_a_link_of_another_pod(world, shared, monkeypatch, when):
    if world.made is ProcessRuntime:
        pytest.skip("without isolation a job's links lead where it could write itself")
    if when == "before it comes":
        shared.exchange()
    else:
        exchange_before(monkeypatch, shared, "tiphys.executor.archive.unpack")
    done = await run(world, shared, reading())
    assert shared.moved
    assert shared.is_untouched()
    assert done.outputs.result != "the host's"
    if world.made is SandboxRuntime:
        assert f"Read-only file system: '{shared.outside}" in done.message


async def test_an_input_is_refused_if_a_link_comes_in_its_way_at_the_last_moment(
    world, shared, monkeypatch
):
    exchange_before(monkeypatch, shared, "tiphys.executor.placed.folder_of")
    done = await run(world, shared, reading())
    assert shared.moved
    assert shared.is_untouched()
    assert done.phase == "Error"
    assert "artifact in failed to load: [Errno 20] Not a directory: 'd'" in done.message


async def test_an_input_that_is_left_out_removes_nothing_behind_such_a_link(
    world, shared, monkeypatch
):
    missing = local("in", "/work-c/d/in", "wf/never-stored", optional=True)
    mounts = ({"name": "c", "mountPath": "/work-c"},)
    template = template_of(
        "none",
        container=main("true", volume_mounts=mounts),
        volumes=(VOLUME,),
        inputs=Inputs(artifacts=(missing,)),
    )
    exchange_before(monkeypatch, shared, "tiphys.executor.placed.folder_of")
    done = await run(world, shared, template)
    assert shared.moved
    assert shared.is_untouched()
    assert done.phase == "Error"


async def test_a_script_is_not_written_through_a_link(world, shared):
    if world.made is ProcessRuntime:
        pytest.skip("without isolation a script lies in the job's own directory")
    (shared.folder / "script").symlink_to(shared.outside / "in")
    script = ScriptTemplate(
        image="alpine",
        command=("sh",),
        source="echo from the script",
        volume_mounts=({"name": "c", "mountPath": "/argo/staging"},),
    )
    done = await run(world, shared, template_of("s", script=script, volumes=(VOLUME,)))
    assert (done.message, done.outputs.result) == ("", "from the script")
    assert shared.is_untouched()


async def test_a_directory_to_work_in_is_not_made_behind_a_link(world, shared):
    if world.made is not SandboxRuntime:
        pytest.skip("elsewhere it is not made in volumes")
    shared.exchange()
    mounts = ({"name": "c", "mountPath": "/work-c"},)
    container = main("pwd", working_dir="/work-c/d/new", volume_mounts=mounts)
    await run(world, shared, template_of("w", container=container, volumes=(VOLUME,)))
    assert shared.is_untouched()


async def test_a_part_of_a_volume_is_not_made_behind_a_link(world, shared, monkeypatch):
    exchange_before(monkeypatch, shared, "tiphys.executor.materialize.make_folders")
    mounts = ({"name": "c", "mountPath": "/work-c", "subPath": "d/new"},)
    container = main("true", volume_mounts=mounts)
    done = await run(world, shared, template_of("p", container=container, volumes=(VOLUME,)))
    assert (done.phase, shared.moved, shared.is_untouched()) == ("Error", 1, True)
