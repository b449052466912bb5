"""Which nodes a tree shows: `--status` and `--node-field-selector`.

Source: argo workflow/util/util.go (SelectorMatchesNode); reference/rest-api.md 6.7.
"""

from __future__ import annotations

from collections.abc import Callable

from tiphys.cli.render.style import JsonObject
from tiphys.errors import UserError

_PATHS = {
    "displayName": ("displayName",),
    "templateName": ("templateName",),
    "templateRef.name": ("templateRef", "name"),
    "templateRef.template": ("templateRef", "template"),
    "phase": ("phase",),
    "name": ("name",),
    "id": ("id",),
}
_INPUT = "inputs.parameters."
_VALUE = ".value"


def node_filter(selector: str) -> Callable[[JsonObject], bool]:
    """Return the test that a field selector such as `phase=Failed,displayName!=a` stands for.

    Raises UserError if the selector cannot be parsed.
    """
    terms = [_term(selector, text) for text in selector.split(",") if text]
    return lambda node: all((_field(node, key) == value) is wanted for key, wanted, value in terms)


def _term(selector: str, text: str) -> tuple[str, bool, str]:
    for sign, wanted in (("!=", False), ("==", True), ("=", True)):
        key, found, value = text.partition(sign)
        if found:
            return key.strip(), wanted, value.strip()
    raise UserError(
        f"unable to parse node field selector '{selector}': invalid selector: '{text}'; "
        "can't understand it"
    )


def _field(node: JsonObject, key: str) -> str:
    """Return the field's text; what is missing or unknown reads as empty."""
    if key.startswith(_INPUT) and key.endswith(_VALUE):
        return _input(node, key[len(_INPUT) : -len(_VALUE)])
    if key not in _PATHS:
        return ""
    value: object = node
    for part in _PATHS[key]:
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _input(node: JsonObject, name: str) -> str:
    for parameter in (node.get("inputs") or {}).get("parameters") or []:
        if parameter.get("name") == name:
            return str(parameter.get("value", ""))
    return ""
