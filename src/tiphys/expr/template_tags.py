"""What one tag stands for: the rules shared by the text layer and the compiled layer.

A tag's text is kept as it stands in JSON (`raw`), because names are looked up in that form.
Source: Argo util/template; language.md 2 and 3.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from tiphys.expr.errors import TemplateError
from tiphys.expr.gotext import is_printable, quote, trim_space
from tiphys.expr.values import MISSING, Context, Missing, Value

if TYPE_CHECKING:
    from tiphys.expr.template_expressions import ExpressionTag

PLACEHOLDER: Final = "__argo__internal__placeholder-"
"""The start of values that stand for unknown ones while a document is checked."""
ABSENT_OPTIONAL: Final = "output is an absent optional (skipped/omitted node with no default)"
_MISSING_TEXTS: Final = ("failed to resolve {{", " is missing", "variable not in env")
_SUSPECT: Final = re.compile("[\x00-\x07\x0b\x0e-\x1f\x7f\ud800-\udfff\U00010000-\U0010ffff]")
INVALID_RESULT: Final = "cannot finish template replacement because the result was invalid JSON"


@dataclass(frozen=True, slots=True)
class Mode:
    """How strict a pass is about tags it cannot resolve (language.md 2.5)."""

    kind: Literal["lenient", "strict-all", "strict-prefix"]
    prefixes: tuple[str, ...] = ()

    def concerns(self, name: str) -> bool:
        """Return whether an unknown name is an error."""
        if self.kind != "strict-prefix":
            return self.kind == "strict-all"
        return any(name == prefix or name.startswith(prefix + ".") for prefix in self.prefixes)


LENIENT: Final = Mode("lenient")
STRICT: Final = Mode("strict-all")


def strict_prefix(*prefixes: str) -> Mode:
    """Return the mode that insists on the names under these prefixes only."""
    return Mode("strict-prefix", prefixes)


class Scope(Protocol):
    """The names a tag can see, flat (`steps.a.outputs.result`)."""

    def get(self, name: str) -> Value | Missing:
        """Return the value of exactly this name; None for an absent optional, else MISSING."""
        ...

    def under(self, path: str) -> Mapping[str, Value]:
        """Return every flat name that is `path`, below it, or a dotted prefix of it.

        The empty path asks for everything (only `$env` does).
        """
        ...


class MapScope:
    """A scope over a plain map of flat names."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        """Keep the map; it is not copied and must not change."""
        self._values = values
        self._names: list[str] | None = None

    def get(self, name: str) -> Value | Missing:
        """Return the value of the name, or MISSING."""
        return self._values.get(name, MISSING)

    def under(self, path: str) -> Mapping[str, Value]:
        """Return the names at, below and above the path."""
        values = self._values
        if not path:
            return values
        found = {path: values[path]} if path in values else {}
        above, dot, _ = path.rpartition(".")
        while dot:
            if above in values:
                found[above] = values[above]
            above, dot, _ = above.rpartition(".")
        if self._names is None:
            self._names = sorted(values)
        below = path + "."
        for index in range(bisect_left(self._names, below), len(self._names)):
            name = self._names[index]
            if not name.startswith(below):
                break
            found[name] = values[name]
        return found


def fault(message: str) -> TemplateError:
    """Return the error; it is a missing-variable error when its text says so (language.md 2.5)."""
    return TemplateError(message, any(text in message for text in _MISSING_TEXTS))


def has_bad_characters(text: str) -> bool:
    """Return whether Go's quoting of the text would not be valid JSON (language.md 2.3)."""
    return any(
        char < "\x80" or "\ud800" <= char <= "\udfff" or not is_printable(char)
        for char in _SUSPECT.findall(text)
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a tag became; `exact` text is inserted as it is, other text passes through quoting."""

    text: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class SimpleTag:
    """`{{name}}`."""

    raw: str

    @property
    def name(self) -> str:
        """The name that is looked up."""
        return trim_space(self.raw)

    @property
    def inner(self) -> str | None:
        """The name after a second `{{` inside the tag, None when there is none."""
        place = self.raw.rfind("{{")
        return self.raw[place + 2 :] if place > 0 else None

    @property
    def names(self) -> frozenset[str]:
        """Every name this tag may ask for."""
        inner = self.inner
        return frozenset({self.name} if inner is None else {self.name, inner})

    @property
    def kept(self) -> str:
        """The tag as it is written back when it stays."""
        return "{{" + self.raw + "}}"

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> Found | None:
        """Return what the tag stands for, None when it stays; raises TemplateError."""
        del context  # a name needs no clock
        value = scope.get(self.name)
        if isinstance(value, str):
            return Found(value)
        if value is None:
            raise fault(f"unable to substitute {{{{{self.raw}}}}}: {ABSENT_OPTIONAL}")
        if value is not MISSING and not _is_artifact(self.name):
            raise fault(f"failed to resolve {{{{{self.raw}}}}} to string")
        nested = self._nested(scope)
        if nested is None:
            self._check_unknown(mode)
        return nested

    def _nested(self, scope: Scope) -> Found | None:
        inner = self.inner
        if inner is None:
            return None
        value = scope.get(inner)
        if value is None:
            raise fault(
                f"unable to substitute nested tag {{{{{self.raw}}}}}: {quote(inner)} is an "
                "absent optional"
            )
        if not isinstance(value, str):
            return None
        prefix = self.raw[: len(self.raw) - len(inner) - 2]
        return Found("{{" + decode_json_body(prefix) + value)

    def _check_unknown(self, mode: Mode) -> None:
        if mode.kind == "strict-prefix" and ".outputs.artifacts." in self.name:
            return
        if mode.concerns(self.name):
            raise fault(f"failed to resolve {{{{{self.raw}}}}}")


def _is_artifact(name: str) -> bool:
    return ".outputs.artifacts." in name or name.startswith("inputs.artifacts.")


def decode_json_body(raw: str) -> str:
    """Return the text that the inside of a JSON string stands for; itself if it is not one."""
    if "\\" not in raw:
        return raw
    try:
        return str(json.loads(f'"{raw}"'))
    except ValueError:
        return raw


Tag: TypeAlias = "SimpleTag | ExpressionTag"


@lru_cache(maxsize=8192)
def read_tag(raw: str) -> Tag:
    """Return the tag for the text between the braces."""
    if not raw.startswith("="):
        return SimpleTag(raw)
    from tiphys.expr.template_expressions import ExpressionTag

    return ExpressionTag(raw[1:])


def cut_tags(text: str) -> tuple[list[str | Tag], str | None]:
    """Cut the text into literals and tags; the second value is what follows an unclosed `{{`.

    Source: fasttemplate; language.md 2.1.
    """
    parts: list[str | Tag] = []
    position = 0
    while True:
        start = text.find("{{", position)
        if start < 0:
            parts.append(text[position:])
            return parts, None
        end = text.find("}}", start + 2)
        if end < 0:
            return parts, text[start + 2 :]
        parts.append(text[position:start])
        parts.append(read_tag(text[start + 2 : end]))
        position = end + 2


def unterminated(template: str, rest: str) -> TemplateError:
    """Return the error for a `{{` without `}}`."""
    return TemplateError(
        f'Cannot find end tag="}}}}" in the template={quote(template)} starting from {quote(rest)}'
    )
