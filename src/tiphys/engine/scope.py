"""What a reference means at a given place of a run.

A scope answers one name at a time, from the node table; no map of all variables is ever made.
Three kinds: `GlobalScope` (workflow.*), `NodeScope` (a node's own inputs and values over the
globals), `FrameScope` (what a step or task of a Steps or DAG node may see). An inline template
sees its caller's scope before its own (reference/engine.md 10.5).

Source: reference/language.md 5; argo workflow/controller/scope.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from tiphys.engine import aggregate
from tiphys.engine.clock import rfc3339
from tiphys.engine.state import Node, State
from tiphys.expr.gotext import json_string, quote_body
from tiphys.expr.numbers import item_members, item_text
from tiphys.expr.values import MISSING, Missing
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json
from tiphys.model.ids import pod_of_node
from tiphys.program import Call, Program, Template

VOLATILE = ("workflow.status", "workflow.duration", "workflow.failures")
"""Variables whose value depends on when they are read."""


_OF_LOOP = ("TaskGroup", "Skipped")
"""What a step or task with a loop leaves under its own name: its items, or that there are none."""


class Names(Protocol):
    """A scope: exact names, all names at or under a path, artifacts."""

    def get(self, name: str) -> object | Missing:
        """Return the value of a name, None for an absent optional, MISSING if unknown."""
        ...

    def names(self, path: str) -> Iterable[str]:
        """Return the known names at, under or above a dotted path."""
        ...

    def artifact(self, name: str) -> Artifact | None:
        """Return the artifact a name refers to."""
        ...


def environment(scope: Names, path: str) -> dict[str, object]:
    """Return the flat names an expression needs to see `path`, with their values."""
    found: dict[str, object] = {}
    for name in scope.names(path):
        value = scope.get(name)
        if value is not MISSING:
            found[name] = value
    return found


def touches(name: str, path: str) -> bool:
    """Return whether `name` is `path`, lies below it, or is a dotted prefix of it."""
    return name == path or name.startswith(f"{path}.") or path.startswith(f"{name}.")


class GlobalScope:
    """workflow.*, as it reads at the instant `at`."""

    def __init__(self, program: Program, state: State, at: float) -> None:
        self._program = program
        self._state = state
        self._at = at

    def get(self, name: str) -> object | Missing:
        """Return the value of a workflow variable."""
        constant = self._program.constants.get(name)
        if constant is not None:
            return constant
        if name in VOLATILE:
            return self._volatile(name)
        prefix = "workflow.outputs.parameters."
        if name.startswith(prefix):
            return self._state.outputs.get(name[len(prefix) :], MISSING)
        return MISSING

    def names(self, path: str) -> Iterator[str]:
        """Return the workflow variables that touch a path."""
        if path.partition(".")[0] != "workflow":
            return
        yield from (name for name in self._program.constants if touches(name, path))
        yield from (name for name in VOLATILE if touches(name, path))
        for output in self._state.outputs:
            name = f"workflow.outputs.parameters.{output}"
            if touches(name, path):
                yield name

    def artifact(self, name: str) -> Artifact | None:
        """Return a global output artifact."""
        prefix = "workflow.outputs.artifacts."
        if not name.startswith(prefix):
            return None
        return self._state.output_artifacts.get(name[len(prefix) :])

    def _volatile(self, name: str) -> str | Missing:
        if name == "workflow.status":
            return workflow_status(self._state)
        if name == "workflow.duration":
            return f"{max(0.0, self._at - self._state.started_at):.6f}"
        root = self._state.root
        return failures(self._program, self._state) if root is not None else MISSING


def workflow_status(state: State) -> str:
    """Return `workflow.status`: the phase that follows from the root node."""
    root = state.root
    if root is None:
        return state.phase or "Pending"
    return "Succeeded" if root.phase in {"Skipped", "Omitted"} else root.phase


def failures(program: Program, state: State) -> str:
    """Return `workflow.failures`: a quoted JSON list of every Failed and Error node.

    Source: argo workflow/controller/operator.go, setGlobalRuntimeParameters.
    """
    if not state.failed:
        return '"null"'
    rows = [_failure(program, state, state.nodes[key]) for key in state.failed]
    return f'"{quote_body("[" + ",".join(rows) + "]")}"'


def _failure(program: Program, state: State, node: Node) -> str:
    template = program.templates.get(node.template)
    name = template.name if template is not None else ""
    fields = {
        "displayName": node.display_name,
        "message": node.message,
        "templateName": name,
        "phase": node.phase,
        "podName": str(pod_of_node(state.name, node.id, name)),
        "finishedAt": rfc3339(node.finished_at),
    }
    return "{" + ",".join(f'"{key}":{json_string(text)}' for key, text in fields.items()) + "}"


class NodeScope:
    """A node's own variables over another scope: inputs, values, declared paths."""

    def __init__(self, state: State, node: Node, template: Template, below: Names) -> None:
        self._state = state
        self._node = node
        self._template = template
        self._below = below

    def get(self, name: str) -> object | Missing:
        """Return an own variable, else what the scope below says."""
        if name in self._node.values:
            return self._node.values[name]
        own = self._own(name)
        return self._below.get(name) if own is MISSING else own

    def _own(self, name: str) -> object | Missing:
        if name.startswith("inputs."):
            return self._input(name[len("inputs.") :])
        if name.startswith("outputs."):
            return self._template.output_paths.get(name, MISSING)
        return self._derived().get(name, MISSING)

    def _derived(self) -> dict[str, object]:
        node = self._node
        plain = _without_attempt(node)
        derived: dict[str, object] = {"node.name": plain}
        if node.kind == "Pod":
            derived["pod.name"] = str(pod_of_node(self._state.name, node.id, self._template.name))
        if node.call and node.call[0] in {"step", "task"}:
            boundary = "" if node.boundary is None else self._state.nodes[node.boundary].name
            derived[f"{node.call[0]}s.name"] = name_within(boundary, plain)
        return derived

    def _input(self, rest: str) -> object | Missing:
        inputs = self._node.inputs
        if rest == "parameters":
            return msgspec.json.encode(inputs.parameters).decode()
        kind, _, name = rest.partition(".")
        if kind == "parameters":
            values = (item.value for item in inputs.parameters if item.name == name)
            return next(values, MISSING)
        if kind == "artifacts" and name.endswith(".path"):
            paths = (a.path for a in inputs.artifacts if a.name == name[: -len(".path")])
            return next(paths, MISSING)
        return MISSING

    def names(self, path: str) -> Iterator[str]:
        """Return the own names that touch a path, and those of the scope below."""
        own = [*self._node.values, *self._derived(), *self._template.output_paths]
        own += [f"inputs.parameters.{item.name}" for item in self._node.inputs.parameters]
        own += [f"inputs.artifacts.{item.name}.path" for item in self._node.inputs.artifacts]
        yield from (name for name in own if touches(name, path))
        yield from self._below.names(path)

    def artifact(self, name: str) -> Artifact | None:
        """Return an input artifact, else what the scope below says."""
        prefix = "inputs.artifacts."
        if name.startswith(prefix):
            wanted = name[len(prefix) :]
            found = (item for item in self._node.inputs.artifacts if item.name == wanted)
            return next(found, None)
        return self._below.artifact(name)


