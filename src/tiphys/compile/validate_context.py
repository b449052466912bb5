"""What every check shares: the findings so far, the place being checked, what is known globally.

Argo stops at the first error; we go on where the next thing is independent. `fail` notes a
finding and gives up the current `unit`; the first finding is always the one Argo would print.
Source: reference/validation.md 1, 2 and 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from tiphys.compile.references import TemplateStore
from tiphys.errors import Finding
from tiphys.model.codec import Document
from tiphys.model.decode import path_text
from tiphys.model.shapes import Path
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import Template


@dataclass(frozen=True, slots=True)
class Options:
    """How to check. Source: reference/validation.md 1.

    `lint`: spec arguments may lack values. `submit`: no leniency for resubmitted templates.
    `offline`: missing documents are named as the offline linter names them. `sources`: the text
    the documents came from, by scope ("" is the checked one), for lines and columns.
    """

    lint: bool = False
    submit: bool = False
    offline: bool = False
    namespace: str = ""
    default_labels: frozenset[str] = frozenset()
    default_annotations: frozenset[str] = frozenset()
    sources: Mapping[str, Document] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in one of the documents; scope "" is the one being checked."""

    scope: str
    path: Path

    def at(self, *parts: str | int) -> Spot:
        """Return the place `parts` further inside."""
        return Spot(self.scope, (*self.path, *parts))


class Stop(Exception):  # not an error: the unit is given up, its finding is noted
    """The current unit of checking is over."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A template that was found, and where."""

    template: Template
    scope: str
    """The scope its own references are looked up in."""
    spot: Spot
    key: str
    """Same key, same template; for checking each once."""


@dataclass(slots=True)
class Checker:
    """The state of one validation."""

    options: Options
    store: TemplateStore
    spec: WorkflowSpec
    root: Path = ("spec",)
    """Where `spec` stands in the checked document."""
    base_scope: str = ""
    """Where the entrypoint's templates are: "" or that of the workflowTemplateRef."""
    is_template: bool = False
    """A (Cluster)WorkflowTemplate is checked: the values of its parameters may come later."""
    is_cluster: bool = False
    globals: set[str] = field(default_factory=set)
    any_output_parameter: bool = False
    any_output_artifact: bool = False
    seen: dict[str, None] = field(default_factory=dict)
    torn: set[Spot] = field(default_factory=set)
    """Templates of which it is noted that a `{{` has no `}}`: once is enough."""
    findings: list[Finding] = field(default_factory=list)
    _prefixes: list[str] = field(default_factory=list)
    _noted: set[tuple[Spot, str]] = field(default_factory=set)

    def note(self, rule: str, reason: str, spot: Spot, hint: str = "") -> None:
        """Keep a finding, once per place, under the prefixes of the callers.

        `rule` is its number in reference/validation.md.
        """
        if (spot, reason) in self._noted:
            return
        self._noted.add((spot, reason))
        source = self.options.sources.get(spot.scope)
        line, column = source.place(spot.path) if source is not None else (0, 0)
        text = "".join(self._prefixes) + reason
        path = f"{spot.scope}: {path_text(spot.path)}" if spot.scope else path_text(spot.path)
        file = source.file if source is not None else ""
        self.findings.append(Finding(text, file, line, column, path, hint, rule=rule))

    def fail(self, rule: str, reason: str, spot: Spot, hint: str = "") -> NoReturn:
        """Keep a finding and give up the current unit."""
        self.note(rule, reason, spot, hint)
        raise Stop

    def is_torn(self, spot: Spot) -> bool:
        """Return whether a place lies in a template of which a tag has no end."""
        parts = range(len(spot.path) + 1)
        return bool(self.torn) and any(
            Spot(spot.scope, spot.path[:count]) in self.torn for count in parts
        )

    @contextmanager
    def unit(self, prefix: str = "") -> Iterator[None]:
        """Check something on its own: what fails inside does not stop what comes after."""
        self._prefixes.append(prefix)
        try:
            yield
        except Stop:
            pass
        finally:
            self._prefixes.pop()

    @contextmanager
    def under(self, prefix: str) -> Iterator[None]:
        """Put `prefix` before every reason noted inside; failures pass through."""
        self._prefixes.append(prefix)
        try:
            yield
        finally:
            self._prefixes.pop()

    def spec_of(self, scope: str) -> WorkflowSpec | None:
        """Return the spec of a scope."""
        if not scope:
            return self.spec
        document = self.store.get(scope)
        return None if document is None else document.spec

    def spec_spot(self, scope: str) -> Spot:
        """Return where the spec of a scope stands."""
        return Spot(scope, ("spec",) if scope else self.root)
