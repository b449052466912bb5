"""The functions Argo adds to expressions: asInt, asFloat, toJson, jsonpath and sprig.

Source: Argo util/expr/env/env.go; language.md 12.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.errors import ExprRuntimeError, JsonPathError
from tiphys.expr.functions import text
from tiphys.expr.functions_numbers import to_float, to_int
from tiphys.expr.functions_text import from_json
from tiphys.expr.lazy import LazyMap
from tiphys.expr.render import to_json
from tiphys.expr.running import Fault, Running
from tiphys.expr.values import Function, Value


def _not_nil(value: Value) -> Value:
    if value is None:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    return value


def _as_int(_: Running, arguments: list[Value]) -> Value:
    return to_int(_not_nil(arguments[0]))


def _as_float(_: Running, arguments: list[Value]) -> Value:
    return to_float(_not_nil(arguments[0]))


def _to_json(running: Running, arguments: list[Value]) -> Value:
    running.weigh(arguments[0])
    try:
        return running.text(to_json(arguments[0]))
    except ExprRuntimeError as error:
        raise Fault(error.message) from error


def _jsonpath(running: Running, arguments: list[Value]) -> Value:
    from tiphys.expr.jsonpath import query

    document = from_json(running, text(arguments[0]))
    try:
        return query(document, text(arguments[1]))
    except JsonPathError as error:
        raise Fault(error.message) from error


def _sprig() -> dict[str, Value]:
    from tiphys.expr.sprig import SPRIG

    return SPRIG


ARGO_FUNCTIONS: Final[dict[str, Value]] = {
    "asInt": Function("asInt", _as_int, 1, 1),
    "asFloat": Function("asFloat", _as_float, 1, 1),
    "toJson": Function("toJson", _to_json, 1, 1),
    "jsonpath": Function("jsonpath", _jsonpath, 2, 2),
    "sprig": LazyMap(_sprig),
}
"""Merge these into an environment to have Argo's functions in it."""
