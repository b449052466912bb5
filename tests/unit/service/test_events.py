"""Events start workflows through the bindings of their namespace."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tiphys.errors import Transient
from tiphys.runtime.simulated import SimulatedRuntime
from tiphys.service.actors import Person
from tiphys.service.events import Dispatcher, Event
from tiphys.service.submit import Submitter
from tiphys.store.memory import MemoryStore
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock, run

API = "argoproj.io/v1alpha1"
TEMPLATE = {
    "apiVersion": API,
    "kind": "WorkflowTemplate",
    "metadata": {"name": "release", "namespace": "team"},
    "spec": {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "id"}]},
        "templates": [{"name": "main", "container": {"image": "a", "command": ["true"]}}],
    },
}
EVENT = Event("team", "build", {"id": 7, "tag": "v1"}, {"X-Source": ["ci"]})


def binding(name, selector="true", template="release", namespace="team", **submit):
    given = {"parameters": [{"name": "id", "valueFrom": {"event": "payload.id"}}]}
    return {
        "apiVersion": API,
        "kind": "WorkflowEventBinding",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "event": {"selector": selector},
            "submit": {
                "workflowTemplateRef": {"name": template},
                "arguments": given,
                **submit,
            },
        },
    }


class FlakyStore(MemoryStore):
    """Fails for a moment, some times."""

    failures = 0

    async def create(self, row, first):
        if self.failures:
            self.failures -= 1
            raise Transient("busy")
        await super().create(row, first)


def dispatched(*bindings, event=EVENT, failures=0):
    """Return what came of an event, and the workflows there are."""

    async def main():
        clock = JumpingClock()
        objects, store = MemoryObjects(clock), FlakyStore()
        store.failures = failures
        for document in (TEMPLATE, *bindings):
            await objects.create(document)
        submitter = Submitter(store, clock, lambda _: SimulatedRuntime.capabilities.features)
        found = await Dispatcher(objects, submitter, clock, "simulated").dispatch(event)
        return found, [msgspec.json.decode(row.document) for row in await store.list(None)]

    return run(main())


def test_a_binding_that_answers_starts_a_workflow():
    named = {"generateName": '"rel-" + payload.tag + "-"', "labels": {"tag": "payload.tag"}}
    found, (workflow,) = dispatched(binding("on-build", metadata=named))
    assert found.error == ""
    assert [row.name for row in found.runs] == [workflow["metadata"]["name"]]
    assert workflow["metadata"]["name"].startswith("rel-v1-")
    assert len(workflow["metadata"]["name"]) == len("rel-v1-") + 5
    assert workflow["metadata"]["labels"] == {
        "workflows.argoproj.io/workflow-template": "release",
        "workflows.argoproj.io/workflow-event-binding": "on-build",
        "tag": "v1",
    }
    assert workflow["spec"]["arguments"] == {"parameters": [{"name": "id", "value": "7"}]}


def test_what_does_not_match_or_is_elsewhere_starts_nothing():
    found, workflows = dispatched(
        binding("other", 'discriminator == "test"'), binding("elsewhere", namespace="default")
    )
    assert (found.runs, found.failures, workflows) == ([], [], [])


def test_a_binding_without_submit_starts_nothing():
    silent = binding("silent")
    del silent["spec"]["submit"]
    assert dispatched(silent)[0].runs == []


def test_every_binding_is_tried_whatever_becomes_of_the_others():
    found, workflows = dispatched(
        binding("a", "nope"), binding("b", template="gone"), binding("c"), binding("d", "'x'")
    )
    assert len(workflows) == 1
    assert [name for name, _ in found.failures] == ["a", "b", "d"]
    assert found.error == (
        "failed to dispatch event: [failed to evaluate workflow template expression: unknown name "
        "nope (1:1)\n | nope\n | ^ failed to get workflow template: "
        'workflowtemplates.argoproj.io "gone" not found failed to evaluate workflow template '
        "expression: unable to cast expression result 'x' to bool]"
    )


def test_a_workflow_that_is_refused_is_a_failure_of_its_binding():
    found, workflows = dispatched(binding("a", arguments={}))
    assert not workflows
    ((name, text),) = found.failures
    assert name == "a"
    assert text.startswith("failed to create workflow: ")


@pytest.mark.parametrize(("failures", "count"), [(4, 1), (5, 0)])
def test_what_fails_for_a_moment_is_tried_again(failures, count):
    found, workflows = dispatched(binding("a"), failures=failures)
    assert len(workflows) == count
    assert bool(found.error) is not bool(count)


def test_a_workflow_says_who_sent_the_event():
    event = replace(EVENT, by=Person("hook", "hook@example.com"))
    _, (workflow,) = dispatched(binding("b"), event=event)
    labels = workflow["metadata"]["labels"]
    assert labels["workflows.argoproj.io/creator"] == "hook"
    assert labels["workflows.argoproj.io/creator-email"] == "hook.at.example.com"
