"""What schemathesis makes of the API's own document, right and wrong: no answer is a defect's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from tests.unit.api.driver import NAMESPACE, Place, served, workflow

from tiphys.api.openapi import openapi
from tiphys.api.routing import Says
from tiphys.api.table import every_route

EXAMPLES = {"positive": 6, "negative": 2}
"""Requests for each endpoint that are as the document says, and that are not."""
BODIES = {"positive": 6, "negative": 1}
"""The same where there is a body: what is wrong with a workflow takes a second to find."""
KNOWN = {"namespace": NAMESPACE, "name": "demo", "nodeId": "demo", "podName": "demo"}
"""What there is; without it every request would end at a name that is not found."""
NO_LOGINS = 501
"""The answer of the pages for logins, which this server was not set up for."""

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    query: str
    body: bytes
    media: str
    says: Says


def requests() -> Iterator[list[Sent]]:
    """Yield requests to every endpoint, endpoint by endpoint, always the same ones."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    routes = every_route()
    says = {(item.method, item.path): item.says for item in routes}
    schema = schemathesis.openapi.from_dict(openapi(routes))
    for found in schema.get_all_operations():
        operation = found.ok()
        endpoint = says[operation.method.upper(), operation.path]
        cases = [case for mode in schemathesis.GenerationMode for case in _cases(operation, mode)]
        yield [_sent(case, number, endpoint) for number, case in enumerate(cases)]


def _cases(operation: Any, mode: Any) -> list[Any]:
    found: list[Any] = []

    @settings(
        max_examples=(BODIES if operation.body else EXAMPLES)[mode.value],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request without parameters
        collect()
    return found


def _sent(case: Any, number: int, says: Says) -> Sent:
    """Return a case as a request; all but every fifth name what there is."""
    from requests import Request

    if number % 5:
        for name in KNOWN.keys() & case.path_parameters.keys():
            case.path_parameters[name] = KNOWN[name]
    words = case.as_transport_kwargs(base_url="http://localhost")
    parts = ("method", "url", "params", "json", "data", "files")
    made = Request(**{name: words[name] for name in parts if name in words}).prepare()
    place = urlsplit(str(made.url))
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    media = made.headers.get("content-type", "")
    return Sent(str(made.method), unquote(place.path), place.query, body, media, says)


async def test_every_request_of_the_document_is_answered(tmp_path: Any) -> None:
    count = found = 0
    async with served(tmp_path) as place:
        for batch in requests():
            await _prepare(place)
            for sent in batch:
                status, body = await _ask(place, sent)
                assert status < 500 or status == NO_LOGINS, (sent, status, body)
                if 400 <= status < 500 and not sent.says.plain:
                    assert body[:1] == b"{", (sent, status, body)
                    told = json.loads(body)
                    assert told.get("error", told)["message"], (sent, status, body)
                count += 1
                found += status == 200
    assert count > 500
    assert found > count / 4, "most requests do not reach what they ask for"


async def _prepare(place: Place) -> None:
    """See to it that there is one of each kind; the request before may have deleted it."""
    api, named = "/api/v1", {"metadata": {"name": "demo"}}
    template = {**named, "spec": workflow("demo")["spec"]}
    cron = {**named, "spec": {"schedules": ["0 2 * * *"], "workflowSpec": template["spec"]}}
    bodies = {
        f"{api}/workflows/{NAMESPACE}": {"workflow": workflow("demo")},
        f"{api}/workflow-templates/{NAMESPACE}": {"template": template},
        f"{api}/cluster-workflow-templates": {"template": template},
        f"{api}/cron-workflows/{NAMESPACE}": {"cronWorkflow": cron},
    }
    for path, body in bodies.items():
        assert (await place.client.post(path, body)).status in {200, 409}


async def _ask(place: Place, sent: Sent) -> tuple[int, bytes]:
    """Return an answer; of a stream only that it begins."""
    words = {"content_type": sent.media} if sent.media else {}
    opened = place.client.open(sent.method, sent.path, sent.body, sent.query, **words)
    async with opened as (start, pieces):
        if sent.says.streams and start["status"] == 200:
            return 200, b""
        return start["status"], b"".join([piece async for piece in pieces])
