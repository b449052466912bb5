"""Event bindings: which events they answer, and with what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tiphys.compile.triggers.bindings import BindingFault, environment, matches, submission
from tiphys.expr.values import Context
from tiphys.model.codec import convert, encode
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate

NOW = Context(datetime(2026, 1, 31, tzinfo=UTC), b"seed")
EVENT = environment(
    "team",
    "build",
    {"id": 7, "tag": "v1", "ok": True, "list": [1], "text": 'a"b\n<'},
    {"X-Source": ["ci"], "Authorization": ["secret"]},
)
TEMPLATE = convert({"metadata": {"name": "release", "namespace": "team"}}, WorkflowTemplate)


def binding(selector="true", **submit):
    return convert(
        {
            "metadata": {"name": "on-build", "namespace": "team"},
            "spec": {
                "event": {"selector": selector},
                "submit": {"workflowTemplateRef": {"name": "release"}, **submit},
            },
        },
        WorkflowEventBinding,
    )


def made(template=TEMPLATE, **submit):
    return encode(submission(binding(**submit), template, EVENT, NOW, "ab3d9"))


def argument(expression):
    given = {"parameters": [{"name": "p", "valueFrom": {"event": expression}}]}
    return made(arguments=given)["spec"]["arguments"]["parameters"][0]["value"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ('discriminator == "build" && payload.tag startsWith "v"', True),
        ('metadata["x-source"] == ["ci"]', True),
        ('namespace == "other"', False),
        ('metadata["authorization"] != nil', False),
        ("payload.nope == nil", True),
        ("payload.id == 7", True),
    ],
)
def test_what_a_selector_knows(selector, expected):
    assert matches(binding(selector), EVENT, NOW) is expected


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("nope", "unknown name nope (1:1)"),
        ("payload.tag", "unable to cast expression result 'v1' to bool"),
        ("payload.nope.deeper", "unable to evaluate expression 'payload.nope.deeper': "),
        ("sprig.upper('a') == 'A'", "unknown name sprig (1:1)"),
    ],
)
def test_a_selector_that_is_no_condition(selector, error):
    with pytest.raises(BindingFault) as caught:
        matches(binding(selector), EVENT, NOW)
    said = str(caught.value)
    assert said.startswith(f"failed to evaluate workflow template expression: {error}")


def test_the_example_of_the_reference():
    workflow = made(
        metadata={"generateName": '"rel-" + payload.tag + "-"', "labels": {"tag": "payload.tag"}},
        arguments={"parameters": [{"name": "id", "valueFrom": {"event": "payload.id"}}]},
    )
    assert workflow["metadata"] == {
        "name": "rel-v1-ab3d9",
        "generateName": "rel-v1-",
        "namespace": "team",
        "labels": {
            "workflows.argoproj.io/workflow-template": "release",
            "tag": "v1",
            "workflows.argoproj.io/workflow-event-binding": "on-build",
        },
    }
    assert workflow["spec"] == {
        "arguments": {"parameters": [{"name": "id", "value": "7"}]},
        "workflowTemplateRef": {"name": "release"},
    }


def test_a_name_of_its_own_is_taken_as_it_is():
    assert made(metadata={"name": '"fixed"'})["metadata"]["name"] == "fixed"


def test_metadata_may_use_argos_functions():
    given = {"annotations": {"a": "sprig.upper(payload.tag)"}}
    assert made(metadata=given)["metadata"]["annotations"] == {"a": "V1"}


def test_the_templates_metadata_comes_first():
    template = convert(
        {
            "metadata": {"name": "release"},
            "spec": {
                "workflowMetadata": {"labels": {"a": "t", "b": "t"}, "annotations": {"c": "t"}}
            },
        },
        ClusterWorkflowTemplate,
    )
    metadata = made(template, metadata={"labels": {"a": '"own"'}})["metadata"]
    assert metadata["labels"] == {
        "workflows.argoproj.io/cluster-workflow-template": "release",
        "a": "own",
        "b": "t",
        "workflows.argoproj.io/workflow-event-binding": "on-build",
    }
    assert metadata["annotations"] == {"c": "t"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("payload.id", "7"),
        ("payload.tag", "v1"),
        ("payload.ok", "true"),
        ("payload.list", "[1]"),
        ("payload.nope", "null"),
        ("payload.text", 'a\\"b\\n<'),
        ("{'a': payload.id + 0.5}", '{"a":7.5}'),
    ],
)
def test_arguments_are_text(expression, value):
    assert argument(expression) == value


@pytest.mark.parametrize(
    ("submit", "error"),
    [
        (
            {"arguments": {"parameters": [{"name": "p"}]}},
            'malformed workflow template parameter "p": valueFrom is nil',
        ),
        (
            {"arguments": {"parameters": [{"name": "p", "valueFrom": {"event": "nope"}}]}},
            "failed to compile workflow template parameter p expression: unknown name nope (1:1)",
        ),
        (
            {"arguments": {"parameters": [{"name": "p", "valueFrom": {"event": "payload.a.b"}}]}},
            'failed to evaluate workflow template parameter "p" expression: ',
        ),
        (
            {"metadata": {"name": "payload.id"}},
            "workflow name expression must evaluate to a string, not a float64",
        ),
        (
            {"metadata": {"generateName": "payload.nope"}},
            "workflow generateName expression must evaluate to a string, not a <nil>",
        ),
        (
            {"metadata": {"labels": {"l": "payload.ok"}}},
            'workflow label "l" expression must evaluate to a string, not a bool',
        ),
        (
            {"metadata": {"annotations": {"a": "payload.list"}}},
            'workflow annotation "a" expression must evaluate to a string, not a []interface {}',
        ),
        (
            {"metadata": {"name": "payload.......foo"}},
            "failed to evaluate workflow name expression: ",
        ),
    ],
)
def test_what_a_binding_may_get_wrong(submit, error):
    with pytest.raises(BindingFault) as caught:
        made(**submit)
    assert str(caught.value).startswith(error)
