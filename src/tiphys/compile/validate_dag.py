"""DAG templates. Source: reference/validation.md 11; Argo validate.go validateDAG, util/sorting."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.compile.validate_arguments import check_arguments
from tiphys.compile.validate_calls import Body, add_outputs, check_loop, is_aggregate
from tiphys.compile.validate_context import Resolved, Spot
from tiphys.compile.validate_leaf import find_cycle
from tiphys.compile.validate_names import check_names
from tiphys.compile.validate_steps import check_no_deadline, plain_name
from tiphys.compile.validate_variables import Scope, check_variables, has_tag, is_known, tags
from tiphys.expr.depends import (
    NO_FLAGS,
    RESULTS,
    ContinueFlags,
    DependencyKind,
    from_dependencies,
    invalid_results,
    parse_depends,
)
from tiphys.expr.errors import UnknownTask
from tiphys.model.codec import suggestion
from tiphys.model.templates import DAGTask, DAGTemplate

_NO_DIGIT: Final = "name cannot begin with a digit when using either 'depends' or 'dependencies'"
_NO_MIX: Final = "cannot use both 'depends' and 'dependencies' in the same DAG template"
_NO_CONTINUE: Final = (
    "cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
)


@dataclass(frozen=True, slots=True)
class _Graph:
    """The tasks in an order in which they could run, and what each waits for."""

    order: tuple[tuple[int, DAGTask], ...]
    dependencies: dict[str, dict[str, DependencyKind]]
    tasks: dict[str, DAGTask]

    def has(self, task: DAGTask) -> bool:
        """Say whether it is the one that its name means: of a name that is used twice the first."""
        return self.tasks[task.name] is task

    def is_ancestor(self, wanted: str, task: str) -> bool:
        """Say whether `task` waits for `wanted`, directly or not; looks near tasks first."""
        waiting = deque(self.dependencies.get(task, ()))
        seen: set[str] = set()
        while waiting:
            name = waiting.popleft()
            if name == wanted:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(self.dependencies.get(name, ()))
        return False


def check_dag(body: Body, dag: DAGTemplate) -> None:
    """Check every task; the outputs of all of them are in scope, their status only below them."""
    checker, name = body.checker, f"templates.{body.template.name}"
    check_no_deadline(checker, body.template, body.spot)
    place = body.spot.at("dag", "tasks")
    if not dag.tasks:
        checker.fail("D0", f"{name} must have at least one task", body.spot.at("dag"))
    graph = _sorted_tasks(body, dag, place)
    once = [(index, task) for index, task in graph.order if graph.has(task)]
    names = [plain_name(checker, body.scope, task.name) for _, task in once]
    places = [index for index, _ in once]
    check_names(checker, names, f"{name}.tasks", place, ("D2", "D2", "D2"), places)
    uses_depends = any(task.depends for task in dag.tasks)
    mixed = next((task for _, task in graph.order if uses_depends and task.dependencies), None)
    found: dict[int, Resolved | None] = {}
    for index, task in graph.order:
        _check_style(body, task, uses_depends, mixed is task, place.at(index))
        found[index] = _check_call(body, graph, task, place.at(index))
    _check_target(body, dag, graph)
    for index, task in graph.order:
        _check_task(body, graph, task, found[index], place.at(index))


def _sorted_tasks(body: Body, dag: DAGTemplate, spot: Spot) -> _Graph:
    """Return the tasks in order; last what is in a cycle, and what has a name that is taken.

    Argo checks nothing else of a DAG that cannot be sorted; its finding comes first.
    """
    prefix = f"templates.{body.template.name} sorting failed: "
    places: dict[str, int] = {}
    for index, task in enumerate(dag.tasks):
        if task.name in places:
            reason = f"{prefix}duplicated nodeName {task.name}"
            body.checker.note("D1", reason, spot.at(index, "name"))
        places.setdefault(task.name, index)
    tasks = {name: dag.tasks[index] for name, index in places.items()}
    dependencies = _all_dependencies(body, tasks, places, spot)
    names = list(tasks)
    order = _topological(names, dependencies)
    stuck = sorted({*range(len(names))}.difference(order))
    if stuck:
        cycle = find_cycle({names[n]: tuple(dependencies[names[n]]) for n in stuck})
        hint = f"these wait for each other: {' -> '.join(cycle)}"
        place = spot.at(places[names[stuck[0]]])
        body.checker.note("D1", f"{prefix}graph with cycle", place, hint)
    every = [places[names[position]] for position in (*order, *stuck)]
    every += sorted({*range(len(dag.tasks))}.difference(every))
    return _Graph(tuple((index, dag.tasks[index]) for index in every), dependencies, tasks)


def _all_dependencies(
    body: Body, tasks: dict[str, DAGTask], places: dict[str, int], spot: Spot
) -> dict[str, dict[str, DependencyKind]]:
    """Return what each task waits for, of what there is."""
    flags = {name: _flags(task) for name, task in tasks.items()}
    found: dict[str, dict[str, DependencyKind]] = {}
    for name, task in tasks.items():
        known = flags
        while name not in found:
            try:
                needed = _dependencies(task, known)
            except UnknownTask as exc:
                _note_unknown_task(body, task, exc.message, tasks, spot.at(places[name]))
                known = {**known, exc.message: NO_FLAGS}
            else:
                found[name] = {other: kind for other, kind in needed.items() if other in tasks}
    return found


def _note_unknown_task(
    body: Body, task: DAGTask, wanted: str, tasks: Iterable[str], spot: Spot
) -> None:
    field = "depends" if task.depends else "dependencies"
    reason = f"templates.{body.template.name} sorting failed: invalid dependency {wanted}"
    body.checker.note("D1", reason, spot.at(field), suggestion(wanted, tasks))


def _flags(task: DAGTask) -> ContinueFlags:
    given = task.continue_on
    return NO_FLAGS if given is None else ContinueFlags(bool(given.error), bool(given.failed))


def _dependencies(task: DAGTask, flags: dict[str, ContinueFlags]) -> dict[str, DependencyKind]:
    if task.depends:
        return dict(parse_depends(task.depends, flags).dependencies)
    return dict(from_dependencies(task.dependencies, flags).dependencies)


def _topological(names: list[str], dependencies: dict[str, dict[str, DependencyKind]]) -> list[int]:
    """Indices in an order that respects dependencies, otherwise as written; cycles are left out."""
    index_of = {name: index for index, name in enumerate(names)}
    missing = [len(dependencies[name]) for name in names]
    followers: dict[str, list[int]] = {name: [] for name in names}
    for name, needed in dependencies.items():
        for other in needed:
            followers[other].append(index_of[name])
    ready = [index for index, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for follower in followers[names[index]]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, follower)
    return order


def _check_style(body: Body, task: DAGTask, uses_depends: bool, mixed: bool, spot: Spot) -> None:
    name = f"templates.{body.template.name}"
    if (uses_depends or task.dependencies) and task.name[:1].isdigit():
        body.checker.note("D3", f"{name}.tasks.{task.name} {_NO_DIGIT}", spot.at("name"))
    if mixed:
        body.checker.note("D4", f"{name} {_NO_MIX}", spot.at("dependencies"))
    if uses_depends and task.continue_on is not None:
        body.checker.note("D5", f"{name} {_NO_CONTINUE}", spot.at("continueOn"))


def _check_call(body: Body, graph: _Graph, task: DAGTask, spot: Spot) -> Resolved | None:
    checker = body.checker
    name = f"templates.{body.template.name}.tasks."
    found = body.call(task, name + task.name, spot, None)
    add_outputs(checker, body.scope, f"tasks.{task.name}", found, is_aggregate(task))
    for fault in invalid_results(task.depends) if task.depends else ():
        hint = suggestion(fault.split("'")[1], RESULTS)
        checker.note("D7", f"{name}{task.name} {fault}", spot.at("depends"), hint)
    for other, kind in graph.dependencies[task.name].items() if graph.has(task) else ():
        if kind == "items" and not _has_loop(graph.tasks[other]):
            reason = (
                f"{name}{other} dependency '{other}' uses an items-based condition such as "
                ".AnySucceeded or .AllFailed but does not contain any items"
            )
            checker.note("D8", reason, spot.at("depends"))
    return found


def _has_loop(task: DAGTask) -> bool:
    return is_aggregate(task) or task.with_sequence is not None


def _check_target(body: Body, dag: DAGTemplate, graph: _Graph) -> None:
    name = f"templates.{body.template.name}.targets"
    spot = body.spot.at("dag", "target")
    with body.checker.unit():
        check_variables(body.checker, body.scope, dag.target, f"{name} ", spot, "D9")
    if not dag.target:
        return
    for target in dag.target.split(" "):
        if not has_tag(target) and target not in graph.tasks:
            reason = f"{name}: target '{target}' is not defined"
            body.checker.note("D10", reason, spot, suggestion(target, graph.tasks))


def _check_task(
    body: Body, graph: _Graph, task: DAGTask, found: Resolved | None, spot: Spot
) -> None:
    checker = body.checker
    prefix = f"templates.{body.template.name}.tasks.{task.name}"
    scope = body.scope.child()
    _add_status(scope, graph, task)
    check_loop(checker, scope, task, prefix, spot)
    with checker.unit():
        # An inline template was checked as a template: it has a scope of its own.
        plain = msgspec.structs.replace(task, inline=None)
        check_variables(checker, scope, plain, f"{prefix} ", spot, "D12")
    check_arguments(checker, task.arguments, f"{prefix}.arguments.", spot.at("arguments"))
    if graph.has(task):
        _check_ancestors(body, graph, task, scope, spot.at("arguments"))
    if found is not None:
        body.call(task, prefix, spot, task.arguments)


def _add_status(scope: Scope, graph: _Graph, task: DAGTask) -> None:
    """Put the `tasks.X.status` that the task mentions in scope, if X comes before it."""
    if task.hooks:
        scope.names.add(f"tasks.{task.name}.status")
    text = msgspec.json.encode(task).decode("utf-8", "surrogatepass")
    if ".status" not in text:
        return
    try:
        found = {tag.strip() for tag in tags(text)}
    except ValueError:
        return
    for tag in found:
        parts = tag.split(".")
        is_status = len(parts) == 3 and parts[0] == "tasks" and parts[2] == "status"
        if is_status and graph.is_ancestor(parts[1], task.name):
            scope.names.add(tag)


def _check_ancestors(body: Body, graph: _Graph, task: DAGTask, scope: Scope, spot: Spot) -> None:
    """Note the arguments that begin with the output of a task that need not have run.

    What is no output of any task is noted as such already.
    """
    prefix = f"templates.{body.template.name}.tasks.{task.name}"
    parameters = [("parameter", item.name, item.value or "") for item in task.arguments.parameters]
    artifacts = [("artifact", item.name, item.from_) for item in task.arguments.artifacts]
    for kind, name, text in [*parameters, *artifacts]:
        if not text.startswith("{{tasks."):
            continue
        wanted = text.removeprefix("{{tasks.").partition(".")[0]
        tag = text.removeprefix("{{").partition("}}")[0].strip()
        if is_known(body.checker, scope, tag) and not graph.is_ancestor(wanted, task.name):
            reason = f"{prefix} missing dependency '{wanted}' for {kind} '{name}'"
            hint = f"add `depends: {wanted}`" if wanted in graph.tasks else ""
            body.checker.note("D14", reason, spot, hint)
