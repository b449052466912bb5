"""No runtime follows a job's links on the host, whatever the strategy and the store."""

from __future__ import annotations

import pytest
from tests.contract.container_engine import containers_of_test, need_engine
from tests.contract.store_servers import ACCESS, SECRET, rclone
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.registry import Drivers
from tiphys.model.artifacts import Artifact, LocalArtifact, S3Artifact
from tiphys.model.meta import SecretKeySelector
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.links_contract import LinksContract, Store, place_in


@pytest.fixture(params=["process", "sandbox", "podman", "docker"])
def world(request, tmp_path):
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    if request.param in {"podman", "docker"}:
        found = need_engine(request.param)
        yield ContainerWorld(tmp_path, found)
        assert not containers_of_test(tmp_path, found)
    else:
        yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


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
