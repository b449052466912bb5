"""The sprig functions on maps, and defaults, logic, reflection and JSON.

Differs: `set`, `unset` and `merge` return a changed copy instead of changing the argument, so an
expression cannot alter what it was given. Source: sprig dict.go, defaults.go, reflect.go;
language.md 12.3, 12.4, 12.6.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.errors import ExprRuntimeError, NumberError
from tiphys.expr.functions import text
from tiphys.expr.gojson import parse_go_json
from tiphys.expr.operate import same
from tiphys.expr.render import to_json, to_json_indented
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table, is_empty, string_list, string_of
from tiphys.expr.types import go_type, kind_of
from tiphys.expr.values import Value


def _map(value: Value) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise Fault(f"reflect: Call using {go_type(value)} as type map[string]interface {{}}")


def _dict(_: Running, arguments: list[Value]) -> Value:
    made: dict[str, object] = {}
    for place in range(0, len(arguments), 2):
        value = arguments[place + 1] if place + 1 < len(arguments) else ""
        made[string_of(arguments[place])] = value
    return made


def _set(_: Running, arguments: list[Value]) -> Value:
    return {**_map(arguments[0]), text(arguments[1]): arguments[2]}


def _unset(_: Running, arguments: list[Value]) -> Value:
    return {name: item for name, item in _map(arguments[0]).items() if name != arguments[1]}


def _pluck(_: Running, arguments: list[Value]) -> Value:
    key = text(arguments[0])
    return [_map(item)[key] for item in arguments[1:] if key in _map(item)]


def _keys(_: Running, arguments: list[Value]) -> Value:
    return string_list([key for item in arguments for key in _map(item)])


def _pick(_: Running, arguments: list[Value]) -> Value:
    found = _map(arguments[0])
    return {text(key): found[text(key)] for key in arguments[1:] if key in found}


def _omit(_: Running, arguments: list[Value]) -> Value:
    dropped = arguments[1:]
    return {key: item for key, item in _map(arguments[0]).items() if key not in dropped}


def _merged(first: dict[str, object], second: dict[str, object], overwrite: bool) -> Value:
    made = dict(first)
    for key, value in second.items():
        old = made.get(key)
        if key in made and isinstance(old, dict) and isinstance(value, dict):
            made[key] = _merged(old, value, overwrite)
        elif overwrite or key not in made or is_empty(old):
            made[key] = value
    return made


def _merge(overwrite: bool) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        result = arguments[0]
        for source in arguments[1:]:
            result = _merged(_map(result), _map(source), overwrite)
        return result

    return run


def _dig(_: Running, arguments: list[Value]) -> Value:
    if len(arguments) < 3:
        raise Fault("dig needs at least three arguments")
    *keys, fallback, found = arguments
    for key in keys:
        if not isinstance(found, dict):
            raise Fault(
                f"interface conversion: interface {{}} is {go_type(found)}, not "
                "map[string]interface {}"
            )
        if text(key) not in found:
            return fallback
        found = found[text(key)]
    return found


def _default(_: Running, arguments: list[Value]) -> Value:
    if len(arguments) < 2 or is_empty(arguments[1]):
        return arguments[0]
    return arguments[1]


def _coalesce(_: Running, arguments: list[Value]) -> Value:
    return next((item for item in arguments if not is_empty(item)), None)


def _type_like(_: Running, arguments: list[Value]) -> Value:
    found = go_type(arguments[1])
    return found in (arguments[0], f"*{arguments[0]}")


def _fail(_: Running, arguments: list[Value]) -> Value:
    raise Fault(text(arguments[0]))


def _copy(_: Running, arguments: list[Value]) -> Value:
    if arguments[0] is None:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    return _deep_copy(arguments[0])


def _deep_copy(value: Value) -> Value:
    if type(value) is list:
        return [_deep_copy(item) for item in value]
    if type(value) is dict:
        return {key: _deep_copy(item) for key, item in value.items()}
    return value


def _encode(style: str, must: bool) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        value = arguments[0]
        try:
            if style == "pretty":
                return running.text(to_json_indented(value))
            return running.text(to_json(value, html=style != "raw"))
        except ExprRuntimeError as error:
            if must:
                raise Fault(error.message) from error
            return ""

    return run


def _decode(must: bool) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        try:
            return parse_go_json(text(arguments[0]))
        except NumberError as error:
            if must:
                raise Fault(error.message) from error
            return None

    return run


DICTS: Final[Table] = {
    "dict": ("a*", _dict),
    "get": ("ds", lambda _, a: _map(a[0]).get(text(a[1]), "")),
    "set": ("dsa", _set),
    "unset": ("ds", _unset),
    "hasKey": ("ds", lambda _, a: text(a[1]) in _map(a[0])),
    "pluck": ("sd*", _pluck),
    "keys": ("d*", _keys),
    "values": ("d", lambda _, a: [*_map(a[0]).values()]),
    "pick": ("ds*", _pick),
    "omit": ("ds*", _omit),
    "merge": ("dd*", _merge(overwrite=False)),
    "mustMerge": ("dd*", _merge(overwrite=False)),
    "mergeOverwrite": ("dd*", _merge(overwrite=True)),
    "mustMergeOverwrite": ("dd*", _merge(overwrite=True)),
    "dig": ("a*", _dig),
    "default": ("aa*", _default),
    "empty": ("a", lambda _, a: is_empty(a[0])),
    "coalesce": ("a*", _coalesce),
    "all": ("a*", lambda _, a: not any(is_empty(item) for item in a)),
    "any": ("a*", lambda _, a: any(not is_empty(item) for item in a)),
    "ternary": ("aab", lambda _, a: a[0] if a[2] else a[1]),
    "typeOf": ("a", lambda _, a: go_type(a[0])),
    "typeIs": ("sa", lambda _, a: a[0] == go_type(a[1])),
    "typeIsLike": ("sa", _type_like),
    "kindOf": ("a", lambda _, a: kind_of(a[0])),
    "kindIs": ("sa", lambda _, a: a[0] == kind_of(a[1])),
    "deepEqual": ("aa", lambda _, a: same(a[0], a[1])),
    "fail": ("s", _fail),
    "deepCopy": ("a", _copy),
    "mustDeepCopy": ("a", _copy),
    "toJson": ("a", _encode("compact", must=False)),
    "toPrettyJson": ("a", _encode("pretty", must=False)),
    "toRawJson": ("a", _encode("raw", must=False)),
    "mustToJson": ("a", _encode("compact", must=True)),
    "mustToPrettyJson": ("a", _encode("pretty", must=True)),
    "mustToRawJson": ("a", _encode("raw", must=True)),
    "fromJson": ("s", _decode(must=False)),
    "mustFromJson": ("s", _decode(must=True)),
}
