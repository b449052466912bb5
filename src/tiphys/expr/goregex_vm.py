"""Match a Go regular expression in time proportional to the text: Pike's machine.

All alternatives advance together, in order of preference, so the first in Perl's order wins and
no input can make it slow. Source: Go regexp exec.go; Russ Cox, "Regular Expression Matching: the
Virtual Machine Approach".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tiphys.expr.errors import RegexError
from tiphys.expr.goregex_tree import Char, Choice, Edge, Group, Regex, Repeat, Run

_MAX_PROGRAM: Final = 20_000
_Spans = tuple[int, ...]


class Found:
    """A match, with the part of the interface of `re.Match` that is used here."""

    def __init__(self, text: str, spans: _Spans) -> None:
        """Keep where each group begins and ends; -1 for one that took no part."""
        self._text = text
        self._spans = spans

    def span(self, index: int = 0) -> tuple[int, int]:
        """Return where a group begins and ends."""
        return self._spans[2 * index], self._spans[2 * index + 1]

    def start(self) -> int:
        """Return where the match begins."""
        return self._spans[0]

    def end(self) -> int:
        """Return where the match ends."""
        return self._spans[1]

    def group(self, index: int = 0) -> str | None:
        """Return the text of a group, None when it took no part."""
        start, end = self.span(index)
        return None if start < 0 else self._text[start:end]

    def groups(self) -> tuple[str | None, ...]:
        """Return the texts of all groups."""
        return tuple(self.group(index) for index in range(1, len(self._spans) // 2))


@dataclass(slots=True)
class _Code:
    """`char` and `edge` test; `split` tries `first` before `second`; `save` notes the place."""

    kind: str
    pattern: re.Pattern[str] | None = None
    first: int = 0
    second: int = 0
    slot: int = 0


class Machine:
    """A compiled program."""

    def __init__(self, tree: Regex, groups: int) -> None:
        """Compile; raises RegexError when the program is too large."""
        self._codes: list[_Code] = []
        self._slots = 2 * (groups + 1)
        self._seen: dict[tuple[int, str], bool] = {}
        self._group(Group(0, tree), capture=True)
        self._add(_Code("match"))

    def _add(self, code: _Code) -> int:
        if len(self._codes) >= _MAX_PROGRAM:
            raise RegexError("error parsing regexp: expression too large")
        self._codes.append(code)
        return len(self._codes) - 1

    def _compile(self, node: Regex) -> None:
        match node:
            case Char(text):
                self._add(_Code("char", re.compile(text)))
            case Edge(text):
                self._add(_Code("edge", re.compile(text)))
            case Run(items):
                for item in items:
                    self._compile(item)
            case Choice(options):
                self._choice(options)
            case Group():
                self._group(node, capture=node.index > 0)
            case Repeat():
                self._repeat(node)

    def _group(self, node: Group, capture: bool) -> None:
        if capture:
            self._add(_Code("save", slot=2 * node.index))
        self._compile(node.body)
        if capture:
            self._add(_Code("save", slot=2 * node.index + 1))

    def _choice(self, options: tuple[Regex, ...]) -> None:
        ends: list[int] = []
        for option in options[:-1]:
            split = self._add(_Code("split"))
            self._codes[split].first = split + 1
            self._compile(option)
            ends.append(self._add(_Code("jump")))
            self._codes[split].second = len(self._codes)
        self._compile(options[-1])
        for end in ends:
            self._codes[end].first = len(self._codes)

    def _repeat(self, node: Repeat) -> None:
        if node.high < 0:
            self._unbounded(node)
            return
        for _ in range(node.low):
            self._compile(node.body)
        splits: list[int] = []
        for _ in range(node.high - node.low):
            splits.append(self._add(_Code("split")))
            self._compile(node.body)
        for split in splits:
            self._branch(split, node.lazy)

    def _unbounded(self, node: Repeat) -> None:
        """Compile `x{n,}` as copies and `x+`, and `x*` as `(x+)?`.

        That order of preference is Go's when `x` can be empty.
        """
        skip = self._add(_Code("split")) if node.low == 0 else -1
        for _ in range(node.low - 1):
            self._compile(node.body)
        start = len(self._codes)
        self._compile(node.body)
        loop = self._add(_Code("split"))
        into, past = start, len(self._codes)
        code = self._codes[loop]
        code.first, code.second = (past, into) if node.lazy else (into, past)
        if skip >= 0:
            self._branch(skip, node.lazy)

    def _branch(self, split: int, lazy: bool) -> None:
        into, past = split + 1, len(self._codes)
        code = self._codes[split]
        code.first, code.second = (past, into) if lazy else (into, past)

    def search(self, text: str, position: int) -> Found | None:
        """Return the leftmost match from a position on."""
        best: _Spans | None = None
        threads: list[tuple[int, _Spans]] = []
        empty = (-1,) * self._slots
        while True:
            visited: set[int] = set()
            current: list[tuple[int, _Spans]] = []
            for pc, spans in threads:
                self._follow(pc, spans, (text, position), visited, current)
            if best is None:
                self._follow(0, empty, (text, position), visited, current)
            threads, best = self._advance(current, text, position, best)
            if position >= len(text) or (not threads and best is not None):
                return None if best is None else Found(text, best)
            position += 1

    def _advance(
        self, current: list[tuple[int, _Spans]], text: str, position: int, best: _Spans | None
    ) -> tuple[list[tuple[int, _Spans]], _Spans | None]:
        """Step every thread over one character; a match stops those of lower preference."""
        following: list[tuple[int, _Spans]] = []
        for pc, spans in current:
            if self._codes[pc].kind == "match":
                return following, spans
            if position < len(text) and self._fits(pc, text[position]):
                following.append((pc + 1, spans))
        return following, best

    def _fits(self, pc: int, char: str) -> bool:
        known = self._seen.get((pc, char))
        if known is None:
            pattern = self._codes[pc].pattern
            known = pattern is not None and pattern.match(char) is not None
            if len(self._seen) > 50_000:
                self._seen.clear()
            self._seen[pc, char] = known
        return known

    def _follow(
        self,
        pc: int,
        spans: _Spans,
        place: tuple[str, int],
        visited: set[int],
        found: list[tuple[int, _Spans]],
    ) -> None:
        """Add the threads that a place of the program leads to without consuming anything."""
        text, position = place
        stack = [(pc, spans)]
        while stack:
            pc, spans = stack.pop()
            if pc in visited:
                continue
            visited.add(pc)
            code = self._codes[pc]
            if code.kind == "jump":
                stack.append((code.first, spans))
            elif code.kind == "split":
                stack.append((code.second, spans))
                stack.append((code.first, spans))
            elif code.kind == "save":
                noted = (*spans[: code.slot], position, *spans[code.slot + 1 :])
                stack.append((pc + 1, noted))
            elif code.kind != "edge":
                found.append((pc, spans))
            elif code.pattern is not None and code.pattern.match(text, position):
                stack.append((pc + 1, spans))
