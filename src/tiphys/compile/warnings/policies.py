"""Warnings about retries, deadlines, caches, locks and clean-up."""

from __future__ import annotations

import re

from tiphys.compile.warnings.survey import Body, Survey
from tiphys.model.base import Model
from tiphys.model.codec import to_json
from tiphys.model.policies import RetryStrategy, Synchronization
from tiphys.model.shapes import Path

_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_KEY = re.compile(r"[-a-zA-Z0-9]*\Z")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")


def warn_of_policies(survey: Survey) -> None:
    """Note policies that do something else than they seem to."""
    _warn_of_spec(survey)
    for body in survey.bodies:
        _warn_of_retry(survey, body.template.retry_strategy, body.path, body.label)
        _warn_of_times(survey, body)
        _warn_of_kind(survey, body)
        _warn_of_locks(survey, body.template.synchronization, (*body.path, "synchronization"))
        memoize = body.template.memoize
        if memoize is not None and not _KEY.match(_TAG.sub("x", memoize.key)):
            reason = (
                f"the cache key `{memoize.key}` has a character other than letters, digits, `-`"
            )
            survey.note("TIP209", reason, (*body.path, "memoize", "key"), "the node is an Error")


def _warn_of_spec(survey: Survey) -> None:
    spec, root = survey.spec, survey.root
    if spec.retry_strategy is not None:
        reason = (
            "spec.retryStrategy wraps every template, steps and dags and the entrypoint too: "
            "attempts multiply"
        )
        hint = "use `templateDefaults.retryStrategy` or set it on the templates that need it"
        survey.note("TIP203", reason, (*root, "retryStrategy"), hint)
    _warn_of_retry(survey, spec.retry_strategy, root, "the workflow")
    defaults = spec.template_defaults
    if defaults is not None:
        path = (*root, "templateDefaults")
        _warn_of_retry(survey, defaults.retry_strategy, path, "templateDefaults")
    ttl = spec.ttl_strategy
    if ttl is not None and ttl.seconds_after_completion is None:
        reason = (
            "a workflow that ends in an Error is kept: only `secondsAfterCompletion` counts for it"
        )
        hint = "add `secondsAfterCompletion`"
        survey.note("TIP205", reason, (*root, "ttlStrategy"), hint)
    if spec.active_deadline_seconds == 0:
        reason = "`activeDeadlineSeconds: 0` is no absence of a limit: the workflow ends at once"
        survey.note("TIP210", reason, (*root, "activeDeadlineSeconds"), "leave it out")
    _warn_of_locks(survey, spec.synchronization, (*root, "synchronization"))


def _warn_of_retry(survey: Survey, retry: RetryStrategy | None, path: Path, label: str) -> None:
    if retry is None:
        return
    place = (*path, "retryStrategy")
    for name, value in (("limit", retry.limit), ("backoff.factor", _factor(retry))):
        if _is_bad_number(value):
            reason = f"retryStrategy.{name} of {label} is no whole number: `{value}`"
            survey.note("TIP215", reason, (*place, *name.split(".")))
    if retry.backoff is None:
        return
    place = (*place, "backoff")
    if retry.limit is None:
        reason = (
            f"the retryStrategy of {label} has no `limit`, so Argo does not wait between attempts"
        )
        survey.note("TIP201", reason, place, "add a `limit`")
    if not retry.backoff.duration:
        reason = f"the backoff of {label} has no `duration`: a failed attempt is an Error"
        survey.note("TIP204", reason, place, "add a `duration`")


def _factor(retry: RetryStrategy) -> int | str | None:
    return None if retry.backoff is None else retry.backoff.factor


def _is_bad_number(value: int | str | None) -> bool:
    if value is None:
        return False
    if isinstance(value, int):
        return value < 0
    return "{{" not in value and (not _INTEGER.match(value) or int(value) < 0)


