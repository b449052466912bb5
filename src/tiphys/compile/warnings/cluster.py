"""Warnings about what an API server would refuse: the rules of the full CRDs, and of every object.

Source: reference/validation.md 18. Argo's own validation accepts all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from tiphys.compile.validate_metadata import validate_metadata
from tiphys.compile.warnings.survey import Survey
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.codec import to_json
from tiphys.model.cron import CronWorkflow
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.policies import Metrics
from tiphys.model.shapes import Path
from tiphys.model.templates import DAGTask, Template

_MOST_TEMPLATES: Final = 200
_MOST_TASKS: Final = 200
_MOST_INPUTS: Final = 500
_MOST_METRICS: Final = 100
_MOST_BYTES: Final = 1_500_000
_MOST_GAUGE: Final = 256
_NAME: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}\Z")
_ARTIFACT: Final = re.compile(r"[-a-zA-Z0-9_{}.]+\Z")
_ACTIONS: Final = ("get", "create", "apply", "delete", "replace", "patch")
_MERGES: Final = ("", "strategic", "merge", "json")
_STORES: Final = (
    *("s3", "git", "http", "artifactory", "hdfs", "raw", "oss", "gcs", "azure", "plugin"),
)
_GC: Final = ("", "OnWorkflowCompletion", "OnWorkflowDeletion", "Never")
_STYLES: Final = ("", "path", "virtual-hosted")
_OPERATIONS: Final = ("", "Set", "Add", "Sub")
_EVERY: Final = re.compile(r"@every ([0-9]+(ns|us|µs|ms|s|m|h))+\Z")
_DESCRIPTORS: Final = (
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
)
_FIVE: Final = re.compile(r"[A-Za-z0-9*,/?-]+( +[A-Za-z0-9*,/?-]+){4}\Z")

_Found = Iterator[tuple[str, Path]]


def warn_of_cluster(survey: Survey) -> None:
    """Note what a cluster would refuse, each with the cluster's words."""
    for reason, place in _of_crd(survey):
        survey.note("TIP601", f"a cluster with the full CRDs refuses this: {reason}", place)
    if not isinstance(survey.resource, WorkflowEventBinding):
        for fault in validate_metadata(survey.resource.metadata):
            name = fault.path.removeprefix("metadata").removeprefix(".")
            path: Path = ("metadata", name) if "." not in name and name else ("metadata",)
            survey.note("TIP602", f"a cluster refuses this: {fault.reason}", path)
    size = len(to_json(survey.resource))
    if size > _MOST_BYTES:
        reason = f"a cluster refuses this: the document has {size} bytes, about 1.5 MiB fit"
        survey.note("TIP602", reason, ("spec",))


def _of_crd(survey: Survey) -> _Found:
    spec, root = survey.spec, survey.root
    if len(spec.templates) > _MOST_TEMPLATES:
        reason = f"spec.templates in body should have at most {_MOST_TEMPLATES} items"
        yield reason, (*root, "templates")
    yield from _at_least_one(spec.parallelism, (*root, "parallelism"))
    yield from _of_artifacts(spec.arguments.artifacts, (*root, "arguments", "artifacts"))
    if spec.artifact_gc is not None:
        yield from _one_of(spec.artifact_gc.strategy, _GC, (*root, "artifactGC", "strategy"))
    yield from _of_metrics(spec.metrics, (*root, "metrics"))
    for body in survey.bodies:
        for check in _CHECKS:
            yield from check(body.template, body.path)
    for call in survey.calls:
        yield from _of_name(call.name, (*call.path, "name"))
        yield from _of_artifacts(
            call.item.arguments.artifacts, (*call.path, "arguments", "artifacts")
        )
        if isinstance(call.item, DAGTask):
            yield from _of_task(call.item, call.path)
    if isinstance(survey.resource, CronWorkflow):
        yield from _of_schedules(survey.resource)


def _at_least_one(value: int | None, path: Path) -> _Found:
    if value is not None and value < 1:
        yield f"{path[-1]} in body should be greater than or equal to 1", path


def _one_of(value: str, allowed: tuple[str, ...], path: Path) -> _Found:
    if value not in allowed and "{{" not in value:
        shown = ", ".join(f'"{item}"' for item in allowed)
        yield f'Unsupported value: "{value}": supported values: {shown}', path


