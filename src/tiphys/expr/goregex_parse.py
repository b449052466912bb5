"""Parse a Go regular expression and write it as one for Python's `re`.

Source: Go regexp/syntax parse.go; language.md 17. Only `goregex` calls this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from tiphys.expr.errors import RegexError
from tiphys.expr.goregex_class import PERL, parse_class, unicode_class
from tiphys.expr.goregex_tree import Char, Choice, Edge, Group, Regex, Repeat, Run

_MAX_DEPTH: Final = 150
_MAX_REPEAT: Final = 1000
_COUNT: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}", re.ASCII)
_NAME: Final = re.compile(r"\w+\Z")
_CONTROL: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FLAGS: Final = "imsU"


@dataclass(slots=True)
class Translation:
    """The tree, the number of groups, and the name of each named group by its number."""

    tree: Regex
    groups: int
    names: dict[int, str]


def fault(kind: str, text: str) -> RegexError:
    """Return Go's error for a pattern."""
    return RegexError(f"error parsing regexp: {kind}: `{text}`")


def translate(pattern: str) -> Translation:
    """Return the pattern as a tree whose leaves are written for `re`; raises RegexError."""
    parser = _Parser(pattern)
    tree, _ = parser.alternation(frozenset(), 0)
    if parser.position < len(pattern):
        raise fault("unexpected )", pattern[parser.position :])
    return Translation(tree, parser.groups, parser.names)


@dataclass(slots=True)
class _Parser:
    pattern: str
    position: int = 0
    groups: int = 0
    names: dict[int, str] = field(default_factory=dict)

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.position)

    def alternation(self, flags: frozenset[str], depth: int) -> tuple[Regex, int]:
        """Parse up to the end or a closing parenthesis; the int is the largest repeat inside."""
        if depth > _MAX_DEPTH:
            raise RegexError(f"error parsing regexp: expression nests too deeply: `{self.pattern}`")
        options: list[list[Regex]] = [[]]
        largest = 1
        while self.position < len(self.pattern) and not self.peek(")"):
            if self.peek("|"):
                self.position += 1
                options.append([])
                continue
            changed = self._flag_change(flags)
            if changed is not None:
                flags = changed
                continue
            atom, inside = self._atom(flags, depth)
            atom, inside = self._repeats(atom, inside, flags)
            largest = max(largest, inside)
            options[-1].append(atom)
        runs = tuple(Run(tuple(items)) for items in options)
        return (Choice(runs) if len(runs) > 1 else runs[0]), largest

    def _flag_change(self, flags: frozenset[str]) -> frozenset[str] | None:
        """Consume `(?flags)` and return the new flags; None when something else stands here."""
        if not self.peek("(?") or self.peek("(?P<") or self.peek("(?<"):
            return None
        end, changed, colon = self._read_flags(flags)
        if colon:
            return None
        self.position = end
        return changed

    def _read_flags(self, flags: frozenset[str]) -> tuple[int, frozenset[str], bool]:
        start = self.position
        position = start + 2
        result = set(flags)
        negative = seen = False
        while position < len(self.pattern):
            char = self.pattern[position]
            position += 1
            if char in _FLAGS:
                (result.discard if negative else result.add)(char)
                seen = True
            elif char == "-" and not negative:
                negative, seen = True, False
            elif char in ":)":
                if negative and not seen:
                    break
                return position, frozenset(result), char == ":"
            else:
                break
        raise fault("invalid or unsupported Perl syntax", self.pattern[start:position])

    def _atom(self, flags: frozenset[str], depth: int) -> tuple[Regex, int]:
        char = self.pattern[self.position]
        if char == "(":
            return self._group(flags, depth)
        if char in "*+?":
            raise fault("missing argument to repetition operator", char)
        if char == "{" and (count := _COUNT.match(self.pattern, self.position)):
            raise fault("missing argument to repetition operator", count.group())
        if char == "[":
            text, self.position = parse_class(self.pattern, self.position)
            return Char(_fold(text, flags)), 1
        if char == "\\":
            return self._escape(flags), 1
        self.position += 1
        return _simple(char, flags), 1

    def _group(self, flags: frozenset[str], depth: int) -> tuple[Regex, int]:
        capture = True
        if self.peek("(?P<") or self.peek("(?<"):
            self._name()
        elif self.peek("(?"):
            self.position, flags, _ = self._read_flags(flags)
            capture = False
        else:
            self.groups += 1
            self.position += 1
        index = self.groups if capture else 0
        body, largest = self.alternation(flags, depth + 1)
        if not self.peek(")"):
            raise fault("missing closing )", self.pattern)
        self.position += 1
        return Group(index, body), largest

    def _name(self) -> None:
        start = self.position
        end = self.pattern.find(">", start)
        if end < 0:
            raise fault("invalid named capture", self.pattern[start:])
        name = self.pattern[self.pattern.index("<", start) + 1 : end]
        if not _NAME.match(name):
            raise fault("invalid named capture", self.pattern[start : end + 1])
        self.groups += 1
        self.names[self.groups] = name
        self.position = end + 1

    def _repeats(self, atom: Regex, inside: int, flags: frozenset[str]) -> tuple[Regex, int]:
        start = self.position
        operator = self._operator()
        if operator is None:
            return atom, inside
        low, high = operator
        lazy = self.peek("?")
        self.position += lazy
        text = self.pattern[start : self.position]
        if high > _MAX_REPEAT or low > high >= 0 or low > _MAX_REPEAT:
            raise fault("invalid repeat count", text)
        if self.peek("*") or self.peek("+") or self.peek("?") or self._count() is not None:
            self._operator()
            raise fault("invalid nested repetition operator", self.pattern[start : self.position])
        largest = inside * max(low, high, 1) if text[0] == "{" else inside
        if largest > _MAX_REPEAT:
            raise fault("invalid repeat count", text)
        return Repeat(atom, low, high, lazy != ("U" in flags)), largest

    def _count(self) -> re.Match[str] | None:
        return _COUNT.match(self.pattern, self.position)

    def _operator(self) -> tuple[int, int] | None:
        """Consume a repetition operator; -1 means no upper bound."""
        char = self.pattern[self.position : self.position + 1]
        simple = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}.get(char)
        if simple is not None:
            self.position += 1
            return simple
        count = self._count()
        if count is None:
            return None
        self.position = count.end()
        low = int(count[1][:9])
        if count[2] is None:
            return low, low
        return low, int(count[3][:9]) if count[3] else -1

    def _escape(self, flags: frozenset[str]) -> Regex:
        start = self.position
        if start + 1 == len(self.pattern):
            raise fault("trailing backslash at end of expression", "")
        char = self.pattern[start + 1]
        fixed = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}.get(char)
        if fixed is not None:
            self.position += 2
            return Edge(fixed)
        if char == "Q":
            return self._quoted(flags)
        if char in PERL:
            self.position += 2
            return Char(f"[{PERL[char]}]")
        if char in "pP":
            text, self.position = unicode_class(self.pattern, start)
            return Char(_fold(f"[{text}]", flags))
        code, self.position = read_escape(self.pattern, start)
        return _literal(chr(code), flags)

    def _quoted(self, flags: frozenset[str]) -> Regex:
        end = self.pattern.find("\\E", self.position)
        stop = len(self.pattern) if end < 0 else end
        body = self.pattern[self.position + 2 : stop]
        self.position = stop if end < 0 else end + 2
        return Run(tuple(_literal(char, flags) for char in body))


