"""Expression tags, `{{=expression}}`; loaded when the first one is met.

Source: Argo util/template expression_template.go; language.md 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.environment import expand
from tiphys.expr.errors import ExprError, TemplateError
from tiphys.expr.evaluate import compile_expression
from tiphys.expr.gojson import json_fault
from tiphys.expr.gotext import quote
from tiphys.expr.render import to_json
from tiphys.expr.template_tags import PLACEHOLDER, Found, Mode, Scope, fault
from tiphys.expr.tree import consumed_paths, identifiers
from tiphys.expr.values import Context, TypedMap, Value

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
_HTML: Final = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&"}
_HTML_ESCAPE: Final = re.compile(r"\\u003c|\\u003e|\\u0026")


class ExpressionTag:
    """`{{=expression}}`."""

    def __init__(self, raw: str) -> None:
        """Decode and parse; errors are kept for `resolve`."""
        self.raw = raw
        self.decoded = _HTML_ESCAPE.sub(lambda match: _HTML[match.group()], raw)
        self._error = ""
        self.identifiers: tuple[str, ...] = ()
        self._paths: tuple[str, ...] = ()
        self.source = ""
        try:
            self.source = _decode(self.decoded)
            tree = compile_expression(self.source).tree
            self.identifiers = identifiers(tree)
            self._paths = tuple(
                path
                for path in consumed_paths(tree)
                if path.partition(".")[0] not in ARGO_FUNCTIONS
            )
        except TemplateError as error:
            self._error = error.message
        except ExprError as error:
            self._error = f"failed to evaluate expression: {error.message}"

    @property
    def names(self) -> frozenset[str]:
        """Every name and path the expression needs, and those it only asks about."""
        return frozenset(self.identifiers) | frozenset(self._paths)

    @property
    def kept(self) -> str:
        """The tag as it is written back when it stays."""
        return "{{=" + self.decoded + "}}"

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> Found | None:
        """Return what the tag stands for, None when it stays; raises TemplateError."""
        if self._error:
            raise fault(self._error)
        flat = self._gather(scope)
        missing = [name for name in self.identifiers if not is_known(name, flat)]
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
        if not isinstance(value, dict) or isinstance(value, TypedMap) or part not in value:
            return False  # Argo looks into maps of anything only, not into those of strings
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
