"""No runtime follows a job's links on the host, whatever the strategy and the store."""

from __future__ import annotations

import pytest
from tests.contract.store_servers import ACCESS, SECRET, rclone
from tests.contract.worlds import RUNTIMES, real_world

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.registry import Drivers
from tiphys.model.artifacts import Artifact, LocalArtifact, S3Artifact
from tiphys.model.meta import SecretKeySelector
from tiphys.testing.links_contract import LinksContract, Store, place_in


@pytest.fixture(params=RUNTIMES)
def world(request, tmp_path):
    yield from real_world(request.param, tmp_path)


class TestLocal(LinksContract):
    @pytest.fixture
    def store(self, tmp_path):
        return Store(tmp_path / "artifacts", place_in(Artifact(local=LocalArtifact(key="x"))))


class TestS3(LinksContract):
    @pytest.fixture
    def store(self, tmp_path, world):
        keys = {"ak": ACCESS, "sk": SECRET}
        secret = {key: SecretKeySelector(name="cred", key=key) for key in keys}
        with rclone(tmp_path / "s3") as server:
            credentials = Credentials(lambda space, name, key: keys[key].encode(), "work")
            world.drivers = Drivers({"local": {"root": tmp_path / "artifacts"}}, credentials)
            location = S3Artifact(
                endpoint=f"127.0.0.1:{server.port}",
                bucket="bkt",
                insecure=True,
                key="x",
                access_key_secret=secret["ak"],
                secret_key_secret=secret["sk"],
            )
            yield Store(server.folder / "bkt", place_in(Artifact(s3=location)))
