"""Lint: every finding of every document of some files, and of the files together.

Source: reference/validation.md 16, 17; argo cmd/argo/lint/lint.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tiphys.compile.references import TemplateStore, template_store
from tiphys.compile.validate import validate
from tiphys.compile.validate_context import Options
from tiphys.errors import Finding, InvalidDocument
from tiphys.model.codec import Document, argo_text, inspect, split_documents, struct_of
from tiphys.service.documents import Source, mistyped

_KINDS = {
    "workflows": "Workflow",
    "wf": "Workflow",
    "workflowtemplates": "WorkflowTemplate",
    "wftmpl": "WorkflowTemplate",
    "cronworkflows": "CronWorkflow",
    "cronwf": "CronWorkflow",
    "clusterworkflowtemplates": "ClusterWorkflowTemplate",
    "cwftmpl": "ClusterWorkflowTemplate",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one document: Argo's text, and ours with places and hints."""

    label: str
    kind: str
    text: str
    findings: Sequence[Finding]


@dataclass(slots=True)
class Report:
    """The faults of one file; `checked` counts the documents that could be checked."""

    file: str
    checked: int = 0
    faults: list[Fault] = field(default_factory=list)


def wanted_kinds(text: str) -> frozenset[str]:
    """Return the kinds that `--kinds` names. Raises InvalidDocument."""
    words = [word for word in text.split(",") if word]
    if any("all" in word for word in words):
        return frozenset(_KINDS.values())
    for word in words:
        if word not in _KINDS:
            raise InvalidDocument([Finding(f"unknown kind: {word}")])
    return frozenset(_KINDS[word] for word in words)


def lint(sources: Iterable[Source], kinds: frozenset[str], strict: bool = True) -> list[Report]:
    """Return a report for each file; references are looked up in all of them together."""
    read: list[tuple[Report, list[Document]]] = []
    for source in sources:
        report = Report(source.file)
        documents: list[Document] = []
        try:
            documents = split_documents(source.content, source.file)
        except InvalidDocument as exc:
            text = exc.findings[0].reason
            report.faults.append(Fault("", "", text, exc.findings))
        read.append((report, documents))
    store = _store(document for _, documents in read for document in documents)
    for report, documents in read:
        for document in documents:
            wrong = mistyped(document)
            if wrong is not None:
                fault = Fault(document.label, document.kind, wrong.reason, [wrong])
                report.faults.append(fault)
            if document.kind in kinds:
                report.checked += 1
                _check(report, document, store, strict)
    return [report for report, _ in read]


def _store(documents: Iterable[Document]) -> TemplateStore:
    found = []
    for document in documents:
        struct = struct_of(document.kind)
        value = None if struct is None else inspect(document, struct, strict=False).value
        if value is not None:
            found.append(value)
    return template_store(found)


def _check(report: Report, document: Document, store: TemplateStore, strict: bool) -> None:
    struct = struct_of(document.kind)
    if struct is None:
        return
    decoded = inspect(document, struct, strict)
    if decoded.findings:
        text = argo_text(decoded.findings)
        report.faults.append(Fault(document.label, document.kind, text, decoded.findings))
    if decoded.value is None or decoded.findings:
        return
    options = Options(lint=True, offline=True, namespace=document.namespace, sources={"": document})
    for finding in validate(decoded.value, store, options):
        report.faults.append(Fault(document.label, document.kind, finding.reason, [finding]))
