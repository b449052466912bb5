"""No endpoint answers one who may not: every route, with no, fake, expired and foreign tokens."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.api.driver import Client, create, served

from tiphys.api.routing import LOGIN, Need, Policy, Routes, Says, anybody, needs
from tiphys.api.table import every_route
from tiphys.errors import EngineBug
from tiphys.settings import Server, Settings

pytestmark = pytest.mark.anyio
ROUTES = list(every_route())
OPEN = {
    *("GET /oauth2/redirect", "GET /oauth2/callback"),
    *("GET /healthz", "GET /readyz", "GET /"),
}
"""What anybody may call; each has a reason in its policy."""
FAKES = (
    "Bearer tiphys.0123456789abcdef." + "A" * 43,
    "Bearer " + "A" * 200,
    "Bearer v2:a..b.c.d",
    "Basic cm9vdDpyb290",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
    "tiphys",
)


def name_of(endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint, uid: str = "none") -> str:
    """Return a path of an endpoint, about things of namespace `team`."""
    values = {
        **{"namespace": "team", "name": "demo", "uid": uid, "podName": "demo"},
        **{"nodeId": "demo", "artifact": "main-logs", "discriminator": "d", "key": "k"},
        **{"place": "workflows", "id": "demo", "side": "outputs", "kind": "job"},
    }
    return endpoint.path.format(**values)


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def place(tmp_path):
    settings = Settings(home=tmp_path, runtime="process", server=Server(archive=True))
    async with served(tmp_path, settings=settings) as place:
        await create(place, "demo")
        yield place


def refused(answer) -> bool:
    return answer.status in {401, 403}


async def test_who_shows_nothing_or_a_fake_gets_nothing(place):
    for endpoint in ROUTES:
        if name_of(endpoint) in OPEN:
            continue
        for token in ("", *FAKES):
            client = Client(place.serving.application, token)
            answer = await client.send(endpoint.method, path_of(endpoint), b"{}")
            assert answer.status == 401, (name_of(endpoint), token, answer.body)
            assert b"demo" not in answer.body


async def test_an_expired_or_revoked_token_gets_nothing(place):
    expired = await place.token(seconds=-1.0)
    revoked = await place.token()
    await place.serving.home.store.tokens.revoke(revoked.split(".")[1])
    for endpoint in ROUTES:
        if name_of(endpoint) in OPEN:
            continue
        for token in (expired, revoked):
            client = Client(place.serving.application, token)
            answer = await client.send(endpoint.method, path_of(endpoint), b"{}")
            assert answer.status == 401, (name_of(endpoint), answer.body)


async def test_a_token_of_another_namespace_gets_nothing(place):
    stranger = await place.as_("admin", "other")
    row = await place.serving.home.store.find("team", "demo")
    allowed_anywhere = {"clusterworkflowtemplates"}
    for endpoint in ROUTES:
        if endpoint.policy.kind != "needs":
            continue
        reads = {need.verb for need in endpoint.policy.needs} <= {"get", "list", "watch"}
        if reads and {need.resource for need in endpoint.policy.needs} <= allowed_anywhere:
            continue
        answer = await stranger.send(endpoint.method, path_of(endpoint, row.run), b"{}")
        # What is known by its uid alone is not found before it can be forbidden.
        hidden = "{uid}" in endpoint.path and answer.status == 404
        assert refused(answer) or hidden, (name_of(endpoint), answer.status, answer.body)
        assert b"suspend" not in answer.body


async def test_who_may_only_read_changes_nothing(place):
    reader = await place.as_("view", "team")
    for endpoint in ROUTES:
        if endpoint.method == "GET" or endpoint.policy.kind != "needs":
            continue
        if "{uid}" in endpoint.path:
            continue
        answer = await reader.send(endpoint.method, path_of(endpoint), b"{}")
        assert answer.status == 403, (name_of(endpoint), answer.status, answer.body)
    assert (await reader.get("/api/v1/workflows/team/demo")).status == 200


async def test_only_the_known_endpoints_are_open_and_each_says_why():
    found = {name_of(endpoint) for endpoint in ROUTES if endpoint.policy.kind == "open"}
    assert found == OPEN
    assert all(e.policy.reason for e in ROUTES if e.policy.kind == "open")


async def handler(call):
    return {}


def test_an_endpoint_without_a_policy_cannot_be_added():
    for policy in (None, "login", True, lambda: True):
        with pytest.raises(EngineBug, match="has no policy"):
            Routes().add("GET", "/x", policy, handler, Says("x"))
    with pytest.raises(TypeError):
        Routes().add("GET", "/x", handler, Says("x"))


def test_a_policy_that_says_nothing_cannot_be_made():
    for kind, need, reason in (
        ("needs", (), ""),
        ("open", (), ""),
        ("login", (Need("get", "x"),), ""),
        ("login", (), "because"),
    ):
        with pytest.raises(EngineBug):
            Policy(kind, need, reason)
    assert anybody("x").reason == "x"
    assert needs("get", "x").needs[0].verb == "get"


def test_an_endpoint_is_there_once():
    routes = Routes()
    routes.add("GET", "/x", LOGIN, handler, Says("x"))
    with pytest.raises(EngineBug, match="twice"):
        routes.add("GET", "/x", LOGIN, handler, Says("x"))


@pytest.mark.parametrize(
    ("role", "verb", "resource", "namespace", "expected"),
    [
        ("view", "get", "workflows", "team", True),
        ("view", "get", "workflows", "", False),
        ("view", "create", "workflows", "team", False),
        ("view", "get", "clusterworkflowtemplates", "", True),
        ("edit", "create", "workflows", "team", True),
        ("edit", "create", "workflows", "other", False),
        ("edit", "create", "synclimits", "team", False),
        ("edit", "create", "clusterworkflowtemplates", "", False),
        ("admin", "delete", "synclimits", "team", True),
        ("admin", "create", "clusterworkflowtemplates", "", False),
        ("admin", "get", "metrics", "", False),
    ],
)
async def test_a_role_in_a_namespace_is_worth_this(
    place, role, verb, resource, namespace, expected
):
    auth = place.serving.services.auth
    who = await auth.who([await place.token(role, "team")])
    assert await auth.may(who, verb, resource, namespace) is expected


async def test_a_token_is_kept_as_a_hash(place, tmp_path):
    token = await place.token()
    secret = token.rpartition(".")[2]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("tiphys.db*"))
    assert secret.encode() not in stored
    rows = await place.serving.home.store.tokens.list()
    assert not any(secret in repr(dataclasses.asdict(row)) for row in rows)
