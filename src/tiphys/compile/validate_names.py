"""Names: patterns, lengths, duplicates. Source: reference/validation.md 3.

Argo workflow/validate/validate.go, validateWorkflowFieldNames and isValidWorkflowFieldName.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tiphys.compile.validate_context import Checker, Spot

_WORKFLOW: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*\Z")
_PARAMETER: Final = re.compile(r"[-a-zA-Z0-9_]+\Z")
METRIC_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_MAX_LENGTH: Final = 128
_LIKE_TEMPLATES: Final = ("W4", "D2", "L5")
"""Rules about the names of templates, tasks and containers; all others are about parameters."""
_WORKFLOW_TAIL: Final = (
    "name must consist of alpha-numeric characters or '-', and must start with an "
    "alpha-numeric character (e.g. My-name1-2, 123-NAME)"
)
PARAMETER_TAIL: Final = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)


def workflow_name_fault(name: str) -> str:
    """Return what is wrong with the name of a template, step, task or container, or nothing."""
    tails = []
    if len(name) > _MAX_LENGTH:
        tails.append(f"must be no more than {_MAX_LENGTH} characters")
    if not _WORKFLOW.match(name):
        tails.append(_WORKFLOW_TAIL)
    return ";".join(tails)


def parameter_name_fault(name: str) -> str:
    """Return what is wrong with the name of a parameter or artifact, or nothing."""
    return "" if _PARAMETER.match(name) else PARAMETER_TAIL


def check_names(
    checker: Checker,
    names: Iterable[str],
    prefix: str,
    spot: Spot,
    rules: tuple[str, str, str],
    places: Sequence[int] = (),
) -> None:
    """Note which names of a list are not given, not well formed or there twice.

    `rules` are the numbers of the three; `places` is where each stands in the document, if the
    list is in another order.
    """
    fault_of = workflow_name_fault if rules[1] in _LIKE_TEMPLATES else parameter_name_fault
    seen: set[str] = set()
    for index, name in enumerate(names):
        rule = reason = ""
        if not name:
            rule, reason = rules[0], f"{prefix}[{index}].name is required"
        elif fault := fault_of(name):
            rule, reason = rules[1], f"{prefix}[{index}].name: '{name}' is invalid: {fault}"
        elif name in seen:
            rule, reason = rules[2], f"{prefix}[{index}].name '{name}' is not unique"
        seen.add(name)
        if reason:
            here = spot.at(places[index] if places else index)
            checker.note(rule, reason, here.at("name") if name else here)


def go_quoted(text: str) -> str:
    """Return text in Go's double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
