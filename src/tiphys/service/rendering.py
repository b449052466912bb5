"""What the tags of one node yield, without running anything.

The workflow goes through the real engine; every job succeeds at once with made-up outputs, and who
is waited for answers at once. This is the one use case with a `Run`, and it is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tiphys.compile.admit import admit
from tiphys.engine.run import Run
from tiphys.engine.scope import Names, environment
from tiphys.engine.state import Node
from tiphys.errors import UserError
from tiphys.expr.explain import TagResult, explain_text, nearest
from tiphys.expr.values import Missing
from tiphys.messages import (
    Began,
    Input,
    JobFinished,
    JobReported,
    JobSpec,
    NodeSet,
    ResumeRequested,
    SetTimer,
    StartJob,
    TimerFired,
)
from tiphys.model.arguments import Outputs
from tiphys.model.base import Json
from tiphys.model.ids import NodeId
from tiphys.model.workflow import Workflow
from tiphys.program import Call

SOME_TEXT: Final = "any text"
"""What an output is worth that nobody says anything about."""
_ROOTS: Final = (
    "workflow",
    "inputs",
    "outputs",
    "steps",
    "tasks",
    "item",
    "node",
    "pod",
    "retries",
    "lastRetry",
)
_BAD: Final = ("Failed", "Error")
_TIME_PARTS: Final = "workflow.creationTimestamp."
_MOST_BROKEN: Final = 3
_MOST_INPUTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Field:
    """One text with tags: where it stands, the text, and what its tags yield."""

    path: str
    source: str
    tags: Sequence[TagResult]


@dataclass(slots=True)
class Rendering:
    """A node with all its texts; `arguments` are the caller's, `body` the template's own."""

    name: str
    kind: str
    phase: str
    message: str
    template: str
    inputs: Mapping[str, str]
    arguments: list[Field] = field(default_factory=list)
    body: list[Field] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    """The names that the texts that fail could have used."""

    @property
    def failed(self) -> bool:
        """Whether any tag yields nothing, or the node cannot run."""
        fields = [*self.arguments, *self.body]
        return self.phase in _BAD or any(tag.text is None for item in fields for tag in item.tags)


def render(
    workflow: Workflow,
    beside: Sequence[object],
    node: str,
    results: Mapping[str, str],
    at: float,
) -> Rendering:
    """Return what the tags of a node yield; `results` are standard outputs by template.

    The node is named by its full name, or by the name of its step, task or template: then the
    first such node is meant. Raises InvalidDocument, and UserError if there is no such node.
    """
    admitted = admit(workflow, beside, at)
    run = Run(admitted.program, admitted.event)
    stopped = ""
    try:
        _play(run, results, at)
    except UserError as error:  # what was made until then can still be shown
        stopped = f" (the run stops: {error})"
    return _rendering(run, _find(run, node, stopped))


def _play(run: Run, results: Mapping[str, str], at: float) -> None:
    """Let everything happen that would, in no time."""
    due: list[Input] = [Began(at=at)]
    timers: dict[str, float] = {}
    answered: set[NodeId] = set()
    for _ in range(_MOST_INPUTS):
        if run.state.done:
            return
        due = due or list(_answers(run, answered))
        if due:
            item = due.pop(0)
        elif timers:
            timer = min(timers, key=lambda name: timers[name])
            item = TimerFired(at=max(run.at, timers.pop(timer)), timer=timer)
        else:
            return
        for command in run.handle(item).commands:
            if isinstance(command, StartJob):
                due.append(JobReported(at=run.at, report=_done(command.job, results, run.at)))
            elif isinstance(command, SetTimer):
                timers[command.timer] = command.at


def _answers(run: Run, answered: set[NodeId]) -> Iterator[Input]:
    """Yield what people would say to the suspend nodes that wait, once to each."""
    for node in run.state.nodes.values():
        if node.kind != "Suspend" or node.fulfilled or node.id in answered:
            continue
        answered.add(node.id)
        declared = node.outputs.parameters if node.outputs else ()
        given = {item.name: SOME_TEXT for item in declared if item.value is None}
        if given:
            yield NodeSet(at=run.at, nodes=(node.id,), outputs=given)
        yield ResumeRequested(at=run.at)


def _done(job: JobSpec, results: Mapping[str, str], at: float) -> JobFinished:
    declared = job.template.outputs
    return JobFinished(
        job=job.id,
        phase="Succeeded",
        outputs=Outputs(
            parameters=tuple(
                msgspec.structs.replace(item, value=SOME_TEXT) for item in declared.parameters
            ),
            artifacts=declared.artifacts,
            result=results.get(job.template.name, SOME_TEXT) if job.capture_result else None,
            exit_code="0",
        ),
        started_at=at,
        finished_at=at,
    )


def _find(run: Run, wanted: str, stopped: str) -> Node:
    nodes = list(run.state.nodes.values())
    for names_of in (_full_name, _display_name, _template_name):
        for node in nodes:
            if names_of(run, node) == wanted:
                return node
    known = {name(run, node) for node in nodes for name in (_full_name, _display_name)}
    near = nearest(wanted, known) or sorted(known)[:10]
    said = [f"no node is called {wanted}; did you mean {', '.join(near)}?{stopped}"]
    broken = [node for node in nodes if node.phase in _BAD and node.message]
    said += [f"{node.name} is {node.phase}: {node.message}" for node in broken[:_MOST_BROKEN]]
    raise UserError("\n".join(said))


def _full_name(_: Run, node: Node) -> str:
    return node.name


def _display_name(_: Run, node: Node) -> str:
    return node.display_name


def _template_name(run: Run, node: Node) -> str:
    return run.template(node).name if node.template else ""


class _Scope:
    """The engine's scope as the expression room sees it."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def get(self, name: str) -> object | Missing:
        """Return one variable."""
        return self._names.get(name)

    def under(self, path: str) -> Mapping[str, object]:
        """Return the variables at, under and above a path."""
        return environment(self._names, path)

    def all(self) -> set[str]:
        """Return every name there is, the many parts of the creation time left out."""
        names = {name for root in _ROOTS for name in self._names.names(root)}
        return {name for name in names if not name.startswith(_TIME_PARTS)}


