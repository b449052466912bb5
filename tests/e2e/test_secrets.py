"""Values of Secrets: given on from step to step, and shown to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.driver import Home
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import inputs, shell, workflow

pytestmark = pytest.mark.e2e

VALUE = "correcthorse"
ENCODED = "Y29ycmVjdGhvcnNl"
MOVED = "dpssfduipstf"
"""The value with each letter moved by one: what a step says that has it."""
LOGIN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login"},
    "stringData": {"password": VALUE},
}


@pytest.fixture
def away(home: Home) -> Iterator[Away]:
    """A server without TLS, and a command line."""
    with serving(home, "--auth-mode", "server", "--no-secure") as server:
        yield Away(home, server)


def passes_on() -> dict[str, Any]:
    """Return a workflow that gives a Secret's value, and its base 64, to a second step."""
    say = shell("say", 'echo "it is $PASSWORD"; printf %s "$PASSWORD" > /tmp/pw')
    source = {"secretKeyRef": {"name": "login", "key": "password"}}
    say["script"]["env"] = [{"name": "PASSWORD", "valueFrom": source}]
    say["outputs"] = {"parameters": [{"name": "pw", "valueFrom": {"path": "/tmp/pw"}}]}
    manifest = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}'
    look = {"name": "look", "resource": {"action": "get", "manifest": manifest}}
    encoded = {"name": "b64", "valueFrom": {"jsonPath": "{.data.password}"}}
    look["outputs"] = {"parameters": [encoded]}
    read = shell("read", 'echo "{{inputs.parameters.pw}}" "{{inputs.parameters.b64}}" | tr a-y b-z')
    read["inputs"] = inputs("pw", "b64")
    given = [
        {"name": "pw", "value": "{{steps.say.outputs.parameters.pw}}"},
        {"name": "b64", "value": "{{steps.look.outputs.parameters.b64}}"},
    ]
    last = {"name": "read", "template": "read", "arguments": {"parameters": given}}
    unless = {"name": "skip", "template": "say", "when": "{{steps.say.outputs.parameters.pw}} == x"}
    first = [{"name": name, "template": name} for name in ("say", "look")]
    return workflow("w", {"name": "main", "steps": [first, [last, unless]]}, say, look, read)


def test_a_value_reaches_the_next_step_and_nobody_else(home: Home) -> None:
    ran = home.run("run", home.file("w.yaml", passes_on()), home.file("s.yaml", LOGIN))
    assert ran.code == 0, ran
    logs = home.ok("logs", "w")
    assert MOVED in logs
    assert "it is ***" in logs
    shown = json.loads(home.ok("get", "w", "-o", "json"))["status"]["nodes"].values()
    found = {node["displayName"]: node for node in shown}
    assert found["say"]["outputs"]["parameters"] == [
        {"name": "pw", "value": "***", "valueFrom": {"path": "/tmp/pw"}}
    ]
    assert found["look"]["outputs"]["parameters"][0]["value"] == "***"
    assert [item["value"] for item in found["read"]["inputs"]["parameters"]] == ["***", "***"]
    said = [ran.out, ran.err, logs, home.ok("logs", "w", "--grep", "it is")]
    said += [home.ok("get", "w", "-o", form) for form in ("json", "yaml", "wide")]
    said += [
        home.ok("list", "-o", "json"),
        home.ok("explain", "w"),
        home.ok("explain", "w", "skip"),
    ]
    assert not [text for text in said if VALUE in text or ENCODED in text]
    assert not home.run("logs", "w", "--grep", VALUE).out


def test_a_server_shows_no_value_either(away: Away) -> None:
    away.ok("apply", away.home.file("s.yaml", LOGIN))
    sent = away.run("submit", away.home.file("w.yaml", passes_on()), "--log")
    assert sent.code == 0, sent
    assert MOVED in sent.out
    said = [sent.out, sent.err, away.ok("logs", "w"), away.ok("get", "w", "-o", "json")]
    said += [away.ok("list", "-o", "json"), away.ok("explain", "w", "skip")]
    assert "it is ***" in said[2]
    assert not [text for text in said if VALUE in text or ENCODED in text]
