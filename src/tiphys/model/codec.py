"""Documents in and out: text to structs, structs to JSON and YAML.

The door of the room: everybody who reads or writes documents comes here. Source:
reference/resources.md 6, validation.md 16.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
import yaml

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json, JsonObject, Model
from tiphys.model.cron import CronWorkflow
from tiphys.model.decode import Decoded, argo_text, convert, in_document_order, inspect, suggestion
from tiphys.model.documents import Document, split_documents
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate
from tiphys.model.yaml_scalars import resolve

__all__ = [
    "KINDS",
    "Decoded",
    "Document",
    "Resource",
    "argo_text",
    "convert",
    "decode",
    "encode",
    "inspect",
    "load",
    "split_documents",
    "struct_of",
    "suggestion",
    "to_json",
    "to_yaml",
]

Resource = (
    Workflow | WorkflowTemplate | ClusterWorkflowTemplate | CronWorkflow | WorkflowEventBinding
)

_TIME: Final = re.compile(
    r"\d{4}-\d\d?-\d\d?"
    r"([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[+-]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d+)?)?"
)
"""What Go's YAML takes for a time. Source: go-yaml v2, resolve.go, parseTimestamp."""
KINDS: Final[dict[str, type[Resource]]] = {
    "Workflow": Workflow,
    "WorkflowTemplate": WorkflowTemplate,
    "ClusterWorkflowTemplate": ClusterWorkflowTemplate,
    "CronWorkflow": CronWorkflow,
    "WorkflowEventBinding": WorkflowEventBinding,
}


def struct_of(kind: str) -> type[Resource] | None:
    """Return the struct of a kind, None when the kind is not ours."""
    return KINDS.get(kind)


def decode(document: Document, strict: bool = True) -> Resource | JsonObject:
    """Return the document as its struct; a kind that is not ours stays free JSON.

    Raises InvalidDocument with every unknown field, wrong type and duplicate key at once.
    """
    struct = struct_of(document.kind)
    if struct is None:
        if not document.kind:
            raise InvalidDocument([_no_kind(document)])
        return document.value
    made = inspect(document, struct, strict)
    if made.value is None:
        raise InvalidDocument(in_document_order(made.findings))
    return made.value


def load(text: str | bytes, file: str = "", strict: bool = True) -> list[Resource | JsonObject]:
    """Return every document of a file; raises InvalidDocument with the findings of all."""
    made: list[Resource | JsonObject] = []
    findings: list[Finding] = []
    for document in split_documents(text, file):
        try:
            made.append(decode(document, strict))
        except InvalidDocument as exc:
            findings += exc.findings
    if findings:
        raise InvalidDocument(findings)
    return made


def encode(value: Model | JsonObject) -> JsonObject:
    """Return a struct as free JSON, the fields Argo always writes included (resources.md 6.1)."""
    made: JsonObject = msgspec.json.decode(msgspec.json.encode(value))
    return made


def to_json(value: Model | Json) -> bytes:
    """Return a struct or free JSON as compact JSON."""
    return msgspec.json.encode(value)


def to_yaml(value: Model | Json) -> str:
    """Return a struct or free JSON as YAML with sorted keys, lists at their key's column.

    Reads back as the same value: texts Go would take for something else are quoted.
    """
    plain = msgspec.json.decode(msgspec.json.encode(value))
    return yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, width=2**30)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at import
    """PyYAML's dumper, quoting what Go's reader resolves and writing long texts as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Write shared values out."""
        return True


def _text_node(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = None
    if "\n" in data:
        style = "|"
    elif _is_other_in_go(data):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _is_other_in_go(data: str) -> bool:
    """Tell whether Go's encoder puts a text in double quotes: plain it is something else."""
    is_text = isinstance(resolve(data, None, True), str)
    return not is_text or data in ("<<", "=") or _TIME.fullmatch(data) is not None


_Dumper.add_representer(str, _text_node)


def _no_kind(document: Document) -> Finding:
    hint = "one of " + ", ".join(KINDS)
    return document.finding("Object 'Kind' is missing", hint=hint)
