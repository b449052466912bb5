"""A dag template's tasks, conditions and reverse edges.

Used by `lower.py`; `dag_plan` is used by the engine when a DAG starts, because a target may hold
tags. Source: reference/engine.md 4.1, 4.2.
"""

from __future__ import annotations

from tiphys.compile.lower_calls import CallLowering, optional_text
from tiphys.expr.depends import Condition, ContinueFlags, from_dependencies, parse_depends
from tiphys.model.templates import DAGTask, DAGTemplate
from tiphys.program import Dag


def lower_dag(model: DAGTemplate, calls: CallLowering) -> Dag:
    """Return the compiled tasks of a dag template."""
    index = {task.name: position for position, task in enumerate(model.tasks)}
    flags = {task.name: _flags(task) for task in model.tasks}
    depends = tuple(_condition(task, flags) for task in model.tasks)
    return Dag(
        tasks=tuple(calls.step(task) for task in model.tasks),
        depends=depends,
        needs=tuple(_needs(condition, index) for condition in depends),
        target=optional_text(model.target),
        fail_fast=model.fail_fast is not False,
        index=index,
    )


def _flags(task: DAGTask) -> ContinueFlags:
    continue_on = task.continue_on
    return ContinueFlags(
        error=bool(continue_on and continue_on.error),
        failed=bool(continue_on and continue_on.failed),
    )


def _condition(task: DAGTask, flags: dict[str, ContinueFlags]) -> Condition | None:
    if task.depends:
        return parse_depends(task.depends, flags)
    if task.dependencies:
        return from_dependencies(task.dependencies, flags)
    return None


def _needs(condition: Condition | None, index: dict[str, int]) -> tuple[int, ...]:
    if condition is None:
        return ()
    return tuple(index[name] for name in condition.dependencies if name in index)
