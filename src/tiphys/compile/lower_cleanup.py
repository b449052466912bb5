"""Metrics and rules of deletion in compiled form. Used by `lower.py`."""

from __future__ import annotations

from collections.abc import Mapping

from tiphys.expr.durations import parse_argo_duration
from tiphys.expr.errors import DurationError
from tiphys.expr.labels import LabelSelector, Requirement
from tiphys.expr.template import compile_json
from tiphys.model.artifact_gc import strategies_of
from tiphys.model.base import Json, JsonObject
from tiphys.model.policies import Metrics, Prometheus
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import Template as TemplateModel
from tiphys.program import ArtifactRules, CleanUp, MetricPlan, Template

_POD_DELAY_SECONDS = 5.0
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def lower_metrics(block: Metrics | None) -> tuple[MetricPlan, ...]:
    """Return the metrics of a workflow or a template."""
    return () if block is None else tuple(_metric(item) for item in block.prometheus)


def _metric(item: Prometheus) -> MetricPlan:
    """A gauge goes before a histogram, and that before a counter.

    Source: reference/resources.md 5.5; argo workflow_types.go, GetMetricType.
    """
    body = compile_json(
        {
            "name": item.name,
            "help": item.help,
            "labels": [{"key": label.key, "value": label.value} for label in item.labels],
            "when": item.when,
            "value": _value(item),
        }
    )
    gauge, histogram = item.gauge, item.histogram
    return MetricPlan(
        name=item.name,
        kind="gauge" if gauge else "histogram" if histogram else "counter" if item.counter else "",
        body=body,
        value=_value(item),
        operation=gauge.operation if gauge is not None else "",
        buckets=tuple(float(limit) for limit in histogram.buckets) if histogram else (),
        realtime=gauge is not None and bool(gauge.realtime),
        reads_resources=any(name.startswith("resourcesDuration") for name in body.names),
    )


def _value(item: Prometheus) -> str:
    for kind in (item.gauge, item.histogram, item.counter):
        if kind is not None:
            return kind.value
    return ""


def asks_resources(template: TemplateModel) -> bool:
    """Return whether a template's containers say how much they need (or a patch may)."""
    group = template.container_set.containers if template.container_set is not None else ()
    own = [item for item in (template.container, template.script) if item is not None]
    containers = (*own, *group, *template.init_containers, *template.sidecars)
    return bool(template.pod_spec_patch) or any(item.resources for item in containers)


def lower_clean_up(spec: WorkflowSpec) -> CleanUp:
    """Return what of a workflow is deleted when; a delay that is no duration is the usual one.

    Source: reference/engine-operations.md 11.4, 11.5; engine.md 2.9.
    """
    ttl, pods, claims = spec.ttl_strategy, spec.pod_gc, spec.volume_claim_gc
    return CleanUp(
        pods=pods.strategy if pods is not None else "",
        pod_labels=_selector(pods.label_selector) if pods and pods.label_selector else None,
        pod_delay=_delay(pods.delete_delay_duration) if pods is not None else _POD_DELAY_SECONDS,
        after_success=ttl.seconds_after_success if ttl is not None else None,
        after_failure=ttl.seconds_after_failure if ttl is not None else None,
        after_completion=ttl.seconds_after_completion if ttl is not None else None,
        claims_on_completion=claims is not None and claims.strategy == "OnWorkflowCompletion",
    )


def _delay(text: str) -> float:
    try:
        return max(0.0, parse_argo_duration(text)) if text else _POD_DELAY_SECONDS
    except DurationError:
        return _POD_DELAY_SECONDS


def _selector(selector: JsonObject) -> LabelSelector:
    """Return a Kubernetes LabelSelector object as a selector; it has been checked."""
    found = []
    labels, terms = selector.get("matchLabels"), selector.get("matchExpressions")
    for key, value in labels.items() if isinstance(labels, dict) else ():
        found.append(Requirement(key, "=", (str(value),)))
    listed = terms if isinstance(terms, list) else ()
    found.extend(_requirement(term) for term in listed if isinstance(term, dict))
    return LabelSelector(tuple(found))


def _requirement(term: JsonObject) -> Requirement:
    values = term.get("values")
    named = tuple(str(value) for value in values) if isinstance(values, list) else ()
    operator = _OPERATORS.get(str(term.get("operator")), "exists")
    return Requirement(str(term.get("key")), operator, named)


def claim_volumes(spec: WorkflowSpec, name: Json) -> tuple[Json, ...]:
    """Return the volumes made from volumeClaimTemplates: of each template's name, its claim.

    `name` is the workflow's. Source: reference/kubernetes.md 3.9; engine.md 1.1.
    """
    found: list[Json] = []
    for item in spec.volume_claim_templates:
        metadata = item.get("metadata")
        own = metadata.get("name") if isinstance(metadata, dict) else None
        claim: JsonObject = {"claimName": f"{name}-{own}"}
        found.append({"name": own, "persistentVolumeClaim": claim})
    return tuple(found)


def lower_artifact_rules(spec: WorkflowSpec, templates: Mapping[str, Template]) -> ArtifactRules:
    """Return when the outputs of some templates are deleted."""
    outputs = (template.declared_outputs for template in templates.values())
    return ArtifactRules(spec.artifact_gc, strategies_of(spec, outputs))