def _of_name(name: str, path: Path) -> _Found:
    if name and not _NAME.match(name):
        yield f"`{name}` should match '^[a-zA-Z0-9][-a-zA-Z0-9]*$' and have 128 characters", path


def _of_parameters(count: int, path: Path) -> _Found:
    if count > _MOST_INPUTS:
        yield f"parameters in body should have at most {_MOST_INPUTS} items", (*path, "parameters")


def _of_counts(template: Template, path: Path) -> _Found:
    yield from _at_least_one(template.parallelism, (*path, "parallelism"))
    yield from _of_parameters(len(template.inputs.parameters), (*path, "inputs"))
    if template.steps is not None and not template.steps:
        yield "steps in body should have at least 1 items", (*path, "steps")
    if template.dag is not None and len(template.dag.tasks) > _MOST_TASKS:
        yield f"tasks in body should have at most {_MOST_TASKS} items", (*path, "dag", "tasks")


def _of_actions(template: Template, path: Path) -> _Found:
    resource = template.resource
    if resource is None:
        return
    if "{{" in resource.action:
        yield from _one_of("a tag", _ACTIONS, (*path, "resource", "action"))
    yield from _one_of(resource.merge_strategy, _MERGES, (*path, "resource", "mergeStrategy"))


def _of_inputs(template: Template, path: Path) -> _Found:
    yield from _of_artifacts(template.inputs.artifacts, (*path, "inputs", "artifacts"))
    yield from _of_artifacts(template.outputs.artifacts, (*path, "outputs", "artifacts"))
    if template.archive_location is not None:
        yield from _of_location(template.archive_location, (*path, "archiveLocation"))


def _of_template_metrics(template: Template, path: Path) -> _Found:
    yield from _of_metrics(template.metrics, (*path, "metrics"))


_CHECKS: Final[tuple[Callable[[Template, Path], _Found], ...]] = (
    _of_counts,
    _of_actions,
    _of_inputs,
    _of_template_metrics,
)


def _of_artifacts(artifacts: tuple[Artifact, ...], path: Path) -> _Found:
    for index, item in enumerate(artifacts):
        place = (*path, index)
        if item.name and not _ARTIFACT.match(item.name):
            yield f"`{item.name}` should match '^[-a-zA-Z0-9_{{}}.]+$'", (*place, "name")
        if item.mode is not None and not 0 <= item.mode <= 0o777:
            yield "mode in body should be from 0 to 511 (0777)", (*place, "mode")
        if item.artifact_gc is not None:
            yield from _one_of(item.artifact_gc.strategy, _GC, (*place, "artifactGC", "strategy"))
        yield from _of_location(item, place)


def _of_location(location: ArtifactLocation, path: Path) -> _Found:
    if sum(getattr(location, name) is not None for name in _STORES) > 1:
        yield "at most one artifact location can be specified", path
    if location.s3 is not None:
        yield from _one_of(location.s3.addressing_style, _STYLES, (*path, "s3", "addressingStyle"))


def _of_metrics(metrics: Metrics | None, path: Path) -> _Found:
    if metrics is None:
        return
    if len(metrics.prometheus) > _MOST_METRICS:
        yield f"prometheus in body should have at most {_MOST_METRICS} items", path
    for index, metric in enumerate(metrics.prometheus):
        gauge, place = metric.gauge, (*path, "prometheus", index, "gauge")
        if gauge is not None:
            yield from _one_of(gauge.operation, _OPERATIONS, (*place, "operation"))
            if len(gauge.value) > _MOST_GAUGE:
                reason = f"value in body should be at most {_MOST_GAUGE} chars long"
                yield reason, (*place, "value")


def _of_task(task: DAGTask, path: Path) -> _Found:
    """The API server looks at each task alone; a whole dag is looked at by Argo."""
    if task.name[:1].isdigit() and (task.depends or task.dependencies):
        reason = "task name cannot begin with a digit when using 'depends' or 'dependencies'"
        yield reason, (*path, "name")


def _of_schedules(cron: CronWorkflow) -> _Found:
    for index, schedule in enumerate(cron.spec.schedules):
        is_known = schedule in _DESCRIPTORS or _EVERY.match(schedule) or _FIVE.match(schedule)
        if not is_known:
            reason = f"`{schedule}` is not five fields of [A-Za-z0-9*,/?-], a descriptor or @every"
            yield reason, ("spec", "schedules", index)