def read_escape(pattern: str, start: int) -> tuple[int, int]:
    """Return the code point of the escape at `start` and the position after it."""
    char = pattern[start + 1]
    if char in "01234567":
        return _octal(pattern, start)
    if char == "x":
        return _hexadecimal(pattern, start)
    if char in _CONTROL:
        return ord(_CONTROL[char]), start + 2
    if ord(char) < 0x80 and not char.isalnum():
        return ord(char), start + 2
    raise fault("invalid escape sequence", pattern[start : start + 2])


def _octal(pattern: str, start: int) -> tuple[int, int]:
    found = re.compile(r"[0-7]{1,3}").match(pattern, start + 1)
    digits = found.group() if found else ""
    if digits[:1] != "0" and len(digits) < 2:
        raise fault("invalid escape sequence", pattern[start : start + 2])
    return int(digits, 8), start + 1 + len(digits)


def _hexadecimal(pattern: str, start: int) -> tuple[int, int]:
    found = re.compile(r"\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2})").match(pattern, start + 2)
    code = int(found[1] or found[2], 16) if found else 0x110000
    if found is None or code > 0x10FFFF:
        long = re.compile(r"\{[0-9A-Fa-f]*").match(pattern, start + 2)
        end = long.end() if long else start + 4
        raise fault("invalid escape sequence", pattern[start:end])
    return code, found.end()


def _simple(char: str, flags: frozenset[str]) -> Regex:
    if char == ".":
        return Char("(?s:.)" if "s" in flags else r"[^\n]")
    if char == "^":
        return Edge("(?m:^)" if "m" in flags else r"\A")
    if char == "$":
        return Edge("(?m:$)" if "m" in flags else r"\Z")
    return _literal(char, flags)


def _literal(char: str, flags: frozenset[str]) -> Regex:
    return Char(_fold(re.escape(char), flags))


def _fold(text: str, flags: frozenset[str]) -> str:
    return f"(?i:{text})" if "i" in flags else text
