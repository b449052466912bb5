"""Login by an identity provider. Source: reference/rest-api.md 17.4, 17.5."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.unit.api.driver import Client, served
from tests.unit.auth.provider import CLIENT, SECRET, Provider, encoded

from tiphys.auth.cookie import Sealer
from tiphys.auth.gate import Gate
from tiphys.auth.login_faults import check_login
from tiphys.auth.sso import RoleRule, Sso, SsoConfig
from tiphys.auth.token import Tokens
from tiphys.errors import Unauthenticated, UserError
from tiphys.settings import Login, LoginRule, Server, Settings
from tiphys.store.memory_catalogue import MemoryTokens
from tiphys.testing.runtime_contract import ManualClock

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
BACK = "https://localhost:2746/oauth2/callback"


@pytest.fixture
async def provider():
    made = Provider(now=NOW)
    runner = await made.start()
    yield made
    await runner.cleanup()


def sso_of(provider, **words) -> Sso:
    rules = [
        RoleRule("'admins' in groups", "admin"),
        RoleRule("email endsWith '@team.example'", "edit", ("team",)),
        RoleRule("nonsense(", "admin"),
    ]
    config = SsoConfig(provider.issuer, CLIENT, SECRET, rules=rules, **words)
    return Sso(config, Sealer(b"k" * 32), ManualClock(NOW))


async def logged_in(provider, sso: Sso) -> str:
    address, remembered = await sso.begin(BACK)
    code = provider.visited(address)
    credential, _ = await sso.finish(code, remembered, BACK)
    return credential


async def test_who_logs_in_is_known_with_roles_by_rules(provider):
    provider.claims = {"groups": ["admins", "x"], "email": "a@b", "name": "Ann"}
    sso = sso_of(provider)
    credential = await logged_in(provider, sso)
    assert credential.startswith("Bearer v2:")
    assert len(credential.split(".")) == 5
    who = sso.check(credential)
    assert (who.subject, who.email, who.name, who.way) == ("user-1", "a@b", "Ann", "sso")
    assert list(who.groups) == ["admins", "x"]
    gate = Gate(frozenset({"sso"}), Tokens(MemoryTokens(), sso.clock), sso)
    assert await gate.may(await gate.who([credential]), "delete", "workflows", "any")
    provider.claims = {"email": "b@team.example"}
    who = await gate.who([await logged_in(provider, sso)])
    assert await gate.may(who, "create", "workflows", "team")
    assert not await gate.may(who, "create", "workflows", "other")
    provider.claims = {}
    who = await gate.who([await logged_in(provider, sso)])
    assert not await gate.may(who, "get", "workflows", "team")


async def test_the_browser_is_sent_with_a_challenge_and_a_nonce(provider):
    address, remembered = await sso_of(provider, scopes=("groups",)).begin(BACK)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query["redirect_uri"] == BACK
    assert query["scope"] == "openid groups"
    assert query["code_challenge_method"] == "S256"
    assert remembered not in address


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"aud": [CLIENT, "other"]},
        {"aud": [CLIENT, "other"], "azp": "other"},
        {"exp": NOW - 3600},
        {"exp": None},
        {"nbf": NOW + 3600},
        {"nonce": "replayed"},
        {"sub": None},
    ],
)
async def test_a_token_that_is_for_others_or_not_for_now_is_refused(provider, claims):
    provider.claims = claims
    with pytest.raises(Unauthenticated):
        await logged_in(provider, sso_of(provider))


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256", "kid": "k1"}, {"alg": "RS256", "kid": "other"}]
)
async def test_a_token_signed_otherwise_is_refused(provider, header):
    provider.header = header
    with pytest.raises(Unauthenticated):
        await logged_in(provider, sso_of(provider))


async def test_a_changed_token_is_refused(provider):
    sso = sso_of(provider)
    sign = provider.id_token

    def changed(query):
        header, _, signature = sign(query).split(".")
        claims = {"iss": provider.issuer, "aud": CLIENT, "sub": "root", "exp": NOW + 9}
        return f"{header}.{encoded({**claims, 'nonce': query['nonce']})}.{signature}"

    provider.id_token = changed
    with pytest.raises(Unauthenticated):
        await logged_in(provider, sso)


async def test_a_code_without_its_verifier_is_worth_nothing(provider):
    sso = sso_of(provider)
    address, _ = await sso.begin(BACK)
    _, other = await sso.begin(BACK)
    with pytest.raises(Unauthenticated):
        await sso.finish(provider.visited(address), other, BACK)


async def test_groups_come_from_who_is_asked_again_and_are_filtered(provider):
    provider.info = {"sub": "user-1", "groups": ["team-a", "noise"]}
    sso = sso_of(provider, user_info_path="/me", filter_groups=("^team-",))
    who = sso.check(await logged_in(provider, sso))
    assert list(who.groups) == ["team-a"]
    provider.info = {"sub": "somebody else", "groups": ["admins"]}
    with pytest.raises(Unauthenticated):
        await logged_in(provider, sso)


async def test_who_somebody_is_may_be_told_only_when_asked_again(provider):
    provider.info = {
        "sub": "user-1",
        "email": "a@team.example",
        "email_verified": True,
        "name": "Ann",
        "admin": True,
    }
    sso = sso_of(provider, user_info_path="/me")
    who = sso.check(await logged_in(provider, sso))
    assert (who.email, who.email_verified, who.name) == ("a@team.example", True, "Ann")
    provider.claims = {"email": "b@elsewhere", "name": "Bob"}
    who = sso.check(await logged_in(provider, sso))
    assert (who.email, who.email_verified, who.name) == ("b@elsewhere", False, "Bob")


async def test_a_session_ends_and_cannot_be_changed(provider):
    sso = sso_of(provider)
    credential = await logged_in(provider, sso)
    later = dataclasses.replace(sso, clock=ManualClock(NOW + 36_001))
    with pytest.raises(Unauthenticated, match="expired"):
        later.check(credential)
    other = dataclasses.replace(sso, sealer=Sealer(b"x" * 32))
    with pytest.raises(Unauthenticated, match="failed to decrypt token"):
        other.check(credential)
    for text in (credential[:-3] + "AAA", credential + "A", "Bearer v2:", "Bearer v2:a..b.c.d"):
        with pytest.raises(Unauthenticated):
            sso.check(text)


# ------------------------------------------------------------------------- through the server


@pytest.fixture
async def place(tmp_path, provider):
    import time

    provider.now = time.time()
    rules = (LoginRule("'admins' in groups", "admin"),)
    login = Login(provider.issuer, CLIENT, SECRET, rules=rules)
    settings = Settings(home=tmp_path, runtime="process", server=Server(login=login))
    async with served(tmp_path, settings=settings, modes=("sso",)) as place:
        place.client.token = ""
        yield place


async def test_a_browser_logs_in_and_comes_back_to_its_page(place, provider):
    provider.claims = {"groups": ["admins"]}
    answer = await place.client.get("/oauth2/redirect", redirect="/workflows/team")
    assert answer.status == 302
    (cookie,) = answer.cookies
    for flag in ("HttpOnly", "SameSite=lax", "Secure", "Path=/oauth2/"):
        assert flag in cookie
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    code = provider.visited(answer.headers["location"])
    query = f"code={code}&state={state}"
    answer = await place.client.send("GET", "/oauth2/callback", query=query)
    assert answer.status == 400  # another browser: no cookie
    kept = cookie.partition(";")[0]
    answer = await place.client.send("GET", "/oauth2/callback", query=query, cookie=kept)
    assert answer.status == 302
    assert answer.headers["location"] == "/workflows/team"
    session = next(item for item in answer.cookies if item.startswith("authorization="))
    for flag in ("SameSite=Strict", "Secure", "Path=/"):
        assert flag in session
    cookie = session.partition(";")[0]
    answer = await place.client.send("GET", "/api/v1/userinfo", cookie=cookie)
    assert answer.json["subject"] == "user-1"
    assert answer.json["groups"] == ["admins"]
    token = cookie.partition("=")[2].strip('"')
    client = Client(place.serving.application, token)
    assert (await client.get("/api/v1/workflows/")).status == 200
    answer = await place.client.send("GET", "/oauth2/callback", query=query, cookie=kept)
    assert answer.status == 401  # a code counts once


async def begun(place) -> tuple[str, str, str]:
    """Return the address a browser is sent to, its cookie, and the state."""
    answer = await place.client.get("/oauth2/redirect")
    (cookie,) = answer.cookies
    address = answer.headers["location"]
    state = parse_qs(urlsplit(address).query)["state"][0]
    return address, cookie.partition(";")[0], state


async def test_who_runs_the_server_reads_why_a_login_was_refused(place, provider, caplog):
    _, cookie, state = await begun(place)
    query = f"code=nobodys&state={state}"
    answer = await place.client.send("GET", "/oauth2/callback", query=query, cookie=cookie)
    assert (answer.status, b"log says why" in answer.body) == (401, True)
    said = "a login was refused: the identity provider answered 400: 'invalid_grant'"
    assert said in caplog.messages


async def test_what_a_provider_says_instead_of_a_code_is_logged_on_one_line(place, caplog):
    _, cookie, state = await begun(place)
    query = f"error=access_denied&error_description=no%0Aforged%20line&state={state}"
    answer = await place.client.send("GET", "/oauth2/callback", query=query, cookie=cookie)
    assert (answer.status, b"forged" in answer.body) == (401, False)
    (line,) = (text for text in caplog.messages if "a login was refused" in text)
    assert line.endswith("let nobody in: 'access_denied no\\nforged line'")


async def test_a_provider_that_is_down_is_one_line_and_no_trace(place, provider, caplog):
    object.__setattr__(place.serving.services.logins.config, "issuer", "http://127.0.0.1:1")
    answer = await place.client.get("/oauth2/redirect")
    assert answer.status == 502
    (record,) = (item for item in caplog.records if item.name == "tiphys.api.errors")
    assert record.exc_info is None
    assert "cannot be reached" in record.getMessage()
    assert "127.0.0.1:1" in record.getMessage()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"rules": [RoleRule("'a' in grops", "admin")]}, "rules[0]: unknown name grops"),
        ({"rules": [RoleRule("sub ==", "view")]}, "rules[0]: unexpected token EOF"),
        ({"rules": [RoleRule("true", "root")]}, 'rules[0]: there is no role "root"'),
        ({"rules": [RoleRule("true", "view"), RoleRule("sub", "view")]}, "rules[1]: the rule must"),
        ({"filter_groups": ["("]}, "filter_groups[0]: '(' is no regular expression"),
    ],
)
def test_settings_that_could_let_nobody_in_are_found_at_the_start(words, said):
    with pytest.raises(UserError, match=re.escape(f"server.login.{said}")):
        check_login(SsoConfig("https://i", CLIENT, SECRET, **words))


def test_rules_over_every_claim_are_fine():
    rule = "email endsWith '@x' || any(groups, {# startsWith 'a'}) || name == sub"
    check_login(SsoConfig("https://i", CLIENT, SECRET, rules=[RoleRule(rule, "view")]))


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "", "/\nx", "javascript:1"],
)
async def test_nobody_is_sent_elsewhere(place, provider, path):
    """Class: open redirects."""
    answer = await place.client.get("/oauth2/redirect", redirect=path)
    (cookie,) = answer.cookies
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    code = provider.visited(answer.headers["location"])
    query = f"code={code}&state={state}"
    kept = cookie.partition(";")[0]
    answer = await place.client.send("GET", "/oauth2/callback", query=query, cookie=kept)
    assert (answer.status, answer.headers["location"]) == (302, "/")


async def test_without_logins_there_is_nothing_to_go_to(tmp_path):
    async with served(tmp_path) as place:
        for path in ("/oauth2/redirect", "/oauth2/callback"):
            answer = await place.client.get(path)
            assert (answer.status, answer.body) == (501, b"")