def _rendering(run: Run, node: Node) -> Rendering:
    made = Rendering(
        name=node.name,
        kind=node.kind,
        phase=node.phase,
        message=node.message,
        template=_template_name(run, node),
        inputs={item.name: item.value or "" for item in node.inputs.parameters},
    )
    context = run.context(node.name)
    known: set[str] = set()
    if node.boundary is not None and node.call[:1] in (("step",), ("task",)):
        scope = _Scope(run.caller_scope(node))
        for path, text in _call_texts(run.call(node)):
            made.arguments.append(Field(path, text, explain_text(text, scope, context)))
        known |= scope.all() if made.failed else set()
    if node.template:
        template = run.template(node)
        own: Names = run.own_scope(node)
        if node.kind in ("Steps", "DAG"):
            own = run.frame_scope(node)
        scope = _Scope(own)
        for path, text in _strings(template.body.source, ""):
            made.body.append(Field(path, text, explain_text(text, scope, context)))
        known |= scope.all() if made.failed else set()
    made.known = sorted(known)
    return made


def _call_texts(call: Call) -> Iterator[tuple[str, str]]:
    if call.when is not None and "{{" in call.when.source:
        yield "when", call.when.source
    for argument in call.parameters:
        if argument.value is not None and "{{" in argument.value.source:
            yield f"arguments.parameters.{argument.name}", argument.value.source


def _strings(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text with tags in a document, keys too, and where it stands."""
    if isinstance(value, str):
        if "{{" in value:
            yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if "{{" in key:
                yield f"{path} (a key)", key
            yield from _strings(item, f"{path}.{key}" if path else key)
