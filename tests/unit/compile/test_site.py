"""The rules of a place: what lies under every workflow, and what workflows may not set."""

from __future__ import annotations

from typing import Any

import pytest

from tiphys.compile.admit import Admitted, admit, recompile
from tiphys.compile.needs import Runtime
from tiphys.compile.site import NO_REFERENCE, Site
from tiphys.engine.run import Run
from tiphys.engine.status import extras
from tiphys.errors import InvalidDocument, Unsupported
from tiphys.model.base import JsonObject
from tiphys.model.codec import convert
from tiphys.model.workflow import Workflow, WorkflowTemplate
from tiphys.program import Program

MAIN = {"name": "main", "container": {"image": "x"}}
TEMPLATE = convert(
    {
        "metadata": {"name": "t"},
        "spec": {
            "entrypoint": "main",
            "templates": [MAIN],
            "parallelism": 3,
            "suspend": True,
            "arguments": {"parameters": [{"name": "a", "value": "1", "enum": ["1", "2"]}]},
        },
    },
    WorkflowTemplate,
)
DEFAULTS: JsonObject = {
    "metadata": {"labels": {"team": "data", "who": "site"}, "name": "never"},
    "spec": {
        "parallelism": 9,
        "priority": 5,
        "templateDefaults": {"retryStrategy": {"limit": "2"}},
        "ttlStrategy": {"secondsAfterSuccess": 60},
    },
}


def made(spec: dict[str, Any], site: Site, **metadata: Any) -> Admitted:
    whole = {"metadata": {"name": "w", "uid": "u", **metadata}, "spec": spec}
    return admit(convert(whole, Workflow), [TEMPLATE], 100.0, site=site)


def reasons(spec: dict[str, Any], site: Site) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        made(spec, site)
    return [item.reason for item in caught.value.findings]


def _facts(program: Program) -> tuple[object, ...]:
    return program.parallelism, program.priority, program.clean_up, program.constants


def plain(**more: Any) -> dict[str, Any]:
    return {"entrypoint": "main", "templates": [MAIN], **more}


def referring(**more: Any) -> dict[str, Any]:
    return {"workflowTemplateRef": {"name": "t"}, **more}


def test_defaults_lie_under_a_workflow_and_are_kept_with_it() -> None:
    found = made(plain(parallelism=2), Site(DEFAULTS), labels={"who": "me"})
    workflow: Any = found.event.workflow
    assert workflow["metadata"]["labels"] == {"team": "data", "who": "me"}
    assert workflow["metadata"]["name"] == "w"
    assert (workflow["spec"]["parallelism"], workflow["spec"]["priority"]) == (2, 5)
    assert found.program.clean_up.after_success == 60
    assert found.event.defaults is None
    assert _facts(recompile(found.event)) == _facts(found.program)


def test_defaults_lie_under_the_template_a_workflow_refers_to() -> None:
    parameters = [{"name": "a", "value": "2"}]
    spec = referring(arguments={"parameters": parameters})
    found = made(spec, Site(DEFAULTS))
    workflow: Any = found.event.workflow
    assert workflow["spec"].get("priority") is None
    assert workflow["metadata"]["labels"] == {
        "team": "data",
        "who": "site",
        "workflows.argoproj.io/workflow-template": "t",
    }
    stored: Any = extras(Run(found.program, found.event))["storedWorkflowTemplateSpec"]
    assert (stored["parallelism"], stored["priority"]) == (3, 5)
    assert stored["arguments"] == {"parameters": parameters}
    assert "suspend" not in stored
    assert _facts(recompile(found.event)) == _facts(found.program)


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        (plain(), "2"),
        (plain(retryStrategy={"limit": "7"}), "2"),
        (plain(templates=[{**MAIN, "retryStrategy": {"limit": "4"}}]), "4"),
        (referring(), "2"),
    ],
)
def test_a_templates_own_retries_go_before_template_defaults_and_those_before_the_specs(
    spec: dict[str, Any], limit: str
) -> None:
    program = made(spec, Site(DEFAULTS)).program
    retry = next(iter(program.templates.values())).retry
    assert retry is not None
    assert retry.limit is not None
    assert retry.limit.source == limit


def test_what_the_defaults_ask_of_the_runtime_is_refused_too() -> None:
    site = Site({"spec": {"artifactGC": {"strategy": "OnWorkflowDeletion"}}})
    workflow = convert({"metadata": {"name": "w"}, "spec": referring()}, Workflow)
    with pytest.raises(Unsupported) as caught:
        admit(workflow, [TEMPLATE], 100.0, runtime=Runtime("bare", frozenset()), site=site)
    assert caught.value.findings[0].path == "workflowDefaults.spec.artifactGC"


def test_where_templates_must_be_referred_to_others_are_refused() -> None:
    assert reasons(plain(), Site(referencing="Strict")) == [NO_REFERENCE]


def test_beside_a_reference_little_may_be_set() -> None:
    site = Site(referencing="Secure", allowed=frozenset({"onExit"}))
    made(referring(priority=3, podGC={"strategy": "OnPodSuccess"}, onExit="main"), site)
    spec = referring(
        serviceAccountName="root",
        hostNetwork=True,
        dnsPolicy="Default",
        artifactGC={"serviceAccountName": "x"},
    )
    assert reasons(spec, site) == [
        "fields [ArtifactGC.ServiceAccountName DNSPolicy HostNetwork ServiceAccountName] are not "
        "permitted when using workflowTemplateRef with templateReferencing restriction"
    ]


def test_defaults_do_not_count_as_set_by_the_workflow() -> None:
    made(referring(), Site(DEFAULTS, referencing="Strict"))
