"""Every rule that lint knows, by number: what it is called and what it is about.

limits: table. Numbers starting with TIP are warnings of ours, each with a page in docs/warnings;
the others are Argo's own checks, numbered as in reference/validation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `name` is for people and configuration, `title` says what is wrong."""

    id: str
    name: str
    title: str


WARNINGS: Final = (
    Rule(
        "TIP001", "skipped-loop-succeeds", "A loop whose items are all skipped counts as succeeded"
    ),
    Rule("TIP002", "empty-loop-runs-once", "An empty withItems means no loop, not no run"),
    Rule("TIP003", "list-before-when", "withParam is read before a when that needs an item"),
    Rule("TIP004", "script-injection", "A value is pasted into the text of a program"),
    Rule(
        "TIP005", "inline-input-in-loop", "A loop cannot resolve the inputs of an inline template"
    ),
    Rule("TIP006", "inline-input-shadowed", "An input around an inline template hides its own"),
    Rule("TIP007", "loop-status-of-group", "The status of a looped step is that of its group"),
    Rule("TIP008", "loop-result-not-json", "Results of a loop must be JSON"),
    Rule("TIP009", "item-outside-loop", "{{item}} stands where there is no loop"),
    Rule("TIP010", "item-key-missing", "An item lacks a key that the step uses"),
    Rule("TIP011", "endless-recursion", "Templates call each other without end"),
    Rule("TIP101", "waits-for-ever", "A result that a skipped or failed step does not have"),
    Rule("TIP102", "absent-output", "An output parameter without a default may be absent"),
    Rule("TIP103", "same-group", "A step uses the end of a step that runs beside it"),
    Rule("TIP104", "no-dependency", "A task uses an output of a task it does not wait for"),
    Rule("TIP105", "unknown-variable", "A tag that is no variable stays as it is"),
    Rule("TIP106", "dag-global-output", "The global outputs of a dag are not exported"),
    Rule("TIP107", "default-is-no-value", "A workflow's argument takes no default"),
    Rule("TIP108", "unknown-name-in-expression", "An expression names what does not exist"),
    Rule("TIP109", "output-value", "An output of steps or a dag with a plain value"),
    Rule("TIP201", "backoff-without-limit", "Without a limit no backoff is waited for"),
    Rule("TIP202", "container-set-retries", "Retries of a container set count runs"),
    Rule("TIP203", "retry-wraps-everything", "spec.retryStrategy wraps every template"),
    Rule("TIP204", "backoff-without-duration", "A backoff needs a duration"),
    Rule("TIP205", "ttl-without-completion", "Workflows that end in an Error are kept"),
    Rule("TIP206", "dag-fail-fast", "failFast of a dag does not stop other branches"),
    Rule("TIP207", "pending-timeout-and-retry", "pendingTimeout does not reach attempts"),
    Rule("TIP208", "timeout-over-deadline", "timeout replaces activeDeadlineSeconds"),
    Rule("TIP209", "cache-key", "A cache key has a character that is not allowed"),
    Rule("TIP210", "deadline-zero", "A deadline of zero ends the workflow at once"),
    Rule("TIP211", "bad-lock", "A lock that is refused when the workflow runs"),
    Rule("TIP212", "supplied-without-default", "A suspend ends and nobody supplied a value"),
    Rule("TIP213", "http-without-timeout", "A request waits for an answer without end"),
    Rule("TIP214", "delete-with-conditions", "Deleting knows neither conditions nor outputs"),
    Rule("TIP215", "retry-number", "A number of a retryStrategy cannot be used"),
    Rule("TIP216", "bare-timeout", "A timeout without a unit"),
    Rule("TIP217", "nothing-to-get", "A resource template that names no object"),
    Rule("TIP301", "exit-expression-ignored", "The workflow's exit hook always runs"),
    Rule("TIP302", "unknown-hook-template", "A hook names a template that is not there"),
    Rule("TIP303", "on-exit-wins", "onExit wins over the hook exit"),
    Rule("TIP304", "hook-own-result", "A hook cannot have the result of its own step"),
    Rule("TIP305", "task-hook-without-expression", "A hook of a task needs an expression"),
    Rule("TIP306", "hook-input-missing", "A hook's template does not get all its inputs"),
    Rule("TIP401", "dead-template", "Nothing calls a template"),
    Rule("TIP402", "undeclared-argument", "An argument that the template does not declare"),
    Rule("TIP403", "unused-input", "A template does not use an input"),
    Rule("TIP404", "unused-parameter", "Nothing uses a parameter of the workflow"),
    Rule("TIP405", "enum-not-enforced", "The enum of an input is never looked at"),
    Rule("TIP406", "template-hidden", "An inline template hides the one that is named"),
    Rule("TIP501", "bad-duration", "A text that is no duration"),
    Rule("TIP502", "bad-when", "A when that cannot be read"),
    Rule("TIP503", "constant-when", "A when that is always the same"),
    Rule("TIP504", "bad-expression", "An expression that cannot be read"),
    Rule("TIP505", "unknown-function", "An expression calls a function that does not exist"),
    Rule("TIP506", "bad-list", "A withParam that is no JSON list"),
    Rule("TIP507", "bad-depends", "A depends that cannot be read"),
    Rule("TIP508", "impossible-depends", "A depends that is never true"),
    Rule("TIP509", "dash-is-minus", "A name with a dash in an expression is a subtraction"),
    Rule("TIP510", "bad-sequence", "A withSequence that cannot be counted"),
    Rule("TIP511", "bad-query", "A condition or JSONPath that cannot be read"),
    Rule("TIP512", "bad-workflow-metric", "A metric of the workflow that cannot be emitted"),
    Rule("TIP513", "bad-patch", "A podSpecPatch that cannot be read"),
    Rule("TIP514", "bad-display-name", "A display name that is refused"),
    Rule("TIP515", "bad-realtime-gauge", "A real-time gauge that cannot be computed"),
    Rule("TIP601", "cluster-schema", "A cluster with the full CRDs refuses it"),
    Rule("TIP602", "cluster-object", "A cluster refuses the object"),
    Rule("TIP701", "field-dropped", "A field that does not exist is dropped"),
    Rule("TIP702", "text-expected", "A list or object where a text is expected becomes empty"),
    Rule("TIP703", "deprecated", "Something that still works and has a successor"),
)
"""The warnings of ours."""

_GROUPS: Final = {
    "F": ("file", "how a file is read"),
    "W": ("workflow", "the workflow as a whole"),
    "A": ("arguments", "arguments"),
    "H": ("called-template", "how a template is named"),
    "T": ("template", "any template"),
    "L": ("leaf-template", "templates that do work of their own"),
    "S": ("steps", "steps templates"),
    "D": ("dag", "dag templates"),
    "O": ("outputs", "outputs"),
    "M": ("metrics", "metrics"),
    "C": ("cron-workflow", "CronWorkflows"),
    "E": ("event-binding", "WorkflowEventBindings, which Argo makes when an event has come"),
}
_BY_ID: Final = {rule.id: rule for rule in WARNINGS}


def rule_of(number: str) -> Rule | None:
    """Return the rule with a number, as `TIP004` or `W7`; None if there is none like it."""
    found = _BY_ID.get(number)
    if found is not None:
        return found
    group = _GROUPS.get(number[:1])
    if group is None or not number[1:2].isdigit():
        return None
    return Rule(number, group[0], f"A check of Argo's own, about {group[1]}")
