"""Steps templates. Source: reference/validation.md 10; Argo validate.go validateSteps."""

from __future__ import annotations

import msgspec

from tiphys.compile.validate_arguments import check_arguments
from tiphys.compile.validate_calls import (
    Body,
    add_outputs,
    check_hooks,
    check_loop,
    has_exit_hook,
    is_aggregate,
)
from tiphys.compile.validate_context import Checker, Spot
from tiphys.compile.validate_names import workflow_name_fault
from tiphys.compile.validate_variables import Scope, check_variables, is_known, tags
from tiphys.model.templates import Template, WorkflowStep


def check_steps(body: Body) -> None:
    """Check every step in order; what a step leaves is in scope of all that come after it."""
    check_no_deadline(body.checker, body.template, body.spot)
    names: set[str] = set()
    for group, steps in enumerate(body.template.steps or ()):
        for index, step in enumerate(steps):
            _check_step(body, step, group, body.spot.at("steps", group, index), names)


def check_no_deadline(checker: Checker, template: Template, spot: Spot) -> None:
    """Steps and dag templates have no deadline of their own."""
    if template.active_deadline_seconds is not None:
        reason = f"templates.{template.name}.activeDeadlineSeconds is only valid for leaf templates"
        checker.note("S0", reason, spot.at("activeDeadlineSeconds"))


def _check_step(body: Body, step: WorkflowStep, group: int, spot: Spot, names: set[str]) -> None:
    checker, scope = body.checker, body.scope
    name = f"templates.{body.template.name}"
    _check_name(body, step, f"{name}.steps[{group}]", spot, names)
    own = f"steps.{step.name}"
    prefix = f"{name}.steps[{group}].{step.name}"
    scope.names.add(f"{own}.status")
    check_loop(checker, scope, step, prefix, spot)
    check_arguments(checker, step.arguments, f"{prefix}.arguments.", spot.at("arguments"))
    found = body.call(step, prefix, spot, None)
    if has_exit_hook(step):
        add_outputs(checker, scope, own, found, aggregate=False)
    check_hooks(checker, step.hooks, prefix, spot.at("hooks"), "S8")
    with checker.unit():
        # An inline template was checked as a template: it has a scope of its own.
        plain = msgspec.structs.replace(step, inline=None)
        check_variables(checker, scope, plain, f"{name}.steps ", spot, "S9")
    add_outputs(checker, scope, own, found, is_aggregate(step))
    if found is not None:
        body.call(step, prefix, spot, step.arguments)


def _check_name(body: Body, step: WorkflowStep, prefix: str, spot: Spot, names: set[str]) -> None:
    if not step.name:
        body.checker.note("S1", f"{prefix}.name is required", spot)
        return
    if step.name in names:
        body.checker.note("S2", f"{prefix}.name '{step.name}' is not unique", spot.at("name"))
    names.add(step.name)
    fault = workflow_name_fault(plain_name(body.checker, body.scope, step.name))
    if fault:
        reason = f"{prefix}.name '{step.name}' is invalid: {fault}"
        body.checker.note("S3", reason, spot.at("name"))


def plain_name(checker: Checker, scope: Scope, name: str) -> str:
    """Return a name with the tags that have a value by then replaced by a letter."""
    if "{{" not in name:
        return name
    try:
        for tag in list(tags(name)):
            word = tag.strip()
            is_global = word.startswith("workflow.") and is_known(checker, scope, word)
            if is_global or scope.knows(word):
                name = name.replace("{{" + tag + "}}", "x")
    except ValueError:
        return name
    return name
