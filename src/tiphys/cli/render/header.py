"""The lines above the tree: one workflow as keys and values.

Source: argo cmd/argo/commands/common/get.go (PrintWorkflowHelper); reference/cli.md 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tiphys.cli.render.colour import RED, YELLOW, paint
from tiphys.cli.render.nodes import is_waiting, resources
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.times import instant, long_duration, span, timestamp

_CONDITION_ICONS = {"MetricsError": ("✖", RED, "Error"), "SpecWarning": ("⚠", YELLOW, "Warning")}


def render_header(workflow: JsonObject, now: float, style: Style) -> str:
    """Return the header, each line ended by a newline."""
    lines = [
        *_identity(workflow),
        *_conditions(workflow, style),
        *_times(workflow, now, style),
        *_results(workflow),
    ]
    return "".join(f"{key:<20} {value}\n" for key, value in lines)


def status_text(workflow: JsonObject) -> str:
    """Return the phase in words: `Running (Suspended)`, `Failed (Terminated)`, ..."""
    status = workflow.get("status") or {}
    phase = status.get("phase") or ""
    spec = workflow.get("spec") or {}
    if phase == "Running" and (spec.get("suspend") or _has_waiting_node(status)):
        return "Running (Suspended)"
    if phase == "Failed" and spec.get("shutdown"):
        return "Failed (Terminated)"
    if not phase:
        return "Pending" if workflow["metadata"].get("creationTimestamp") else "Unknown"
    return str(phase)


def executed_spec(workflow: JsonObject) -> JsonObject:
    """Return the spec that runs: of the stored template, if the workflow only refers to one."""
    stored = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec")
    return stored or workflow.get("spec") or {}


def parameters(arguments: JsonObject | None) -> Iterator[tuple[str, str]]:
    """Yield name and value of each parameter that has a value."""
    for parameter in (arguments or {}).get("parameters") or []:
        if parameter.get("value") is not None:
            yield parameter["name"], parameter["value"]


def _has_waiting_node(status: JsonObject) -> bool:
    return any(is_waiting(node) for node in (status.get("nodes") or {}).values())


def _identity(workflow: JsonObject) -> Iterator[tuple[str, str]]:
    meta = workflow["metadata"]
    yield "Name:", meta.get("name") or meta.get("generateName", "")
    yield "Namespace:", meta.get("namespace", "")
    yield "ServiceAccount:", _service_account(workflow)
    yield "Status:", status_text(workflow)
    message = (workflow.get("status") or {}).get("message")
    if message:
        yield "Message:", message


def _service_account(workflow: JsonObject) -> str:
    name = executed_spec(workflow).get("serviceAccountName")
    if name:
        return str(name)
    if (workflow.get("spec") or {}).get("workflowTemplateRef"):
        return "unset"
    return "unset (will run with the default ServiceAccount)"


def _conditions(workflow: JsonObject, style: Style) -> Iterator[tuple[str, str]]:
    conditions = (workflow.get("status") or {}).get("conditions") or []
    if conditions:
        yield "Conditions:", ""
    for condition in conditions:
        name = condition.get("type", "")
        sign, colour, word = _CONDITION_ICONS.get(name, ("", None, ""))
        icon = paint(sign if style.utf8 else word, colour, style.colour)
        yield f"{icon} {name}", condition.get("message") or condition.get("status", "")


def _times(workflow: JsonObject, now: float, style: Style) -> Iterator[tuple[str, str]]:
    status = workflow.get("status") or {}
    created = instant(workflow["metadata"].get("creationTimestamp"))
    yield "Created:", "" if created is None else timestamp(created, now, style.zone)
    for key in ("started", "finished"):
        at = instant(status.get(f"{key}At"))
        if at is not None:
            yield f"{key.capitalize()}:", timestamp(at, now, style.zone)
    started, finished = status.get("startedAt"), status.get("finishedAt")
    if started:
        yield "Duration:", long_duration(span(started, finished, now))
    estimate = status.get("estimatedDuration") or 0
    if status.get("phase") == "Running" and estimate > 0:
        yield "EstimatedDuration:", long_duration(estimate)


def _results(workflow: JsonObject) -> Iterator[tuple[str, str]]:
    status = workflow.get("status") or {}
    outputs = status.get("outputs") or {}
    yield "Progress:", status.get("progress") or ""
    if status.get("resourcesDuration"):
        yield "ResourcesDuration:", resources(status["resourcesDuration"])
    yield from _titled("Parameters:", parameters(executed_spec(workflow).get("arguments")))
    yield from _titled("Output Parameters:", parameters(outputs))
    yield from _titled("Output Artifacts:", _locations(outputs.get("artifacts") or []))


def _titled(title: str, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for index, (name, value) in enumerate(pairs):
        if index == 0:
            yield title, ""
        yield f"  {name}:", value


def _locations(artifacts: Iterable[JsonObject]) -> Iterator[tuple[str, str]]:
    for artifact in artifacts:
        location = next((v for v in artifact.values() if isinstance(v, dict) and "key" in v), {})
        yield artifact["name"], location.get("key", "")
