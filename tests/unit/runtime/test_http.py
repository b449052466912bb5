"""HTTP templates against real servers on loopback."""

from __future__ import annotations

import base64
import socket
import ssl

import aiohttp.resolver
import pytest
from aiohttp import web
from tests.contract.servers import Server, certificate

from tiphys.model.meta import SecretKeySelector
from tiphys.model.templates import HTTP, HTTPBodySource, HTTPHeader, HTTPHeaderSource, Template
from tiphys.runtime.addresses import AddressRules, RefusedAddress
from tiphys.runtime.exchange import HttpOptions
from tiphys.runtime.http import HttpRuntime
from tiphys.store.objects import MemoryObjects
from tiphys.testing.leaf_contract import leaf
from tiphys.testing.runtime_contract import Session, SystemClock

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()


class World:
    real = True
    clock = CLOCK


async def run(tmp_path, http, options=None, objects=None):
    objects = objects or MemoryObjects(CLOCK)
    runtime = HttpRuntime(tmp_path, CLOCK, objects, options)
    async with Session(World(), runtime) as here:
        return await here.run(leaf(Template(name="t", http=http)))


async def echo(request):
    return web.Response(text=request.path, headers={"X-Id": "7"})


def status(code, **headers):
    async def handler(request):
        return web.Response(status=code, text=f"code {code}", headers=headers)

    return handler


async def test_the_body_is_the_result(tmp_path):
    async with Server(echo) as server:
        done = await run(tmp_path, HTTP(url=f"{server.url}/a/b?x=%2F&y=1"))
    assert (done.phase, done.message, done.outputs.result) == ("Succeeded", "", "/a/b")
    method, target, headers, body = server.seen[0]
    assert (method, target, body) == ("GET", "/a/b?x=%2F&y=1", b"")
    assert "Content-Type" not in headers


async def test_method_headers_and_body_are_sent_as_given(tmp_path):
    headers = (HTTPHeader(name="x-Odd", value="1"), HTTPHeader(name="host", value="other.example"))
    async with Server(echo) as server:
        await run(tmp_path, HTTP(url=server.url, method="PUT", headers=headers, body="käse"))
    method, _, seen, body = server.seen[0]
    assert (method, body) == ("PUT", "käse".encode())
    assert seen["x-Odd"] == "1"
    assert seen["Host"] == "other.example"


async def test_bytes_go_before_the_text(tmp_path):
    source = HTTPBodySource(bytes=base64.b64encode(b"\x00\xff").decode())
    async with Server(echo) as server:
        await run(tmp_path, HTTP(url=server.url, method="POST", body="no", body_from=source))
    assert server.seen[0][3] == b"\x00\xff"


@pytest.mark.parametrize("code", [200, 204, 299, 300, 404, 500])
async def test_without_condition_2xx_is_success(code, tmp_path):
    async with Server(status(code)) as server:
        done = await run(tmp_path, HTTP(url=server.url))
    if code < 300:
        assert (done.phase, done.message) == ("Succeeded", "")
    else:
        message = f"received non-2xx response code: {code}"
        assert (done.phase, done.message) == ("Failed", message)
        assert done.outputs.result == f"code {code}"


CONDITIONS = {
    "response.statusCode == 201": "",
    'response.body contains "201"': "",
    'response.headers["X-Id"][0] == "7" && response.statusCode == 201': "",
    'request.method == "POST" && request.body == "b" && len(request.bodyBytes) == 0': "",
    'request.headers["x-lit"][0] == "v" && len(request.headers) == 1': "",
    'len(response.headers["Not-There"]) == 0': "",
    "response.statusCode == 200": "successCondition 'response.statusCode == 200' evaluated false",
    "response.statusCode": "unable to cast expression result '%!s(int=201)' to bool",
    'asInt("1") == 1': 'unknown name asInt (1:1)\n | asInt("1") == 1\n | ^',
    'response.headers["No"][0] == ""': "unable to evaluate expression",
}


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_a_condition_sees_request_and_response_and_nothing_else(condition, tmp_path):
    secret = HTTPHeaderSource(secret_key_ref=SecretKeySelector(name="s", key="k"))
    headers = (HTTPHeader(name="x-lit", value="v"), HTTPHeader(name="X-S", value_from=secret))
    http = HTTP(method="POST", body="b", headers=headers, success_condition=condition)
    async with Server(status(201, **{"x-id": "7"})) as server:
        http = HTTP(**{f: getattr(http, f) for f in http.__struct_fields__} | {"url": server.url})
        done = await run(tmp_path, http, objects=await with_secret("opensesame"))
    wanted = CONDITIONS[condition]
    assert done.phase == ("Failed" if wanted else "Succeeded"), done.message
    assert done.message.startswith(wanted)
    assert done.outputs.result == "code 201"


