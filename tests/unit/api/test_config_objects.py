"""ConfigMaps and Secrets through a server: kept and named; values of Secrets come out nowhere."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from tests.unit.api.driver import NAMESPACE, served

from tiphys.ports import ObjectRef

pytestmark = pytest.mark.anyio
BASE = "/api/tiphys/v1"
MAPS, SECRETS = f"{BASE}/config-maps/{NAMESPACE}", f"{BASE}/secrets/{NAMESPACE}"
VALUE = "hunter2-and-more"
CODED = base64.b64encode(VALUE.encode()).decode()


@pytest.fixture
async def place(tmp_path):
    async with served(tmp_path) as place:
        yield place


def secret(**more) -> dict:
    return {"object": {"kind": "Secret", "stringData": {"password": VALUE}, **more}}


async def test_a_config_map_is_kept_changed_read_and_deleted(place):
    body = {"object": {"metadata": {"labels": {"a": "b"}}, "data": {"x": "1", "y": "2"}}}
    made = (await place.client.put(f"{MAPS}/m", body)).json
    assert made["verb"] == "created"
    assert made["object"]["keys"] == ["x", "y"]
    assert (await place.client.put(f"{MAPS}/m", body)).json["verb"] == "unchanged"
    change = {"object": {"data": {"x": None, "z": "3"}}}
    assert (await place.client.put(f"{MAPS}/m", change)).json["verb"] == "configured"
    read = (await place.client.get(f"{MAPS}/m")).json
    assert read["data"] == {"y": "2", "z": "3"}
    assert read["metadata"]["labels"] == {"a": "b"}
    await place.client.put(f"{MAPS}/another", {"object": {"binaryData": {"raw": CODED}}})
    listed = (await place.client.get(MAPS)).json["items"]
    assert [(item["metadata"]["name"], item["keys"]) for item in listed] == [
        ("another", ["raw"]),
        ("m", ["y", "z"]),
    ]
    assert not any("data" in item for item in listed)
    query = {"listOptions__labelSelector": "a=b"}
    assert len((await place.client.get(MAPS, **query)).json["items"]) == 1
    assert (await place.client.delete(f"{MAPS}/m")).json == {}
    assert (await place.client.get(f"{MAPS}/m")).status == 404
    assert (await place.client.delete(f"{MAPS}/m")).status == 404


async def test_no_answer_holds_a_value_of_a_secret_whoever_asks(place, caplog):
    caplog.set_level(logging.DEBUG)
    last = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": CODED})}
    kept = secret(metadata={"annotations": last, "labels": {"a": "b"}}, type="Opaque")
    answers = [await place.client.put(f"{SECRETS}/s", kept) for _ in range(2)]
    ref = ObjectRef("v1", "Secret", NAMESPACE, "s")
    stored = await place.serving.home.objects.get(ref)
    assert stored["data"] == {"password": CODED}  # it is there, and runs may use it
    for role in ("admin", "edit"):
        client = await place.as_(role, NAMESPACE)
        answers += [await client.get(SECRETS), await client.get(f"{SECRETS}/s")]
        answers.append(await client.put(f"{SECRETS}/s", {"object": {"data": {"other": CODED}}}))
    bad = {"password": {"value": VALUE}}, {"password": VALUE}, {"/": CODED}
    refused = [await place.client.put(f"{SECRETS}/s", {"object": {"data": d}}) for d in bad]
    refused.append(await place.client.put(f"{SECRETS}/s", {"object": {"spec": VALUE}}))
    refused.append(await place.client.put(f"{SECRETS}/s", secret(metadata={"name": VALUE})))
    refused.append(await place.client.get(f"{MAPS}/s"))
    answers.append(await place.client.delete(f"{SECRETS}/s"))
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert [answer.status for answer in refused] == [400] * 5 + [404]
    for answer in (*answers, *refused):
        assert VALUE not in answer.text
        assert CODED not in answer.text
    assert VALUE not in caplog.text
    shown = answers[3].json
    assert shown == {
        "metadata": {**shown["metadata"], "name": "s", "namespace": NAMESPACE},
        "keys": ["password"],
        "type": "Opaque",
    }
    assert not {"resourceVersion", "annotations"} & {*shown["metadata"]}


async def test_who_guesses_a_value_does_not_learn_whether_it_is_right(place):
    await place.client.put(f"{SECRETS}/s", secret())
    right = await place.client.put(f"{SECRETS}/s", secret())
    wrong = await place.client.put(f"{SECRETS}/s", secret(stringData={"password": "wrong"}))
    assert right.json == wrong.json
    assert right.json["verb"] == "configured"


@pytest.mark.parametrize(
    ("role", "read_maps", "read_secrets", "write"),
    [("view", 200, 403, 403), ("edit", 200, 200, 200), ("admin", 200, 200, 200)],
)
async def test_roles_are_worth_this(place, role, read_maps, read_secrets, write):
    client = await place.as_(role, NAMESPACE)
    assert (await client.get(MAPS)).status == read_maps
    assert (await client.get(SECRETS)).status == read_secrets
    for path in (f"{MAPS}/m", f"{SECRETS}/s"):
        assert (await client.put(path, {"object": {}})).status == write
        assert (await client.delete(path)).status == write
    for path in (f"{BASE}/secrets/other", f"{BASE}/config-maps/"):
        assert (await client.get(path)).status == 403


async def test_what_decides_over_an_object_is_not_taken_from_a_request(place):
    metadata = {
        "finalizers": ["a/b"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}],
        "uid": "mine",
        "resourceVersion": "1",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    for _ in range(2):
        answer = await place.client.put(f"{MAPS}/m", {"object": {"metadata": metadata}})
        assert answer.status == 200, answer.text
    stored = await place.serving.home.objects.get(ObjectRef("v1", "ConfigMap", NAMESPACE, "m"))
    assert not {"finalizers", "ownerReferences", "deletionTimestamp"} & {*stored["metadata"]}
    assert stored["metadata"]["uid"] != "mine"


@pytest.mark.parametrize(
    ("path", "document", "said"),
    [
        (f"{MAPS}/m", {"kind": "Secret"}, "kind"),
        (f"{MAPS}/m", {"metadata": {"namespace": "other"}}, "metadata.namespace"),
        (f"{MAPS}/m", {"stringData": {"a": "b"}}, "no field stringData"),
        (f"{MAPS}/m", {"data": ["a"]}, "data is not a map"),
        (f"{MAPS}/m", {"data": {"a": 1}}, "not a string"),
        (f"{MAPS}/m", {"binaryData": {"a": "?"}}, "not in base 64"),
        (f"{MAPS}/M_", {}, "RFC 1123"),
        (f"{BASE}/config-maps//m", {}, ""),
    ],
)
async def test_what_is_no_config_map_is_refused(place, path, document, said):
    answer = await place.client.put(path, {"object": document})
    assert answer.status in {400, 301}
    assert said in answer.text
    assert (await place.client.get(MAPS)).json["items"] == []


async def test_base_64_in_lines_is_kept_as_it_is_read(place):
    wrapped = "\n".join((CODED[:5], CODED[5:], ""))
    await place.client.put(f"{SECRETS}/s", {"object": {"data": {"password": wrapped}}})
    assert place.serving.home.secrets(NAMESPACE, "s", "password") == VALUE.encode()
