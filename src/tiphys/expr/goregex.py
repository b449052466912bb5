"""Go regular expressions (RE2 syntax) on Python's `re`: what Go refuses is refused.

The pattern is parsed by Go's rules and written again for `re`, every difference spelt out (ASCII
classes, `$` at the very end only, scoped flags). Patterns that could make backtracking slow run
on a machine of our own in linear time. Source: Go regexp/syntax; language.md 17.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from tiphys.expr.goregex_vm import Found, Machine

Match: TypeAlias = "re.Match[str] | Found"

_MOST_STEPS: Final = 300_000_000
"""How long a backtracking search may take at worst: about a second."""
_TEMPLATE_NAME: Final = re.compile(r"\w+")


class GoRegex:
    """A compiled pattern; positions are character positions of the text."""

    def __init__(self, pattern: str) -> None:
        """Compile `pattern`; raises RegexError with Go's text."""
        from tiphys.expr.goregex_parse import translate
        from tiphys.expr.goregex_tree import degree, is_risky, ways, write

        made = translate(pattern)
        self.pattern = pattern
        self.names = made.names
        self.groups = made.groups
        self._tree = made.tree
        # The machine is slower than `re` on ordinary patterns and cannot be made to hang.
        self._machine: Machine | None = None
        self._regex = None if is_risky(made.tree) else re.compile(write(made.tree))
        self._degree = degree(made.tree)
        self._ways = ways(made.tree)

    def search(self, text: str, position: int = 0) -> Match | None:
        """Return the leftmost match from a position on."""
        if self._regex is not None and len(text) ** self._degree * self._ways < _MOST_STEPS:
            return self._regex.search(text, position)
        if self._machine is None:
            from tiphys.expr.goregex_vm import Machine

            self._machine = Machine(self._tree, self.groups)
        return self._machine.search(text, position)

    def matches(self, text: str) -> bool:
        """Return whether the pattern occurs in the text."""
        return self.search(text) is not None

    def finditer(self, text: str) -> Iterator[Match]:
        """Yield matches; an empty one directly after a match is skipped, as in Go."""
        position, end = 0, -1
        while position <= len(text):
            match = self.search(text, position)
            if match is None:
                return
            empty = match.start() == match.end()
            if not (empty and match.end() == end):
                yield match
            end = match.end()
            position = end + 1 if empty else end

    def find_all(self, text: str, limit: int = -1) -> list[str]:
        """Return at most `limit` matches (-1: all)."""
        found: list[str] = []
        for match in self.finditer(text):
            if 0 <= limit <= len(found):
                break
            found.append(match.group() or "")
        return found

    def split(self, text: str, limit: int = -1) -> list[str]:
        """Return the pieces between matches. Source: Go regexp.Split."""
        if limit == 0:
            return []
        if self.pattern and not text:
            return [""]
        pieces: list[str] = []
        start = end = 0
        for match in self.finditer(text):
            if 0 < limit == len(pieces) + 1:
                break
            end = match.start()
            if match.end() != 0:
                pieces.append(text[start:end])
            start = match.end()
        if end != len(text):
            pieces.append(text[start:])
        return pieces

    def replace(self, text: str, template: str) -> str:
        """Replace every match by the template, where `$1`, `${name}`, `$$` are expanded."""
        return self._replace(text, template, literal=False)

    def replace_literal(self, text: str, replacement: str) -> str:
        """Replace every match by the text as it is."""
        return self._replace(text, replacement, literal=True)

    def _replace(self, text: str, template: str, literal: bool) -> str:
        parts: list[str] = []
        position = 0
        for match in self.finditer(text):
            parts.append(text[position : match.start()])
            parts.append(template if literal else self.expand(template, match))
            position = match.end()
        return "".join(parts) + text[position:]

    def expand(self, template: str, match: Match) -> str:
        """Return the template with its `$` references filled. Source: Go Regexp.Expand."""
        parts: list[str] = []
        position = 0
        while (dollar := template.find("$", position)) >= 0:
            parts.append(template[position:dollar])
            text, position = self._reference(template, dollar, match)
            parts.append(text)
        return "".join(parts) + template[position:]

    def _reference(self, template: str, dollar: int, match: Match) -> tuple[str, int]:
        if template[dollar + 1 : dollar + 2] == "$":
            return "$", dollar + 2
        brace = template[dollar + 1 : dollar + 2] == "{"
        name = _TEMPLATE_NAME.match(template, dollar + 1 + brace)
        if name is None:
            return "$", dollar + 1
        end = name.end()
        if brace:
            if template[end : end + 1] != "}":
                return "$", dollar + 1
            end += 1
        return self._group(name.group(), match), end

    def _group(self, name: str, match: Match) -> str:
        if name.isascii() and name.isdigit() and (len(name) == 1 or name[0] != "0"):
            return (match.group(int(name)) or "") if int(name) <= self.groups else ""
        for index, known in self.names.items():
            if known == name and match.group(index) is not None:
                return str(match.group(index))
        return ""


@lru_cache(maxsize=512)
def compile_regex(pattern: str) -> GoRegex:
    """Return the compiled pattern; raises RegexError with Go's text."""
    return GoRegex(pattern)


def quote_meta(text: str) -> str:
    """Return `text` with every special character escaped. Source: Go regexp.QuoteMeta."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
