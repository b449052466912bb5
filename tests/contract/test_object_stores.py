"""The contract of drivers for stores that other programs serve."""

from __future__ import annotations

import pytest
from tests.contract.store_servers import (
    ACCESS,
    AZURE_ACCOUNT,
    AZURE_KEY,
    SECRET,
    azurite,
    rclone,
)

from tiphys.artifacts.azure import AzureDriver
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.oss import OssDriver
from tiphys.artifacts.s3 import S3Driver
from tiphys.errors import NotFound, Permanent, UserError
from tiphys.model.artifacts import (
    Artifact,
    AzureArtifact,
    CreateS3BucketOptions,
    OSSArtifact,
    S3Artifact,
)
from tiphys.model.meta import SecretKeySelector
from tiphys.testing.driver_contract import DriverContract, NetworkContract, Shelf, a_file, read

pytestmark = pytest.mark.anyio
SECRETS = {"ak": ACCESS, "sk": SECRET + "\n", "bad": "x" * 40, "azure": AZURE_KEY}
IMPATIENT = 1.0
"""How many seconds a driver waits for a silent server, where that is what is tried."""


def secret(key):
    return SecretKeySelector(name="cred", key=key)


def credentials(**more):
    def read_secret(namespace, name, key):
        if (namespace, name) != ("work", "cred") or key not in {**SECRETS, **more}:
            raise NotFound(f"no secret {namespace}/{name}.{key}")
        return {**SECRETS, **more}[key].encode()

    return Credentials(read_secret, "work")


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory):
    with rclone(tmp_path_factory.mktemp("s3")) as found:
        yield found


class TestS3(DriverContract, NetworkContract):
    @pytest.fixture
    def server(self, s3_server):
        return s3_server

    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return self.make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: self.make(port, IMPATIENT)

    def make(self, port, seconds=30.0, **location):
        def at(key):
            place = {
                "endpoint": f"127.0.0.1:{port}",
                "bucket": "bkt",
                "insecure": True,
                "access_key_secret": secret("ak"),
                "secret_key_secret": secret("sk"),
                **location,
            }
            return Artifact(name="a", s3=S3Artifact(key=key, **place))

        return Shelf(S3Driver(credentials(), read_seconds=seconds), at)

    async def test_a_wrong_key_is_permanent_and_says_so(self, server, tmp_path):
        wrong = self.make(server.port, secret_key_secret=secret("bad"))
        with pytest.raises(Permanent, match="SignatureDoesNotMatch"):
            await wrong.driver.put(a_file(tmp_path, b"1"), wrong.at("x"))
        with pytest.raises(Permanent, match="SignatureDoesNotMatch"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")
        with pytest.raises(Permanent, match="SignatureDoesNotMatch"):
            [entry async for entry in wrong.driver.list(wrong.at("x"))]

    async def test_a_missing_secret_is_not_a_missing_artifact(self, server, tmp_path):
        wrong = self.make(server.port, secret_key_secret=secret("none"))
        with pytest.raises(Permanent, match="secret cred, key none"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")

    async def test_a_wrong_bucket_is_permanent_and_not_a_missing_artifact(self, server, tmp_path):
        wrong = self.make(server.port, bucket="none")
        with pytest.raises(Permanent, match="NoSuchBucket"):
            await wrong.driver.put(a_file(tmp_path, b"1"), wrong.at("x"))
        with pytest.raises(Permanent, match="NoSuchBucket"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")

    async def test_a_bucket_is_made_when_asked_for(self, server, tmp_path):
        new = self.make(
            server.port, bucket="made", create_bucket_if_not_present=CreateS3BucketOptions()
        )
        await new.driver.put(a_file(tmp_path, b"1"), new.at("x"))
        assert await read(new, "x") == b"1"
        assert (server.folder / "made/x").read_bytes() == b"1"

    async def test_what_cannot_be_heeded_is_refused_by_name(self, server, tmp_path):
        for field, value, name in (
            ("endpoint", "", "s3.endpoint is not set"),
            ("secret_key_secret", None, "secretKeySecret"),
        ):
            wrong = self.make(server.port, **{field: value})
            with pytest.raises(UserError, match=name):
                await wrong.driver.get(wrong.at("x"), tmp_path / "y")


@pytest.fixture(scope="module")
def oss_server(tmp_path_factory):
    with rclone(tmp_path_factory.mktemp("oss")) as found:
        yield found


class TestOss(DriverContract, NetworkContract):
    """OSS speaks S3 as well; the server is the same as for S3."""

    @pytest.fixture
    def server(self, oss_server):
        return oss_server

    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return self.make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: self.make(port, IMPATIENT)

    def make(self, port, seconds=30.0, **location):
        def at(key):
            place = {
                "endpoint": f"http://127.0.0.1:{port}",
                "bucket": "bkt",
                "access_key_secret": secret("ak"),
                "secret_key_secret": secret("sk"),
                **location,
            }
            return Artifact(name="a", oss=OSSArtifact(key=key, **place))

        return Shelf(OssDriver(credentials(), read_seconds=seconds), at)

    async def test_a_bucket_is_made_when_asked_for(self, server, tmp_path):
        new = self.make(server.port, bucket="made", create_bucket_if_not_present=True)
        await new.driver.put(a_file(tmp_path, b"1"), new.at("x"))
        assert await read(new, "x") == b"1"

    async def test_ambient_credentials_are_refused_by_name(self, server, tmp_path):
        wrong = self.make(server.port, use_sdk_creds=True)
        with pytest.raises(UserError, match=r"oss\.useSDKCreds: not supported"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")


@pytest.fixture(scope="module")
def azure_server(tmp_path_factory):
    with azurite(tmp_path_factory.mktemp("azure")) as found:
        yield found


class TestAzure(DriverContract, NetworkContract):
    @pytest.fixture
    def server(self, azure_server):
        return azure_server

    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return self.make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: self.make(port, IMPATIENT)

    def make(self, port, seconds=30.0, **location):
        def at(key):
            place = {
                "endpoint": f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}",
                "container": "bkt",
                "account_key_secret": secret("azure"),
                **location,
            }
            return Artifact(name="a", azure=AzureArtifact(blob=key, **place))

        return Shelf(AzureDriver(credentials(), read_seconds=seconds), at)

    async def test_a_wrong_container_is_permanent(self, server, tmp_path):
        wrong = self.make(server.port, container="none")
        with pytest.raises(Permanent, match="ContainerNotFound"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")

    async def test_no_key_is_refused_in_argos_words(self, server, tmp_path):
        wrong = self.make(server.port, account_key_secret=None)
        with pytest.raises(UserError, match="accountKey secret is required for Azure Blob Storage"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")
