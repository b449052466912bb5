"""s3's roleARN: STS's protocol as it is published, spoken by a server here that checks signatures.

The server computes each signature by itself, from what arrived, and answers with keys that the S3
server beside it takes. No request was recorded from Amazon's own servers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace
from tests.contract.store_servers import ACCESS, SECRET, rclone

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.s3 import S3Driver
from tiphys.artifacts.sts import sts_url
from tiphys.errors import Permanent, Transient
from tiphys.model.artifacts import Artifact, CreateS3BucketOptions, S3Artifact
from tiphys.testing.driver_contract import a_file

pytestmark = pytest.mark.anyio
OWN, OWN_SECRET, OWN_TOKEN = (
    "AKIAMYOWNKEYEXAMPLE1",
    "mine/mine/mine/mine/mine/mine/mine/mine1",
    "tok+/=",
)
ROLE = "arn:aws:iam::123456789012:role/reader"
REGION = "eu-central-1"
NOW = datetime.now(UTC)


@dataclass
class Sts:
    """What the server knows and has seen."""

    port: int = 0
    lasts: timedelta = timedelta(hours=1)
    refuses: tuple[int, str] = (0, "")
    answer: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    known: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {OWN: (OWN_SECRET, OWN_TOKEN)}
    )

    @property
    def environ(self):
        keys = {"AWS_ACCESS_KEY_ID": OWN, "AWS_SECRET_ACCESS_KEY": OWN_SECRET}
        return {**keys, "AWS_SESSION_TOKEN": OWN_TOKEN, **self.away}

    @property
    def away(self):
        """Return an environment without keys."""
        here = f"http://127.0.0.1:{self.port}"
        return {"AWS_ENDPOINT_URL_STS": here, "AWS_EC2_METADATA_SERVICE_ENDPOINT": here}


def signature(secret, scope, text):
    key = b"AWS4" + secret.encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def problem(headers, body, known):
    """Return what is wrong with a signed request, "" if nothing is; as STS would look at it."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\S+), SignedHeaders=(\S+), Signature=(\w+)",
        headers.get("authorization", ""),
    )
    if found is None:
        return "no signature"
    who, scope, names, given = found.groups()
    at = headers["x-amz-date"]
    if scope != f"{at[:8]}/{REGION}/sts/aws4_request":
        return f"scope {scope}"
    secret, token = known.get(who, ("", ""))
    if headers.get("x-amz-security-token", "") != token:
        return "wrong session token"
    if not {"host", "x-amz-date", "content-type"} <= set(names.split(";")):
        return "too little is signed"
    lines = [f"{name}:{headers[name].strip()}" for name in names.split(";")]
    content = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(["POST", "/", "", *lines, "", names, content])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}"
    return "" if hmac.compare_digest(signature(secret, scope, text), given) else "SignatureDoesNot"


def error(code, message):
    kind = "https://sts.amazonaws.com/doc/2011-06-15/"
    inner = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f'<ErrorResponse xmlns="{kind}"><Error>{inner}</Error></ErrorResponse>'


def grant(action, ends):
    kind = "https://sts.amazonaws.com/doc/2011-06-15/"
    return f"""<{action}Response xmlns="{kind}"><{action}Result>
  <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/tiphys</Arn></AssumedRoleUser>
  <Credentials><AccessKeyId>{ACCESS}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>
  <SessionToken>a+session/token==</SessionToken><Expiration>{ends}</Expiration></Credentials>
</{action}Result></{action}Response>"""


