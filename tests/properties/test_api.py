"""Whatever is sent to the API, the answer is never that of a defect."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.api.driver import create, served

from tiphys.api.table import every_route

ROUTES = [endpoint for endpoint in every_route() if not endpoint.says.streams]
KEYS = [
    "metadata",
    "name",
    "namespace",
    "labels",
    "spec",
    "workflow",
    "template",
    "cronWorkflow",
    "templates",
    "parameters",
    "arguments",
    "type",
    "limit",
    "key",
    "cmName",
    "schedules",
    "workflowSpec",
    "entrypoint",
    "resourceKind",
    "resourceName",
    "submitOptions",
    "phase",
    "nodeFieldSelector",
    "outputParameters",
    "createOptions",
    "dryRun",
    "memoized",
]
TEXTS = st.sampled_from(
    ["", "x", "a/b", "\x00", "{{x}}", "é" * 70, "@latest", "a=b", "[", "-1", "WorkflowTemplate"]
)
LEAF = TEXTS | st.none() | st.booleans() | st.integers(-1, 2**63) | st.floats(allow_nan=False)
JSON = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
SEGMENTS = ("team", "demo", "x", "", "a b", "é", "@latest", "\x01", "workflows", "outputs")
VALUES = ("x", "1", "-1", "a in (", "a=b", "true", "metadata.name=x", "9" * 40, "%00", "é", "[")


@st.composite
def requests(draw):
    """Return a method, a path, a query and a body."""
    endpoint = draw(st.sampled_from(ROUTES))
    path = endpoint.path
    for segment in endpoint.segments:
        if segment.startswith("{"):
            path = path.replace(segment, draw(st.sampled_from(SEGMENTS)), 1)
    names = st.lists(st.sampled_from(endpoint.says.query or ("x",)), max_size=2)
    query = "&".join(f"{name}={draw(st.sampled_from(VALUES))}" for name in draw(names))
    return endpoint.method, path, query, json.dumps(draw(JSON)).encode()


@given(st.lists(requests(), min_size=20, max_size=40))
@settings(max_examples=8, deadline=None)
@pytest.mark.anyio
async def test_no_request_meets_a_defect(tmp_path_factory, sent):
    async with served(tmp_path_factory.mktemp("home")) as place:
        await create(place, "demo")
        for method, path, query, body in sent:
            answer = await place.client.send(method, path, body, query)
            known = answer.status < 500 or answer.status == 501
            assert known or b"not supported" in answer.body, (method, path, query, body)
