"""Bare expressions (hooks, retries, outputs) evaluated in a scope of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tiphys.engine.resolving import CallError
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.environment import expand
from tiphys.expr.errors import LanguageError
from tiphys.expr.evaluate import compile_expression, evaluate_bool
from tiphys.expr.values import Context, Value


class Variables(Protocol):
    """Where an expression's names come from."""

    def under(self, path: str) -> Mapping[str, Value]:
        """Return the flat names at, under and above a path, with their values."""
        ...


def _environment(source: str, variables: Variables) -> dict[str, Value]:
    """Return what an expression may refer to: artifacts are there only if it names them."""
    flat: dict[str, Value] = {}
    named = compile_expression(source).identifiers
    wanted = {name if ".artifacts." in name else name.partition(".")[0] for name in named}
    for path in sorted(wanted):
        flat.update(variables.under(path))
    return {**expand(flat), **ARGO_FUNCTIONS}


def value_of(source: str, variables: Variables, context: Context) -> Value:
    """Return the value of an expression. Raises CallError."""
    try:
        env = _environment(source, variables)
        return compile_expression(source, env).evaluate(env, context)
    except LanguageError as exc:
        raise CallError(exc.message) from exc


def is_true(source: str, variables: Variables, context: Context) -> bool:
    """Return the value of a condition. Raises CallError."""
    try:
        return evaluate_bool(source, _environment(source, variables), context)
    except LanguageError as exc:
        raise CallError(exc.message) from exc
