"""Classes of Argo's public advisories, and what else a server open to browsers must withstand."""

from __future__ import annotations

import json
import logging

import pytest
from tests.unit.api.driver import NAMESPACE, Client, create, served, workflow

from tiphys.app_server import check_listening
from tiphys.auth.gate import modes_of
from tiphys.errors import UserError
from tiphys.settings import Listening

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


@pytest.fixture
async def trusting(tmp_path):
    """A server that trusts whoever reaches it."""
    async with served(tmp_path, modes=("server",)) as place:
        place.client.token = ""
        yield place


async def test_only_on_request_nobody_needs_a_token(trusting):
    assert (await trusting.client.get(BASE)).status == 200
    assert (await trusting.client.get("/api/v1/userinfo")).json == {}


async def test_a_bad_credential_is_refused_where_none_is_needed(trusting):
    """Class: a weaker way is tried when a stronger one fails."""
    client = Client(trusting.serving.application, "Bearer nonsense")
    assert (await client.get(BASE)).status == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:2746", "127.0.0.1.evil.example", ""]
)
async def test_a_strangers_name_for_this_machine_is_refused(trusting, host):
    """Class: DNS rebinding."""
    client = Client(trusting.serving.application, host=host)
    assert (await client.get(BASE)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_a_page_of_another_site_starts_nothing(trusting, headers):
    """Class: cross-site request forgery."""
    body = json.dumps({"workflow": workflow("x")}).encode()
    answer = await trusting.client.send("POST", BASE, body, **headers)
    assert answer.status == 403
    answer = await trusting.client.send("GET", BASE, **headers)
    assert answer.status == 403
    assert (await trusting.client.get(BASE)).json["items"] is None


async def test_a_cookie_of_another_site_starts_nothing(place):
    client = Client(place.serving.application)
    body = json.dumps({"workflow": workflow("x")}).encode()
    headers = {"cookie": f"authorization={place.client.token}", "origin": "https://evil.example"}
    assert (await client.send("POST", BASE, body, **headers)).status == 403
    headers["origin"] = "https://localhost:2746"
    assert (await client.send("POST", BASE, body, **headers)).status == 200


async def test_one_site_may_be_let_in(tmp_path):
    async with served(tmp_path, allow_origin="https://good.example") as place:
        answer = await place.client.send("OPTIONS", BASE)
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://good.example"
        answer = await place.client.send("GET", BASE, origin="https://good.example")
        assert answer.headers["access-control-allow-origin"] == "https://good.example"


@pytest.mark.parametrize(
    "words",
    [
        {"host": "0.0.0.0", "modes": ("server",)},
        {"host": "0.0.0.0", "modes": ("hybrid",)},
        {"host": "0.0.0.0", "secure": False},
        {"host": "192.0.2.1", "modes": ("client", "server")},
    ],
)
def test_what_others_could_reach_needs_tokens_and_tls(words):
    with pytest.raises(UserError, match="loopback"):
        check_listening(Listening(**words))


def test_the_default_is_loopback_tls_and_tokens():
    listening = Listening()
    assert (listening.host, listening.secure, listening.modes) == ("127.0.0.1", True, ("client",))
    assert modes_of(()) == {"client"}
    assert modes_of(("hybrid", "sso")) == {"client", "server", "sso"}


async def test_nothing_is_read_of_who_is_not_known(place):
    """Class: bodies of any size were read of anybody."""
    client = Client(place.serving.application)
    answer = await client.send("POST", BASE, b"{" * (1 << 20))
    assert answer.status == 401


async def test_a_body_and_headers_have_limits(tmp_path):
    async with served(tmp_path) as place:
        most = place.serving.services.limits.body_bytes
        headers = {"content-length": str(most + 1)}
        answer = await place.client.send("POST", BASE, b"{}", **headers)
        assert (answer.status, answer.json["code"]) == (429, 8)
        answer = await place.client.send("GET", BASE, x_large="x" * (65 << 10))
        assert answer.status == 431


async def test_requests_are_counted_by_address(tmp_path):
    async with served(tmp_path, requests_per_second=3) as place:
        answers = [await place.client.get("/healthz") for _ in range(30)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert refused[0].body == b"Too Many Requests\n"
        assert "retry-after" in refused[0].headers


async def test_streams_are_counted(place, monkeypatch):
    from tiphys.api.limits import Streams
    from tiphys.errors import TooMuch

    streams = Streams(2, 1)
    with streams.opened("a"):
        with pytest.raises(TooMuch), streams.opened("a"):
            pass
        with streams.opened("b"), pytest.raises(TooMuch), streams.opened("c"):
            pass
    with streams.opened("c"):
        pass


async def test_tokens_are_in_no_log(place, caplog):
    """Class: credentials in logs."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("tiphys.audit").setLevel(logging.INFO)
    await create(place, "a")
    await place.client.send("GET", f"/api/v1/{place.client.token}", query=place.client.token)
    await place.client.send("DELETE", f"{BASE}/none", query=f"token={place.client.token}")
    secret = place.client.token.rpartition(".")[2]
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "tiphys.audit" in {record.name for record in caplog.records}
    assert secret not in text.replace(f"/api/v1/{place.client.token}", "")


async def test_who_did_what_is_noted(place, caplog):
    caplog.set_level(logging.INFO)
    await create(place, "a")
    await Client(place.serving.application).get(f"{BASE}/a")
    await place.client.get(f"{BASE}/a")
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "tiphys.audit"]
    assert [(line["who"], line["method"], line["status"]) for line in lines] == [
        ("someone", "POST", 200),
        ("", "GET", 401),
    ]
    assert lines[0]["path"] == BASE
    assert lines[0]["credential"] == place.client.token.split(".")[1]


async def test_a_document_that_cannot_be_read_does_not_stop_the_list(place):
    """Class: one poisoned object stops a whole list."""
    await create(place, "good")
    odd = workflow("odd", annotations={"x": "\u2028</script>\x00"})
    answer = await place.client.post(BASE, {"workflow": odd})
    assert answer.status in {200, 400}
    listed = await place.client.get(BASE)
    assert listed.status == 200
    assert "good" in [item["metadata"]["name"] for item in listed.json["items"]]


async def test_a_defect_tells_nothing_of_itself(place, monkeypatch):
    """Class: errors that show what is inside."""

    async def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(place.serving.services.workflows), "page", broken)
    answer = await place.client.get(BASE)
    assert answer.status == 500
    assert answer.json == {"code": 13, "message": "defect of the server: RuntimeError"}


async def test_what_the_server_sets_cannot_be_set_by_who_creates(place):
    made = workflow("x", uid="mine", resourceVersion="1", creationTimestamp="2000-01-01T00:00:00Z")
    made["status"] = {"phase": "Succeeded", "nodes": {"x": {"id": "x"}}}
    answer = (await place.client.post(BASE, {"workflow": made})).json
    assert answer["metadata"]["uid"] != "mine"
    assert answer["metadata"]["creationTimestamp"] != "2000-01-01T00:00:00Z"
    assert "phase" not in answer["status"]


async def test_who_asks_is_told_only_of_itself(place):
    answer = await place.client.get("/api/v1/userinfo")
    assert answer.json == {"subject": "someone"}
    assert (await place.client.get("/api/v1/info")).json["modals"] == {
        **{"feedback": False, "firstTimeUser": False, "newVersion": False}
    }
    version = (await place.client.get("/api/v1/version")).json
    assert len(version) == 8
    assert version["version"].startswith("v4.1.")
    assert (await place.client.post("/api/v1/tracking/event", {"name": "x"})).json == {}
