"""Artifacts on their way: completed, tried again, digested."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from tests.unit.executor.test_layout import job

from tiphys.errors import NotFound, Permanent, Transient
from tiphys.executor import capture, contract, stage
from tiphys.executor.layout import MappedLayout
from tiphys.executor.transfers import Retry, Transfers
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import (
    ArchiveStrategy,
    Artifact,
    ArtifactLocation,
    GCSArtifact,
    NoneStrategy,
    S3Artifact,
)
from tiphys.model.containers import Container
from tiphys.model.templates import Template
from tiphys.ports import Stored

pytestmark = pytest.mark.anyio
BASE = ArtifactLocation(gcs=GCSArtifact(bucket="b", key="wf/pod"))
AS_IS = ArchiveStrategy(none=NoneStrategy())


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Flaky:
    """A driver that fails as told before it works; `places` are what it was asked for."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.places = []

    def __call__(self, where):
        self.places.append(where)
        return self

    async def get(self, where, to):
        if self.failures:
            to.write_bytes(b"a half")
            raise self.failures.pop(0)
        to.write_bytes(b"whole")

    async def put(self, source, where):
        if self.failures:
            raise self.failures.pop(0)
        content = source.read_bytes()
        return Stored(len(content), hashlib.sha256(content).hexdigest())


class Sleeps(list):
    async def __call__(self, seconds):
        self.append(round(seconds, 4))


def retry(sleeps):
    return Retry(sleep=sleeps, chance=lambda: 0.5)


def spec(**template):
    made = Template(container=Container(image="x"), archive_location=BASE, **template)
    return msgspec.structs.replace(job(), template=made)


async def test_only_a_bad_connection_is_tried_again_and_waits_grow(tmp_path):
    sleeps, driver = Sleeps(), Flaky(*[Transient("down")] * 4)
    transfers = Transfers(BASE, driver, retry(sleeps))
    await transfers.load(Artifact(name="a", s3=S3Artifact(key="k")), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert sleeps == [1.25, 2.0, 3.2, 5.12]
    for error in (NotFound("none"), Permanent("no")):
        with pytest.raises(type(error)):
            await Transfers(BASE, Flaky(error), retry(sleeps)).load(
                Artifact(name="a", s3=S3Artifact(key="k")), tmp_path / "x"
            )
    assert len(sleeps) == 4


async def test_when_tries_run_out_argos_words_are_used(tmp_path):
    driver = Flaky(*[Transient("down")] * 5)
    transfers = Transfers(BASE, driver, retry(Sleeps()))
    with pytest.raises(Transient, match=r"^timed out waiting for the condition: down$"):
        await transfers.load(Artifact(name="a", s3=S3Artifact(key="k")), tmp_path / "x")


async def test_a_bare_key_is_fetched_from_the_archive_location(tmp_path):
    driver = Flaky(Transient("down"))
    artifact = Artifact(name="a", path=str(tmp_path / "in"), s3=S3Artifact(key="own"))
    work = spec(inputs=Inputs(artifacts=(artifact,)))
    layout = MappedLayout(str(tmp_path / "job"), work)
    await stage.load_inputs(work, layout, driver, retry(Sleeps()))
    assert [place.gcs for place in driver.places] == [GCSArtifact(bucket="b", key="own")]
    assert driver.places[0].s3 is None


async def test_outputs_are_stored_there_and_reported_as_they_were_with_a_digest(tmp_path):
    (tmp_path / "job/outputs").mkdir(parents=True)
    work = spec(
        outputs=Outputs(
            artifacts=(Artifact(name="a", path="/out", archive=AS_IS, gcs=GCSArtifact(key="k")),)
        )
    )
    layout = MappedLayout(str(tmp_path / "job"), work)
    place = layout.host("/out")
    stage.make_folder(place.rpartition("/")[0])
    contract.write_file(place, b"content")
    driver = Flaky(Transient("down"))
    report = await capture.capture(work, layout, 0, 1.0, driver, retry(Sleeps()))
    assert report.phase == "Succeeded", report.message
    assert report.outputs.artifacts == work.template.outputs.artifacts
    assert driver.places[0].gcs == GCSArtifact(bucket="b", key="k")
    digest = hashlib.sha256(b"content").hexdigest()
    assert contract.read_stored(layout.directory) == {"a": Stored(7, digest)}
