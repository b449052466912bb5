"""Files to documents: read, decode, and every finding at once, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tiphys.compile.workloads.admission import check
from tiphys.errors import Finding, InvalidDocument, Unsupported
from tiphys.model.base import JsonObject
from tiphys.model.codec import KINDS, Document, decode, split_documents, struct_of
from tiphys.model.cron import CronWorkflow
from tiphys.model.decode import in_document_order, inspect_workload
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

_NEARLY = 0.85  # Workflw is Workflow; Workload and WorkflowTaskSet are kinds of their own
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name as the user gave it, and its content.

    One without places was made of an object: the user has never seen its lines.
    """

    file: str
    content: bytes
    has_places: bool = True


@dataclass(slots=True)
class Loaded:
    """The documents of some files, by what they are, each with where it came from."""

    workflows: list[tuple[Workflow, Document]] = field(default_factory=list)
    templates: list[tuple[WorkflowTemplate | ClusterWorkflowTemplate, Document]] = field(
        default_factory=list
    )
    crons: list[tuple[CronWorkflow, Document]] = field(default_factory=list)
    bindings: list[tuple[WorkflowEventBinding, Document]] = field(default_factory=list)
    others: list[tuple[JsonObject, Document]] = field(default_factory=list)

    def beside(self) -> list[object]:
        """Return what a workflow may refer to: templates, ConfigMaps."""
        return [*(item for item, _ in self.templates), *(item for item, _ in self.others)]


def load(sources: Iterable[Source], strict: bool = True) -> Loaded:
    """Return the documents of all files. Raises InvalidDocument with everything wrong in them."""
    loaded = Loaded()
    findings: list[Finding] = []
    for source in sources:
        try:
            documents = split_documents(source.content, source.file)
        except InvalidDocument as exc:
            findings += exc.findings
            continue
        for document in documents:
            known = document if source.has_places else replace(document, located=None)
            try:
                _sort(loaded, known, strict)
            except InvalidDocument as exc:
                findings += exc.findings
        if not documents:
            findings.append(Finding("there is no document in it", file=source.file))
    if findings:
        raise InvalidDocument(findings)
    return loaded


def _sort(loaded: Loaded, document: Document, strict: bool) -> None:
    if not document.kind:
        raise InvalidDocument(
            [document.finding("this is no Kubernetes object", hint='it has no "kind"')]
        )
    found = decode(document, strict) if struct_of(document.kind) else document.value
    match found:
        case Workflow():
            loaded.workflows.append((found, document))
        case WorkflowTemplate() | ClusterWorkflowTemplate():
            loaded.templates.append((found, document))
        case CronWorkflow():
            loaded.crons.append((found, document))
        case WorkflowEventBinding():
            loaded.bindings.append((found, document))
        case _:
            wrong = mistyped(document)
            if wrong is not None:
                raise InvalidDocument([wrong])
            check_workload(document, strict)
            loaded.others.append((found, document))


def check_workload(document: Document, strict: bool) -> None:
    """Refuse a Job or Pod that would never run, wherever it comes from.

    Raises InvalidDocument, Unsupported.
    """
    findings = inspect_workload(document) if strict else ()
    if findings:
        raise InvalidDocument(in_document_order(findings))
    try:
        check(document.value)
    except InvalidDocument as exc:
        reasons = [document.finding(item.reason, ("spec",)) for item in exc.findings]
        raise InvalidDocument(reasons) from exc
    except Unsupported as exc:
        reasons = [document.finding(item.reason, ("spec",)) for item in exc.findings]
        raise Unsupported(reasons) from exc


def mistyped(document: Document) -> Finding | None:
    """Return what is wrong with a kind that is nearly one of ours; others are other people's."""
    from difflib import get_close_matches

    known = (*KINDS, "ConfigMap")
    near = () if document.kind in known else get_close_matches(document.kind, known, 1, _NEARLY)
    if not near:
        return None
    reason = f'unknown kind "{document.kind}"'
    found = document.finding(reason, ("kind",), hint=f"did you mean `{near[0]}`?")
    return replace(found, rule="F5")


def placed(findings: Sequence[Finding], document: Document) -> list[Finding]:
    """Return findings with file, line and column, looked up by their path."""
    found = []
    for item in findings:
        if item.line or not item.path:
            found.append(replace(item, file=item.file or document.file))
            continue
        place = document.place(path_of(item.path))
        found.append(replace(item, file=document.file, line=place[0], column=place[1]))
    return found


def path_of(text: str) -> tuple[str | int, ...]:
    """Return "spec.templates[0].name" as a path of keys and indexes."""
    return tuple(int(index) if index else name for name, index in _PART.findall(text))
