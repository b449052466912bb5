"""What every keeper of Kubernetes-like objects must do: one suite, run for each of them.

Subclass `ObjectsContract` in a test module and give it a fixture `objects` that returns an empty
`Objects` whose clock stands at `NOW`.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
import base64

import pytest

from tiphys.errors import Conflict, InvalidDocument, NotFound
from tiphys.model.base import Json, JsonObject
from tiphys.ports import ObjectRef, Objects

NOW = 1_700_000_000.0
NOW_TEXT = "2023-11-14T22:13:20Z"
PATIENCE_SECONDS = 60.0


def config_map(name: str = "c", namespace: str = "default", **metadata: Json) -> JsonObject:
    """Return a document."""
    named: JsonObject = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"k": "v"}}


def ref(name: str = "c", namespace: str = "default") -> ObjectRef:
    """Return the reference of such a document."""
    return ObjectRef("v1", "ConfigMap", namespace, name)


def owner(uid: str) -> JsonObject:
    """Return a reference to an owner."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": uid}


def meta(document: JsonObject) -> JsonObject:
    """Return the metadata of a document."""
    found = document["metadata"]
    assert isinstance(found, dict)
    return found


def version(document: JsonObject) -> int:
    """Return the resourceVersion of a document."""
    return int(str(meta(document)["resourceVersion"]))


async def is_there(objects: Objects, name: str, namespace: str = "default") -> bool:
    """Tell whether an object exists."""
    try:
        await objects.get(ref(name, namespace))
    except NotFound:
        return False
    return True


