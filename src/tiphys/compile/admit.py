"""Admit a workflow: its documents to a Program, or every reason why not.

`admit` is for new workflows; `recompile` makes the same Program again from the first event of a
journal, without checking. Neither fetches anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from tiphys.compile.defaults import apply_workflow_defaults
from tiphys.compile.labels_from import labelled
from tiphys.compile.lower import lower
from tiphys.compile.needs import Runtime, unsupported
from tiphys.compile.notes import noted
from tiphys.compile.overrides import overridden
from tiphys.compile.references import (
    TemplateStore,
    find_document,
    join_specs,
    scope_of,
    template_store,
)
from tiphys.compile.repositories import map_of, repository_of, with_repository, without_driver
from tiphys.compile.site import PLAIN, Site, forbidden
from tiphys.compile.validate import validate_workflow
from tiphys.compile.validate_context import Options
from tiphys.compile.validate_metadata import validate_metadata
from tiphys.errors import Finding, InvalidDocument, Unsupported
from tiphys.messages import RunAdmitted
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.configmaps import LABEL, PARAMETER
from tiphys.model.ids import RunId
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate
from tiphys.program import Program

_CREATE = Options(offline=True)
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Admitted:
    """A workflow that may run: its Program, and the event that starts its journal.

    `notes` names the fields that have no effect outside a cluster.
    """

    program: Program
    event: RunAdmitted
    notes: list[str]


def execution_spec(workflow: Workflow, store: TemplateStore, defaults: Json = None) -> WorkflowSpec:
    """Return the spec that runs: with a workflowTemplateRef, over the template's and `defaults`.

    Raises InvalidDocument if the referred template is not there.
    """
    reference = workflow.spec.workflow_template_ref
    if reference is None:
        return workflow.spec
    template = find_document(store, reference, workflow.metadata.namespace)
    base = convert(defaults, WorkflowSpec) if isinstance(defaults, dict) else None
    return join_specs(workflow.spec, template.spec, base)


def refused(
    workflow: Workflow, store: TemplateStore, runtime: Runtime, defaults: Json = None
) -> list[Finding]:
    """Return what the workflow and the templates beside it ask for and cannot get."""
    found = unsupported(workflow.spec, runtime)
    if isinstance(defaults, dict):
        found += unsupported(convert(defaults, WorkflowSpec), runtime, "workflowDefaults.spec")
    for scope, document in store.items():
        found += unsupported(document.spec, runtime, f"{scope}.spec")
    return found


def admit(
    workflow: Workflow,
    documents: Iterable[object],
    created_at: float,
    options: Options = _CREATE,
    runtime: Runtime | None = None,
    site: Site = PLAIN,
) -> Admitted:
    """Return a checked workflow in compiled form.

    `workflow` has its name, namespace and uid; `documents` are the templates it may refer to.
    What `runtime` cannot do is refused; without one nothing is. `site` are the rules that hold
    here. Raises InvalidDocument and Unsupported.
    """
    restricted = forbidden(workflow, site)
    if restricted:
        raise InvalidDocument(restricted)
    workflow = apply_workflow_defaults(workflow, site.defaults) if site.defaults else workflow
    documents = list(documents)
    store = template_store(documents)
    configs = _configs(documents)
    source = options.sources.get("")
    problems = validate_metadata(workflow.metadata, source)
    problems += validate_workflow(workflow, store, options)
    if problems:
        raise InvalidDocument(problems)
    defaults = site.defaults.get("spec") if workflow.spec.workflow_template_ref else None
    spec = execution_spec(workflow, store, defaults)
    workflow, fault = labelled(workflow, spec, created_at, configs)
    namespace = workflow.metadata.namespace
    repository = repository_of(spec, namespace, documents, site.repository)
    maps = map_of(repository, namespace, documents)
    program = lower(workflow, spec, store, created_at, configs, fault)
    program = with_repository(program, repository)
    used = _used(program, workflow, store)
    findings: list[Finding] = []
    if runtime is not None:
        findings = refused(workflow, used, runtime, defaults) + without_driver(repository, runtime)
    if findings:
        raise Unsupported(findings)
    event = RunAdmitted(
        run=RunId(workflow.metadata.uid),
        created_at=created_at,
        workflow=encode(workflow),
        documents=[
            *(encode(document) for document in used.values()),
            *configs.values(),
            *(item for item in maps if item not in configs.values()),
        ],
        defaults=defaults,
        fault=fault,
        repository=repository,
    )
    name = "" if runtime is None else runtime.name
    specs = (spec, *(document.spec for document in used.values()))
    notes = sorted({note for item in specs for note in noted(item, name)})
    return Admitted(program, event, notes)


def _used(program: Program, workflow: Workflow, store: TemplateStore) -> TemplateStore:
    """Return the documents among those given that the workflow's templates come from.

    A journal keeps these alone: a store may hold many others.
    """
    reference = workflow.spec.workflow_template_ref
    scopes = {template.scope for template in program.templates.values()}
    if reference is not None:
        scopes.add(scope_of(reference))
    return {scope: document for scope, document in store.items() if scope in scopes}


def _configs(documents: Iterable[object]) -> dict[str, Json]:
    """Return the ConfigMaps among some documents by name."""
    found: dict[str, Json] = {}
    for item in documents:
        if isinstance(item, dict) and item.get("kind") == "ConfigMap":
            metadata = item.get("metadata")
            if isinstance(metadata, dict) and _holds_parameters(metadata):
                found[str(metadata.get("name"))] = item
    return found


def _holds_parameters(metadata: JsonObject) -> bool:
    """Return whether workflows may read a ConfigMap; those without a label are told so then."""
    labels = metadata.get("labels")
    kind = labels.get(LABEL) if isinstance(labels, dict) else None
    return kind is None or kind == PARAMETER


def recompile(event: RunAdmitted, parameters: Mapping[str, str] = _NONE) -> Program:
    """Return the Program of a stored run, with the parameters it was given since."""
    workflow = overridden(_stored(event.workflow), parameters)
    documents = (item for item in event.documents if isinstance(item, dict))
    store = template_store(_document(item) for item in documents)
    return _compile(workflow, execution_spec(workflow, store, event.defaults), store, event)


def _stored(value: Json) -> Workflow:
    """Return the workflow of a journal. It was written by `encode`, so no fault is looked for.

    One that an earlier release wrote may have to be read as if it came from elsewhere.
    """
    try:
        return msgspec.convert(value, Workflow)
    except msgspec.ValidationError:
        return convert(value, Workflow)


def documents_of(event: RunAdmitted) -> list[object]:
    """Return the documents beside a stored run's workflow, as `admit` takes them."""
    values = [item for item in event.documents if isinstance(item, dict)]
    return [found if (found := _document(item)) is not None else item for item in values]


def _document(value: JsonObject) -> WorkflowTemplate | ClusterWorkflowTemplate | None:
    match value.get("kind"):
        case "ClusterWorkflowTemplate":
            return convert(value, ClusterWorkflowTemplate)
        case "WorkflowTemplate":
            return convert(value, WorkflowTemplate)
        case _:
            return None


def _compile(
    workflow: Workflow, spec: WorkflowSpec, store: TemplateStore, event: RunAdmitted
) -> Program:
    configs = _configs(event.documents)
    program = lower(workflow, spec, store, event.created_at, configs, event.fault)
    return with_repository(program, event.repository)
