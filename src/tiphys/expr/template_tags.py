"""What one tag stands for: the rules shared by the text layer and the compiled layer.

A tag's text is kept as it stands in JSON (`raw`), because names are looked up in that form.
Source: Argo util/template; language.md 2 and 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, Protocol

from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.environment import expand
from tiphys.expr.errors import ExprError, TemplateError
from tiphys.expr.evaluate import compile_expression
from tiphys.expr.functions_text import trim_space
from tiphys.expr.gojson import json_fault
from tiphys.expr.gotext import is_printable, quote
from tiphys.expr.render import to_json
from tiphys.expr.tree import consumed_paths, identifiers
from tiphys.expr.values import MISSING, Context, Missing, Value

DEFERRED: Final = frozenset(
    {
        "item",
        "retries",
        "lastRetry.exitCode",
        "lastRetry.status",
        "lastRetry.duration",
        "lastRetry.message",
        "workflow.status",
        "workflow.failures",
    }
)
"""Names that appear late: without them a lenient pass leaves an expression for later."""
PLACEHOLDER: Final = "__argo__internal__placeholder-"
"""The start of values that stand for unknown ones while a document is checked."""
ABSENT_OPTIONAL: Final = "output is an absent optional (skipped/omitted node with no default)"
_MISSING_TEXTS: Final = ("failed to resolve {{", " is missing", "variable not in env")
_HTML: Final = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&"}
_HTML_ESCAPE: Final = re.compile(r"\\u003c|\\u003e|\\u0026")
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
        """Keep the map; it is not copied."""
        self._values = values

    def get(self, name: str) -> Value | Missing:
        """Return the value of the name, or MISSING."""
        return self._values.get(name, MISSING)

    def under(self, path: str) -> Mapping[str, Value]:
        """Return the names at, below and above the path."""
        if not path:
            return self._values
        below = path + "."
        return {
            name: value
            for name, value in self._values.items()
            if name == path or name.startswith(below) or path.startswith(name + ".")
        }


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


class ExpressionTag:
    """`{{=expression}}`."""

    def __init__(self, raw: str) -> None:
        """Decode and parse; errors are kept for `resolve`."""
        self.raw = raw
        self.decoded = _HTML_ESCAPE.sub(lambda match: _HTML[match.group()], raw)
        self._error = ""
        self._identifiers: tuple[str, ...] = ()
        self._paths: tuple[str, ...] = ()
        self.source = ""
        try:
            self.source = _decode(self.decoded)
            tree = compile_expression(self.source).tree
            self._identifiers = identifiers(tree)
            self._paths = consumed_paths(tree)
        except TemplateError as error:
            self._error = error.message
        except ExprError as error:
            self._error = f"failed to evaluate expression: {error.message}"

    @property
    def names(self) -> frozenset[str]:
        """Every name and path the expression needs, and those it only asks about."""
        return frozenset(self._identifiers) | frozenset(self._paths)

    @property
    def kept(self) -> str:
        """The tag as it is written back when it stays."""
        return "{{=" + self.decoded + "}}"

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> Found | None:
        """Return what the tag stands for, None when it stays; raises TemplateError."""
        if self._error:
            raise fault(self._error)
        flat = self._gather(scope)
        missing = [name for name in self._identifiers if not is_known(name, flat)]
        if self._stays(missing, mode):
            return None
        env = {**expand(flat), **ARGO_FUNCTIONS}
        try:
            return self._evaluate(env, context)
        except TemplateError:
            if mode.kind == "lenient" or missing or _has_placeholder(flat):
                return None
            raise

    def _stays(self, missing: list[str], mode: Mode) -> bool:
        """Return whether the tag waits for a late name; raises TemplateError for a missing one."""
        for name in missing:
            if mode.concerns(name):
                raise fault(f"failed to evaluate expression: {name} is missing")
        return not DEFERRED.isdisjoint(missing)

    def _evaluate(self, env: Mapping[str, Value], context: Context) -> Found:
        try:
            value = compile_expression(self.source, env).evaluate(env, context)
        except ExprError as error:
            raise fault(f"failed to evaluate expression: {error.message}") from error
        if value is None:
            raise fault(f"failed to evaluate expression {quote(self.source)}")
        if isinstance(value, str):
            return Found(value, exact=True)
        try:
            text = to_json(value)
        except ExprError as error:
            raise fault(f"failed to marshal evaluated expression: {error.message}") from error
        if text.startswith('"'):
            return Found(str(json.loads(text)), exact=True)
        return Found(text)

    def _gather(self, scope: Scope) -> dict[str, Value]:
        """Return the flat names the expression can see.

        A path that has no value yet is looked up one level higher, so that an existing parent
        makes it nil instead of unknown, as it is with the full map.
        """
        flat: dict[str, Value] = {}
        for wanted in self._paths:
            path = wanted
            found = scope.under(path)
            flat.update(found)
            while path and not _reaches(path, found):
                path, dot, _ = path.rpartition(".")
                if not dot:
                    break
                found = scope.under(path)
                flat.update(found)
        return flat


def _reaches(path: str, found: Mapping[str, Value]) -> bool:
    if path in found and len(found) == 1:
        return True
    below = path + "."
    return any(name == path or name.startswith(below) for name in found)


def is_known(name: str, flat: Mapping[str, Value]) -> bool:
    """Return whether an identifier has a value in the flat map or in the maps it holds.

    Source: language.md 3.5.
    """
    if name in flat or name in ARGO_FUNCTIONS or name == "$env":
        return True
    below = name + "."
    if any(known.startswith(below) for known in flat):
        return True
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:size])
        if prefix in flat or prefix in ARGO_FUNCTIONS:
            holder = flat[prefix] if prefix in flat else ARGO_FUNCTIONS[prefix]
            return _walks(holder, parts[size:])
    return False


def _walks(value: Value, path: list[str]) -> bool:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _has_placeholder(flat: Mapping[str, Value]) -> bool:
    return any(isinstance(value, str) and PLACEHOLDER in value for value in flat.values())


def _decode(raw: str) -> str:
    try:
        return str(json.loads(f'"{raw}"'))
    except ValueError:
        message = json_fault(f'"{raw}"')
        raise TemplateError(f"failed to unmarshall JSON expression: {message}") from None


Tag = SimpleTag | ExpressionTag


@lru_cache(maxsize=8192)
def read_tag(raw: str) -> Tag:
    """Return the tag for the text between the braces."""
    return ExpressionTag(raw[1:]) if raw.startswith("=") else SimpleTag(raw)


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