@pytest.mark.anyio
class ObjectsContract:
    """The claims. `objects` is a fixture of the subclass's module."""

    async def test_what_is_created_can_be_read(self, objects: Objects) -> None:
        made = await objects.create(config_map())
        assert made == await objects.get(ref())
        assert made["data"] == {"k": "v"}
        assert meta(made)["creationTimestamp"] == NOW_TEXT
        assert meta(made)["generation"] == 1
        assert len(str(meta(made)["uid"])) == 36

    async def test_what_is_returned_is_a_copy(self, objects: Objects) -> None:
        given = config_map()
        made = await objects.create(given)
        given["data"] = made["data"] = {}
        assert (await objects.get(ref()))["data"] == {"k": "v"}

    async def test_a_name_exists_once_in_a_namespace(self, objects: Objects) -> None:
        await objects.create(config_map())
        await objects.create(config_map(namespace="other"))
        with pytest.raises(Conflict, match=r'^configmaps "c" already exists$'):
            await objects.create(config_map())

    async def test_a_generated_name_has_five_letters(self, objects: Objects) -> None:
        document = config_map()
        document["metadata"] = {"generateName": "made-", "namespace": "default"}
        names = [str(meta(await objects.create(document))["name"]) for _ in range(3)]
        assert len(set(names)) == 3
        assert all(name.startswith("made-") and len(name) == 10 for name in names)

    async def test_a_uid_that_is_given_is_kept(self, objects: Objects) -> None:
        assert meta(await objects.create(config_map(), uid="mine"))["uid"] == "mine"
        assert meta(await objects.create(config_map("d", uid="no")))["uid"] != "no"

    async def test_what_cannot_be_an_object_is_refused(self, objects: Objects) -> None:
        nameless: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}
        halves = [{**nameless, "kind": ""}, {**nameless, "apiVersion": ""}]
        for wrong in (*halves, nameless, config_map("Bad_Name")):
            with pytest.raises(InvalidDocument):
                await objects.create(wrong)

    async def test_any_kind_can_be_stored_and_listed(self, objects: Objects) -> None:
        for name in ("b", "a"):
            await objects.create(
                {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": name}}
            )
        await objects.create(config_map())
        found = await objects.list("x.io/v1", "Thing", None)
        assert [meta(item)["name"] for item in found] == ["b", "a"]
        assert await objects.kinds() == [("v1", "ConfigMap"), ("x.io/v1", "Thing")]

    async def test_a_list_is_of_one_namespace_or_all(self, objects: Objects) -> None:
        await objects.create(config_map())
        await objects.create(config_map(namespace="other"))
        assert len(await objects.list("v1", "ConfigMap", None)) == 2
        assert len(await objects.list("v1", "ConfigMap", "other")) == 1
        assert not await objects.list("v1", "ConfigMap", "third")

    async def test_a_kind_without_namespaces_forgets_the_one_it_is_given(
        self, objects: Objects
    ) -> None:
        made = await objects.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "namespace": "x"}}
        )
        assert "namespace" not in meta(made)
        await objects.get(ObjectRef("v1", "Namespace", "", "n"))

    async def test_replacing_keeps_what_the_server_gave(self, objects: Objects) -> None:
        made = await objects.create(config_map())
        after = await objects.replace({**config_map(), "data": {"k": "w"}})
        for name in ("uid", "creationTimestamp"):
            assert meta(after)[name] == meta(made)[name]
        assert (await objects.get(ref()))["data"] == {"k": "w"}
        assert version(after) > version(made)
        assert meta(after)["generation"] == 2

    async def test_a_status_is_no_new_generation(self, objects: Objects) -> None:
        made = await objects.create(config_map())
        after = await objects.replace({**made, "status": {"phase": "Done"}})
        assert meta(after)["generation"] == 1
        assert version(after) > version(made)

    async def test_replacing_with_the_same_changes_nothing(self, objects: Objects) -> None:
        made = await objects.create(config_map())
        assert await objects.replace(made) == made
        assert await objects.replace(config_map()) == made

    async def test_replacing_what_has_changed_meanwhile_is_a_conflict(
        self, objects: Objects
    ) -> None:
        made = await objects.create(config_map())
        await objects.replace({**config_map(), "data": {}})
        with pytest.raises(Conflict, match="the object has been modified"):
            await objects.replace({**made, "data": {"k": "late"}})
        with pytest.raises(Conflict, match="Precondition failed: UID"):
            await objects.replace(config_map(uid="another"))

    async def test_what_does_not_exist_is_not_found(self, objects: Objects) -> None:
        text = '^configmaps "c" not found$'
        with pytest.raises(NotFound, match=text):
            await objects.get(ref())
        with pytest.raises(NotFound, match=text):
            await objects.replace(config_map())
        with pytest.raises(NotFound, match=text):
            await objects.delete(ref())

    async def test_the_owned_goes_with_its_owner(self, objects: Objects) -> None:
        top = str(meta(await objects.create(config_map("top")))["uid"])
        child = await objects.create(config_map("child", ownerReferences=[owner(top)]))
        grandchild = owner(str(meta(child)["uid"]))
        await objects.create(config_map("grandchild", ownerReferences=[grandchild]))
        await objects.create(config_map("stranger"))
        await objects.delete(ref("top"))
        assert not await is_there(objects, "child")
        assert not await is_there(objects, "grandchild")
        assert await is_there(objects, "stranger")

    async def test_what_has_another_owner_stays(self, objects: Objects) -> None:
        both: Json = [owner("one"), owner("two")]
        await objects.create(config_map("shared", ownerReferences=both))
        await objects.delete_owned("one")
        assert meta(await objects.get(ref("shared")))["ownerReferences"] == [owner("two")]
        await objects.delete_owned("two")
        assert not await is_there(objects, "shared")

    async def test_owners_in_a_circle_go_together(self, objects: Objects) -> None:
        first = await objects.create(config_map("first"), uid="u1")
        await objects.create(config_map("second", ownerReferences=[owner("u1")]), uid="u2")
        await objects.replace(
            {**first, "metadata": {**meta(first), "ownerReferences": [owner("u2")]}}
        )
        await objects.delete(ref("first"))
        assert not await is_there(objects, "first")
        assert not await is_there(objects, "second")

    async def test_a_finalizer_holds_an_object(self, objects: Objects) -> None:
        await objects.create(config_map("held", finalizers=["x.io/hold"]), uid="held-uid")
        await objects.create(config_map("child", ownerReferences=[owner("held-uid")]))
        await objects.delete(ref("held"))
        held = await objects.get(ref("held"))
        assert meta(held)["deletionTimestamp"] == NOW_TEXT
        await objects.delete(ref("held"))
        assert await objects.get(ref("held")) == held
        assert await is_there(objects, "child")
        metadata = {key: value for key, value in meta(held).items() if key != "finalizers"}
        await objects.replace({**held, "metadata": metadata})
        assert not await is_there(objects, "held")
        assert not await is_there(objects, "child")

    async def test_a_secrets_texts_become_data(self, objects: Objects) -> None:
        made = await objects.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "s", "namespace": "default"},
                "data": {"a": "QQ=="},
                "stringData": {"b": "B"},
            }
        )
        assert made["data"] == {"a": "QQ==", "b": base64.b64encode(b"B").decode()}
        assert "stringData" not in made

    async def test_every_change_is_heard_of(self, objects: Objects) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            waiting = asyncio.create_task(objects.changed(0))
            await asyncio.sleep(0)
            assert not waiting.done()
            await objects.create(config_map("one"))
            first = await waiting
            assert await objects.changed(0) == first
            waiting = asyncio.create_task(objects.changed(first))
            await objects.delete(ref("one"))
            assert await waiting > first

    async def test_what_changed_since_is_known_once_each(self, objects: Objects) -> None:
        await objects.create(config_map("one"))
        await objects.create(config_map("two"))
        before = await objects.changed(0)
        assert await objects.since(0) == [ref("one"), ref("two")]
        assert await objects.since(before) == []
        await objects.replace({**config_map("two"), "data": {"k": "2"}})
        await objects.delete(ref("one"))
        await objects.create(config_map("three"))
        await objects.delete(ref("three"))
        assert await objects.since(before) == [ref("two"), ref("one"), ref("three")]
