"""How S3 and its kin are reached: addresses, signatures, encryption."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from tests.contract.web_servers import Served

from tiphys.artifacts.azure import account_name
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.objects import Place
from tiphys.artifacts.oss import OssDriver, lifecycle
from tiphys.artifacts.s3 import S3Driver, bucket_url, customer_key
from tiphys.artifacts.sigv4 import Request, Signer, signed_headers
from tiphys.errors import Permanent, Transient, UserError
from tiphys.model.artifacts import (
    Artifact,
    OSSArtifact,
    OSSLifecycleRule,
    S3Artifact,
    S3EncryptionOptions,
)
from tiphys.model.meta import SecretKeySelector
from tiphys.model.secret import Secret

SECRET = SecretKeySelector(name="cred", key="k")


def credentials():
    return Credentials(lambda namespace, name, key: b"a-secret-of-some-length")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ({"endpoint": "store:9000", "insecure": True}, "http://store:9000"),
        ({"endpoint": "store:9000"}, "https://store:9000"),
        ({"endpoint": "http://store:9000/"}, "http://store:9000"),
        ({"endpoint": "s3.amazonaws.com"}, "https://bkt.s3.amazonaws.com"),
        (
            {"endpoint": "s3.amazonaws.com", "region": "eu-west-1"},
            "https://bkt.s3.eu-west-1.amazonaws.com",
        ),
        ({"endpoint": "s3.amazonaws.com", "addressing_style": "path"}, "https://s3.amazonaws.com"),
        ({"endpoint": "store", "addressing_style": "virtual-hosted"}, "https://bkt.store"),
    ],
)
def test_a_bucket_is_part_of_the_path_or_of_the_host(location, url):
    assert bucket_url(S3Artifact(bucket="bkt", **location)) == url


def test_a_bucket_with_a_dot_is_no_host_name():
    assert (
        bucket_url(S3Artifact(bucket="a.b", endpoint="s3.amazonaws.com"))
        == "https://s3.amazonaws.com"
    )


def test_requests_are_signed_as_published():
    # The published example "GET Bucket Lifecycle" of Signature Version 4.
    key = Secret(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    signer = Signer("AKIAIOSFODNN7EXAMPLE", key, "", "us-east-1")
    request = Request("GET", "https://examplebucket.s3.amazonaws.com/", "lifecycle=")
    headers = signed_headers(request, signer, datetime(2013, 5, 24, tzinfo=UTC))
    assert headers["authorization"].endswith(
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_each_object_has_a_key_derived_from_the_customers():
    one = customer_key(Secret(b"secret"), Place("bucket", "key-1"))
    assert len(one) == 32
    assert one == customer_key(Secret(b"secret"), Place("bucket", "key-1"))
    assert one != customer_key(Secret(b"secret"), Place("bucket", "key-2"))


@pytest.mark.parametrize(
    ("options", "insecure", "text"),
    [
        ({"kms_encryption_context": "{}"}, False, "kmsEncryptionContext: not supported"),
        (
            {"server_side_customer_key_secret": SECRET, "kms_key_id": "k"},
            False,
            "serverSideCustomerKeySecret and kmsKeyId cannot be set together",
        ),
        ({"server_side_customer_key_secret": SECRET}, True, "needs a connection with TLS"),
    ],
)
@pytest.mark.anyio
async def test_encryption_that_cannot_be_had_is_refused(tmp_path, options, insecure, text):
    place = S3Artifact(
        endpoint="127.0.0.1:1",
        bucket="bkt",
        key="k",
        insecure=insecure,
        encryption_options=S3EncryptionOptions(enable_encryption=True, **options),
    )
    with pytest.raises(UserError, match=text):
        await S3Driver(credentials()).get(Artifact(name="a", s3=place), tmp_path / "x")


class Recorder(Served):
    """Takes everything and keeps the headers; `status` is what it answers."""

    def __init__(self, status=200):
        super().__init__()
        self.status = status
        self.seen = []

    async def answer(self, request):
        from aiohttp import web

        self.seen.append(
            (request.method, request.path_qs, dict(request.headers), await request.read())
        )
        return web.Response(status=self.status, headers={"ETag": '"1"'})


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"kms_key_id": "my-key"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "my-key",
            },
        ),
    ],
)
async def test_encryption_is_asked_for_with_what_is_stored(tmp_path, options, wanted):
    (tmp_path / "x.json").write_text("{}")
    async with Recorder() as server:
        place = S3Artifact(
            endpoint=f"127.0.0.1:{server.port}",
            bucket="bkt",
            key="k",
            insecure=True,
            access_key_secret=SECRET,
            secret_key_secret=SECRET,
            session_token_secret=SECRET,
            encryption_options=S3EncryptionOptions(enable_encryption=True, **options),
        )
        await S3Driver(credentials()).put(tmp_path / "x.json", Artifact(name="a", s3=place))
        method, path, headers, body = server.seen[0]
    assert (method, path, body) == ("PUT", "/bkt/k", b"{}")
    lower = {name.lower(): value for name, value in headers.items()}
    assert wanted.items() <= lower.items()
    assert lower["content-type"] == "application/json"
    assert lower["x-amz-security-token"] == "a-secret-of-some-length"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "error"), [(503, Transient), (429, Transient), (400, Permanent)]
)
async def test_a_driver_asks_once_and_tells_what_kind_of_failure_it_is(tmp_path, status, error):
    (tmp_path / "x").write_text("1")
    async with Recorder(status) as server:
        place = S3Artifact(
            endpoint=f"127.0.0.1:{server.port}",
            bucket="bkt",
            key="k",
            insecure=True,
            access_key_secret=SECRET,
            secret_key_secret=SECRET,
        )
        with pytest.raises(error):
            await S3Driver(credentials()).put(tmp_path / "x", Artifact(name="a", s3=place))
        assert len(server.seen) == 1


@pytest.mark.anyio
async def test_oss_sets_the_buckets_rules_before_it_stores(tmp_path):
    (tmp_path / "x").write_text("1")
    rule = OSSLifecycleRule(mark_infrequent_access_after_days=3, mark_deletion_after_days=9)
    async with Recorder() as server:
        place = OSSArtifact(
            endpoint=f"http://127.0.0.1:{server.port}",
            bucket="bkt",
            key="k&",
            access_key_secret=SECRET,
            secret_key_secret=SECRET,
            security_token="token",
            lifecycle_rule=rule,
        )
        await OssDriver(credentials()).put(tmp_path / "x", Artifact(name="a", oss=place))
    (method, path, headers, body), (_, stored, more, _) = server.seen
    assert (method, path, stored) == ("PUT", "/bkt?lifecycle=", "/bkt/k%26")
    assert body == lifecycle(rule, "k&")
    assert b"<Prefix>k&amp;</Prefix>" in body
    assert b"<Days>3</Days><StorageClass>STANDARD_IA</StorageClass>" in body
    assert b"<Expiration><Days>9</Days></Expiration>" in body
    assert headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    assert more["x-amz-security-token"] == "token"


def test_an_oss_endpoint_without_a_scheme_is_reached_with_tls():
    driver = OssDriver(credentials())
    where = OSSArtifact(endpoint="oss-cn-hangzhou-internal.aliyuncs.com", bucket="bkt", key="k")
    found = driver.location(Artifact(name="a", oss=where))
    assert bucket_url(found) == "https://bkt.oss-cn-hangzhou-internal.aliyuncs.com"
    assert found.region == "oss-cn-hangzhou"
    plain = replace(where, endpoint="http://oss-cn-hangzhou.aliyuncs.com")
    assert bucket_url(driver.location(Artifact(name="a", oss=plain))).startswith("http://bkt.")


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://acct.blob.core.windows.net", "acct"),
        ("acct.blob.core.windows.net", "acct"),
        ("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"),
        ("http://localhost:10000/acct/", "acct"),
    ],
)
def test_an_azure_account_is_named_by_its_endpoint(endpoint, name):
    assert account_name(endpoint) == name
