"""Checks of single fields of a spec. Source: reference/validation.md 5 (W6, W8-W10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tiphys.compile.validate_calls import check_hooks
from tiphys.compile.validate_context import Checker, Spot
from tiphys.model.base import Json
from tiphys.model.codec import suggestion
from tiphys.model.spec import ExecutorPlugin, WorkflowSpec

_POD_GC: Final = (
    "",
    "OnPodCompletion",
    "OnPodSuccess",
    "OnWorkflowCompletion",
    "OnWorkflowSuccess",
)
_LABEL_KEY: Final = re.compile(r"([a-z0-9A-Z.-]+/)?[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?\Z")
_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")


def check_plugins(checker: Checker, spec: WorkflowSpec, root: Spot) -> None:
    """Check the workflow-level executor plugins."""
    for index, plugin in enumerate(spec.executor_plugins):
        for fault in _plugin_faults(plugin):
            checker.note("W6", f"spec.executorPlugins: {fault}", root.at("executorPlugins", index))


def _plugin_faults(plugin: ExecutorPlugin) -> Iterator[str]:
    if not plugin.metadata.name:
        yield "executor plugin metadata name is mandatory"
    container = plugin.spec.sidecar.container
    if container is None or not container.ports:
        yield "at least one port is mandatory"
    if container is None:
        return
    if not container.resources.get("requests"):
        yield "resources requests are mandatory"
    if not container.resources.get("limits"):
        yield "resources limits are mandatory"
    if container.security_context is None:
        yield "security context is mandatory"


def check_hooks_of_spec(checker: Checker, spec: WorkflowSpec, root: Spot) -> None:
    """Check that every workflow hook but `exit` says when."""
    check_hooks(checker, spec.hooks, "hooks", root.at("hooks"), "W8")


def check_pod_gc(checker: Checker, spec: WorkflowSpec, root: Spot) -> None:
    """Check the strategy and the selector of podGC."""
    rule = spec.pod_gc
    if rule is None:
        return
    place = root.at("podGC")
    if rule.strategy not in _POD_GC:
        hint = suggestion(rule.strategy, _POD_GC)
        reason = f"podGC.strategy unknown strategy '{rule.strategy}'"
        checker.note("W9", reason, place.at("strategy"), hint)
    for fault in _selector_faults(rule.label_selector):
        checker.note("W10", f"podGC.labelSelector invalid: {fault}", place.at("labelSelector"))


def _selector_faults(selector: Json) -> Iterator[str]:
    """What is wrong with a label selector. Source: apimachinery LabelSelectorAsSelector."""
    if not isinstance(selector, dict):
        return
    expressions = selector.get("matchExpressions")
    for item in expressions if isinstance(expressions, list) else ():
        operator = item.get("operator") if isinstance(item, dict) else None
        if operator not in _OPERATORS:
            yield f'"{operator or ""}" is not a valid label selector operator'
    labels = selector.get("matchLabels")
    for key in labels if isinstance(labels, dict) else ():
        if not _LABEL_KEY.match(key):
            yield (
                f'key: Invalid value: "{key}": name part must consist of alphanumeric characters, '
                "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
                "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
                "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            )