def handler(sts):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            sts.asked.append(asked)
            is_signed = asked["Action"] == "AssumeRole"
            wrong = problem(headers, body, sts.known) if is_signed else ""
            if wrong:
                sts.problems.append(wrong)
                self.say(403, error("SignatureDoesNotMatch", wrong))
            elif sts.refuses[0]:
                self.say(sts.refuses[0], error(sts.refuses[1], "no"))
            else:
                ends = (NOW + sts.lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
                self.say(200, sts.answer or grant(asked["Action"], ends))

        def do_PUT(self):
            self.say(200, "imds-token")

        def do_GET(self):
            sts.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            if self.path.endswith("/security-credentials/"):
                self.say(200, "machine-role")
                return
            ends = (NOW + sts.lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
            keys = {"AccessKeyId": OWN, "SecretAccessKey": OWN_SECRET, "Token": OWN_TOKEN}
            self.say(200, json.dumps({"Code": "Success", **keys, "Expiration": ends}))

        def say(self, status, text):
            content = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def sts():
    found = Sts()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(found)) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with rclone(tmp_path_factory.mktemp("roles")) as found:
        yield found


class Place:
    """A bucket that only the role's keys open."""

    def __init__(self, store, environ, now=lambda: NOW, **more):
        self.driver = S3Driver(Credentials(), environ=environ, now=now)
        here = {"endpoint": f"127.0.0.1:{store.port}", "insecure": True, "bucket": "bkt"}
        self.where = S3Artifact(**{**here, "region": REGION, "role_arn": ROLE, **more})

    def at(self, key):
        return Artifact(name="a", s3=replace(self.where, key=key))


async def test_a_role_is_assumed_and_its_keys_are_kept(sts, store, tmp_path):
    place = Place(store, sts.environ)
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    await place.driver.get(place.at("x"), tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == b"1"
    assert sts.problems == []
    assert sts.asked == [
        {
            **{"Action": "AssumeRole", "Version": "2011-06-15"},
            **{"RoleArn": ROLE, "RoleSessionName": "tiphys"},
        }
    ]


async def test_keys_are_renewed_before_they_expire(sts, store, tmp_path):
    now = NOW
    place = Place(store, sts.environ, lambda: now)
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    now = NOW + timedelta(minutes=54)
    await place.driver.get(place.at("x"), tmp_path / "y")
    assert len(sts.asked) == 1
    now, sts.lasts = NOW + timedelta(minutes=56), timedelta(hours=2)
    await place.driver.get(place.at("x"), tmp_path / "y")
    assert len(sts.asked) == 2


async def test_a_bucket_is_made_with_the_keys_of_a_role(sts, store, tmp_path):
    wanted = CreateS3BucketOptions()
    place = Place(store, sts.environ, bucket="fresh", create_bucket_if_not_present=wanted)
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    assert (store.folder / "fresh/x").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("refuses", "kind", "text"),
    [
        ((403, "AccessDenied"), Permanent, f"role {ROLE}: AccessDenied: no"),
        ((400, "Throttling"), Transient, f"role {ROLE}: Throttling: no"),
        ((503, "ServiceUnavailable"), Transient, "ServiceUnavailable"),
    ],
)
async def test_what_sts_refuses_is_told_in_its_words(sts, store, tmp_path, refuses, kind, text):
    sts.refuses = refuses
    place = Place(store, sts.environ)
    with pytest.raises(kind) as caught:
        await place.driver.get(place.at("x"), tmp_path / "y")
    assert text in str(caught.value)


async def test_a_wrong_key_is_found_out(sts, store, tmp_path):
    place = Place(store, {**sts.environ, "AWS_SECRET_ACCESS_KEY": "wrong"})
    with pytest.raises(Permanent, match="SignatureDoesNotMatch"):
        await place.driver.get(place.at("x"), tmp_path / "y")
    assert sts.problems == ["SignatureDoesNot"]


@pytest.mark.parametrize("answer", ["<a/>", "not xml", grant("AssumeRole", "soon")])
async def test_an_answer_without_keys_is_an_error(sts, store, tmp_path, answer):
    sts.answer = answer
    place = Place(store, sts.environ)
    with pytest.raises(Permanent, match="the answer"):
        await place.driver.get(place.at("x"), tmp_path / "y")


async def test_a_web_identity_assumes_the_role(sts, store, tmp_path):
    (tmp_path / "token").write_text("ey.jwt.sig\n")
    sts.known = {ACCESS: (SECRET, "a+session/token==")}
    own = "arn:aws:iam::123456789012:role/pod"
    identity = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": own}
    place = Place(store, {**sts.away, **identity})
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    first, second = sts.asked
    assert (first["Action"], first["RoleArn"]) == ("AssumeRoleWithWebIdentity", own)
    assert first["WebIdentityToken"] == "ey.jwt.sig"
    assert second["RoleArn"] == ROLE
    assert sts.problems == []


async def test_the_role_of_the_machine_assumes_the_role(sts, store, tmp_path):
    place = Place(store, sts.away)
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    assert [item["path"].rpartition("/")[2] for item in sts.asked[:2]] == ["", "machine-role"]
    assert sts.asked[1]["x-aws-ec2-metadata-token"] == "imds-token"
    assert sts.problems == []


async def test_a_containers_credentials_assume_the_role(sts, store, tmp_path):
    url = f"http://127.0.0.1:{sts.port}/creds"
    given = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x",
    }
    place = Place(store, {**sts.away, **given})
    await place.driver.put(a_file(tmp_path, b"1"), place.at("x"))
    assert (sts.asked[0]["path"], sts.asked[0]["authorization"]) == ("/creds", "Basic x")


async def test_without_any_keys_it_is_said_what_is_missing(sts, store, tmp_path):
    place = Place(store, {"AWS_EC2_METADATA_DISABLED": "true"})
    with pytest.raises(Permanent, match="set AWS_ACCESS_KEY_ID and"):
        await place.driver.get(place.at("x"), tmp_path / "y")


def test_the_endpoint_is_that_of_the_region():
    assert sts_url({}, REGION) == f"https://sts.{REGION}.amazonaws.com/"
    assert sts_url({}, "cn-north-1") == "https://sts.cn-north-1.amazonaws.com.cn/"
    assert sts_url({"AWS_ENDPOINT_URL": "http://h:1"}, REGION) == "http://h:1/"
