"""Whether a document makes sense: every check, each with its message and its place.

Called by lint, create and submit; the document has been decoded already. The first finding is
what Argo says; the rest is what it would say next. Source: reference/validation.md; Argo
workflow/validate/validate.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from tiphys.compile.references import TemplateStore, find_document
from tiphys.compile.triggers.binding_faults import binding_findings
from tiphys.compile.validate_arguments import check_argument_names, check_arguments
from tiphys.compile.validate_context import Checker, Options, Spot
from tiphys.compile.validate_cron import cron_spec_faults
from tiphys.compile.validate_names import check_names, go_quoted
from tiphys.compile.validate_spec import check_hooks_of_spec, check_plugins, check_pod_gc
from tiphys.compile.validate_templates import Named, TemplateChecker, check_pod_resources
from tiphys.errors import Finding, InvalidDocument
from tiphys.model.arguments import Arguments
from tiphys.model.codec import Resource
from tiphys.model.cron import CronWorkflow
from tiphys.model.meta import ObjectMeta
from tiphys.model.shapes import Path
from tiphys.model.spec import WorkflowMetadata, WorkflowSpec, WorkflowTemplateRef
from tiphys.model.templates import TemplateRef
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

__all__ = [
    "Options",
    "validate",
    "validate_cron_workflow",
    "validate_template",
    "validate_workflow",
]

_MAX_WORKFLOW_NAME: Final = 63
_MAX_CRON_NAME: Final = 52
_NAME_RULES: Final = {
    "workflow": "W1",
    "workflow template": "W1t",
    "cluster workflow template": "W1t",
    "cron workflow": "C1",
}
_NO_OPTIONS: Final = Options()
_GLOBALS: Final = (
    "name",
    "namespace",
    "uid",
    "mainEntrypoint",
    "serviceAccountName",
    "status",
    "labels",
    "labels.json",
    "annotations",
    "annotations.json",
)


def validate(
    resource: Resource, store: TemplateStore, options: Options = _NO_OPTIONS
) -> list[Finding]:
    """Return what is wrong with a resource of any kind."""
    if isinstance(resource, Workflow):
        return validate_workflow(resource, store, options)
    if isinstance(resource, WorkflowTemplate | ClusterWorkflowTemplate):
        return validate_template(resource, store, options)
    if isinstance(resource, CronWorkflow):
        return validate_cron_workflow(resource, store, options)
    return binding_findings(resource, options.sources.get(""))


def validate_workflow(
    workflow: Workflow, store: TemplateStore, options: Options = _NO_OPTIONS
) -> list[Finding]:
    """Return what is wrong with a Workflow, Argo's error first.

    Source: argo validate.go, ValidateWorkflow; reference/validation.md 2.
    """
    checker = Checker(options, store, workflow.spec)
    with checker.unit():
        _check_name_length(checker, "workflow", workflow.metadata.name, _MAX_WORKFLOW_NAME)
    _check_all(checker, workflow.metadata)
    return checker.findings


def validate_template(
    template: WorkflowTemplate | ClusterWorkflowTemplate,
    store: TemplateStore,
    options: Options = _NO_OPTIONS,
) -> list[Finding]:
    """Return what is wrong with a WorkflowTemplate or ClusterWorkflowTemplate.

    Source: argo validate.go, ValidateWorkflowTemplate, ValidateClusterWorkflowTemplate.
    """
    is_cluster = isinstance(template, ClusterWorkflowTemplate)
    checker = Checker(options, store, template.spec, is_template=True, is_cluster=is_cluster)
    kind = "cluster workflow template" if is_cluster else "workflow template"
    with checker.unit():
        _check_name_length(checker, kind, template.metadata.name, _MAX_WORKFLOW_NAME)
    metadata = msgspec.structs.replace(template.metadata, name="")
    _check_all(checker, metadata)
    return checker.findings


def validate_cron_workflow(
    cron: CronWorkflow, store: TemplateStore, options: Options = _NO_OPTIONS
) -> list[Finding]:
    """Return what is wrong with a CronWorkflow; its workflow's arguments need values even in lint.

    Source: argo validate.go, ValidateCronWorkflow; reference/validation.md 14.
    """
    plain = replace(options, lint=False, submit=False)
    path: Path = ("spec", "workflowSpec")
    checker = Checker(plain, store, cron.spec.workflow_spec, root=path)
    with checker.unit():
        _check_name_length(checker, "cron workflow", cron.metadata.name, _MAX_CRON_NAME)
    for fault in cron_spec_faults(cron.spec):
        checker.note(fault.rule, fault.reason, Spot("", ("spec", *fault.path)), fault.hint)
    with checker.under("cannot validate Workflow: "):
        _check_all(checker, _child_metadata(cron))
    return checker.findings


def _child_metadata(cron: CronWorkflow) -> ObjectMeta:
    """What validation may know of the metadata of a child.

    Source: argo workflow/common/convert.go, ConvertCronWorkflowToWorkflow.
    """
    given = cron.spec.workflow_metadata or ObjectMeta()
    labels = {**given.labels, "workflows.argoproj.io/cron-workflow": cron.metadata.name}
    annotations = {**given.annotations, "workflows.argoproj.io/scheduled-time": ""}
    return ObjectMeta(labels=labels, annotations=annotations)


def _check_name_length(checker: Checker, kind: str, name: str, limit: int) -> None:
    rule = _NAME_RULES[kind]
    if len(name) > limit:
        reason = (
            f"{kind} name {go_quoted(name)} must not be more than {limit} characters long "
            f"(currently {len(name)})"
        )
        checker.fail(rule, reason, Spot("", ("metadata", "name")))


def _check_all(checker: Checker, metadata: ObjectMeta) -> None:
    """Everything after the name, in Argo's order."""
    merged = _join_reference(checker)
    spec, root = checker.spec, checker.spec_spot("")
    is_whole = merged is not None
    merged = merged or spec
    names = [item.name for item in spec.templates]
    check_names(checker, names, "spec.templates", root.at("templates"), ("W3", "W4", "W5"))
    check_plugins(checker, spec, root)
    arguments = merged.arguments
    _check_spec_arguments(checker, arguments, root.at("arguments"))
    _add_globals(checker, metadata, merged)
    templates = TemplateChecker(checker)
    if is_whole:
        _check_entrypoint(checker, templates, merged, root)
    if merged.on_exit:
        checker.globals.add("workflow.failures")
    if merged.on_exit and is_whole:
        with checker.unit():
            holder = _holder(spec.workflow_template_ref, merged.on_exit)
            templates.check(holder, "", root.at("onExit"), arguments)
    check_hooks_of_spec(checker, spec, root)
    check_pod_gc(checker, spec, root)
    if spec.pod_resources is not None:
        place, rules = root.at("podResources"), ("W11", "W12")
        check_pod_resources(checker, spec.pod_resources, "spec.podResources", place, rules)
    for index, template in enumerate(spec.templates):
        with checker.unit(f"templates.{template.name} "):
            templates.check_listed(index)


