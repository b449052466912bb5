"""Documents to structs: one walk that finds everything wrong, then the conversion.

`inspect` tells all; `codec` offers the short ways. What Argo would print for the findings is
`argo_text`. Whether the document makes sense is not asked here (see `tiphys.compile.validate`).
Source: reference/validation.md 16.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import msgspec

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json, JsonObject, Model
from tiphys.model.documents import Document
from tiphys.model.shapes import Path, ProblemKind, Spot, go_kind, shape_of, shape_of_table
from tiphys.model.workload_fields import WORKLOADS

_Made = TypeVar("_Made", bound=Model)

_REMOVED: Final[dict[tuple[str, str], str]] = {
    ("Synchronization", "mutex"): "removed in Argo 4.0: write `mutexes: [{name: ...}]`",
    ("Synchronization", "semaphore"): "removed in Argo 4.0: write `semaphores: [...]`",
    ("CronWorkflowSpec", "schedule"): "removed in Argo 4.0: write `schedules: [...]`",
    ("WorkflowSpec", "podPriority"): "removed in Argo 3.7: use `podPriorityClassName`",
    ("Template", "priority"): "removed in Argo 3.7: use `priorityClassName`",
}


@dataclass(frozen=True, slots=True)
class DecodeFinding(Finding):
    """A finding of the reader; `kind` and `order` say how and when Argo would show it."""

    kind: ProblemKind = "type"
    order: int = 0


@dataclass(frozen=True, slots=True)
class Decoded(Generic[_Made]):
    """A struct, if one could be made, and what is wrong or odd, in Argo's order."""

    value: _Made | None
    findings: tuple[DecodeFinding, ...]
    warnings: tuple[DecodeFinding, ...]


def inspect(document: Document, struct: type[_Made], strict: bool = True) -> Decoded[_Made]:
    """Return the document as `struct` with every finding; never raises for its content.

    Strict refuses unknown fields and duplicate keys; otherwise they are warnings and the case of
    keys does not matter. Source: reference/validation.md 16.
    """
    walk = _Collector(document, strict)
    if not document.is_json:
        # Go sees YAML after a detour through sorted JSON; duplicates stop it before.
        walk.duplicates()
    try:
        plain = shape_of(struct).read(document.value, Spot(strict=strict), walk)
        if document.is_json:
            walk.duplicates()
        findings = tuple(walk.findings)
        made = None if findings else msgspec.convert(plain, struct)
    except RecursionError:
        walk.report("type", "exceeded max depth", Spot())
        return Decoded(None, tuple(walk.findings), ())
    return Decoded(made, findings, tuple(walk.warnings))


def inspect_workload(document: Document) -> tuple[DecodeFinding, ...]:
    """Return the unknown fields and wrong types of a Job or a Pod; nothing of other kinds.

    Source: kubectl, whose `--validate` is strict unless it is told otherwise.
    """
    name = f"{document.value.get('apiVersion')} {document.kind}"
    if name not in WORKLOADS:
        return ()
    walk = _Collector(document, strict=True)
    try:
        shape_of_table(name).read(document.value, Spot(strict=True), walk)
    except RecursionError:
        walk.report("type", "exceeded max depth", Spot())
    return tuple(walk.findings)


def convert(value: Json, struct: type[_Made], strict: bool = False) -> _Made:
    """Return JSON that came from elsewhere (an API, a store) as `struct`.

    Raises InvalidDocument with every finding.
    """
    if not isinstance(value, dict):
        reason = f"json: cannot unmarshal {go_kind(value)} into Go value of type v1alpha1"
        raise InvalidDocument([Finding(f"{reason}.{struct.__name__}")])
    document = Document(value, is_json=True)
    made = inspect(document, struct, strict)
    if made.value is None:
        raise InvalidDocument(in_document_order(made.findings))
    return made.value


def argo_text(findings: Iterable[Finding]) -> str:
    """Return the one line Argo prints for the findings of one document.

    A type error hides all others; a step's unknown field hides those of strict decoding.
    Source: sigs.k8s.io/json UnmarshalStrict, argo workflow/common/parse.go.
    """
    every = sorted(findings, key=_argo_order)
    by_kind: dict[str, list[str]] = {}
    for item in every:
        kind = item.kind if isinstance(item, DecodeFinding) else "type"
        by_kind.setdefault(kind, []).append(item.reason)
    if "yaml duplicate" in by_kind:
        return "\n  ".join(["yaml: unmarshal errors:", *by_kind["yaml duplicate"]])
    for kind in ("step", "type"):
        if kind in by_kind:
            return by_kind[kind][0]
    rest = [item.reason for item in every]
    return f"strict decoding error: {', '.join(rest)}" if rest else ""


def in_document_order(findings: Iterable[DecodeFinding]) -> list[Finding]:
    """Return the findings as a reader of the file meets them."""
    return [*sorted(findings, key=lambda item: (item.line, item.column, item.order))]


def _argo_order(finding: Finding) -> int:
    return finding.order if isinstance(finding, DecodeFinding) else 0


def path_text(path: Path) -> str:
    """Return a path as people write it: `spec.templates[0].container`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(slots=True)
class _Collector:
    """The walk's notebook for one document."""

    document: Document
    strict: bool
    findings: list[DecodeFinding] = field(default_factory=list)
    warnings: list[DecodeFinding] = field(default_factory=list)

    def report(self, kind: ProblemKind, reason: str, spot: Spot, hint: str = "") -> None:
        self._note(kind, reason, spot.path, hint, of_key=False)

    def unknown(self, key: str, known: Iterable[str], struct: str, spot: Spot) -> None:
        path = (*spot.path, key)
        hint = _REMOVED.get((struct, key)) or suggestion(key, known)
        if struct == "WorkflowStep" and not spot.strict and spot.in_step:
            reason = f'json: unknown field "{key}"'
            self._note("step", reason, path, hint, of_key=True)
            return
        kind: ProblemKind = "unknown" if spot.strict else "warning"
        self._note(kind, f'unknown field "{path_text(path)}"', path, hint, of_key=True)

    def keys(self, value: JsonObject) -> Iterable[str]:
        return value if self.document.is_json else sorted(value)

    def duplicates(self) -> None:
        # Differs: Argo drops a YAML document with a key written twice without a word.
        for item in self.document.duplicates:
            path = path_text(item.path)
            line = item.place[0]
            kind: ProblemKind = "yaml duplicate"
            reason = f'line {line}: key "{item.key}" already set in map'
            if self.document.is_json:
                kind, reason = "duplicate", f'duplicate field "{path}"'
            hint = "the key is written twice; the last one would win"
            self._note(kind if self.strict else "warning", reason, item.path, hint, of_key=True)

    def _note(self, kind: ProblemKind, reason: str, path: Path, hint: str, of_key: bool) -> None:
        document = self.document
        line, column = document.place(path, of_key)
        made = DecodeFinding(reason, document.file, line, column, path_text(path), hint, kind=kind)
        (self.warnings if kind == "warning" else self.findings).append(made)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "did you mean `x`?" for the known word nearest to `word`, or nothing."""
    choices = {item.lower(): item for item in known}
    near = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean `{choices[near[0]]}`?" if near else ""
