"""Warnings about resource conditions, JSONPath, patches and the workflow's metrics."""

from __future__ import annotations

import re
from typing import Final

from tiphys.compile.validate_outputs import metric_faults
from tiphys.compile.warnings.survey import Body, Survey, find_tags
from tiphys.errors import InvalidDocument
from tiphys.expr.errors import ConditionError, JsonPathError
from tiphys.model.codec import encode, suggestion
from tiphys.model.policies import Metrics
from tiphys.model.shapes import Path
from tiphys.model.variables import VARIABLES, find_variable
from tiphys.model.yaml_reader import read_yaml

_DISPLAY_NAME: Final = "workflows.argoproj.io/display-name"
_LABEL: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9.]{0,61}[a-zA-Z0-9]\Z")
_REALTIME: Final = ("{{workflow.duration}}", "{{duration}}")
_TAG: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def warn_of_queries(survey: Survey) -> None:
    """Note texts that cannot be read."""
    for body in survey.bodies:
        _warn_of_display_name(survey, body)
        _warn_of_gauges(survey, body.template.metrics, body.path)
        _warn_of_metric_tags(survey, body.template.metrics, body.path)
        _warn_of_queries(survey, body)
        _warn_of_patch(survey, body.template.pod_spec_patch, body.path)
    _warn_of_patch(survey, survey.spec.pod_spec_patch, survey.root)
    _warn_of_metrics(survey)
    _warn_of_gauges(survey, survey.spec.metrics, survey.root)
    _warn_of_metric_tags(survey, survey.spec.metrics, survey.root)


def _warn_of_queries(survey: Survey, body: Body) -> None:
    resource = body.template.resource
    if resource is None:
        return
    from tiphys.expr.conditions import parse_conditions
    from tiphys.expr.jsonpath_kubectl_parse import parse_template

    for name in ("successCondition", "failureCondition"):
        written = resource.success_condition if name[0] == "s" else resource.failure_condition
        try:
            parse_conditions(_TAG.sub("x", written), "")
        except ConditionError as exc:
            reason = f"{name} of {body.label} cannot be read: {exc.message}"
            survey.note("TIP511", reason, (*body.path, "resource", name))
    for index, item in enumerate(body.template.outputs.parameters):
        query = item.value_from.json_path if item.value_from is not None else ""
        try:
            parse_template(_TAG.sub("x", query))
        except JsonPathError as exc:
            reason = f"the jsonPath of `{item.name}` cannot be read: {exc.message}"
            path = (*body.path, "outputs", "parameters", index, "valueFrom", "jsonPath")
            survey.note("TIP511", reason, path)


def _warn_of_patch(survey: Survey, text: str, path: Path) -> None:
    if not text:
        return
    try:
        value = read_yaml(_TAG.sub("x", text)).value
    except InvalidDocument as exc:
        reason = f"podSpecPatch cannot be read: {exc.findings[0].reason}"
        survey.note("TIP513", reason, (*path, "podSpecPatch"))
        return
    if not isinstance(value, dict):
        survey.note("TIP513", "podSpecPatch is no object", (*path, "podSpecPatch"))


def _warn_of_display_name(survey: Survey, body: Body) -> None:
    name = body.template.annotations.get(_DISPLAY_NAME, "")
    if name and "{{" not in name and not _LABEL.match(name):
        reason = f"the display name `{name}` is refused: the node is an Error"
        path = (*body.path, "annotations", _DISPLAY_NAME)
        survey.note("TIP514", reason, path, "letters, digits, `-` and dots, 2 to 63 of them")


def _warn_of_gauges(survey: Survey, metrics: Metrics | None, path: Path) -> None:
    for index, metric in enumerate(metrics.prometheus if metrics is not None else ()):
        gauge = metric.gauge
        if gauge is None or not gauge.realtime or "resourcesDuration." in gauge.value:
            continue
        if gauge.value.replace(" ", "") not in _REALTIME:
            reason = f"the real-time gauge `{metric.name}` can only be a duration"
            place = (*path, "metrics", "prometheus", index, "gauge")
            survey.note("TIP515", reason, place, f"one of {', '.join(_REALTIME)}")


def _warn_of_metric_tags(survey: Survey, metrics: Metrics | None, path: Path) -> None:
    """A word that is none of a metric's own: of a pod's text it might be another language's tag."""
    if metrics is None:
        return
    for tag in find_tags(encode(metrics), (*path, "metrics")):
        if tag.is_expression or "." in tag.text or find_variable(tag.text) is not None:
            continue
        reason = f"{{{{{tag.text}}}}} has no value in a metric: none is made"
        known = [item.name for item in VARIABLES if item.scope == "metric"]
        survey.note("TIP105", reason, tag.path, suggestion(tag.text, known))


def _warn_of_metrics(survey: Survey) -> None:
    metrics = survey.spec.metrics
    for index, metric in enumerate(metrics.prometheus if metrics is not None else ()):
        for _, reason in metric_faults(metric, ""):
            path = (*survey.root, "metrics", "prometheus", index)
            said = reason.removeprefix("templates. ")
            survey.note("TIP512", f"the workflow's {said}", path)
