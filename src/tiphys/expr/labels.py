"""Kubernetes label selectors. Source: k8s apimachinery labels/selector.go; language.md 13.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import SelectorError
from tiphys.expr.gotext import quote, to_bytes

_TOKEN: Final = re.compile(r"\s*(==|!=|[=!()<>,]|[^\s=!()<>,]+|\Z)")
_SYMBOLS: Final = frozenset({"=", "==", "!=", "!", "(", ")", "<", ">", ",", ""})
_OPERATORS: Final = {"=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z", re.ASCII)
_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z", re.ASCII)
_DOMAIN: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z", re.ASCII
)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)
_BAD_NAME: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_BAD_VALUE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',"
    "  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_BAD_DOMAIN: Final = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
    "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
    "'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_BAD_QUALIFIED: Final = (
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
    "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS "
    "subdomain prefix and '/' (e.g. 'example.com/MyName')"
)


def name_fault(key: str) -> str | None:
    """Return why a label key is not valid, None when it is. Source: validation.IsQualifiedName."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return _BAD_QUALIFIED
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and (len(prefix) > 253 or not _DOMAIN.match(prefix)):
        return _BAD_DOMAIN
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 bytes"
    return None if _NAME.match(name) else _BAD_NAME


def value_fault(value: str) -> str | None:
    """Return why a label value is not valid, None when it is."""
    if len(to_bytes(value)) > 63:
        return "must be no more than 63 bytes"
    return None if _VALUE.match(value) else _BAD_VALUE


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term; `operator` is one of in, notin, =, ==, !=, gt, lt, exists and !."""

    key: str
    operator: str
    values: tuple[str, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels fulfil the term."""
        value = labels.get(self.key)
        if self.operator in ("!=", "notin"):
            return value is None or value not in self.values
        if self.operator == "!":
            return value is None
        if value is None:
            return False
        if self.operator in ("gt", "lt"):
            return self._compares(value)
        return self.operator == "exists" or value in self.values

    def _compares(self, value: str) -> bool:
        if not _INTEGER.match(value):
            return False
        wanted = int(self.values[0])
        return int(value) > wanted if self.operator == "gt" else int(value) < wanted

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({','.join(self.values)})"
        symbol = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
        return f"{self.key}{symbol}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold; no requirements match everything."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels are selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


@lru_cache(maxsize=512)
def parse_labels(text: str) -> LabelSelector:
    """Return the selector, its requirements sorted by key.

    Raises SelectorError with Kubernetes' text.
    """
    found = _Parser(text).selector()
    return LabelSelector(tuple(sorted(found, key=lambda requirement: requirement.key)))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        while match := _TOKEN.match(text, position):
            self._tokens.append(match[1])
            position = match.end()
            if not match[1]:
                break
        self._position = 0

    def _peek(self) -> str:
        return self._tokens[min(self._position, len(self._tokens) - 1)]

    def _next(self) -> str:
        word = self._peek()
        self._position += 1
        return word

    def selector(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._peek():
            word = self._peek()
            if word in _SYMBOLS and word != "!":
                raise _unexpected(word, "!, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except SelectorError as error:
                message = f"unable to parse requirement: {error.message}"
                raise SelectorError(message) from error
            word = self._next()
            if not word:
                break
            if word != ",":
                raise _unexpected(word, "',' or 'end of string'")
            following = self._peek()
            if following in _SYMBOLS and following != "!":
                raise _unexpected(following, "identifier after ','")
        return found

    def _requirement(self) -> Requirement:
        key = self._next()
        negated = key == "!"
        if negated:
            key = self._next()
        if key in _SYMBOLS:
            raise _unexpected(key, "identifier")
        problem = name_fault(key)
        if problem is not None:
            raise SelectorError(f"<nil>: Invalid value: {quote(key)}: {problem}")
        if negated:
            return Requirement(key, "!", ())
        if self._peek() in ("", ","):
            return Requirement(key, "exists", ())
        return self._with_operator(key)

    def _with_operator(self, key: str) -> Requirement:
        operator = self._next()
        if operator in ("in", "notin"):
            values = tuple(sorted(self._values()))
        elif operator in _OPERATORS:
            operator = _OPERATORS[operator]
            values = (self._value(),)
        else:
            raise _unexpected(operator, "in, notin, =, ==, !=, gt, lt")
        if operator in ("gt", "lt") and not _INTEGER.match(values[0]):
            raise SelectorError(
                f"values[0]: Invalid value: {quote(values[0])}: for 'Gt', 'Lt' operators, the "
                "value must be an integer"
            )
        for index, value in enumerate(values):
            problem = value_fault(value)
            if problem is not None:
                place = f"values[{index}][{key}]"
                raise SelectorError(f"{place}: Invalid value: {quote(value)}: {problem}")
        return Requirement(key, operator, values)

    def _value(self) -> str:
        word = self._peek()
        if word in ("", ","):
            return ""
        self._next()
        if word in _SYMBOLS:
            raise _unexpected(word, "identifier")
        return word

    def _values(self) -> set[str]:
        word = self._next()
        if word != "(":
            raise _unexpected(word, "'('")
        values: set[str] = set()
        expecting = True
        while (word := self._next()) != ")":
            if word == ",":
                if expecting:
                    values.add("")
                expecting = True
            elif word in _SYMBOLS:
                raise _unexpected(word, "',' or ')'" if values else "',', ')' or identifier")
            elif not expecting:
                raise _unexpected(word, "',' or ')'")
            else:
                values.add(word)
                expecting = False
        if expecting:
            values.add("")
        return values


def _unexpected(word: str, expected: str) -> SelectorError:
    return SelectorError(f"found '{word}', expected: {expected}")
