"""Warnings about durations, conditions and loops that cannot be read when the time comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tiphys.compile.warnings.crons import warn_of_cron
from tiphys.compile.warnings.survey import Call, Survey
from tiphys.expr.durations import argo_duration_ns, parse_go_duration
from tiphys.expr.errors import DurationError, WhenError
from tiphys.model.base import Json
from tiphys.model.cron import CronWorkflow
from tiphys.model.policies import RetryStrategy
from tiphys.model.shapes import Path

_TAG: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z")


def warn_of_syntax(survey: Survey) -> None:
    """Note what cannot be read when the time comes."""
    for text, path, is_lenient in _durations(survey):
        _warn_of_duration(survey, text, path, is_lenient)
    for call in survey.calls:
        _warn_of_when(survey, call)
        _warn_of_loop(survey, call)
    if isinstance(survey.resource, CronWorkflow):
        warn_of_cron(survey, survey.resource)


# ------------------------------------------------------------------------------- durations


def _durations(survey: Survey) -> Iterator[tuple[str, Path, bool]]:
    """Yield text, place, and whether a bare number means seconds."""
    spec, root = survey.spec, survey.root
    yield from _of_retry(spec.retry_strategy, root)
    if spec.template_defaults is not None:
        yield from _of_retry(spec.template_defaults.retry_strategy, (*root, "templateDefaults"))
    if spec.pod_gc is not None:
        yield spec.pod_gc.delete_delay_duration, (*root, "podGC", "deleteDelayDuration"), False
    for body in survey.bodies:
        template, path = body.template, body.path
        yield from _of_retry(template.retry_strategy, path)
        if not _INTEGER.match(template.timeout):  # an error already
            yield template.timeout, (*path, "timeout"), True
        yield template.pending_timeout, (*path, "pendingTimeout"), True
        if template.suspend is not None:
            yield template.suspend.duration, (*path, "suspend", "duration"), True
        if template.memoize is not None:
            yield template.memoize.max_age, (*path, "memoize", "maxAge"), False
        group = template.container_set
        if group is not None and group.retry_strategy is not None:
            place = (*path, "containerSet", "retryStrategy", "duration")
            yield group.retry_strategy.duration, place, False


def _of_retry(retry: RetryStrategy | None, path: Path) -> Iterator[tuple[str, Path, bool]]:
    if retry is not None and retry.backoff is not None:
        place = (*path, "retryStrategy", "backoff")
        yield retry.backoff.duration, (*place, "duration"), True
        yield retry.backoff.max_duration, (*place, "maxDuration"), True
        yield retry.backoff.cap, (*place, "cap"), True


def _warn_of_duration(survey: Survey, text: str, path: Path, is_lenient: bool) -> None:
    if not text or "{{" in text:
        return
    try:
        length = argo_duration_ns(text) if is_lenient else parse_go_duration(text)
    except DurationError:
        hint = "write a number and a unit, as in `90s`, `1h30m`"
        survey.note("TIP501", f"`{text}` is no duration", path, hint)
        return
    if length < 0:
        survey.note("TIP501", f"`{text}` is a duration below zero", path)


# ------------------------------------------------------------------------- when and loops


def _warn_of_when(survey: Survey, call: Call) -> None:
    text = call.item.when
    if not text:
        return
    path = (*call.path, "when")
    from tiphys.expr.when import evaluate_when, when_fault

    if "{{" in text:
        faults = [when_fault(_TAG.sub(word, text)) for word in ("true", "x", "1")]
        if all(faults):
            reason = f"`when` of `{call.name}` cannot be read, whatever its variables are"
            survey.note("TIP502", reason, path, 'put words with dashes or blanks in quotes (")')
        return
    try:
        value = evaluate_when(text)
    except WhenError as exc:
        survey.note("TIP502", f"`when` of `{call.name}` cannot be read: {exc.message}", path)
        return
    says = "true: it says nothing" if value else "false: it never runs"
    survey.note("TIP503", f"`when` of `{call.name}` has no variable and is always {says}", path)


def _warn_of_loop(survey: Survey, call: Call) -> None:
    text = call.item.with_param
    if text and "{{" not in text and not _is_json_list(text):
        reason = f"`withParam` of `{call.name}` is no JSON list"
        survey.note("TIP506", reason, (*call.path, "withParam"), 'as in `["a", "b"]`')
    sequence = call.item.with_sequence
    if sequence is None:
        return
    path = (*call.path, "withSequence")
    if sequence.count is None and sequence.end is None:
        reason = f"withSequence of `{call.name}` has neither `count` nor `end`"
        survey.note("TIP510", reason, path)
    for name in ("start", "end", "count"):
        value = getattr(sequence, name)
        if isinstance(value, str) and "{{" not in value and not _INTEGER.match(value):
            reason = f"withSequence.{name} of `{call.name}` is no whole number: `{value}`"
            survey.note("TIP510", reason, (*path, name))
    if isinstance(sequence.count, int) and sequence.count < 0:
        survey.note("TIP510", f"a count below zero: `{call.name}` counts down", (*path, "count"))


def _is_json_list(text: str) -> bool:
    return isinstance(_read(text), list)


def _read(text: str) -> Json:
    import json

    try:
        value: Json = json.loads(text)
    except ValueError:
        return None
    return value
