"""Lint: every finding of every document of some files, and of the files together.

Source: reference/validation.md 16, 17; argo cmd/argo/lint/lint.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from tiphys.compile.references import TemplateStore, template_store
from tiphys.compile.validate import validate
from tiphys.compile.validate_context import Options
from tiphys.compile.warn import warn
from tiphys.errors import Finding, InvalidDocument
from tiphys.model.codec import (
    Document,
    Resource,
    argo_text,
    inspect,
    split_documents,
    struct_of,
)
from tiphys.model.decode import Decoded, DecodeFinding
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.mending import Mended, mend
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
    "workfloweventbindings": "WorkflowEventBinding",
    "wfeb": "WorkflowEventBinding",
}
_TEMPLATES: Final = ("WorkflowTemplate", "ClusterWorkflowTemplate")
_REFUSED: Final = ("TIP601", "TIP602")
"""The warnings that a cluster refuses what is accepted here."""
_READING: Final = {
    "type": "F2",
    "step": "F3",
    "unknown": "F3",
    "duplicate": "F4",
    "yaml duplicate": "F4",
}
"""The rule of what the reader finds."""
_MOST_MENDED: Final = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one document.

    `text` is what Argo would print, "" if it is content; `findings` is everything, Argo's error
    first, then the other errors, then the warnings.
    """

    label: str
    kind: str
    text: str
    findings: Sequence[Finding]


@dataclass(slots=True)
class Report:
    """What is said of one file; `checked` counts the documents that could be checked."""

    file: str
    checked: int = 0
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _How:
    """How documents are checked, and by whom."""

    strict: bool
    warnings: bool
    judge: Judge | None


@dataclass(frozen=True, slots=True)
class _Library:
    """The template documents of all files, each with its namespace."""

    members: Sequence[tuple[str, Resource]]
    stores: dict[str, TemplateStore] = field(default_factory=dict)

    def of(self, namespace: str) -> TemplateStore:
        """Return what a document of a namespace may refer to; no namespace means any."""
        store = self.stores.get(namespace)
        if store is None:
            store = template_store(
                item
                for place, item in self.members
                if not (place and namespace) or place == namespace
            )
            self.stores[namespace] = store
        return store


def wanted_kinds(text: str) -> frozenset[str]:
    """Return the kinds that `--kinds` names. Raises InvalidDocument."""
    words = [word for word in text.split(",") if word]
    if any("all" in word for word in words):
        return frozenset(_KINDS.values())
    for word in words:
        if word not in _KINDS:
            raise InvalidDocument([Finding(f"unknown kind: {word}")])
    return frozenset(_KINDS[word] for word in words)


Judge: TypeAlias = Callable[[Resource], str]
"""Says what is wrong with a document, "" if nothing is: a server that knows what it keeps."""


def lint(
    sources: Iterable[Source],
    kinds: frozenset[str],
    strict: bool = True,
    warnings: bool = True,
    judge: Judge | None = None,
) -> list[Report]:
    """Return a report for each file; references are looked up in all of them together.

    With a `judge` its word on each document that can be read stands for all of that; event bindings
    no server checks.
    Differs: Argo checks no event bindings.
    """
    how = _How(strict, warnings, judge)
    read: list[tuple[Report, list[Document]]] = []
    for source in sources:
        report = Report(source.file)
        documents: list[Document] = []
        try:
            documents = split_documents(source.content, source.file)
        except InvalidDocument as exc:
            found = [replace(item, rule="F1") for item in exc.findings]
            report.verdicts.append(Verdict("", "", found[0].reason, found))
        read.append((report, documents))
    library, twice = _library(document for _, documents in read for document in documents)
    for report, documents in read:
        for document in documents:
            wrong = [item for item in (mistyped(document), twice.get(id(document))) if item]
            if document.kind in kinds:
                report.checked += 1
                wrong += _check(document, library.of(document.namespace), how)
            if wrong:
                report.verdicts.append(_verdict(document, wrong))
    return [report for report, _ in read]


def _verdict(document: Document, findings: list[Finding]) -> Verdict:
    errors = [item for item in findings if item.severity == "error"]
    read = [item for item in errors if isinstance(item, DecodeFinding)]
    text = argo_text(read) if read and errors[0] in read else errors[0].reason if errors else ""
    return Verdict(document.label, document.kind, text, findings)


