"""What is kept beside workflows takes on what files say of it."""

from __future__ import annotations

import pytest

from tiphys.errors import Conflict
from tiphys.service.stored import applied
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock

pytestmark = pytest.mark.anyio


def document(**metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", **metadata}}


@pytest.mark.parametrize("stale", [{"resourceVersion": "999"}, {"uid": "another"}])
async def test_a_file_of_another_version_is_refused(stale):
    objects = MemoryObjects(JumpingClock())
    made, verb = await applied(objects, "team", document())
    assert verb == "created"
    with pytest.raises(Conflict):
        await applied(objects, "team", {**document(**stale), "data": {"a": "b"}})
    present = {"resourceVersion": made["metadata"]["resourceVersion"]}
    _, verb = await applied(objects, "team", {**document(**present), "data": {"a": "b"}})
    assert verb == "configured"
