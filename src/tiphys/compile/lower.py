"""Checked documents to a Program: every string split once, every name resolved once.

Called by `admit` and on recovery, with the same documents and so the same result. What is wrong
with a document was said before (`validate.py`, `needs.py`); here it is an `EngineBug`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from tiphys.compile.constants import with_config_values, workflow_constants
from tiphys.compile.defaults import apply_template_defaults
from tiphys.compile.lower_calls import CallLowering, config_source, optional_text
from tiphys.compile.lower_cleanup import (
    asks_resources,
    claim_volumes,
    lower_artifact_rules,
    lower_clean_up,
    lower_metrics,
)
from tiphys.compile.lower_dag import lower_dag
from tiphys.compile.lower_policies import lower_containers, lower_locks, lower_memo, lower_retry
from tiphys.compile.references import TemplateStore, find_template, scope_of
from tiphys.expr.template import Text, compile_json
from tiphys.model.arguments import Inputs, Outputs, Parameter
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import encode
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import Template as TemplateModel
from tiphys.model.templates import template_type
from tiphys.model.workflow import Workflow
from tiphys.program import (
    Call,
    ConfigSource,
    Hook,
    Output,
    OutputArtifact,
    Program,
    Template,
    TemplateKind,
)

_KINDS: Mapping[str, TemplateKind] = {
    "Steps": "Steps",
    "DAG": "DAG",
    "Suspend": "Suspend",
    "HTTP": "HTTP",
    "Plugin": "Plugin",
}
_NOT_THE_JOBS = frozenset(
    {
        "name",
        "inputs",
        "steps",
        "dag",
        "suspend",
        "retryStrategy",
        "synchronization",
        "memoize",
        "metrics",
        "parallelism",
        "failFast",
        "timeout",
        "pendingTimeout",
        "annotations",
        "podSpecPatch",
    }
)
"""Fields of a template that the engine heeds itself; the rest describes the job."""
_RESULT = re.compile(
    r"(?:steps|tasks)(?:\.([a-zA-Z0-9][-a-zA-Z0-9]*)|\[\\?['\"]([a-zA-Z0-9][-a-zA-Z0-9]*)\\?['\"]\])"
    r"\.outputs\.result"
)


@dataclass
class Library:
    """Where templates are found: the workflow's own and those of the documents beside it."""

    local_scope: str
    local: Mapping[str, TemplateModel]
    documents: TemplateStore
    referred_scope: str = ""
    """Where the workflow's own templates come from, with a workflowTemplateRef."""

    def find(self, scope: str, name: str) -> TemplateModel | None:
        """Return the template `name` of a scope, None if there is none."""
        if scope == self.local_scope:
            return self.local.get(name)
        document = self.documents.get(scope)
        if document is None:
            return None
        return find_template(document.spec, name)


