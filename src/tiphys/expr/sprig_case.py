"""Letter case and word shapes of sprig. Source: huandu/xstrings and goutils; language.md 12.1."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from tiphys.expr.functions_text import lower, upper

_JOINERS: Final = ("alphabet", "number")


def _is_separator(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return not (char.isalpha() or char.isdigit()) and char.isspace()


def title(value: str) -> str:
    """Raise the first letter of every word. Source: Go strings.Title."""
    previous = " "
    parts: list[str] = []
    for char in value:
        parts.append(upper(char) if _is_separator(previous) else char)
        previous = char
    return "".join(parts)


def untitle(value: str) -> str:
    """Lower the first letter of every word; words end at white space."""
    gap = True
    parts: list[str] = []
    for char in value:
        parts.append(lower(char) if gap else char)
        gap = char.isspace()
    return "".join(parts)


def swap_case(value: str) -> str:
    """Swap upper and lower case."""
    return "".join(lower(char) if char.isupper() else upper(char) for char in value)


def _is_connector(char: str) -> bool:
    return char in "-_" or char.isspace()


@dataclass(slots=True)
class _Word:
    kind: str
    text: str


def _class(char: str) -> str:
    if _is_connector(char):
        return "connector"
    if unicodedata.category(char).startswith("P"):
        return "punct"
    if char.isupper():
        return "upper"
    if char.isalpha():
        return "alphabet"
    return "number" if char.isnumeric() else "other"


def _words(value: str) -> list[_Word]:
    words: list[_Word] = []
    position = 0
    while position < len(value):
        kind = _class(value[position])
        end = position + 1
        while end < len(value) and _class(value[end]) == kind:
            end += 1
        if kind == "upper":
            end = _upper_end(value, position, end)
        words.append(_Word(kind, value[position:end]))
        position = end
    return words


def _upper_end(value: str, start: int, end: int) -> int:
    """A single capital takes the small letters after it; of several the last goes on with them."""
    small = end < len(value) and _class(value[end]) == "alphabet"
    if end - start > 1:
        return end - 1 if small else end
    while end < len(value) and _class(value[end]) == "alphabet":
        end += 1
    return end


def lower_case(value: str, connector: str) -> str:
    """Return `HTTPServer` as `http_server`, with the given connector.

    Source: xstrings ToSnakeCase, ToKebabCase.
    """
    words = _words(value)
    groups: list[str] = []
    index = 0
    separate = False
    while index < len(words):
        word = words[index]
        if word.kind == "connector":
            groups.append(connector * len(word.text))
            separate = False
            index += 1
            continue
        if separate and word.kind != "punct":
            groups.append(connector)
        size = _group_size(words, index)
        groups.append(lower("".join(part.text for part in words[index : index + size])))
        separate = word.kind != "punct"
        index += size
    return "".join(groups)


def _group_size(words: list[_Word], index: int) -> int:
    """Return how many words belong together: digits go with what they are next to."""
    kinds = [word.kind for word in words[index:]]
    if kinds[0] == "number":
        size = 1
        while size < len(kinds) and kinds[size] in _JOINERS:
            size += 1
        return size
    follows = kinds[1] if len(kinds) > 1 else ""
    if kinds[0] in ("upper", "alphabet", "other") and follows == "number":
        after = kinds[2] if len(kinds) > 2 else ""
        return 1 if after == "alphabet" else 2
    return 1


def camel_case(value: str) -> str:
    """Return `http_server` as `HttpServer`; leading and doubled connectors stay.

    Source: xstrings ToPascalCase.
    """
    start = 0
    while start < len(value) and _is_connector(value[start]):
        start += 1
    parts = [value[:start]]
    previous = "_"
    for char in value[start:]:
        if _is_connector(char):
            if _is_connector(previous):
                parts.append(previous)
        elif _is_connector(previous):
            parts.append(upper(char))
        else:
            parts.append(lower(char) if previous.isupper() else char)
        previous = char
    return "".join(parts)