async def with_secret(value):
    objects = MemoryObjects(CLOCK)
    metadata = {"name": "s", "namespace": "default"}
    await objects.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"k": value}}
    )
    return objects


def authorised(url, key="k", name="s", optional=None, header="X-Key"):
    source = SecretKeySelector(name=name, key=key, optional=optional)
    value_from = HTTPHeaderSource(secret_key_ref=source)
    return HTTP(url=url, headers=(HTTPHeader(name=header, value_from=value_from),))


async def test_a_header_may_come_from_a_secret_which_no_message_shows(tmp_path):
    objects = await with_secret("opensesame")
    async with Server(echo) as server:
        done = await run(tmp_path, authorised(server.url), objects=objects)
        assert server.seen[0][2]["X-Key"] == "opensesame"
        gone = await run(tmp_path / "2", authorised("http://opensesame.invalid"), objects=objects)
    assert done.phase == "Succeeded"
    assert gone.phase == "Failed"
    assert "opensesame" not in gone.message
    assert "[ REDACTED ]" in gone.message


async def test_a_secret_that_is_missing_fails_unless_it_is_optional(tmp_path):
    objects = await with_secret("x")
    async with Server(echo) as server:
        for number, (http, message) in enumerate(
            [
                (authorised(server.url, name="no"), 'secrets "no" not found'),
                (authorised(server.url, key="no"), "secret 's' does not have the key 'no'"),
                (authorised(server.url, name="no", optional=True), ""),
                (authorised(server.url, key="no", optional=True), ""),
            ]
        ):
            done = await run(tmp_path / str(number), http, objects=objects)
            assert (done.phase, done.message) == ("Failed" if message else "Succeeded", message)
    assert len(server.seen) == 2


async def test_a_slow_answer_is_given_up(tmp_path):
    async def handler(request):
        await server.hold.wait()
        return web.Response()

    async with Server(handler) as server:
        url = f"{server.url}/slow"
        done = await run(tmp_path, HTTP(url=url, timeout_seconds=1))
    assert (done.phase, done.message) == ("Failed", f'Get "{url}": context deadline exceeded')


async def test_a_refused_connection_fails_with_gos_words(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    done = await run(tmp_path, HTTP(url=f"http://{place}/", method="post"))
    text = f'Post "http://{place}/": dial tcp {place}: connect: connection refused'
    assert (done.phase, done.message) == ("Failed", text)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "nonsense", "http://", ""])
async def test_what_is_no_http_url_fails(url, tmp_path):
    done = await run(tmp_path, HTTP(url=url))
    assert done.phase == "Failed"
    assert done.message.startswith(f'Get "{url}": ')


async def test_a_response_that_is_too_long_is_refused(tmp_path):
    async with Server(echo) as server:
        options = HttpOptions(response_bytes=5)
        short = await run(tmp_path / "1", HTTP(url=f"{server.url}/1234"), options)
        long = await run(tmp_path / "2", HTTP(url=f"{server.url}/12345"), options)
    assert short.outputs.result == "/1234"
    assert (long.phase, long.outputs.result) == ("Failed", None)
    assert "the response is longer than 5 bytes" in long.message


# ------------------------------------------------------------------------------------- TLS


async def test_a_certificate_of_nobody_is_refused_unless_that_is_asked_for(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    async with Server(echo, context) as server:
        strict = await run(tmp_path / "1", HTTP(url=server.url))
        blind = await run(tmp_path / "2", HTTP(url=server.url, insecure_skip_verify=True))
    text = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    assert (strict.phase, strict.message) == ("Failed", f'Get "{server.url}": {text}')
    assert blind.phase == "Succeeded"


# ------------------------------------------------------------------------------- redirects

FOLLOW = HttpOptions(follow_redirects=True)


async def test_redirects_are_not_followed_by_default(tmp_path):
    async with Server(status(302, Location="/elsewhere")) as server:
        done = await run(tmp_path, HTTP(url=server.url))
    assert done.message == "received non-2xx response code: 302"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("code", "sent", "method", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "HEAD", "HEAD", b""),
        (303, "PUT", "GET", b""),
        (307, "POST", "POST", b"b"),
        (308, "PUT", "PUT", b"b"),
    ],
)
async def test_a_followed_redirect_keeps_what_go_keeps(code, sent, method, body, tmp_path):
    async def handler(request):
        if request.path == "/first":
            return web.Response(status=code, headers={"Location": "/second?q=1"})
        return web.Response(text="here")

    async with Server(handler) as server:
        done = await run(tmp_path, HTTP(url=f"{server.url}/first", method=sent, body="b"), FOLLOW)
    assert done.phase == "Succeeded"
    assert server.seen[1][:2] == (method, "/second?q=1")
    assert server.seen[1][3] == body


