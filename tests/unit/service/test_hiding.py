"""Values of Secrets do not show in what is shown of a workflow."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tiphys.model.secret import Masker, Secret
from tiphys.service.hiding import Hider, hidden, uses_of
from tiphys.store.objects import MemoryObjects
from tiphys.testing.runtime_contract import ManualClock

pytestmark = pytest.mark.anyio


def spec(**template: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "namespace": "n"}, "spec": {"templates": [template]}}


def env(name: str, key: str) -> dict[str, Any]:
    return {
        "container": {
            "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]
        }
    }


def test_secrets_are_found_wherever_a_workflow_names_them() -> None:
    assert uses_of(spec(**env("login", "pw"))).keys == {"login": {"pw"}}
    given = {
        "s3": {
            "accessKeySecret": {"name": "s", "key": "a"},
            "secretKeySecret": {"name": "s", "key": "b"},
        }
    }
    assert uses_of(spec(outputs={"artifacts": [given]})).keys == {"s": {"a", "b"}}
    assert uses_of(spec(container={"envFrom": [{"secretRef": {"name": "s"}}]})).keys == {"s": None}
    assert uses_of(spec(volumes=[{"name": "v", "secret": {"secretName": "s"}}])).keys == {"s": None}
    projected = {"projected": {"sources": [{"secret": {"name": "s", "items": []}}]}}
    assert uses_of(spec(volumes=[{"name": "v"} | projected])).keys == {"s": None}
    stored = {"status": {"storedTemplates": {"t": env("far", "k")}}}
    assert uses_of(spec() | stored).keys == {"far": {"k"}}
    assert uses_of(spec(container={"image": "x"})).keys == {}


@pytest.mark.parametrize(
    "template",
    [
        env("{{inputs.parameters.which}}", "pw"),
        {"resource": {"action": "get", "manifest": "kind: Secret\nmetadata: {name: s}"}},
        {"resource": {"action": "create", "manifestFrom": {"artifact": {"name": "m"}}}},
        {"podSpecPatch": '{"volumes": [{"secret": {"secretName": "s"}}]}'},
    ],
)
def test_where_it_cannot_be_told_which_all_are_meant(template: dict[str, Any]) -> None:
    assert uses_of(spec(**template)).everything


def test_values_are_hidden_in_inputs_outputs_and_messages_and_names_are_kept() -> None:
    masker = Masker()
    masker.add(Secret(b's3cret "x"\n'))
    encoded = base64.b64encode(b's3cret "x"\n').decode()
    parameter = {"name": 's3cret "x"', "value": 'is s3cret "x"!'}
    node = {
        "id": "n",
        "name": 'w(0:s3cret "x")',
        "message": 'no s3cret "x" here',
        "inputs": {
            "parameters": [parameter],
            "artifacts": [{"name": "a", "raw": {"data": encoded}}],
        },
        "outputs": {"result": json.dumps({"pw": 's3cret "x"'}), "exitCode": "0"},
    }
    status = {"message": 's3cret "x"', "outputs": {"parameters": [parameter]}, "nodes": {"n": node}}
    given = {"spec": {"entrypoint": "x"}, "status": status}
    before = json.dumps(given)
    found: Any = hidden(given, masker)
    assert json.dumps(given) == before
    shown = found["status"]["nodes"]["n"]
    assert shown["message"] == "no *** here"
    assert shown["inputs"]["parameters"] == [{"name": 's3cret "x"', "value": "is ***!"}]
    assert shown["inputs"]["artifacts"][0]["raw"]["data"] == "***"
    assert shown["outputs"] == {"result": '{"pw": "***"}', "exitCode": "0"}
    assert (shown["id"], shown["name"]) == ("n", node["name"])
    assert found["status"]["message"] == "***"
    assert found["status"]["outputs"]["parameters"][0]["value"] == "is ***!"


def a_secret(name: str, namespace: str = "n", **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


async def test_only_the_keys_that_are_used_are_hidden_and_only_of_the_namespace() -> None:
    objects = MemoryObjects(ManualClock())
    await objects.create(a_secret("login", user="admin", pw="hunter22"))
    await objects.create(a_secret("other", pw="unrelated"))
    await objects.create(a_secret("login", "elsewhere", pw="not here"))
    text = "admin hunter22 unrelated not here"
    named = await Hider(objects).masker(spec(**env("login", "pw")))
    assert named is not None
    assert named.mask(text) == "admin *** unrelated not here"
    every = await Hider(objects).masker(spec(resource={"manifestFrom": {}}))
    assert every is not None
    assert every.mask(text) == "*** *** *** not here"
    assert await Hider(objects).masker(spec()) is None
    assert await Hider(objects).masker(spec(**env("absent", "pw"))) is None