def name_within(boundary: str, name: str) -> str:
    """Return the name of a step, task, item or group without that of its boundary.

    Source: argo workflow/controller/operator.go, initializeNode (reference/engine.md 1.8).
    """
    rest = name[len(boundary) :]
    if rest.startswith("["):
        group, _, step = rest.partition("]")
        return step[1:] if step.startswith(".") else f"{group}]{step}"
    return rest.removeprefix(".")


def _without_attempt(node: Node) -> str:
    return node.name if node.attempt is None else node.name.removesuffix(f"({node.attempt})")


class Layered:
    """One scope before another: an inline template sees its caller's names first."""

    def __init__(self, above: Names, below: Names) -> None:
        self._above = above
        self._below = below

    def get(self, name: str) -> object | Missing:
        """Return the first scope's value, else the second's."""
        value = self._above.get(name)
        return self._below.get(name) if value is MISSING else value

    def names(self, path: str) -> Iterator[str]:
        """Return the names of both."""
        yield from self._above.names(path)
        yield from self._below.names(path)

    def artifact(self, name: str) -> Artifact | None:
        """Return the first scope's artifact, else the second's."""
        return self._above.artifact(name) or self._below.artifact(name)


class ConstantScope:
    """The workflow variables that never change: all a stored job may depend on."""

    def __init__(self, constants: Mapping[str, str]) -> None:
        self._constants = constants

    def get(self, name: str) -> object | Missing:
        """Return a constant."""
        return self._constants.get(name, MISSING)

    def names(self, path: str) -> Iterator[str]:
        """Return the constants that touch a path."""
        if path.partition(".")[0] == "workflow":
            yield from (name for name in self._constants if touches(name, path))

    def artifact(self, _name: str) -> Artifact | None:
        """Return nothing: constants are text."""
        return None


