"""The catalogue of every `{{variable}}`: limits: table.

Feeds the hints of validation and the documentation. A name in angle brackets stands for the
user's own. What a variable is worth at a node is the engine's business.
Source: reference/language.md 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """One kind of variable: its name, where it is known, what it is."""

    name: str
    where: str
    meaning: str


EVERYWHERE: Final = "everywhere"
_END: Final = "in hooks and in the exit handler"
_BODY: Final = "in the template itself"
_POD: Final = "in templates that make a pod"
_RETRIED: Final = "in templates with a retryStrategy"
_LATER: Final = "in steps after it, in its hooks and in the outputs of the steps template"
_BELOW: Final = "in tasks that depend on it, in its hooks and in the outputs of the dag template"
_LOOP: Final = "in the step or task with the loop"
_METRIC: Final = "in metrics"

_CALL: Final = (
    ("id", "the node's id"),
    ("status", "the node's phase"),
    ("startedAt", "when the node began"),
    ("finishedAt", "when the node ended"),
    ("ip", "the address of a daemon's pod"),
    ("hostNodeName", "the machine of the pod"),
    ("exitCode", "the exit code of the main container"),
    ("outputs.result", "what the main container wrote to standard output"),
    ("outputs.parameters", "of a loop: the parameters of every item as a JSON list"),
    ("outputs.parameters.<name>", "an output parameter; of a loop: a JSON list"),
    ("outputs.artifacts.<name>", "an output artifact"),
)

VARIABLES: Final = (
    Variable("workflow.name", EVERYWHERE, "the workflow's name"),
    Variable("workflow.namespace", EVERYWHERE, "the workflow's namespace"),
    Variable("workflow.uid", EVERYWHERE, "the workflow's uid"),
    Variable("workflow.mainEntrypoint", EVERYWHERE, "the entrypoint that runs"),
    Variable("workflow.serviceAccountName", EVERYWHERE, "the service account, may be empty"),
    Variable("workflow.priority", "if spec.priority is set", "the priority"),
    Variable("workflow.creationTimestamp", EVERYWHERE, "the creation time, RFC 3339"),
    Variable("workflow.creationTimestamp.RFC3339", EVERYWHERE, "the same"),
    Variable("workflow.creationTimestamp.s", EVERYWHERE, "the same in Unix seconds"),
    Variable("workflow.creationTimestamp.<letter>", EVERYWHERE, "a strftime part of it"),
    Variable("workflow.scheduledTime", "in workflows of a CronWorkflow", "the scheduled time"),
    Variable("workflow.parameters", EVERYWHERE, "the arguments as JSON; in expressions a map"),
    Variable("workflow.parameters.json", EVERYWHERE, "the arguments as a JSON list"),
    Variable("workflow.parameters.<name>", EVERYWHERE, "the value of an argument"),
    Variable("workflow.labels", EVERYWHERE, "deprecated: use workflow.labels.json"),
    Variable("workflow.labels.json", EVERYWHERE, "the labels as a JSON object"),
    Variable("workflow.labels.<key>", "if the workflow has the label", "a label's value"),
    Variable("workflow.annotations", EVERYWHERE, "deprecated: use workflow.annotations.json"),
    Variable("workflow.annotations.json", EVERYWHERE, "the annotations as a JSON object"),
    Variable("workflow.annotations.<key>", "if the workflow has the annotation", "its value"),
    Variable("workflow.outputs.parameters.<name>", "once produced", "a global output parameter"),
    Variable("workflow.outputs.artifacts.<name>", "once produced", "a global output artifact"),
    Variable("workflow.status", EVERYWHERE, "the workflow's phase"),
    Variable("workflow.duration", EVERYWHERE, "seconds since the start, six decimals"),
    Variable("workflow.failures", _END, "the failed nodes as quoted JSON"),
    Variable("inputs.parameters", _BODY, "the input parameters as a JSON list"),
    Variable("inputs.parameters.<name>", _BODY, "the value of an input parameter"),
    Variable("inputs.artifacts.<name>", "in steps and dag templates", "an input artifact"),
    Variable("inputs.artifacts.<name>.path", _BODY, "where the artifact is in the container"),
    Variable("outputs.artifacts.<name>.path", _POD, "where the artifact is to be written"),
    Variable("outputs.parameters.<name>.path", _POD, "where the value is to be written"),
    Variable("pod.name", _POD, "the name of the pod"),
    Variable("node.name", _BODY, "the full name of the node"),
    Variable("steps.name", "in a template called by a step", "the name of the step"),
    Variable("tasks.name", "in a template called by a task", "the name of the task"),
    Variable("retries", _RETRIED, "the number of the attempt, from 0"),
    Variable("lastRetry.exitCode", _RETRIED, "exit code of the last attempt, 0 at first"),
    Variable("lastRetry.status", _RETRIED, "phase of the last attempt, empty at first"),
    Variable("lastRetry.duration", _RETRIED, "seconds of the last attempt, 0 at first"),
    Variable("lastRetry.message", _RETRIED, "message of the last attempt, empty at first"),
    Variable("item", _LOOP, "the item of the loop"),
    Variable("item.<key>", _LOOP, "a member of an item that is an object"),
    *(Variable(f"steps.<step>.{name}", _LATER, text) for name, text in _CALL),
    *(Variable(f"tasks.<task>.{name}", _BELOW, text) for name, text in _CALL),
    Variable("status", _METRIC, "the phase of the node"),
    Variable("duration", _METRIC, "seconds of the node"),
    Variable("exitCode", _METRIC, "exit code of the node"),
    Variable("resourcesDuration.<resource>", _METRIC, "seconds of a resource"),
)
"""Every variable, in the order in which a reader would look for it."""

_HOLE: Final = re.compile(r"\\<\w+\\>|<\w+>")


def find_variable(name: str) -> Variable | None:
    """Return the catalogue's entry for a variable as written, None if there is none."""
    return next((item for item in VARIABLES if _pattern(item.name).match(name)), None)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_HOLE.sub("[^.]+", re.escape(name)) + r"\Z")
