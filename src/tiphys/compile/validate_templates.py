"""Finding a called template, and checking any template. Source: reference/validation.md 7 and 8.

Argo validate.go validateTemplateHolder and validateTemplate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from tiphys.compile.references import find_document, scope_of
from tiphys.compile.validate_arguments import check_supplied
from tiphys.compile.validate_artifacts import check_location, check_path
from tiphys.compile.validate_calls import Body, Call
from tiphys.compile.validate_context import Checker, Resolved, Spot, Stop
from tiphys.compile.validate_dag import check_dag
from tiphys.compile.validate_leaf import check_leaf
from tiphys.compile.validate_names import check_names
from tiphys.compile.validate_outputs import check_metrics, check_outputs
from tiphys.compile.validate_steps import check_steps
from tiphys.compile.validate_variables import Scope, check_expressions, check_variables, has_tag
from tiphys.errors import InvalidDocument
from tiphys.model.arguments import Arguments
from tiphys.model.base import JsonObject
from tiphys.model.codec import suggestion
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import (
    LEAF_TYPES,
    POD_TYPES,
    Template,
    TemplateRef,
    template_type,
    template_types,
)

_RETRY_POLICIES: Final = ("", "Always", "OnError", "OnFailure", "OnTransientError")
_MANY_TYPES: Final = (
    "multiple template types specified. choose one of: container, containerSet, steps, script, "
    "resource, dag, suspend, template, template ref"
)
_POD_RESOURCES: Final = ("cpu", "memory")
_MAX_DEPTH: Final = 100
_T18: Final = ("T18", "T18")
_FRAMES: Final = frozenset({"Steps", "DAG"})


class Holder(Protocol):
    """What names a template: a step, a task, the entrypoint."""

    @property
    def template(self) -> str:
        """A template's name."""

    @property
    def template_ref(self) -> TemplateRef | None:
        """A template of another document."""


@dataclass(frozen=True, slots=True)
class Named:
    """A holder that is neither step nor task."""

    template: str = ""
    template_ref: TemplateRef | None = None
    inline: Template | None = None