async def test_secrets_do_not_follow_to_another_origin(tmp_path):
    objects = await with_secret("opensesame")
    async with Server(echo) as target, Server(status(302, Location=f"{target.url}/t")) as server:
        done = await run(tmp_path, authorised(server.url), FOLLOW, objects)
    assert done.outputs.result == "/t"
    assert server.seen[0][2]["X-Key"] == "opensesame"
    assert "X-Key" not in target.seen[0][2]


async def test_redirects_in_a_circle_end(tmp_path):
    async with Server(status(302, Location="/")) as server:
        done = await run(tmp_path, HTTP(url=server.url), FOLLOW)
    assert done.message.endswith("stopped after 10 redirects")
    assert len(server.seen) == 10


# --------------------------------------------------------------------------- address rules

DENY_LOOPBACK = HttpOptions(AddressRules(deny_addresses=("127.0.0.0/8", "::1/128")), True)


async def test_the_metadata_address_is_refused_by_default(tmp_path):
    for number, host in enumerate(("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]")):
        done = await run(tmp_path / str(number), HTTP(url=f"http://{host}/latest"))
        assert done.phase == "Failed"
        assert "the address rules do not allow the address" in done.message


async def test_a_name_is_refused_by_what_it_resolves_to(tmp_path):
    async with Server(echo) as server:
        for number, host in enumerate(("127.0.0.1", "localhost", "0.0.0.0")):
            url = f"http://{host}:{server.port}/"
            done = await run(tmp_path / str(number), HTTP(url=url), DENY_LOOPBACK)
            assert "the address rules do not allow the address" in done.message
    assert not server.seen


async def test_a_redirect_leads_nowhere_that_the_url_could_not(tmp_path):
    async with Server(status(302, Location="http://169.254.169.254/")) as server:
        done = await run(tmp_path, HTTP(url=server.url), FOLLOW)
    assert "the address rules do not allow the address 169.254.169.254" in done.message
    rules = HttpOptions(AddressRules(deny_hosts=("*.internal",)), True)
    async with Server(status(302, Location="http://db.internal/")) as server:
        done = await run(tmp_path / "2", HTTP(url=server.url), rules)
    assert "the address rules do not allow the host db.internal" in done.message


async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(
    tmp_path, monkeypatch
):
    answers = ["127.0.0.1", "169.254.169.254"]

    class Rebinding(aiohttp.resolver.ThreadedResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            found = await super().resolve(answers.pop(0), port, socket.AF_INET)
            return [{**item, "hostname": host} for item in found]

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", Rebinding)
    async with Server(status(302, Location="/again")) as server:
        url = f"http://rebind.example:{server.port}/"
        done = await run(tmp_path, HTTP(url=url), FOLLOW)
    assert "the address rules do not allow the address 169.254.169.254" in done.message
    assert len(server.seen) == 1


@pytest.mark.parametrize("host", ["2852039166", "127.1", "0x7f.1"])
async def test_addresses_written_in_odd_ways_lead_nowhere(host, tmp_path):
    async with Server(echo) as server:
        done = await run(tmp_path, HTTP(url=f"http://{host}:{server.port}/"), DENY_LOOPBACK)
    assert done.phase == "Failed"
    assert not server.seen


def test_rules_for_hosts():
    rules = AddressRules(allow_hosts=("*.Example.com", "10.*"), deny_hosts=("bad.example.com",))
    for host in ("api.example.com", "API.EXAMPLE.COM.", "10.1.2.3"):
        rules.check_host(host)
    for host in ("bad.example.com", "example.com", "other.org"):
        with pytest.raises(RefusedAddress):
            rules.check_host(host)


def test_rules_for_addresses():
    rules = AddressRules(deny_addresses=("0.0.0.0/0", "::/0"), allow_addresses=("10.0.0.0/8",))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::"):
        rules.check_address(address)
    for address in ("11.1.2.3", "::1", "fe80::1%eth0", "0.0.0.0"):
        with pytest.raises(RefusedAddress):
            rules.check_address(address)
    AddressRules().check_address("127.0.0.1")
    AddressRules().check_address("192.168.0.1")
