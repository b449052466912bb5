"""The node field selector of resume, stop, retry and set: `displayName=a,phase!=Failed`.

Source: k8s apimachinery fields.ParseSelector; Argo workflow/util SelectorMatchesNode;
language.md 13.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tiphys.expr.errors import SelectorError

_TERM_END: Final = re.compile(r"((?:[^\\,]|\\.)*)(?:,|\Z)", re.DOTALL)
_OPERATORS: Final = ("!=", "==", "=")


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One `field operator value`."""

    field: str
    equal: bool
    value: str

    def __str__(self) -> str:
        escaped = re.sub(r"[\\,=]", r"\\\g<0>", self.value)
        return f"{self.field}{'=' if self.equal else '!='}{escaped}"


@dataclass(frozen=True, slots=True)
class NodeFieldSelector:
    """All terms must hold; no terms match every node."""

    terms: tuple[FieldTerm, ...]

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Return whether a node matches; `fields` maps a field to its text, absent is empty."""
        return all((fields.get(term.field, "") == term.value) == term.equal for term in self.terms)

    def __str__(self) -> str:
        return ",".join(str(term) for term in sorted(self.terms, key=lambda term: term.field))


def parse_node_fields(text: str) -> NodeFieldSelector:
    """Return the selector; raises SelectorError with Kubernetes' text."""
    terms: list[FieldTerm] = []
    position = 0
    while position < len(text):
        match = _TERM_END.match(text, position)
        term = match[1] if match else text[position:]
        position = match.end() if match else len(text)
        if term:
            terms.append(_term(term, text))
    return NodeFieldSelector(tuple(terms))


def _term(term: str, text: str) -> FieldTerm:
    for place in range(len(term)):
        for operator in _OPERATORS:
            if term.startswith(operator, place):
                value = _unescape(term[place + len(operator) :])
                return FieldTerm(term[:place], operator != "!=", value)
    raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")


def _unescape(value: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(value):
        char = value[position]
        if char == "\\":
            following = value[position + 1 : position + 2]
            if following not in ("\\", ",", "=") or not following:
                shown = f"\\{following}"
                raise SelectorError(f"invalid field selector: invalid escape sequence: {shown}")
            char = following
            position += 1
        elif char in ",=":
            raise SelectorError(
                f"invalid field selector: unescaped character in value: {ord(char)}"
            )
        parts.append(char)
        position += 1
    return "".join(parts)