@dataclass
class Lowering:
    """One pass over a workflow; `templates` grows while callers name new ones."""

    library: Library
    spec: WorkflowSpec
    templates: dict[str, Template] = field(default_factory=dict)
    stored: dict[str, tuple[str, Json]] = field(default_factory=dict)
    pending: list[tuple[str, str, TemplateModel]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def want(self, scope: str, name: str) -> str:
        """Return the key of a template and make sure that it gets lowered; "" if unknown."""
        key = template_key(scope, name)
        if key not in self.seen:
            model = self.library.find(scope, name)
            if model is None:
                return ""
            self._enqueue(scope, key, model, f"{scope}/{name}")
        return key

    def _enqueue(self, scope: str, key: str, model: TemplateModel, stored: str) -> None:
        self.seen.add(key)
        self.pending.append((scope, key, model))
        if scope != self.library.local_scope:
            self.stored[key] = (stored, encode(model))
        elif self.library.referred_scope:
            own = stored.replace(scope, f"{self.library.referred_scope}/", 1).replace("//", "/")
            self.stored[key] = (own, encode(model))

    def calls(self, scope: str, parent: str, captured: frozenset[str]) -> CallLowering:
        """Return what lowers the calls made by the template `parent` of a scope."""

        def want_inline(step: str, model: TemplateModel) -> str:
            key = f"{parent} inline/{step}"
            self._enqueue(scope, key, model, f"{scope}/inline/{step}")
            return key

        return CallLowering(scope, captured, self.want, self.want_all, want_inline)

    def want_all(self) -> None:
        """Lower every template of every document: a caller's name is known only at run time."""
        for scope, document in self.library.documents.items():
            for template in document.spec.templates:
                self.want(scope, template.name)

    def drain(self) -> None:
        """Lower what is wanted until nothing new is named."""
        while self.pending:
            scope, key, model = self.pending.pop()
            self.templates[key] = self.template(scope, model, key)

    def template(self, scope: str, model: TemplateModel, key: str) -> Template:
        """Return one template in compiled form."""
        model = apply_template_defaults(model, self.spec.template_defaults)
        calls = self.calls(scope, key, captured_results(model))
        groups = tuple(tuple(calls.step(step) for step in group) for group in model.steps or ())
        whole: JsonObject = encode(model)
        _inherit(whole, self.spec, model)
        body = compile_json({k: v for k, v in whole.items() if k not in _NOT_THE_JOBS})
        return Template(
            key=key,
            name=model.name,
            kind=_KINDS.get(template_type(model), "Pod"),
            scope=scope,
            inputs=model.inputs,
            input_sources=_input_sources(model.inputs),
            body=body,
            uses=body.names,
            input_body=compile_json(encode(model.inputs)),
            declared=tuple((item.name, _default(item)) for item in model.outputs.parameters),
            declared_artifacts=tuple(item.name for item in model.outputs.artifacts),
            output_paths=_output_paths(model.outputs),
            groups=groups,
            group_of={step.name: index for index, row in enumerate(groups) for step in row},
            dag=lower_dag(model.dag, calls) if model.dag is not None else None,
            suspend=optional_text(model.suspend.duration) if model.suspend else None,
            declared_outputs=model.outputs,
            outputs=_outputs(model.outputs),
            output_artifacts=tuple(_output_artifact(item) for item in model.outputs.artifacts),
            retry=lower_retry(model.retry_strategy or self.spec.retry_strategy),
            parallelism=model.parallelism,
            fail_fast=bool(model.fail_fast),
            archive_logs=model.archive_location.archive_logs if model.archive_location else None,
            pod_patch=optional_text(model.pod_spec_patch),
            timeout=optional_text(model.timeout),
            pending_timeout=optional_text(model.pending_timeout),
            display_name=optional_text(
                model.annotations.get("workflows.argoproj.io/display-name", "")
            ),
            daemon=bool(model.daemon),
            containers=lower_containers(model.container_set),
            locks=lower_locks(model.synchronization),
            memo=lower_memo(model.memoize),
            metrics=lower_metrics(model.metrics),
            asks_resources=asks_resources(model) or bool(self.spec.pod_spec_patch),
        )


def template_key(scope: str, name: str) -> str:
    """Return the key of `Program.templates` for a template of a scope."""
    return f"{scope} {name}"


def captured_results(model: TemplateModel) -> frozenset[str]:
    """Return the steps and tasks whose `outputs.result` the template's text mentions.

    Source: reference/kubernetes.md 3.6; argo workflow/controller/operator.go, hasOutputResultRef.
    """
    text = msgspec.json.encode(model).decode()
    return frozenset(name for pair in _RESULT.findall(text) for name in pair if name)


def _output_paths(outputs: Outputs) -> dict[str, str]:
    paths = {
        f"outputs.parameters.{item.name}.path": item.value_from.path
        for item in outputs.parameters
        if item.value_from is not None and item.value_from.path
    }
    artifacts = (item for item in outputs.artifacts if item.path)
    return paths | {f"outputs.artifacts.{item.name}.path": item.path for item in artifacts}


def _input_sources(inputs: Inputs) -> dict[str, ConfigSource]:
    found = {item.name: config_source(item) for item in inputs.parameters}
    return {name: source for name, source in found.items() if source is not None}


def _default(parameter: Parameter) -> Text | None:
    default = parameter.value_from.default if parameter.value_from else None
    return None if default is None else optional_text(default, keep_empty=True)


def _outputs(outputs: Outputs) -> tuple[Output, ...]:
    found = []
    for item in outputs.parameters:
        source = item.value_from
        found.append(
            Output(
                name=item.name,
                global_name=optional_text(item.global_name),
                reference=source.parameter if source else "",
                expression=optional_text(source.expression) if source else None,
                default=optional_text(source.default, keep_empty=True) if source else None,
                supplied=source is not None and source.supplied is not None,
            )
        )
    return tuple(found)


def _output_artifact(item: Artifact) -> OutputArtifact:
    return OutputArtifact(
        name=item.name,
        global_name=optional_text(item.global_name),
        reference=item.from_,
        expression=optional_text(item.from_expression),
        sub_path=optional_text(item.sub_path),
        optional=bool(item.optional),
    )


def lower(
    workflow: Workflow,
    spec: WorkflowSpec,
    documents: TemplateStore,
    created_at: float,
    configs: Mapping[str, Json],
    fault: str = "",
) -> Program:
    """Return the Program of a checked workflow.

    `spec` is the execution spec (defaults and workflowTemplateRef merged in), `documents` the
    templates it may refer to, `configs` the ConfigMaps by name. `fault` is why it is an Error
    before it starts.
    """
    name = workflow.metadata.name
    reference = workflow.spec.workflow_template_ref
    scope = "local/" if reference is not None else f"local/{name}"
    spec, missing = with_config_values(spec, configs)
    library = Library(
        local_scope=scope,
        local={template.name: template for template in spec.templates},
        documents=documents,
        referred_scope="" if reference is None else scope_of(reference),
    )
    lowering = Lowering(library, spec)
    calls = lowering.calls(scope, "", frozenset())
    entry = calls.entry(name, spec.entrypoint, spec.arguments)
    hooks = calls.hooks(spec.hooks, "")
    on_exit = calls.entry("onExit", spec.on_exit, spec.arguments) if spec.on_exit else None
    for template in spec.templates:
        lowering.want(scope, template.name)
    lowering.drain()
    return Program(
        name=name,
        namespace=workflow.metadata.namespace,
        uid=workflow.metadata.uid,
        scope=scope,
        entry=entry,
        on_exit=on_exit or _exit_hook(hooks, calls, spec),
        hooks=tuple(hook for hook in hooks if hook.name != "exit"),
        templates=lowering.templates,
        constants=workflow_constants(workflow, spec, created_at),
        configs=configs,
        fault=missing or fault,
        fault_phase="Failed" if missing else "Error",
        parallelism=spec.parallelism,
        deadline_seconds=spec.active_deadline_seconds,
        suspended=bool(workflow.spec.suspend),
        archive_logs=bool(spec.archive_logs),
        pod_patch=optional_text(spec.pod_spec_patch),
        locks=lower_locks(spec.synchronization),
        metrics=lower_metrics(spec.metrics),
        clean_up=lower_clean_up(spec),
        claims=claim_volumes(spec, name),
        priority=spec.priority or 0,
        volumes=compile_json(_volumes(spec)) if _volumes(spec) else None,
        merged_spec=None if reference is None else encode(spec),
        stored=lowering.stored,
        artifact_rules=lower_artifact_rules(spec, lowering.templates),
    )


def _volumes(spec: WorkflowSpec) -> list[Json]:
    """Return the volumes pods may mount: the workflow's, and one for each claim it makes."""
    return [*spec.volumes, *claim_volumes(spec, "{{workflow.name}}")]


def _exit_hook(hooks: tuple[Hook, ...], calls: CallLowering, spec: WorkflowSpec) -> Call | None:
    """Return the workflow's exit hook as a call; its expression is ignored, as in Argo."""
    hook = next((item for item in hooks if item.name == "exit"), None)
    if hook is None or not hook.call.inherits_arguments:
        return hook.call if hook else None
    inherited = calls.entry("onExit", "", spec.arguments)
    return replace(inherited, target=hook.call.target)


def _inherit(whole: JsonObject, spec: WorkflowSpec, model: TemplateModel) -> None:
    """Write into a template what its pods have of the workflow's.

    Labels and annotations are merged, the template's over the workflow's; of the others the
    template's counts, if it has one. Source: reference/kubernetes.md 3.8, 3.9.
    """
    if spec.node_selector and not model.node_selector:
        whole["nodeSelector"] = dict(spec.node_selector)
    if spec.security_context is not None and model.security_context is None:
        whole["securityContext"] = spec.security_context
    if spec.service_account_name and not model.service_account_name:
        whole["serviceAccountName"] = spec.service_account_name
    if shared := spec.pod_metadata:
        whole["metadata"] = {
            "labels": {**shared.labels, **model.metadata.labels},
            "annotations": {**shared.annotations, **model.metadata.annotations},
        }
