"""The catalogue of every `{{variable}}`: limits: table.

Feeds the hints of validation and docs/variables.md. A name in angle brackets stands for the user's
own. Every value is a text where a tag inserts it; `type` says what the text is. What a variable is
worth at a node is the engine's business.
Source: reference/language.md 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """One kind of variable: its name, where it is known, what it is, and of what type."""

    name: str
    where: str
    meaning: str
    type: str = "text"

    @property
    def scope(self) -> str:
        """Return whose variable it is: the heading it stands under."""
        return _SCOPES.get(self.where) or _SCOPES.get(self.name.partition(".")[0], "template")


EVERYWHERE: Final = "everywhere"
_END: Final = "in hooks and in the exit handler"
_BODY: Final = "in the template itself"
_POD: Final = "in templates that make a pod"
_RETRIED: Final = "in templates with a retryStrategy"
_LATER: Final = "in steps after it, in its hooks and in the outputs of the steps template"
_BELOW: Final = "in tasks that depend on it, in its hooks and in the outputs of the dag template"
_LOOP: Final = "in the step or task with the loop"
_METRIC: Final = "in metrics"
_CRON: Final = "in `when` and `stopStrategy` of a CronWorkflow; typed in expressions"
_SCOPES: Final = {
    "workflow": "workflow",
    "steps": "steps template",
    "tasks": "dag template",
    "item": "loop",
    _METRIC: "metric",
    _CRON: "cron workflow",
}

_CALL: Final = (
    ("id", "the node's id", "text"),
    ("status", "the node's phase", "phase"),
    ("startedAt", "when the node began", "time"),
    ("finishedAt", "when the node ended", "time"),
    ("ip", "the address of a daemon's pod", "text"),
    ("hostNodeName", "the machine of the pod", "text"),
    ("exitCode", "the exit code of the main container", "integer"),
    ("outputs.result", "what the main container wrote to standard output", "text"),
    ("outputs.parameters", "of a loop: the parameters of every item as a JSON list", "JSON list"),
    ("outputs.parameters.<name>", "an output parameter; of a loop: a JSON list", "text"),
    ("outputs.artifacts.<name>", "an output artifact", "artifact"),
)

VARIABLES: Final = (
    Variable("workflow.name", EVERYWHERE, "the workflow's name"),
    Variable("workflow.namespace", EVERYWHERE, "the workflow's namespace"),
    Variable("workflow.uid", EVERYWHERE, "the workflow's uid"),
    Variable("workflow.mainEntrypoint", EVERYWHERE, "the entrypoint that runs"),
    Variable("workflow.serviceAccountName", EVERYWHERE, "the service account, may be empty"),
    Variable("workflow.priority", "if spec.priority is set", "the priority", "integer"),
    Variable("workflow.creationTimestamp", EVERYWHERE, "the creation time, RFC 3339", "time"),
    Variable("workflow.creationTimestamp.RFC3339", EVERYWHERE, "the same", "time"),
    Variable("workflow.creationTimestamp.s", EVERYWHERE, "the same in Unix seconds", "integer"),
    Variable("workflow.creationTimestamp.<letter>", EVERYWHERE, "a strftime part of it"),
    Variable(
        "workflow.scheduledTime", "in workflows of a CronWorkflow", "the scheduled time", "time"
    ),
    Variable(
        "workflow.parameters",
        EVERYWHERE,
        "the arguments as JSON; in expressions a map",
        "JSON list",
    ),
    Variable("workflow.parameters.json", EVERYWHERE, "the arguments as a JSON list", "JSON list"),
    Variable("workflow.parameters.<name>", EVERYWHERE, "the value of an argument"),
    Variable("workflow.labels", EVERYWHERE, "deprecated: use workflow.labels.json", "JSON object"),
    Variable("workflow.labels.json", EVERYWHERE, "the labels as a JSON object", "JSON object"),
    Variable("workflow.labels.<key>", "if the workflow has the label", "a label's value"),
    Variable(
        "workflow.annotations",
        EVERYWHERE,
        "deprecated: use workflow.annotations.json",
        "JSON object",
    ),
    Variable(
        "workflow.annotations.json", EVERYWHERE, "the annotations as a JSON object", "JSON object"
    ),
    Variable("workflow.annotations.<key>", "if the workflow has the annotation", "its value"),
    Variable("workflow.outputs.parameters.<name>", "once produced", "a global output parameter"),
    Variable(
        "workflow.outputs.artifacts.<name>", "once produced", "a global output artifact", "artifact"
    ),
    Variable("workflow.status", EVERYWHERE, "the workflow's phase", "phase"),
    Variable("workflow.duration", EVERYWHERE, "seconds since the start, six decimals", "number"),
    Variable("workflow.failures", _END, "the failed nodes as quoted JSON", "quoted JSON list"),
    Variable("inputs.parameters", _BODY, "the input parameters as a JSON list", "JSON list"),
    Variable("inputs.parameters.<name>", _BODY, "the value of an input parameter"),
    Variable(
        "inputs.artifacts.<name>", "in steps and dag templates", "an input artifact", "artifact"
    ),
    Variable(
        "inputs.artifacts.<name>.path", _BODY, "where the artifact is in the container", "path"
    ),
    Variable("outputs.artifacts.<name>.path", _POD, "where the artifact is to be written", "path"),
    Variable("outputs.parameters.<name>.path", _POD, "where the value is to be written", "path"),
    Variable("pod.name", _POD, "the name of the pod"),
    Variable("node.name", _BODY, "the full name of the node"),
    Variable("steps.name", "in a template called by a step", "the name of the step"),
    Variable("tasks.name", "in a template called by a task", "the name of the task"),
    Variable("retries", _RETRIED, "the number of the attempt, from 0", "integer"),
    Variable(
        "lastRetry.exitCode", _RETRIED, "exit code of the last attempt, 0 at first", "integer"
    ),
    Variable("lastRetry.status", _RETRIED, "phase of the last attempt, empty at first", "phase"),
    Variable("lastRetry.duration", _RETRIED, "seconds of the last attempt, 0 at first", "number"),
    Variable("lastRetry.message", _RETRIED, "message of the last attempt, empty at first"),
    Variable("item", _LOOP, "the item of the loop", "text or JSON"),
    Variable("item.<key>", _LOOP, "a member of an item that is an object"),
    *(Variable(f"steps.<step>.{name}", _LATER, text, kind) for name, text, kind in _CALL),
    *(Variable(f"tasks.<task>.{name}", _BELOW, text, kind) for name, text, kind in _CALL),
    Variable("status", _METRIC, "the phase of the node", "phase"),
    Variable("duration", _METRIC, "seconds of the node", "number"),
    Variable("exitCode", _METRIC, "exit code of the node", "integer"),
    Variable("resourcesDuration.<resource>", _METRIC, "seconds of a resource", "integer"),
    Variable("inputs.parameters.<name>", _METRIC, "an input parameter of the node"),
    Variable("outputs.result", _METRIC, "what the node wrote to standard output"),
    Variable("outputs.parameters.<name>", _METRIC, "an output parameter of the node"),
    Variable("retries", _METRIC, "the number of retries", "integer"),
    Variable("cronworkflow.name", _CRON, "the CronWorkflow's name"),
    Variable("cronworkflow.namespace", _CRON, "its namespace"),
    Variable("cronworkflow.labels", _CRON, "its labels; a map, only without tags", "map"),
    Variable("cronworkflow.labels.json", _CRON, "its labels as a JSON object", "bytes"),
    Variable("cronworkflow.annotations", _CRON, "its labels again, as in Argo", "map"),
    Variable("cronworkflow.annotations.json", _CRON, "its labels again, as in Argo", "bytes"),
    Variable("cronworkflow.failed", _CRON, "how many of its workflows failed", "integer"),
    Variable("cronworkflow.succeeded", _CRON, "how many succeeded", "integer"),
    Variable("cronworkflow.lastScheduledTime", _CRON, "the last run's time; nil at first", "time"),
)
"""Every variable, in the order in which a reader would look for it."""

_HOLE: Final = re.compile(r"<\w+>")


def find_variable(name: str) -> Variable | None:
    """Return the catalogue's entry for a variable as written, None if there is none."""
    return next((item for item in VARIABLES if _pattern(item.name).match(name)), None)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    pattern = _HOLE.sub(
        lambda hole: ".+" if hole.group() == "<key>" else "[^.]+", name.replace(".", r"\.")
    )
    return re.compile(rf"{pattern}\Z")


def page() -> str:
    """Return the documentation of every variable, as Markdown."""
    lines = [_HEAD]
    for scope in dict.fromkeys(item.scope for item in VARIABLES):
        lines += ["", f"## {scope.capitalize()}", "", "| Variable | Is | Type | Known |"]
        lines.append("| --- | --- | --- | --- |")
        lines += [
            f"| `{item.name}` | {item.meaning} | {item.type} | {item.where} |"
            for item in VARIABLES
            if item.scope == scope
        ]
    return "\n".join(lines) + "\n"


_HEAD: Final = """# Variables

Made by `python -m tools.variables` from `src/tiphys/model/variables.py`; do not edit.

A variable is used as `{{name}}` in almost every text of a workflow, and in expressions as
`{{=name}}`. `<name>` stands for your own name. Every value is a text; the type says what is in it.
In expressions `workflow.parameters`, `workflow.labels`, `workflow.annotations` and
`inputs.parameters` are maps, and a name that is no word is written `inputs.parameters['my-name']`.
`tiphys render FILE --node NAME` shows what the variables of a node are worth."""