def _warn_of_times(survey: Survey, body: Body) -> None:
    template = body.template
    has_retry = template.retry_strategy is not None or survey.spec.retry_strategy is not None
    if template.pending_timeout and has_retry:
        reason = f"pendingTimeout of {body.label} has no effect on the attempts of a retryStrategy"
        survey.note("TIP207", reason, (*body.path, "pendingTimeout"))
    if template.timeout and template.active_deadline_seconds is not None:
        reason = f"timeout of {body.label} replaces its activeDeadlineSeconds, even a shorter one"
        survey.note("TIP208", reason, (*body.path, "timeout"), "keep one of them")
    if _INTEGER.match(template.pending_timeout):
        reason = f"pendingTimeout of {body.label} has no unit; `timeout` would refuse it"
        hint = f"write `{template.pending_timeout}s`"
        survey.note("TIP216", reason, (*body.path, "pendingTimeout"), hint)


def _warn_of_kind(survey: Survey, body: Body) -> None:
    """What only one kind of template has."""
    template, path = body.template, body.path
    group = template.container_set
    if group is not None and group.retry_strategy is not None:
        retries = group.retry_strategy.retries
        says = (
            "the commands never run and count as succeeded"
            if retries in (0, "0")
            else f"`retries: {retries}` is {retries} runs, not one more"
        )
        reason = f"containerSet.retryStrategy of {body.label} counts runs: {says}"
        survey.note("TIP202", reason, (*path, "containerSet", "retryStrategy"))
    if template.dag is not None and template.dag.fail_fast:
        reason = f"failFast of {body.label} does not stop its other branches"
        survey.note("TIP206", reason, (*path, "dag", "failFast"), "`failFast` beside `dag` does")
    if template.http is not None and template.http.timeout_seconds is None and not template.timeout:
        reason = (
            f"the request of {body.label} has no timeout: an answer that never comes is awaited"
        )
        survey.note("TIP213", reason, (*path, "http"), "add `timeoutSeconds`")
    _warn_of_delete(survey, body)
    _warn_of_supplied(survey, body)


def _warn_of_delete(survey: Survey, body: Body) -> None:
    resource = body.template.resource
    if resource is None or resource.action not in ("get", "delete"):
        return
    if not (resource.manifest or resource.manifest_from or resource.flags):
        reason = f"{body.label} has neither a manifest nor flags that name an object: it fails"
        survey.note("TIP217", reason, (*body.path, "resource"))
    if resource.action == "get":
        return
    wanted = resource.success_condition or resource.failure_condition
    if wanted or body.template.outputs.parameters:
        reason = f"{body.label} deletes an object: it can have neither conditions nor outputs"
        survey.note("TIP214", reason, (*body.path, "resource"))


def _warn_of_supplied(survey: Survey, body: Body) -> None:
    suspend = body.template.suspend
    if suspend is None or not suspend.duration:
        return
    inputs = {item.name: item for item in body.template.inputs.parameters}
    for index, output in enumerate(body.template.outputs.parameters):
        source = output.value_from
        if source is None or source.supplied is None or source.default is not None:
            continue
        given = inputs.get(output.name)
        if given is None or (given.default is None and given.value is None):
            reason = f"nobody supplies `{output.name}` when the duration is over: an Error"
            path = (*body.path, "outputs", "parameters", index)
            survey.note("TIP212", reason, path, "add `valueFrom.default`")


def _warn_of_locks(survey: Survey, locks: Synchronization | None, path: Path) -> None:
    if locks is None:
        return
    seen: set[bytes] = set()
    items: list[tuple[str, int, Model]] = []
    items += [("mutexes", index, mutex) for index, mutex in enumerate(locks.mutexes)]
    items += [("semaphores", index, item) for index, item in enumerate(locks.semaphores)]
    for name, index, item in items:
        text = name.encode() + to_json(item)
        if text in seen:
            survey.note(
                "TIP211", "the same lock is listed twice: it is refused", (*path, name, index)
            )
        seen.add(text)
    for index, semaphore in enumerate(locks.semaphores):
        if (semaphore.config_map_key_ref is None) == (semaphore.database is None):
            reason = "a semaphore needs `configMapKeyRef` or `database`, and one of them only"
            survey.note("TIP211", reason, (*path, "semaphores", index))
