"""Templates are kept, checked and changed in one way, whoever asks."""

from __future__ import annotations

import pytest

from tiphys.errors import InvalidDocument, NotFound, UserError
from tiphys.model.codec import convert, split_documents
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.service.actors import Person
from tiphys.service.stored import apply
from tiphys.service.templates import Given, Templates
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock

pytestmark = pytest.mark.anyio
W = "workflows.argoproj.io/"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
ANN = Person("ann")


def document(kind="WorkflowTemplate", **metadata):
    metadata = {"name": "etl", **metadata}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": SPEC}


def template(**metadata):
    return convert(document(**metadata), WorkflowTemplate)


@pytest.fixture
def templates():
    return Templates(MemoryObjects(JumpingClock()))


async def test_nobody_forges_who_created_a_template_or_changed_it(templates):
    forged = {f"{W}creator": "eve", f"{W}actor": "eve", "mine": "1"}
    made = await templates.create(template(labels=forged), Given("team"))
    assert made["metadata"]["labels"] == {"mine": "1"}
    stale = {f"{W}actor": "eve", f"{W}actor-email": "e", "mine": "1"}
    changed = await templates.renew(template(labels=stale), Given("team", ANN))
    assert changed["metadata"]["labels"] == {
        "mine": "1",
        f"{W}actor": "ann",
        f"{W}action": "Update",
    }


async def test_an_update_names_the_version_it_changes_and_a_renewal_takes_any(templates):
    with pytest.raises(NotFound, match=r'workflowtemplates.argoproj.io "etl" not found'):
        await templates.renew(template(), Given("team"))
    await templates.create(template(), Given("team"))
    with pytest.raises(UserError, match="must be specified for an update"):
        await templates.update(template(), Given("team"))
    for _ in range(2):
        await templates.renew(template(), Given("team"))


async def test_what_is_wrong_has_its_place_in_the_file(templates):
    text = "kind: WorkflowTemplate\nmetadata: {name: t}\nspec:\n  entrypoint: gone\n"
    (origin,) = split_documents(text, "t.yaml")
    wrong = convert(origin.value, WorkflowTemplate)
    with pytest.raises(InvalidDocument) as caught:
        await templates.create(wrong, Given("team", origin=origin))
    (finding, *_) = caught.value.findings
    assert (finding.file, finding.line) == ("t.yaml", 4)


async def test_a_template_may_refer_to_what_comes_with_it(templates):
    step = {"name": "a", "templateRef": {"name": "lib", "template": "main"}}
    spec = {"entrypoint": "m", "templates": [{"name": "m", "steps": [[step]]}]}
    user = convert({**document(), "spec": spec}, WorkflowTemplate)
    with pytest.raises(InvalidDocument):
        await templates.create(user, Given("team"))
    lib = template(name="lib", namespace="team")
    await templates.create(user, Given("team", beside=[lib]))


async def test_a_template_belongs_to_one_namespace_or_to_all(templates):
    with pytest.raises(UserError, match="does not match the namespace"):
        await templates.create(template(namespace="other"), Given("team"))
    kind = "ClusterWorkflowTemplate"
    everywhere = convert(document(kind, namespace="other"), ClusterWorkflowTemplate)
    await templates.create(everywhere, Given("team"))
    (found,) = await templates.list(kind, "team")
    assert found["metadata"].get("namespace", "") == ""


async def test_what_was_applied_is_shown_in_full(templates):
    await apply(templates.objects, "team", document())
    for shown in (
        await templates.get("WorkflowTemplate", "team", "etl"),
        *await templates.list("WorkflowTemplate", None),
    ):
        assert shown["spec"]["templates"][0]["inputs"] == {}
