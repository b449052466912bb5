"""Success and failure conditions of resource templates: label selectors over a document.

Source: Argo workflow/executor/resource.go; tidwall/gjson paths; language.md 14.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiphys.expr.errors import ConditionError, SelectorError
from tiphys.expr.labels import Requirement, parse_labels
from tiphys.expr.numbers import json_text
from tiphys.expr.values import MISSING, Json, Missing

Outcome = Literal["succeeded", "failed", "pending"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Both conditions of a resource template, parsed."""

    success: tuple[Requirement, ...]
    failure: tuple[Requirement, ...]

    def judge(self, document: Json) -> tuple[Outcome, str]:
        """Return what the document means for the step, and a message when it failed.

        Any failure requirement fails; all success requirements succeed.
        """
        for requirement in self.failure:
            if _holds(requirement, document):
                shown = _shown(requirement)
                return "failed", f"failure condition '{shown}' evaluated true"
        if all(_holds(requirement, document) for requirement in self.success):
            return "succeeded", ""
        return "pending", ""


def parse_conditions(success: str, failure: str) -> Conditions:
    """Return both conditions; raises ConditionError with Kubernetes' text and the side."""
    return Conditions(_parse(success, "success"), _parse(failure, "failure"))


def _parse(text: str, side: str) -> tuple[Requirement, ...]:
    try:
        return parse_labels(text).requirements
    except SelectorError as error:
        raise ConditionError(error.message, side) from error


def _shown(requirement: Requirement) -> str:
    values = " ".join(requirement.values)
    return f"{{{requirement.key} {requirement.operator} [{values}]}}"


def _holds(requirement: Requirement, document: Json) -> bool:
    value = look_up(document, requirement.key)
    if value is MISSING:
        return requirement.matches({})
    return requirement.matches({requirement.key: _text(value)})


def _text(value: Json | Missing) -> str:
    if value is None or value is MISSING:
        return ""
    return value if isinstance(value, str) else json_text(value)


def look_up(document: Json, path: str) -> Json | Missing:
    """Return what a gjson path without modifiers selects, else MISSING."""
    value: Json = document
    for part in path.split("."):
        if isinstance(value, dict):
            if part not in value:
                return MISSING
            value = value[part]
        elif isinstance(value, list):
            if not (part.isascii() and part.isdigit()) or int(part) >= len(value):
                return MISSING
            value = value[int(part)]
        else:
            return MISSING
    return value
