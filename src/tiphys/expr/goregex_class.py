"""Character classes of Go regular expressions, written for Python's `re`.

Source: Go regexp/syntax parse.go and perl_groups.go; language.md 17.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import RegexError

PERL: Final = {
    "d": "0-9",
    "D": r"\x00-/:-\U0010ffff",
    "s": r"\t\n\f\r ",
    "S": r"\x00-\x08\x0b\x0e-\x1f!-\U0010ffff",
    "w": "0-9A-Za-z_",
    "W": r"\x00-/:-@\[-\^`\{-\U0010ffff",
}
_POSIX: Final = {
    "alnum": [(48, 57), (65, 90), (97, 122)],
    "alpha": [(65, 90), (97, 122)],
    "ascii": [(0, 127)],
    "blank": [(9, 9), (32, 32)],
    "cntrl": [(0, 31), (127, 127)],
    "digit": [(48, 57)],
    "graph": [(33, 126)],
    "lower": [(97, 122)],
    "print": [(32, 126)],
    "punct": [(33, 47), (58, 64), (91, 96), (123, 126)],
    "space": [(9, 13), (32, 32)],
    "upper": [(65, 90)],
    "word": [(48, 57), (65, 90), (95, 95), (97, 122)],
    "xdigit": [(48, 57), (65, 70), (97, 102)],
}
_POSIX_NAME: Final = re.compile(r"\[:(\^?)(.*?):\]")
_CATEGORIES: Final = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
    ]
)
_SCRIPTS: Final = {
    "Arabic": "ARABIC ",
    "Armenian": "ARMENIAN ",
    "Cyrillic": "CYRILLIC ",
    "Devanagari": "DEVANAGARI ",
    "Greek": "GREEK ",
    "Han": "CJK UNIFIED ",
    "Hangul": "HANGUL ",
    "Hebrew": "HEBREW ",
    "Hiragana": "HIRAGANA ",
    "Katakana": "KATAKANA ",
    "Latin": "LATIN ",
    "Thai": "THAI ",
}

_Ranges = list[tuple[int, int]]


def _fault(kind: str, text: str) -> RegexError:
    return RegexError(f"error parsing regexp: {kind}: `{text}`")


def parse_class(pattern: str, start: int) -> tuple[str, int]:
    """Return the class that opens at `start`, for `re`, and the position after it.

    Raises RegexError.
    """
    position = start + 1
    negative = pattern.startswith("^", position)
    position += negative
    parts: list[str] = []
    first = True
    while first or not pattern.startswith("]", position):
        if position >= len(pattern):
            raise _fault("missing closing ]", pattern[start:])
        first = False
        part, position = _element(pattern, position, start)
        parts.append(part)
    return f"[{'^' if negative else ''}{''.join(parts)}]", position + 1


def _element(pattern: str, position: int, start: int) -> tuple[str, int]:
    if pattern.startswith("[:", position) and (found := _POSIX_NAME.match(pattern, position)):
        ranges = _POSIX.get(found[2])
        if ranges is None:
            raise _fault("invalid character class range", found.group())
        return _write(_invert(ranges) if found[1] else ranges), found.end()
    if pattern[position] == "\\" and position + 1 < len(pattern):
        char = pattern[position + 1]
        if char in PERL:
            return PERL[char], position + 2
        if char in "pP":
            return unicode_class(pattern, position)
    return _range(pattern, position, start)


def _range(pattern: str, position: int, start: int) -> tuple[str, int]:
    begin = position
    low, position = _char(pattern, position, start)
    high = low
    if pattern.startswith("-", position) and not pattern.startswith("-]", position):
        if position + 1 >= len(pattern):
            raise _fault("missing closing ]", pattern[start:])
        high, position = _char(pattern, position + 1, start)
        if high < low:
            raise _fault("invalid character class range", pattern[begin:position])
    return _write([(low, high)]), position


def _char(pattern: str, position: int, start: int) -> tuple[int, int]:
    from tiphys.expr.goregex_parse import read_escape

    if position >= len(pattern):
        raise _fault("missing closing ]", pattern[start:])
    if pattern[position] != "\\":
        return ord(pattern[position]), position + 1
    if position + 1 >= len(pattern):
        raise _fault("trailing backslash at end of expression", "")
    return read_escape(pattern, position)


def unicode_class(pattern: str, start: int) -> tuple[str, int]:
    r"""Return the inside of a `re` class for the `\p` or `\P` at `start`, and the place after."""
    position = start + 2
    end = position + 1
    if pattern.startswith("{", position):
        end = pattern.find("}", position) + 1
        if end == 0:
            raise _fault("invalid character class range", pattern[start:])
        name = pattern[position + 1 : end - 1]
    else:
        name = pattern[position:end]
    negative = pattern[start + 1] == "P"
    if name.startswith("^"):
        negative, name = not negative, name[1:]
    ranges = _named(name)
    if ranges is None:
        raise _fault("invalid character class range", pattern[start:end])
    return _write(_invert(list(ranges)) if negative else list(ranges)), end


@lru_cache(maxsize=32)
def _named(name: str) -> tuple[tuple[int, int], ...] | None:
    if name == "Any":
        return ((0, sys.maxunicode),)
    if name in _CATEGORIES:
        return _collect(lambda char: unicodedata.category(char).startswith(name))
    prefix = _SCRIPTS.get(name)
    if prefix is None:
        return None
    return _collect(lambda char: unicodedata.name(char, "").startswith(prefix))


def _collect(holds: Callable[[str], bool]) -> tuple[tuple[int, int], ...]:
    ranges: _Ranges = []
    for code in range(sys.maxunicode + 1):
        if holds(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return tuple(ranges)


def _invert(ranges: _Ranges) -> _Ranges:
    result: _Ranges = []
    low = 0
    for start, end in sorted(ranges):
        if start > low:
            result.append((low, start - 1))
        low = max(low, end + 1)
    if low <= sys.maxunicode:
        result.append((low, sys.maxunicode))
    return result


def _write(ranges: _Ranges) -> str:
    return "".join(
        f"\\U{low:08x}" if low == high else f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges
    )