def _library(documents: Iterable[Document]) -> tuple[_Library, dict[int, Finding]]:
    """Return the templates, and what is wrong with those that are given twice."""
    members: list[tuple[str, Resource]] = []
    seen: set[tuple[str, str, str]] = set()
    twice: dict[int, Finding] = {}
    for document in documents:
        struct = struct_of(document.kind) if document.kind in _TEMPLATES else None
        value = None if struct is None else _as_meant(document, struct)
        if value is None:
            continue
        is_cluster = document.kind == "ClusterWorkflowTemplate"
        namespace = "" if is_cluster else document.namespace
        key = (document.kind, namespace, document.name)
        if key in seen and document.name:
            # Differs: Argo gives up all files with this text.
            reason = f'duplicate {document.kind} found: "{document.name}"'
            found = document.finding(reason, ("metadata", "name"))
            twice[id(document)] = replace(found, rule="F6")
        seen.add(key)
        members.append((namespace, value))
    return _Library(members), twice


def _as_meant(document: Document, struct: type[Resource]) -> Resource | None:
    """Return a template document; what has a wrong type in it is left out if it can be."""
    found = inspect(document, struct, strict=False)
    mended = mend(document, found.findings) if found.value is None else None
    return found.value if mended is None else inspect(mended, struct, strict=False).value


def _check(document: Document, store: TemplateStore, how: _How) -> list[Finding]:
    """Return what is wrong and what is odd, in that order."""
    struct = struct_of(document.kind)
    if struct is None:
        return []
    decoded = inspect(document, struct, how.strict)
    found: list[Finding] = [_numbered(item) for item in decoded.findings]
    odd: list[Finding] = [_as_warning(item) for item in decoded.warnings]
    meant, below, decoded = _meant(document, struct, decoded, how.strict)
    found += below
    if (value := decoded.value) is not None:
        others = _judged(meant, value, store, how)
        found += [item for item in others if not (isinstance(meant, Mended) and meant.misses(item))]
        odd += _more_than(found, warn(value, store, meant)) if how.warnings else []
    return [*found, *odd] if how.warnings else found


def _meant(
    document: Document, struct: type[Resource], decoded: Decoded[Resource], strict: bool
) -> tuple[Document, list[Finding], Decoded[Resource]]:
    """Return a document as it was probably meant, what of that cannot be read, and what can.

    Below a field that nobody knows nothing is read before its name is mended.
    """
    below: list[Finding] = []
    for _ in range(_MOST_MENDED):
        mended = mend(document, decoded.findings) if decoded.findings else None
        if mended is None:
            break
        document, decoded = mended, inspect(mended, struct, strict)
        below += [_plain(item, _READING[item.kind]) for item in decoded.findings]
    if decoded.findings:
        decoded = inspect(document, struct, strict=False)
    return document, below, decoded


def _more_than(errors: Iterable[Finding], odd: Iterable[Finding]) -> Iterator[Finding]:
    """Return the warnings that say more than an error at their place: not that a cluster refuses.

    Source: reference/validation.md 18.
    """
    wrong = {item.path for item in errors}
    return (item for item in odd if item.rule not in _REFUSED or item.path not in wrong)


def _judged(
    document: Document, value: Resource, store: TemplateStore, how: _How
) -> Sequence[Finding]:
    """Return what is wrong with a document that can be read."""
    if how.judge is not None and not isinstance(value, WorkflowEventBinding):
        said = how.judge(value)
        return [document.finding(said, ())] if said else []
    sources = {"": document}
    options = Options(lint=True, offline=True, namespace=document.namespace, sources=sources)
    return validate(value, store, options)


def _numbered(finding: DecodeFinding) -> Finding:
    return replace(finding, rule=_READING[finding.kind])


def _as_warning(finding: DecodeFinding) -> Finding:
    rule = "TIP701" if finding.reason.startswith("unknown field") else "TIP702"
    says = " is dropped" if rule == "TIP701" else ""
    return replace(_plain(finding, rule), reason=finding.reason + says, severity="warning")


def _plain(finding: DecodeFinding, rule: str) -> Finding:
    """Return a finding of the reader that Argo does not show."""
    return Finding(
        finding.reason,
        finding.file,
        finding.line,
        finding.column,
        finding.path,
        finding.hint,
        rule=rule,
    )
