"""What each job of a row does in a simulation: what its expectation says came of it.

A node that the expectation does not list, or says nothing of, succeeds at once. A result that it
leaves open (a coin flip) is the first value that a condition of the document compares results
with, else a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.conformance.workflows.expect import fill

from tiphys.messages import JobSpec
from tiphys.runtime.simulated import SOME_TEXT, Outcome

_EXIT = re.compile(r"^main: .* \(exit code (\d+)\)(?:: (.*))?$", re.DOTALL)
_OVER = "Pod was active on the node longer than the specified deadline"
_CODE = re.compile(r"exit code \\?\[?(\d)")
_COMPARED = re.compile(r"outputs\.result\s*(?:\}\})?[\"']?\s*==\s*[\"']?([\w.-]+)")
_LONG = 1e6


def script_of(data: dict[str, Any], document: str) -> Callable[[JobSpec], Outcome]:
    """Return the script that a row's expectation tells."""
    nodes = data.get("nodes", [])
    compared = _COMPARED.search(document)
    usual = compared.group(1) if compared is not None else "1"

    def say(job: JobSpec) -> Outcome:
        found = (item for item in nodes if fill(item["name"], job.workflow) == job.node_name)
        return _outcome(next(found, {}), nodes, job, usual)

    return say


def _outcome(
    item: dict[str, Any], nodes: list[dict[str, Any]], job: JobSpec, usual: str
) -> Outcome:
    phase, message = _one(item.get("phase")), fill(_one(item.get("message")), job.workflow)
    outputs = item.get("outputs") or {}
    made = {key: _text(value) for key, value in (outputs.get("parameters") or {}).items()}
    artifacts = outputs.get("artifacts")
    declared = {artifact.name for artifact in job.template.outputs.artifacts}
    outcome = Outcome(
        result=_text(outputs.get("result", usual)),
        parameters=made,
        missing=frozenset(declared - set(artifacts)) if artifacts is not None else frozenset(),
        code=int(outputs.get("exitCode") or 0),
        containers=_containers(item, nodes, job),
    )
    if phase in ("", "Succeeded"):
        return outcome
    return _failing(outcome, phase, message)


def _one(value: Any) -> str:
    """Return one of the alternatives of a field."""
    return str((value[0] if isinstance(value, list) else value) or "")


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return SOME_TEXT if text.startswith("re:") else text


def _failing(outcome: Outcome, phase: str, message: str) -> Outcome:
    if message.startswith("re:"):
        code = _CODE.search(message)
        return replace(outcome, code=int(code.group(1)) if code is not None else 1)
    exited = _EXIT.match(message)
    if exited is not None:
        return replace(outcome, code=int(exited.group(1)), message=exited.group(2) or "")
    if message == _OVER or "deadline" in message or "shutdown" in message:
        return replace(outcome, seconds=_LONG, code=0)
    if phase == "Error":
        return replace(outcome, error=message)
    return replace(outcome, failure=message, code=outcome.code or 1)


def _containers(
    item: dict[str, Any], nodes: list[dict[str, Any]], job: JobSpec
) -> dict[str, tuple[Any, str]]:
    prefix = f"{item.get('name')}."
    found = {}
    for other in nodes:
        if other.get("type") == "Container" and other["name"].startswith(prefix):
            message = fill(_one(other.get("message")), job.workflow)
            found[other["name"][len(prefix) :]] = (_one(other["phase"]), message)
    return found
