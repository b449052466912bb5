"""What steps and tasks have in common: loops, hooks, and the names a finished call leaves.

Source: reference/validation.md 10 and 11; Argo validate.go addItemsToScope, addOutputsToScope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tiphys.compile.validate_context import Checker, Resolved, Spot
from tiphys.compile.validate_leaf import makes_result
from tiphys.compile.validate_variables import Scope, has_tag
from tiphys.model.arguments import Arguments
from tiphys.model.templates import DAGTask, LifecycleHook, Template, WorkflowStep, template_type

Call: TypeAlias = WorkflowStep | DAGTask


class CheckCall(Protocol):
    """Callback: check the template a step or task calls.

    Without `arguments` every input counts as given. None: there is nothing to know about it.
    """

    def __call__(self, call: Call, spot: Spot, arguments: Arguments | None) -> Resolved | None:
        """Return the template that is called."""


@dataclass(frozen=True, slots=True)
class Body:
    """A steps or dag template being checked."""

    checker: Checker
    scope: Scope
    template: Template
    spot: Spot
    check_call: CheckCall

    def call(
        self, call: Call, prefix: str, spot: Spot, arguments: Arguments | None
    ) -> Resolved | None:
        """Check a called template under `prefix`; if it cannot be checked, accept its outputs."""
        before = len(self.checker.findings)
        found = None
        with self.checker.unit(f"{prefix} "):
            found = self.check_call(call, spot, arguments)
        if found is None and len(self.checker.findings) > before:
            kind = "tasks" if isinstance(call, DAGTask) else "steps"
            self.scope.open_prefixes.add(f"{kind}.{call.name}.")
            self.checker.any_output_parameter = self.checker.any_output_artifact = True
        return found


def is_aggregate(call: Call) -> bool:
    """Say whether the outputs of a call are lists: loops over items, not number sequences."""
    return bool(call.with_items or call.with_param)


def check_loop(checker: Checker, scope: Scope, call: Call, prefix: str, spot: Spot) -> None:
    """Check the loop of a call and put its items in scope."""
    rules = ("D11", "D11") if isinstance(call, DAGTask) else ("S4", "S5")
    loops = [bool(call.with_items), bool(call.with_param), call.with_sequence is not None]
    if sum(loops) > 1:
        reason = f"{prefix} only one of withItems, withParam, withSequence can be specified"
        checker.note(rules[0], reason, spot)
    for item in call.with_items:
        scope.names.add("item")
        if isinstance(item, dict):
            scope.names.update(f"item.{key}" for key in item)
        elif isinstance(item, list):
            scope.names.update(f"item.[{index}]" for index in range(len(item)))
    if call.with_param:
        scope.names.add("item")
        scope.any_item = True
    sequence = call.with_sequence
    if sequence is None:
        return
    if sequence.count is not None and sequence.end is not None:
        reason = f"{prefix} only one of count or end can be defined in withSequence"
        checker.note(rules[1], reason, spot.at("withSequence"))
    scope.names.add("item")


def check_hooks(
    checker: Checker, hooks: Mapping[str, LifecycleHook], prefix: str, spot: Spot, rule: str
) -> None:
    """Check that every hook but `exit` says when."""
    for name, hook in hooks.items():
        if name != "exit" and not hook.expression:
            checker.note(rule, f"{prefix}.{name} Expression required", spot.at(name))


def add_outputs(
    checker: Checker, scope: Scope, prefix: str, found: Resolved | None, aggregate: bool
) -> None:
    """Put in scope what a call leaves when it is done; global outputs become global names."""
    if found is None:
        return
    template = found.template
    names = scope.names
    names.update(f"{prefix}.{x}" for x in ("id", "startedAt", "finishedAt", "hostNodeName"))
    if template.daemon:
        names.add(f"{prefix}.ip")
    if makes_result(template):
        names.update((f"{prefix}.outputs.result", f"{prefix}.exitCode"))
    for parameter in template.outputs.parameters:
        names.add(f"{prefix}.outputs.parameters.{parameter.name}")
        if parameter.global_name:
            checker.any_output_parameter |= has_tag(parameter.global_name)
            checker.globals.add(f"workflow.outputs.parameters.{parameter.global_name}")
    for artifact in template.outputs.artifacts:
        names.add(f"{prefix}.outputs.artifacts.{artifact.name}")
        if artifact.global_name:
            checker.any_output_artifact |= has_tag(artifact.global_name)
            checker.globals.add(f"workflow.outputs.artifacts.{artifact.global_name}")
    if aggregate:
        names.add(f"{prefix}.outputs.parameters")
        if template_type(template) in ("Script", "ContainerSet"):
            names.add(f"{prefix}.outputs.result")


def has_exit_hook(call: Call) -> bool:
    """Say whether something runs when the call is done."""
    return bool(call.on_exit) or "exit" in call.hooks
