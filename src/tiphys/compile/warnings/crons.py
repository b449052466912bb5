"""Warnings about the expressions of a CronWorkflow: they are tried on what it will be like.

A `when` that fails at the first due time lets no workflow begin, and so fails at every other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from tiphys.compile.warnings.survey import Survey
from tiphys.expr.values import Context
from tiphys.model.cron import CronWorkflow, CronWorkflowStatus
from tiphys.model.shapes import Path

_AT: Final = Context(datetime(2026, 1, 2, tzinfo=UTC))
_STATES: Final = (
    ("at the first due time", CronWorkflowStatus()),
    (
        "after the first run",
        CronWorkflowStatus(last_scheduled_time="2026-01-01T00:00:00Z", succeeded=1),
    ),
)
_NO_TEXT: Final = "only text fits into `{{...}}`: numbers, times and maps need `{{= ...}}`"


def warn_of_cron(survey: Survey, cron: CronWorkflow) -> None:
    """Note a `when` and a stop expression that will be errors."""
    spec = cron.spec
    if not (spec.when or spec.stop_strategy):
        return
    from tiphys.compile.triggers.expressions import may_run, must_stop

    _try(survey, cron, may_run, ("spec", "when"))
    if spec.stop_strategy is not None and _is_expression(spec.stop_strategy.expression):
        _try(survey, cron, must_stop, ("spec", "stopStrategy", "expression"))


def _try(
    survey: Survey, cron: CronWorkflow, ask: Callable[[CronWorkflow, Context], bool], path: Path
) -> None:
    from tiphys.compile.triggers.expressions import CronFault

    for when, status in _STATES:
        try:
            ask(replace(cron, status=status), _AT)
        except CronFault as exc:
            said = str(exc).splitlines()[0].rpartition("stopping condition: ")[2]
            reason = f"`{path[1]}` of the CronWorkflow is an error {when}: {said}"
            survey.note("TIP502", reason, path, _NO_TEXT if said.endswith("to string") else "")
            return


def _is_expression(text: str) -> bool:
    """Say whether a text can be read at all; that it cannot is said already."""
    from tiphys.expr.errors import ExprError
    from tiphys.expr.parse import parse_expression

    try:
        parse_expression(text)
    except ExprError:
        return False
    return True
