"""What is said of an artifact that could not be moved names it."""

from __future__ import annotations

import pytest
from tests.unit.executor.test_transfers import AS_IS, Flaky, Sleeps, retry, spec

from tiphys.errors import NotFound, Permanent
from tiphys.executor import capture, contract, stage
from tiphys.executor.layout import MappedLayout
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact, GCSArtifact

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_an_upload_that_fails_names_the_artifact_and_its_path(tmp_path):
    (tmp_path / "job/outputs").mkdir(parents=True)
    out = Artifact(name="model", path="/out", archive=AS_IS, gcs=GCSArtifact(key="k"))
    work = spec(outputs=Outputs(artifacts=(out,)))
    layout = MappedLayout(str(tmp_path / "job"), work)
    place = layout.host("/out")
    stage.make_folder(place.rpartition("/")[0])
    contract.write_file(place, b"content")
    driver = Flaky(Permanent("no such bucket"))
    report = await capture.capture(work, layout, 0, 1.0, driver, retry(Sleeps()))
    assert report.phase == "Error"
    assert report.message.endswith("no such bucket (output artifact model, path /out)")


@pytest.mark.parametrize(
    ("key", "is_hinted"), [("w/dir.tgz/sub/y", True), ("w/dir/sub/y", False), ("w/dir.tgz", False)]
)
async def test_a_key_that_leads_into_an_archive_is_explained(tmp_path, key, is_hinted):
    given = Artifact(name="a", path="/in", gcs=GCSArtifact(key=key))
    work = spec(inputs=Inputs(artifacts=(given,)))
    layout = MappedLayout(str(tmp_path / "job"), work)
    with pytest.raises(Permanent, match=r"^artifact a failed to load: NoSuchKey") as caught:
        await stage.load_inputs(work, layout, Flaky(NotFound("NoSuchKey")), retry(Sleeps()))
    hint = "w/dir.tgz looks like an archive, which subPath does not lead into"
    assert (hint in str(caught.value)) == is_hinted