@dataclass(slots=True)
class TemplateChecker:
    """Walks templates from their callers; each body once."""

    checker: Checker
    _depth: int = 0
    _indices: dict[str, dict[str, int]] = field(default_factory=dict)

    def check(
        self, holder: Call | Named, scope: str, spot: Spot, arguments: Arguments | None
    ) -> Resolved | None:
        """Check the template that `holder` names, seen from `scope`; `spot` is the holder's.

        Returns None if the name holds a tag and so cannot be looked up.
        """
        reference = holder.template_ref
        if reference is not None:
            self._check_reference(holder, reference, spot)
            if any(map(has_tag, (reference.name, reference.template))):
                return None
        found = self._resolve(holder, scope, spot)
        self.check_found(found, arguments, spot)
        return found

    def check_listed(self, index: int) -> None:
        """Check the template at a place of the document's own list, whatever its name."""
        template = self.checker.spec.templates[index]
        name = template.name
        is_first = name and self._names("", self.checker.spec).get(name) == index
        key = f"/{name}" if is_first else f"/{name} at {index}"
        place = self.checker.spec_spot("").at("templates", index)
        self.check_found(Resolved(template, "", place, key), None, place)

    def check_found(self, found: Resolved, arguments: Arguments | None, spot: Spot) -> None:
        """Check a template that was found; `spot` is its caller's."""
        with self.checker.unit():
            retry = found.template.retry_strategy
            if template_type(found.template) == "Unknown":
                self._check_bodiless(found)
            if retry is not None and retry.retry_policy not in _RETRY_POLICIES:
                reason = f"{retry.retry_policy} is not a valid RetryPolicy"
                hint = suggestion(retry.retry_policy, _RETRY_POLICIES)
                place = found.spot.at("retryStrategy", "retryPolicy")
                self.checker.note("H9", reason, place, hint)
            self._check_template(found, arguments, spot)

    def _check_bodiless(self, found: Resolved) -> None:
        """Note that a template has no body."""
        hint = "add `container`, `script`, `steps`, `dag` or another kind of body"
        reason = f"template '{found.template.name}' type is unknown"
        self.checker.note("H8", reason, found.spot, hint)

    def _check_reference(self, holder: Call | Named, reference: TemplateRef, spot: Spot) -> None:
        place = spot.at("templateRef")
        faults = (
            (holder.template, "H1", "template name cannot be specified with templateRef"),
            (not reference.name, "H2", "resource name is required"),
            (not reference.template, "H3", "template name is required"),
        )
        for is_wrong, rule, reason in faults:
            if is_wrong:
                self.checker.note(rule, reason, place)
        if any(is_wrong for is_wrong, _, _ in faults):
            raise Stop

    def _resolve(self, holder: Call | Named, scope: str, spot: Spot) -> Resolved:
        if holder.inline is not None:
            # Differs: Argo checks the body of the first inline template of a document only.
            place = spot.at("inline")
            return Resolved(holder.inline, scope, place, f"{scope} inline {place.path}")
        if holder.template_ref is not None:
            return self._resolve_reference(holder.template_ref, spot)
        if not holder.template:
            hint = "name a `template`, a `templateRef` or write one `inline`"
            self.checker.fail("H7", "failed to get a template", spot, hint)
        return self._named(scope, holder.template, spot)

    def _named(self, scope: str, name: str, spot: Spot) -> Resolved:
        spec = self.checker.spec_of(scope)
        names = self._names(scope, spec)
        index = names.get(name)
        if spec is None or index is None:
            place = spot.at("template") if spot.path else spot
            hint = suggestion(name, names)
            self.checker.fail("H5", f"template name '{name}' undefined", place, hint)
        place = self.checker.spec_spot(scope).at("templates", index)
        return Resolved(spec.templates[index], scope, place, f"{scope}/{name}")

    def _names(self, scope: str, spec: WorkflowSpec | None) -> dict[str, int]:
        """Template names with their index; the first of a name counts."""
        names = self._indices.get(scope)
        if names is None:
            templates = () if spec is None else spec.templates
            names = {item.name: index for index, item in reversed(list(enumerate(templates)))}
            self._indices[scope] = names
        return names

    def _resolve_reference(self, reference: TemplateRef, spot: Spot) -> Resolved:
        checker = self.checker
        place = spot.at("templateRef")
        missing = f"template reference {reference.name}.{reference.template} not found"
        if checker.is_cluster and not reference.cluster_scope:
            # Differs: Argo crashes here (validation.md H10).
            hint = "a ClusterWorkflowTemplate can only refer to others: add `clusterScope: true`"
            checker.fail("H10", missing, place, hint)
        try:
            document = find_document(checker.store, reference, checker.options.namespace)
        except InvalidDocument as exc:
            text = exc.findings[0].reason if checker.options.offline else missing
            checker.fail("H6", text, place, exc.findings[0].hint)
        scope = scope_of(reference)
        names = self._names(scope, document.spec)
        index = names.get(reference.template)
        if index is None:
            hint = suggestion(reference.template, names)
            checker.fail("H6", missing, place.at("template"), hint)
        spot = checker.spec_spot(scope).at("templates", index)
        key = f"{scope}/{reference.template}"
        return Resolved(document.spec.templates[index], scope, spot, key)

    def _check_template(self, found: Resolved, arguments: Arguments | None, caller: Spot) -> None:
        checker, template = self.checker, found.template
        is_new = found.key not in checker.seen
        scope = Scope()
        if is_new:
            checker.seen[found.key] = None
            check_head(checker, scope, found)
        if arguments is not None:
            check_supplied(checker, found, arguments, caller)
        if not is_new:
            return
        name = f"templates.{template.name}"
        check_expressions(checker, template, f"{name} ", found.spot)
        check_limits(checker, template, found.spot)
        if arguments is not None:
            self._check_passed_values(scope, found, arguments)
        self._check_body(scope, found)
        check_outputs(checker, scope, template, found.spot)
        if template.archive_location is not None:
            place = found.spot.at("archiveLocation")
            prefix = f"{name}.archiveLocation"
            check_location(checker, template.archive_location, prefix, place, _T18)
        if template.metrics is not None:
            check_metrics(checker, template.metrics, template.name, found.spot.at("metrics"))

    def _check_passed_values(self, scope: Scope, found: Resolved, arguments: Arguments) -> None:
        """The entrypoint's arguments take their inputs' place before its text is checked."""
        if template_type(found.template) not in LEAF_TYPES:
            return
        given = {item.name: item.value for item in arguments.parameters if item.value}
        passed = [
            given[item.name] for item in found.template.inputs.parameters if item.name in given
        ]
        spot = self.checker.spec_spot("").at("arguments")
        prefix = f"templates.{found.template.name}: "
        for value in filter(has_tag, passed):
            with self.checker.unit():
                check_variables(self.checker, scope, value, prefix, spot, "L1")

    def _check_body(self, scope: Scope, found: Resolved) -> None:
        def check_call(call: Call, spot: Spot, arguments: Arguments | None) -> Resolved | None:
            return self.check(call, found.scope, spot, arguments)

        checker, template = self.checker, found.template
        body = Body(checker, scope, template, found.spot, check_call)
        if self._depth >= _MAX_DEPTH:
            checker.fail("H11", f"templates.{template.name} is called too deeply", found.spot)
        self._depth += 1
        try:
            kinds = set(template_types(template))
            if "Steps" in kinds:
                check_steps(body)
            if "DAG" in kinds and template.dag is not None:
                with checker.unit():
                    check_dag(body, template.dag)
            if kinds - _FRAMES:
                check_leaf(checker, scope, found, alone=not kinds & _FRAMES)
        finally:
            self._depth -= 1


