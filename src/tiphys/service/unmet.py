"""Templates that a workflow refers to and no file has: the hint to name one more file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from tiphys.errors import Finding
from tiphys.model.base import Json
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

_REFERENCES = ("templateRef", "workflowTemplateRef")


def with_hints(
    findings: Sequence[Finding], workflow: Workflow, documents: Sequence[object], file: str
) -> list[Finding]:
    """Return findings; those about a template that is in no file say how to add one."""
    templates = [
        item for item in documents if isinstance(item, WorkflowTemplate | ClusterWorkflowTemplate)
    ]
    there = {item.metadata.name for item in templates}
    wanted = msgspec.json.decode(msgspec.json.encode([workflow, *templates]))
    unmet = {f'"{name}"' for name in _references(wanted) if name not in there}
    given = "-" if file == "stdin" else file
    hint = f"name the file that has it as well: tiphys run {given} FILE"
    return [
        replace(item, hint=hint)
        if not item.hint and any(name in item.reason for name in unmet)
        else item
        for item in findings
    ]


def _references(value: Json) -> Iterator[str]:
    """Yield the names of all stored templates that a document refers to."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _REFERENCES and isinstance(item, dict):
                yield str(item.get("name"))
            yield from _references(item)
