"""Warnings about `depends`: validation only looks at the names in it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tiphys.compile.warnings.survey import Body, Call, Survey
from tiphys.expr.depends import (
    NO_FLAGS,
    Condition,
    ContinueFlags,
    TaskResults,
    parse_depends,
    task_results,
)
from tiphys.expr.errors import DependsError, ExprError, UnknownTask
from tiphys.expr.parse import parse_expression
from tiphys.model.templates import DAGTask

_WORD: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_MOST_REPEATED: Final = 3
_STATES: Final = (
    *(task_results(phase) for phase in ("Succeeded", "Failed", "Error", "Skipped", "Omitted")),
    task_results("Running", daemoned=True),
    task_results("Succeeded", children=("Succeeded",)),
    task_results("Failed", children=("Succeeded", "Failed")),
    task_results("Failed", children=("Failed",)),
)


def warn_of_depends(survey: Survey) -> None:
    """Note conditions that cannot be read or can never be true."""
    for body in survey.bodies:
        if body.template.dag is not None:
            _warn_of_depends(survey, body)


def _warn_of_depends(survey: Survey, body: Body) -> None:
    calls = survey.siblings(body)
    flags = {name: _flags(call) for name, call in calls.items()}
    for call in calls.values():
        text = call.item.depends if isinstance(call.item, DAGTask) else ""
        if not text or _WORD.fullmatch(text) or "{{" in text:
            continue
        path = (*call.path, "depends")
        try:
            condition = parse_depends(text, flags)
            parse_expression(condition.expression)
        except UnknownTask:
            continue  # an error already
        except ExprError as exc:
            reason = f"`depends` of `{call.name}` cannot be read: {exc.message.splitlines()[0]}"
            survey.note("TIP507", reason, path)
            continue
        if _is_never(condition, text):
            reason = f"`depends` of `{call.name}` can never be true: it is always omitted"
            survey.note("TIP508", reason, path)


def _flags(call: Call) -> ContinueFlags:
    given = call.item.continue_on
    return NO_FLAGS if given is None else ContinueFlags(bool(given.error), bool(given.failed))


def _is_never(condition: Condition, text: str) -> bool:
    """Only a task that is mentioned twice can contradict itself: try every outcome."""
    words = Counter(match.partition(".")[0] for match in re.findall(r"[-a-zA-Z0-9.]+", text))
    names = list(condition.dependencies)
    if max(words.values()) < 2 or len(names) > _MOST_REPEATED:
        return False
    outcomes: Iterator[tuple[TaskResults, ...]] = itertools.product(_STATES, repeat=len(names))
    try:
        return not any(
            condition.evaluate(dict(zip(names, states, strict=True))) for states in outcomes
        )
    except DependsError:
        return False