def check_head(checker: Checker, scope: Scope, found: Resolved) -> None:
    """Check types, pod resources, inputs and init containers; put the inputs in scope."""
    template, spot = found.template, found.spot
    name = f"templates.{template.name}"
    kinds = template_types(template)
    if len(kinds) > 1:
        checker.note("T1", f"{name} {_MANY_TYPES}", spot)
    if not kinds:
        scope.open_prefixes.update(("steps.", "tasks."))  # who knows what it was to be
    if template.pod_resources is not None:
        place = spot.at("podResources")
        if kinds[:1] in (("HTTP",), ("Plugin",)):
            reason = f"{name}.podResources is not supported for {kinds[0]} templates"
            checker.note("T2", reason, place)
        rules = ("T3", "T3")
        check_pod_resources(checker, template.pod_resources, f"{name}.podResources", place, rules)
    _check_inputs(checker, scope, template, spot)
    if any(not item.name for item in template.init_containers):
        checker.note(
            "T11", "initContainers must all have container name", spot.at("initContainers")
        )
    if POD_TYPES.intersection(kinds):
        scope.names.add("pod.name")


def check_pod_resources(
    checker: Checker, resources: JsonObject, prefix: str, spot: Spot, rules: tuple[str, str]
) -> None:
    """Check pod-level resources: no claims, and only cpu, memory and huge pages."""
    if resources.get("claims"):
        reason = f"{prefix}.claims is not supported for pod-level resources"
        checker.note(rules[0], reason, spot.at("claims"))
    for field_name in ("requests", "limits"):
        amounts = resources.get(field_name)
        for name in sorted(amounts) if isinstance(amounts, Mapping) else ():
            if name not in _POD_RESOURCES and not name.startswith("hugepages-"):
                reason = (
                    f'{prefix}: "{name}" is not a valid pod-level resource, only cpu, memory and '
                    "hugepages-* are supported"
                )
                checker.note(rules[1], reason, spot.at(field_name, name))


def _check_inputs(checker: Checker, scope: Scope, template: Template, spot: Spot) -> None:
    inputs, place = template.inputs, spot.at("inputs")
    prefix = f"templates.{template.name}.inputs"
    is_leaf = bool(LEAF_TYPES.intersection(template_types(template)))
    names = [item.name for item in inputs.parameters]
    check_names(checker, names, f"{prefix}.parameters", place.at("parameters"), ("T4",) * 3)
    scope.names.update(f"inputs.parameters.{name}" for name in names)
    if names:
        scope.names.add("inputs.parameters")
    names = [item.name for item in inputs.artifacts]
    check_names(checker, names, f"{prefix}.artifacts", place.at("artifacts"), ("T5",) * 3)
    for index, artifact in enumerate(inputs.artifacts):
        own, here = f"{prefix}.artifacts.{artifact.name}", place.at("artifacts", index)
        scope.names.add(f"inputs.artifacts.{artifact.name}")
        if is_leaf:
            scope.names.add(f"inputs.artifacts.{artifact.name}.path")
        if len(template_types(template)) == 1:
            check_path(checker, artifact, own, here, is_leaf, ("T6", "T6b", "T7"))
        if artifact.from_:
            checker.note("T8", f"{own}.from not valid in inputs", here.at("from"))
        check_location(checker, artifact, own, here, ("T9", "T10"))


def check_limits(checker: Checker, template: Template, spot: Spot) -> None:
    """Check claims and timeouts against the kind of template (T13 to T16)."""
    kinds = template_types(template)
    kind = kinds[0] if kinds else ""
    is_leaf = not kinds or bool(LEAF_TYPES.intersection(kinds))
    if template.resource_claims and kinds and not POD_TYPES.intersection(kinds):
        reason = (
            f"templates.{template.name}.resourceClaims is not supported for {kind} templates, "
            "which do not create a pod"
        )
        checker.note("T13", reason, spot.at("resourceClaims"))
    if template.timeout and not is_leaf:
        checker.note("T14", f"{kind} template doesn't support timeout field", spot.at("timeout"))
    elif re.fullmatch(r"[+-]?[0-9]+", template.timeout):
        reason = f"{template.name} has invalid duration format in timeout"
        checker.note("T15", reason, spot.at("timeout"), f"write `{template.timeout}s`")
    if template.pending_timeout and not is_leaf:
        reason = f"{kind} template doesn't support pendingTimeout field"
        checker.note("T16", reason, spot.at("pendingTimeout"))