class GivenScope:
    """Some variables with their values, over another scope."""

    def __init__(self, values: Mapping[str, object], below: Names) -> None:
        self._values = values
        self._below = below

    def get(self, name: str) -> object | Missing:
        """Return a given variable, else what the scope below says."""
        return self._values[name] if name in self._values else self._below.get(name)

    def names(self, path: str) -> Iterator[str]:
        """Return the given names that touch a path, and those of the scope below."""
        yield from (name for name in self._values if touches(name, path))
        yield from self._below.names(path)

    def artifact(self, name: str) -> Artifact | None:
        """Return what the scope below says."""
        return self._below.artifact(name)


class ItemScope(GivenScope):
    """`item` and its members over another scope."""

    def __init__(self, item: Json, below: Names) -> None:
        members = {f"item.{key}": text for key, text in item_members(item).items()}
        super().__init__({"item": item_text(item), **members}, below)


class FrameScope:
    """steps.* or tasks.* of one Steps or DAG node, over the node's own scope.

    A step sees the steps of earlier groups, a task its ancestors (`viewer` is its index), an
    output of the template everything (`viewer` None). `own` is the node a hook belongs to: of it
    the status, and its outputs.
    """

    def __init__(
        self,
        program: Program,
        state: State,
        boundary: Node,
        below: Names,
        viewer: int | None = None,
        own: Node | None = None,
    ) -> None:
        self._program = program
        self._state = state
        self._boundary = boundary
        self._template = program.templates[boundary.template]
        self._below = below
        self._viewer = viewer
        self._own = own
        self._own_names = () if own is None else self._names_of(own)
        self._prefix = "steps." if self._template.kind == "Steps" else "tasks."

    def get(self, name: str) -> object | Missing:
        """Return a variable of an earlier step or task, else what the scope below says.

        `steps.name` is none of a step called `name`: it tells what called this template.
        """
        if not name.startswith(self._prefix) or name == f"{self._prefix}name":
            return self._below.get(name)
        step, _, rest = name[len(self._prefix) :].partition(".")
        if step in self._own_names:
            return self._of_own(rest)
        call = self._call(step)
        return MISSING if call is None else self._of(step, call, rest)

    def _names_of(self, own: Node) -> tuple[str, ...]:
        """Return what a hook's text may call its own node: as it is shown, as declared, as made."""
        made = name_within(self._boundary.name, own.name)
        number = int(own.call[-1])
        dag = self._template.dag
        call = dag.tasks[number] if dag else self._template.groups[int(own.call[1])][number]
        return tuple(dict.fromkeys((own.display_name, call.name, made)))

    def _of_own(self, rest: str) -> object | Missing:
        """Return what a hook may read of its own node: its status and its output parameters.

        Source: reference/engine.md 6.4.
        """
        own = self._own
        if rest == "status" and own is not None:
            return own.phase
        if own is None or not rest.startswith("outputs.parameters."):
            return MISSING
        return node_variable(self._program, self._state, own, rest)

    def _of(self, step: str, call: Call, rest: str) -> object | Missing:
        node = self._state.find(self.node_name(step))
        if call.loop is not None and (node is None or node.kind == "TaskGroup"):
            return self._of_loop(step, rest)
        if node is None or not node.fulfilled:
            return MISSING
        return node_variable(self._program, self._state, node, rest, call)

    def _of_loop(self, step: str, rest: str) -> object | Missing:
        if not rest.startswith("outputs."):
            group = self._state.find(self.group_name(step))
            return MISSING if group is None else _scalar(group, rest)
        return aggregate.variable(self.loop_nodes(step), rest, self._template.kind == "DAG")

    def loop_nodes(self, step: str) -> list[Node]:
        """Return the nodes made for the items of a looped step or task, in order."""
        frame, slot = self._loop_frame(step)
        made = frame.frame.made.get(slot, []) if frame is not None and frame.frame else []
        return [self._state.nodes[key] for key in made]

    def _loop_frame(self, step: str) -> tuple[Node | None, int]:
        if self._template.dag is not None:
            return self._state.find(self.node_name(step)), 0
        group = self._template.group_of[step]
        names = [call.name for call in self._template.groups[group]]
        return self._state.find(self.group_name(step)), names.index(step)

    def node_name(self, step: str) -> str:
        """Return the name of the node a step or task makes."""
        return f"{self.group_name(step)}.{step}" if self._template.dag is None else self._task(step)

    def _task(self, task: str) -> str:
        return f"{self._boundary.name}.{task}"

    def group_name(self, step: str) -> str:
        """Return the name of the StepGroup (of the TaskGroup in a DAG) a step belongs to."""
        if self._template.dag is not None:
            return self._task(step)
        return f"{self._boundary.name}[{self._template.group_of[step]}]"

    def _call(self, step: str) -> Call | None:
        """Return the declaration of a step or task that may be seen from here."""
        if self._template.dag is not None:
            index = self._template.dag.index.get(step)
            if index is None or not self._is_ancestor(index):
                return None
            return self._template.dag.tasks[index]
        group = self._template.group_of.get(step)
        cursor = self._boundary.frame.cursor if self._boundary.frame else 0
        if group is None or (self._viewer is not None and group >= cursor):
            return None
        return next(call for call in self._template.groups[group] if call.name == step)

    def _is_ancestor(self, index: int) -> bool:
        dag = self._template.dag
        if self._viewer is None or dag is None:
            return True
        seen, work = set(dag.needs[self._viewer]), [*dag.needs[self._viewer]]
        while work and index not in seen:
            for need in dag.needs[work.pop()]:
                if need not in seen:
                    seen.add(need)
                    work.append(need)
        return index in seen

    def names(self, path: str) -> Iterator[str]:
        """Return the variables of visible steps that touch a path, and those below."""
        if path.partition(".")[0] == self._prefix[:-1]:
            for step in self._visible(path):
                for rest in self._variables(step):
                    name = f"{self._prefix}{step}.{rest}"
                    if touches(name, path):
                        yield name
        yield from self._below.names(path)

    def _visible(self, path: str) -> Iterator[str]:
        named = path.split(".")[1:2]
        dag = self._template.dag
        known = dag.index if dag is not None else self._template.group_of
        yield from (step for step in self._own_names if not named or step == named[0])
        for step in named or known:
            if step in known and step not in self._own_names and self._call(step) is not None:
                yield step

    def _variables(self, step: str) -> Iterator[str]:
        if self._own is not None and step in self._own_names:
            known = ("status", *node_variables(self._program, self._state, self._own, None))
            yield from (rest for rest in dict.fromkeys(known) if self._of_own(rest) is not MISSING)
            return
        call = self._call(step)
        node = self._state.find(self.node_name(step))
        if (
            call is not None
            and call.loop is not None
            and (node is None or node.kind == "TaskGroup")
        ):
            yield from ("id", "startedAt", "finishedAt", "status")
            yield from aggregate.variables(self.loop_nodes(step), self._template.kind == "DAG")
        elif node is not None and node.fulfilled:
            yield from node_variables(self._program, self._state, node, call)

    def artifact(self, name: str) -> Artifact | None:
        """Return an output artifact of an earlier step or task; of a loop, all its items'."""
        if not name.startswith(self._prefix):
            return self._below.artifact(name)
        step, _, rest = name[len(self._prefix) :].partition(".")
        prefix = "outputs.artifacts."
        if not rest.startswith(prefix):
            return None
        wanted = rest[len(prefix) :]
        if step in self._own_names:
            return _artifact_of(self._own, wanted)
        call = self._call(step)
        if call is None:
            return None
        node = self._state.find(self.node_name(step))
        if call.loop is not None and (node is None or node.kind in _OF_LOOP):
            whole = node or self._state.find(self.group_name(step))
            return self._artifact_of_loop(step, whole, wanted)
        return _artifact_of(node, wanted)

    def _artifact_of_loop(self, step: str, whole: Node | None, wanted: str) -> Artifact | None:
        """Return the artifacts of a loop that was gone through; `whole` stands for all of it."""
        if whole is None or not _was_gone_through(whole):
            return None
        nodes = self.loop_nodes(step)
        found = aggregate.artifact(nodes, wanted)
        call = self._call(step)
        keys = {node.template for node in nodes} or {call.target.key if call is not None else ""}
        known = [self._program.templates[key] for key in keys if key in self._program.templates]
        is_made = not known or any(wanted in item.declared_artifacts for item in known)
        return found if is_made or (found.items and found.items.artifacts) else None


