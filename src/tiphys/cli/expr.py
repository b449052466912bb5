"""`tiphys expr`."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime

import click

from tiphys.cli.session import write
from tiphys.errors import UserError
from tiphys.expr.errors import ExprError
from tiphys.expr.values import Context, Value
from tiphys.library.files import read_sources


@click.command()
@click.argument("expression")
@click.option("--env", "file", metavar="FILE", help='The variables, a JSON object; "-" is stdin.')
@click.option("--bare", is_flag=True, help="Without asInt, sprig and Argo's other functions.")
@click.option("--type", "with_type", is_flag=True, help="Show the type of the result too.")
def expr(expression: str, file: str | None, bare: bool, with_type: bool) -> int:
    """Show what an expression yields, as {{=EXPRESSION}} would insert it.

    Names in FILE may have dots, as tags write them, or be nested objects. What an expression that
    fails could see goes to standard error.
    """
    from tiphys.expr.argo_functions import ARGO_FUNCTIONS
    from tiphys.expr.environment import expand
    from tiphys.expr.evaluate import evaluate
    from tiphys.expr.types import go_type

    flat = _read(file) if file else {}
    nested = expand(flat)
    env = nested if bare else {**nested, **ARGO_FUNCTIONS}
    context = Context(datetime.now(UTC), secrets.token_bytes(16))
    try:
        value = evaluate(expression, env, context)
        text = _text(value)
    except ExprError as error:
        raise UserError("\n".join([error.message, *_hints(expression, nested, bare)])) from error
    write(f"{go_type(value)} {text}\n" if with_type else f"{text}\n")
    if value is None:
        sys.stderr.write("".join(f"{line}\n" for line in _hints(expression, nested, bare)))
    return 0


def _text(value: Value) -> str:
    from tiphys.expr.render import to_json

    if value is None:
        return "nil"
    return value if isinstance(value, str) else to_json(value)


def _read(file: str) -> dict[str, Value]:
    (source,) = read_sources([file])
    try:
        found = json.loads(source.content.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise UserError(f"{source.file}: it is not UTF-8, so no JSON") from error
    except ValueError as error:
        raise UserError(f"{source.file}: {error}") from error
    except RecursionError as error:
        raise UserError(f"{source.file}: it nests too deeply") from error
    if not isinstance(found, dict):
        raise UserError(f"{source.file}: an object of variables is needed")
    for name in found:
        head = name.partition(".")[0]
        if head != name and head in found:
            raise UserError(f"{source.file}: both {name} and {head}: write one or the other")
    return found


def _once(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """Return an object; raises ValueError for a name that stands in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{twice}" stands in one object twice')
    return found


def _hints(expression: str, nested: dict[str, Value], bare: bool) -> list[str]:
    """Return which names have no value, what may have been meant, and what there is."""
    from tiphys.expr.argo_functions import ARGO_FUNCTIONS
    from tiphys.expr.evaluate import compile_expression
    from tiphys.expr.explain import bound_names, hints

    try:
        compiled = compile_expression(expression)
    except ExprError:
        return []
    own = {} if bare else ARGO_FUNCTIONS
    bound = bound_names(compiled.tree)
    missing = [
        name
        for name in compiled.identifiers
        if name.partition(".")[0] not in bound and not _has(nested, name) and not _has(own, name)
    ]
    return hints(missing, list(_paths(nested))) if missing else []


def _has(nested: Value, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(nested, dict) or part not in nested:
            return False
        nested = nested[part]
    return True


def _paths(nested: dict[str, Value], prefix: str = "") -> list[str]:
    """Return the names of all values, with dots."""
    found: list[str] = []
    for name, value in nested.items():
        inner = _paths(value, f"{prefix}{name}.") if isinstance(value, dict) and value else None
        found += inner or [prefix + name]
    return found
