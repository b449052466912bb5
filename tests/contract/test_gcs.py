"""The contract of the driver for Google's store.

No program at hand serves all of Google's protocol, so the driver is tried on three: the published
protocol, served here; rclone's S3, which Google's XML interface agrees with; and the emulator
fake-gcs-server, for all but the driver's uploads, which it does not know.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.contract.store_servers import fake_gcs, rclone
from tests.contract.test_object_stores import IMPATIENT, credentials, secret
from tests.contract.web_servers import GcsServer

from tiphys.artifacts.digests import digest, files_below, of_tree
from tiphys.artifacts.gcs import GcsDriver
from tiphys.errors import Permanent
from tiphys.model.artifacts import Artifact, GCSArtifact
from tiphys.testing.driver_contract import (
    DriverContract,
    NetworkContract,
    Shelf,
    a_file,
    as_it_is,
    listed,
    read,
)

pytestmark = pytest.mark.anyio


def decoded(text):
    """Return the bytes of base64 as tokens have it, without its padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make(port, seconds=30.0, driver=GcsDriver, account=None, **location):
    account = account or {
        "gcs_base_url": f"http://127.0.0.1:{port}",
        "disable_oauth": True,
        **{"client_email": "", "private_key": "", "private_key_id": ""},
    }
    given = credentials(gcs=json.dumps(account), broken="{")

    def at(key):
        place = {"bucket": "bkt", "service_account_key_secret": secret("gcs"), **location}
        return Artifact(name="a", gcs=GCSArtifact(key=key, **place))

    return Shelf(driver(given, read_seconds=seconds), at)


class _Gcs(DriverContract, NetworkContract):
    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: make(port, IMPATIENT)

    async def test_what_lies_below_the_key_of_an_archive_stays(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("kept/x"))
        await shelf.driver.delete(shelf.at("kept"))
        assert await read(shelf, "kept/x") == b"1"


class TestProtocol(_Gcs):
    @pytest.fixture
    async def server(self):
        async with GcsServer("bkt") as found:
            yield found

    async def test_what_lies_below_the_key_of_a_file_is_somebody_elses(self, shelf, tmp_path):
        for key in ("kept", "kept/x"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))
        await shelf.driver.delete(as_it_is(shelf.at("kept")))
        assert await listed(shelf, "kept") == [("kept/x", 1)]
        assert await read(shelf, "kept/x") == b"1"

    async def test_a_key_file_signs_what_is_asked(self, server, tmp_path):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        words = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        account = {
            **{"type": "service_account", "client_email": "me@example.com", "private_key_id": "k1"},
            "private_key": key.private_bytes(*words).decode(),
            "gcs_base_url": f"http://127.0.0.1:{server.port}",
        }
        known = make(server.port, account=account)
        await known.driver.put(a_file(tmp_path, b"1"), known.at("x"))
        assert await read(known, "x") == b"1"
        for token in server.tokens:
            signed, _, signature = token.rpartition(".")
            key.public_key().verify(
                decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            head, claims = (json.loads(decoded(part)) for part in signed.split("."))
            assert (head["alg"], head["kid"]) == ("RS256", "k1")
            assert claims["iss"] == claims["sub"] == "me@example.com"
            assert claims["iat"] < claims["exp"] <= claims["iat"] + 3600
            assert "devstorage" in claims["scope"] or "cloud-platform" in claims["scope"]
        assert len(server.tokens) >= 2

    async def test_a_key_file_that_is_none_is_permanent(self, server, tmp_path):
        wrong = make(server.port, service_account_key_secret=secret("broken"))
        with pytest.raises(Permanent, match="no key file"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")


@pytest.fixture(scope="module")
def open_rclone(tmp_path_factory):
    with rclone(tmp_path_factory.mktemp("gcs"), keys=False) as found:
        yield found


class TestRclone(_Gcs):
    """It keeps objects as files, and so deletes a directory by its bare name; Google does not."""

    test_what_lies_below_the_key_of_an_archive_stays = None

    @pytest.fixture
    def server(self, open_rclone):
        return open_rclone


class _Uploads(GcsDriver):
    """The driver, but uploads go by Google's JSON interface, as its own clients make them."""

    port = 0

    async def put(self, source, where):
        files = [*files_below(source)] if source.is_dir() else [("", source)]
        async with aiohttp.ClientSession() as session:
            for name, path in files:
                key = f"{where.gcs.key}/{name}".rstrip("/")
                url = f"http://127.0.0.1:{self.port}/upload/storage/v1/b/bkt/o"
                query = f"uploadType=media&name={quote(key, safe='')}"
                with path.open("rb") as content:
                    answer = await session.post(f"{url}?{query}", data=content)
                assert answer.status == 200, await answer.text()
        if not source.is_dir():
            return digest(source)
        return of_tree((name, digest(path)) for name, path in files)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as found:
        yield found


class TestFakeGcs(_Gcs):
    """Downloads, listings and deletions. What is about the driver's uploads is left out."""

    test_a_connection_that_is_cut_while_writing_is_transient = None
    test_keys_that_climb_are_refused = None

    @pytest.fixture
    def server(self, emulator):
        return emulator

    @pytest.fixture
    def shelf(self, server):
        made = make(server.port, driver=_Uploads)
        made.driver.port = server.port
        return made
