"""Outputs and metrics of a template. Source: reference/validation.md 12 and 13.

Argo validate.go validateOutputs and validateOutputParameter; workflow/metrics/util.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from tiphys.compile.validate_artifacts import check_path
from tiphys.compile.validate_context import Checker, Spot
from tiphys.compile.validate_names import (
    METRIC_NAME,
    PARAMETER_TAIL,
    check_names,
    parameter_name_fault,
)
from tiphys.compile.validate_variables import Scope, check_variables, has_tag
from tiphys.model.arguments import Parameter, ValueFrom
from tiphys.model.policies import Metrics, Prometheus
from tiphys.model.templates import LEAF_TYPES, Template, template_types

_SOURCELESS = (
    "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, "
    "expression"
)
_SEVERAL = (
    "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw"
)
_METRIC_HELP = "must contain a help string under 'help: ' field"


def check_outputs(checker: Checker, scope: Scope, template: Template, spot: Spot) -> None:
    """Check the outputs of a template; `scope` is what its body left."""
    outputs = template.outputs
    prefix = f"templates.{template.name}.outputs"
    place = spot.at("outputs")
    names = [item.name for item in outputs.parameters]
    check_names(checker, names, f"{prefix}.parameters ", place.at("parameters"), ("O1",) * 3)
    names = [item.name for item in outputs.artifacts]
    check_names(checker, names, f"{prefix}.artifacts ", place.at("artifacts"), ("O2",) * 3)
    with checker.unit():
        check_variables(checker, scope, outputs, f"{prefix} ", place, "O3")
    kinds = template_types(template)
    is_leaf = bool(LEAF_TYPES.intersection(kinds))
    for index, artifact in enumerate(outputs.artifacts):
        own = f"{prefix}.artifacts.{artifact.name}"
        here = place.at("artifacts", index)
        if len(kinds) == 1:
            check_path(checker, artifact, own, here, is_leaf, ("O4", "O4", "O5"))
        _check_global_name(checker, artifact.global_name, own, here, "O6")
    for index, parameter in enumerate(outputs.parameters):
        here = place.at("parameters", index)
        name = f"{prefix}.parameters.{parameter.name}"
        with checker.unit():
            _check_source(checker, template, parameter, name, here)
        _check_global_name(checker, parameter.global_name, name, here, "O15")


def _check_global_name(checker: Checker, name: str, prefix: str, spot: Spot, rule: str) -> None:
    if name and not has_tag(name) and parameter_name_fault(name):
        checker.note(rule, f"{prefix}.globalName: {PARAMETER_TAIL}", spot.at("globalName"))


def _check_source(
    checker: Checker, template: Template, parameter: Parameter, name: str, spot: Spot
) -> None:
    source = parameter.value_from
    if source is not None and parameter.value is not None:
        checker.fail("O7", f"{name} has both valueFrom and value specified, choose one", spot)
    if parameter.value is None and source is None:
        checker.fail("O8", f"{name} does not have valueFrom or value specified", spot)
    if source is not None:
        here = spot.at("valueFrom")
        count = _source_count(source)
        if count != 1:
            rule, reason = ("O10", _SEVERAL) if count else ("O9", _SOURCELESS)
            supplied = rule == "O9" and template.plugin is not None
            hint = "what a plugin answers is `supplied: {}`" if supplied else ""
            checker.fail(rule, reason, here, hint)
        rule, reason = _source_fault(template, source, name)
        if reason:
            checker.fail(rule, reason, here)


def _source_count(source: ValueFrom) -> int:
    given = (
        source.path,
        source.jq_filter,
        source.json_path,
        source.parameter,
        source.expression,
        source.supplied is not None,
    )
    return sum(map(bool, given))


def _source_fault(template: Template, source: ValueFrom, name: str) -> tuple[str, str]:
    """The rule that is broken and what to say of it; empty if none is."""
    kinds = template_types(template)
    kind = kinds[0] if len(kinds) == 1 else ""
    if kind in ("Container", "ContainerSet", "Script") and not source.path:
        return "O11", f"{name}.path must be specified for {kind} templates"
    if kind == "Resource" and not (source.jq_filter or source.json_path):
        return "O12", f"{name} .jqFilter or jsonPath must be specified for {kind} templates"
    if kind in ("Steps", "DAG") and not (source.parameter or source.expression):
        return "O13", f"{name}.parameter or expression must be specified for {kind} templates"
    return "", ""


def check_metrics(checker: Checker, metrics: Metrics, name: str, spot: Spot) -> None:
    """Check the metrics of the template `name`."""
    for index, metric in enumerate(metrics.prometheus):
        for rule, reason in metric_faults(metric, name):
            checker.note(rule, reason, spot.at("prometheus", index))


def metric_faults(metric: Prometheus, template: str) -> Iterator[tuple[str, str]]:
    """Yield each rule that a metric breaks, and what is wrong."""
    name = f"templates.{template} metric '{metric.name}'"
    if not METRIC_NAME.match(metric.name):
        tail = "Metric names must contain alphanumeric characters or '_'"
        yield "M1", f"{name} is invalid. {tail}"
    for label in metric.labels:
        if not METRIC_NAME.match(label.key):
            tail = "keys may only contain alphanumeric characters or '_'"
            yield "M2", f"metric label '{label.key}' is invalid: {tail}"
    if not metric.help:
        yield "M3", f"{name} {_METRIC_HELP}"
    fault = _value_fault(metric)
    if fault:
        yield "M4", f"{name} error: {fault}"


def _value_fault(metric: Prometheus) -> str:
    if metric.gauge is not None:
        if not metric.gauge.value:
            return "missing gauge.value"
        if metric.gauge.realtime and "resourcesDuration." in metric.gauge.value:
            return "'resourcesDuration.*' metrics cannot be used in real-time"
    elif metric.histogram is not None:
        return "" if metric.histogram.value else "missing histogram.value"
    elif metric.counter is not None:
        return "" if metric.counter.value else "missing counter.value"
    return ""
