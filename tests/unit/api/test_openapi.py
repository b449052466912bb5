"""The API's document says what the handlers do, and metrics are Argo's."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, create, served
from tests.unit.api.test_policies import path_of

from tiphys.api.openapi import openapi
from tiphys.api.table import every_route

pytestmark = pytest.mark.anyio
ROUTES = every_route()


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


def references(value) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_every_endpoint_is_described_once_and_every_reference_leads_somewhere():
    document = openapi(ROUTES)
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == {(endpoint.method, endpoint.path) for endpoint in ROUTES}
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.rpartition("/")[2] in schemas, reference
    ids = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
    ]
    assert len(ids) == len(set(ids))


async def test_the_document_is_served(place):
    for path in ("/api/v1/openapi.json", "/assets/openapi-spec/swagger.json"):
        answer = await place.client.get(path)
        assert answer.status == 200
        assert answer.json["openapi"] == "3.1.0"


async def test_every_endpoint_takes_an_empty_request_without_a_defect(place):
    await create(place, "demo")
    for endpoint in ROUTES:
        if endpoint.says.streams or endpoint.path.startswith("/upload"):
            continue
        for body in (b"", b"{}", b"[]", b'{"template":{}}', b'{"workflow":{"spec":{}}}'):
            answer = await place.client.send(endpoint.method, path_of(endpoint), body)
            known = answer.status < 500 or answer.status == 501
            assert known, (endpoint.method, endpoint.path, body, answer.body)


async def test_names_of_query_parameters_are_those_the_document_says(place):
    await create(place, "demo")
    for endpoint in ROUTES:
        if endpoint.method != "GET" or endpoint.says.streams or endpoint.says.raw:
            continue
        for name in endpoint.says.query:
            for value in ("x", "1", "-1", "true"):
                path = path_of(endpoint)
                answer = await place.client.send("GET", path, query=f"{name}={value}")
                assert answer.status < 500, (path, name, value, answer.body)


async def test_metrics_have_argos_names(place):
    await create(place, "a", "b")
    await place.client.get(f"/api/v1/workflows/{NAMESPACE}")
    answer = await place.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'argo_workflows_gauge{phase="Pending"} 2' in lines
    assert "argo_workflows_is_leader 1" in lines
    assert any(line.startswith('argo_workflows_version{version="v4.1.') for line in lines)
    handled = 'grpc_server_handled_total{grpc_type="unary",grpc_service="workflows",'
    assert any(line.startswith(f'{handled}grpc_method="list_workflows"') for line in lines)
    reader = await place.as_("view", NAMESPACE)
    assert (await reader.get("/metrics")).status == 403


async def test_metrics_may_be_open(tmp_path):
    async with served(tmp_path, open_metrics=True) as place:
        place.client.token = ""
        assert (await place.client.get("/metrics")).status == 200


async def test_health_says_what_is_wrong(place):
    place.client.token = ""
    assert (await place.client.get("/healthz")).body == b"ok"
    place.serving.health.wrong = "the engine has ended"
    answer = await place.client.get("/readyz")
    assert (answer.status, answer.body) == (500, b"the engine has ended")
