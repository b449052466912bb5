"""The expressions of a CronWorkflow: `when`, and `stopStrategy.expression`.

Source: Argo workflow/cron/operator.go, expressionEnv, evalWhen, checkStopingCondition;
reference/engine-operations.md 11.1.5, language.md 16.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from tiphys.expr.errors import LanguageError
from tiphys.expr.evaluate import evaluate_bool
from tiphys.expr.render import to_json
from tiphys.expr.template import STRICT, replace
from tiphys.expr.values import Context, Int64, NilPointer, Time, TypedMap, Value
from tiphys.expr.when import evaluate_when
from tiphys.model.cron import CronWorkflow
from tiphys.model.times import time_seconds

_SECOND = 1_000_000_000


class CronFault(Exception):
    """An expression of a CronWorkflow cannot be evaluated; the text is Argo's."""


def variables(cron: CronWorkflow) -> dict[str, Value]:
    """Return what the expressions know of a CronWorkflow, without the prefix `cronworkflow`.

    As in Argo `annotations` holds the labels.
    """
    metadata, status = cron.metadata, cron.status
    return {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "labels": _map(metadata.labels),
        "annotations": _map(metadata.labels),
        "labels.json": _json(metadata.labels),
        "annotations.json": _json(metadata.annotations),
        "failed": Int64(status.failed),
        "succeeded": Int64(status.succeeded),
        "lastScheduledTime": _time(status.last_scheduled_time),
    }


def _map(labels: Mapping[str, str]) -> TypedMap:
    return TypedMap({**labels}, "string", "")


def _json(labels: Mapping[str, str]) -> bytes:
    return to_json({**labels}).encode() if labels else b"null"


def _time(text: str | None) -> Value:
    return Time(time_seconds(text) * _SECOND) if text else NilPointer()


def may_run(cron: CronWorkflow, context: Context) -> bool:
    """Return what `when` says. Raises CronFault."""
    text = cron.spec.when
    if not text:
        return True
    flat = {f"cronworkflow.{name}": value for name, value in variables(cron).items()}
    try:
        return evaluate_when(replace(text, flat, STRICT, context, raw=True), bare_words=False)
    except LanguageError as exc:
        raise CronFault(exc.message) from exc


def must_stop(cron: CronWorkflow, context: Context) -> bool:
    """Return what the stop expression says. Raises CronFault."""
    strategy = cron.spec.stop_strategy
    if strategy is None:
        return False
    try:
        return evaluate_bool(strategy.expression, {"cronworkflow": variables(cron)}, context)
    except LanguageError as exc:
        raise CronFault(
            f"failed to check CronWorkflow '{cron.metadata.name}' stopping condition: failed to "
            f"evaluate stop expression: {exc.message}"
        ) from exc