def _was_gone_through(whole: Node) -> bool:
    """Tell whether a loop was: it has ended, or it had no items. One that was omitted was not."""
    return (
        whole.phase == "Skipped"
        if whole.kind == "Skipped"
        else whole.kind == "StepGroup" or (whole.fulfilled)
    )


def _artifact_of(node: Node | None, wanted: str) -> Artifact | None:
    artifacts = node.outputs.artifacts if node is not None and node.outputs is not None else ()
    return next((item for item in artifacts if item.name == wanted), None)


def _scalar(node: Node, rest: str) -> object | Missing:
    match rest:
        case "id":
            return str(node.id)
        case "status":
            return str(node.phase)
        case "startedAt":
            return rfc3339(node.started_at)
        case "finishedAt" if node.finished_at:
            return rfc3339(node.finished_at)
        case "hostNodeName" if node.host:
            return node.host
        case "ip" if node.pod_ip:
            return node.pod_ip
        case _:
            return MISSING


def node_variable(
    program: Program, state: State, node: Node, rest: str, call: Call | None = None
) -> object | Missing:
    """Return `rest` ("status", "outputs.result", ...) of one node; Retry answers by its last."""
    if rest == "exitCode":
        code = node.outputs.exit_code if node.outputs else None
        return MISSING if code is None else code
    if not rest.startswith("outputs."):
        return _scalar(_last_attempt(state, node), rest)
    return _output(program, node, rest[len("outputs.") :], call)