def _join_reference(checker: Checker) -> WorkflowSpec | None:
    """The spec with what validation takes from a referenced template, None if that is in doubt."""
    spec = checker.spec
    reference = spec.workflow_template_ref
    if reference is None:
        return spec
    place = checker.spec_spot("")
    if spec.templates:
        reason = (
            "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
        )
        checker.note("W2", reason, place.at("templates"))
    try:
        document = find_document(checker.store, reference, checker.options.namespace)
    except InvalidDocument as exc:
        reason = exc.findings[0].reason
        if not checker.options.offline:
            plural = "clusterworkflowtemplates" if reference.cluster_scope else "workflowtemplates"
            reason = f'{plural}.argoproj.io "{reference.name}" not found'
        checker.note("W2b", reason, place.at("workflowTemplateRef"), exc.findings[0].hint)
        return None
    if spec.templates:
        return None
    base = document.spec
    return msgspec.structs.replace(
        spec,
        entrypoint=spec.entrypoint or base.entrypoint,
        on_exit=spec.on_exit or base.on_exit,
        arguments=_merge_arguments(spec.arguments, base.arguments),
        workflow_metadata=_merge_metadata(spec.workflow_metadata, base.workflow_metadata),
    )


def _merge_arguments(own: Arguments, base: Arguments) -> Arguments:
    """The workflow's entries first, then those only the template has."""
    parameters = {item.name: item for item in (*base.parameters, *own.parameters)}
    artifacts = {item.name: item for item in (*base.artifacts, *own.artifacts)}
    names = dict.fromkeys([item.name for item in (*own.parameters, *base.parameters)])
    kept = dict.fromkeys([item.name for item in (*own.artifacts, *base.artifacts)])
    return Arguments(
        parameters=tuple(parameters[name] for name in names),
        artifacts=tuple(artifacts[name] for name in kept),
    )


def _merge_metadata(
    own: WorkflowMetadata | None, base: WorkflowMetadata | None
) -> WorkflowMetadata | None:
    if own is None or base is None:
        return own or base
    return WorkflowMetadata(
        labels={**base.labels, **own.labels},
        annotations={**base.annotations, **own.annotations},
        labels_from={**base.labels_from, **own.labels_from},
    )


def _check_spec_arguments(checker: Checker, arguments: Arguments, spot: Spot) -> None:
    options = checker.options
    lenient = options.lint or (checker.is_template and not options.submit)
    check_argument_names(checker, arguments, "spec.arguments.", spot)
    check_arguments(checker, arguments, "spec.arguments.", spot, lenient)


def _add_globals(checker: Checker, metadata: ObjectMeta, spec: WorkflowSpec) -> None:
    names = checker.globals
    names.update(f"workflow.{name}" for name in _GLOBALS)
    parameters = [item.name for item in spec.arguments.parameters]
    if parameters:
        names.update(("workflow.parameters", "workflow.parameters.json"))
    names.update(f"workflow.parameters.{name}" for name in parameters)
    labels = {*metadata.labels, *checker.options.default_labels}
    annotations = {*metadata.annotations, *checker.options.default_annotations}
    extra = spec.workflow_metadata
    if extra is not None:
        labels.update(extra.labels, extra.labels_from)
        annotations.update(extra.annotations)
    names.update(f"workflow.labels.{key}" for key in labels)
    names.update(f"workflow.annotations.{key}" for key in annotations)
    if spec.priority is not None:
        names.add("workflow.priority")


def _check_entrypoint(
    checker: Checker, templates: TemplateChecker, spec: WorkflowSpec, root: Spot
) -> None:
    with checker.unit():
        if not spec.entrypoint:
            if checker.is_template:
                return
            names = [item.name for item in spec.templates]
            hint = f"add `entrypoint: {names[0]}`" if len(names) == 1 else ""
            checker.fail("W7", "spec.entrypoint is required", root, hint)
        arguments = None if checker.is_template else spec.arguments
        holder = _holder(spec.workflow_template_ref, spec.entrypoint)
        templates.check(holder, "", root.at("entrypoint"), arguments)


def _holder(reference: WorkflowTemplateRef | None, name: str) -> Named:
    """What names the entrypoint or exit handler, in a referenced template if there is one."""
    if reference is None:
        return Named(name)
    scope = TemplateRef(name=reference.name, template=name, cluster_scope=reference.cluster_scope)
    return Named(template_ref=scope)