def _last_attempt(state: State, node: Node) -> Node:
    if node.kind == "Retry" and node.frame is not None and node.frame.attempts:
        return state.nodes[node.frame.attempts[-1]]
    return node


def _output(program: Program, node: Node, rest: str, call: Call | None) -> object | Missing:
    outputs = node.outputs
    if outputs is None and node.phase in {"Skipped", "Omitted"}:
        return _absent(program, call, rest)
    if outputs is None:
        return MISSING
    if rest == "result":
        return MISSING if outputs.result is None else outputs.result
    kind, _, name = rest.partition(".")
    if kind != "parameters":
        return MISSING
    values = (item.value for item in outputs.parameters if item.name == name)
    value = next(values, None)
    return MISSING if value is None else value


def _absent(program: Program, call: Call | None, rest: str) -> object | Missing:
    """A skipped node answers with the declared default, or as an absent optional (3.8)."""
    template = program.templates.get(call.target.key) if call is not None else None
    kind, _, name = rest.partition(".")
    if template is None or kind != "parameters":
        return MISSING
    for declared, default in template.declared:
        if declared == name:
            return None if default is None else default.source
    return MISSING


def node_variables(program: Program, state: State, node: Node, call: Call | None) -> Iterator[str]:
    """Return the names `node_variable` answers for a node."""
    last = _last_attempt(state, node)
    for rest in ("id", "status", "startedAt", "finishedAt", "hostNodeName", "ip"):
        if _scalar(last, rest) is not MISSING:
            yield rest
    outputs = node.outputs
    if outputs is None:
        template = program.templates.get(call.target.key) if call is not None else None
        if template is not None and node.phase in {"Skipped", "Omitted"}:
            yield from (f"outputs.parameters.{name}" for name, _ in template.declared)
        return
    if outputs.exit_code is not None:
        yield "exitCode"
    if outputs.result is not None:
        yield "outputs.result"
    yield from (f"outputs.parameters.{p.name}" for p in outputs.parameters if p.value is not None)
