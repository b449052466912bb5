"""Making a call: from a step, task, hook or entry point to a node.

The order is Argo's executeTemplate (reference/engine.md 2.5): depth, template, arguments, then the
retry wrapper or the node itself. A call that cannot be made leaves a node of kind Skipped and
phase Error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from tiphys.engine.binding import Caller, Passed, bind, pass_arguments
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import VOLATILE, Names, NodeScope, name_within, touches
from tiphys.engine.state import Node
from tiphys.expr.template import LENIENT, Mode
from tiphys.expr.values import MISSING
from tiphys.messages import Kind, NodeAdded, Phase, Stage
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.ids import NodeId
from tiphys.program import Call, Template

if TYPE_CHECKING:
    from tiphys.engine.run import Run

MAX_DEPTH = 100
_LEAVES: Final = frozenset({"Pod", "HTTP", "Plugin"})
_NO_VALUES: Final[Mapping[str, str | None]] = MappingProxyType({})
_DISPLAY = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$")
TOO_DEEP = (
    "Maximum recursion depth exceeded. See "
    "https://argo-workflows.readthedocs.io/en/latest/scaling/#maximum-recursion-depth"
)


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a node goes: everything about it that does not depend on its template."""

    name: str
    call: tuple[str | int, ...]
    owner: NodeId | None = None
    boundary: NodeId | None = None
    parents: tuple[NodeId, ...] = ()
    item: int | None = None
    hooked: bool = False
    hook_of: NodeId | None = None
    on_exit: bool = False


class Start(msgspec.Struct, frozen=True, gc=False):
    """How a node begins."""

    kind: Kind
    phase: Phase
    message: str = ""
    attempt: int | None = None
    values: Mapping[str, str | None] = _NO_VALUES
    stage: Stage = ""


def invoke(run: Run, call: Call, place: Place, scope: Names, mode: Mode) -> None:
    """Add the node of a call whose condition holds, or the Error node that says why not."""
    try:
        passed = pass_arguments(call, Caller(run, scope, mode, place.name))
    except CallError as exc:
        add_error(run, place, exc.message)
        return
    try:
        enter(run, call, place, passed, scope)
    except CallError as exc:
        in_dag = place.call[:1] == ("task",)
        prefix = f"task '{place.name}' errored: " if in_dag and exc.message != TOO_DEEP else ""
        add_error(run, place, f"{prefix}{exc.message}")


def enter(run: Run, call: Call, place: Place, passed: Passed, scope: Names) -> None:
    """Add the node of a call with resolved arguments. Raises CallError."""
    if depth_of(run, place) >= MAX_DEPTH:
        raise CallError(TOO_DEEP)
    template = find_template(run, call, scope, place.name)
    inputs = bind(template, passed, Caller(run, run.globals(), LENIENT, place.name))
    stage = first_stage(template)
    if stage:
        kind: Kind = "Retry" if template.retry is not None else template.kind
        _add(run, place, template, inputs, Start(kind, "Pending", stage=stage))
    elif template.retry is not None:
        _add(run, place, template, inputs, Start("Retry", "Running"))
        run.go_on(run.state.id_of(place.name))  # its attempt takes the room that was found for it
    else:
        add_node(run, place, template, inputs)


def first_stage(template: Template) -> Stage:
    """Return what a node of this template waits for first."""
    if template.locks:
        return "lock"
    return "cache" if template.memo is not None else ""


def depth_of(run: Run, place: Place) -> int:
    """Return how deep a call nests."""
    return 0 if place.boundary is None else run.node(place.boundary).depth


def find_template(run: Run, call: Call, scope: Names, name: str) -> Template:
    """Return the template a call means. Raises CallError."""
    target = call.target
    key = target.key
    if target.dynamic is not None:
        resource, wanted, cluster = target.dynamic
        context = run.context(name)
        where = resolve_text(resource, scope, LENIENT, context)
        what = resolve_text(wanted, scope, LENIENT, context)
        key = f"{'cluster' if cluster else 'namespaced'}/{where} {what}"
        if key not in run.program.templates:
            raise CallError(f"template {what} not found in workflow template {where}")
    if key not in run.program.templates:
        raise CallError(f"template {target.name} not found")
    return run.program.templates[key]


def add_node(
    run: Run,
    place: Place,
    template: Template,
    inputs: Inputs,
    attempt: int | None = None,
    values: Mapping[str, str | None] = _NO_VALUES,
) -> None:
    """Add the node that does a template's work (under a Retry: one attempt of it).

    Raises CallError.
    """
    phase: Phase = "Pending" if template.kind in _LEAVES else "Running"
    message = "" if template.kind in {"Steps", "DAG"} else refusal(run, place)
    if message:
        phase = "Failed"
    _add(run, place, template, inputs, Start(template.kind, phase, message, attempt, values))


def refusal(run: Run, place: Place) -> str:
    """Return why no new work may start here any more, "" if it may.

    Source: reference/engine.md 2.8.
    """
    on_exit = place.on_exit
    if run.state.shutdown == "Terminate" or (run.state.shutdown and not on_exit):
        return f"workflow shutdown with strategy: {run.state.shutdown}"
    if run.state.deadline_passed and not on_exit:
        return "Step exceeded its deadline"
    return ""


def _add(run: Run, place: Place, template: Template, inputs: Inputs, start: Start) -> None:
    values = dict(start.values)
    if start.kind in _LEAVES:
        values |= volatile_values(run, template, values)
    start = msgspec.structs.replace(start, values=values)
    if start.kind == "DAG" and template.dag is not None and template.dag.target is not None:
        names = _names_of(run, place, template, inputs, start)
        context = run.context(place.name)
        values["dag.target"] = resolve_text(template.dag.target, names, LENIENT, context)
    run.emit(
        NodeAdded(
            at=run.at,
            name=place.name,
            kind=start.kind,
            phase=start.phase,
            owner=place.owner,
            boundary=place.boundary,
            parents=place.parents,
            call=place.call,
            item=place.item,
            attempt=start.attempt,
            template=template.key,
            inputs=inputs,
            values=values,
            message=start.message,
            hooked=place.hooked,
            hook_of=place.hook_of,
            on_exit=place.on_exit,
            outputs=_awaited(template, inputs) if start.kind == "Suspend" else None,
            display_name=_shown_as(run, place, template, inputs, start),
            stage=start.stage,
        )
    )


def _names_of(run: Run, place: Place, template: Template, inputs: Inputs, start: Start) -> Names:
    """Return the scope of a node that is about to exist."""
    node = Node(
        id=NodeId(""),
        name=place.name,
        kind="Skipped",
        phase="Pending",
        started_at=run.at,
        call=place.call,
        inputs=inputs,
        values=dict(start.values),
        boundary=place.boundary,
        attempt=start.attempt,
    )
    return NodeScope(run.state, node, template, run.globals())


def _shown_as(run: Run, place: Place, template: Template, inputs: Inputs, start: Start) -> str:
    """Return a node's display name: by the template's annotation if it has one.

    Raises CallError.
    """
    if template.display_name is None:
        return display_name(run, place)
    names = _names_of(run, place, template, inputs, start)
    found = resolve_text(template.display_name, names, LENIENT, run.context(place.name))
    if not _DISPLAY.match(found):
        raise CallError(f"displayName must match the regex {_DISPLAY.pattern}")
    return found


def _awaited(template: Template, inputs: Inputs) -> Outputs | None:
    """Return the outputs a suspend node waits for; an equally named input gives the default."""
    defaults = {item.name: item.default for item in inputs.parameters}
    waiting = []
    for item in template.declared_outputs.parameters:
        source = item.value_from
        if source is None or source.supplied is None:
            continue
        if source.default is None and defaults.get(item.name) is not None:
            source = msgspec.structs.replace(source, default=defaults[item.name])
        waiting.append(msgspec.structs.replace(item, value_from=source))
    return Outputs(parameters=tuple(waiting)) if waiting else None


def volatile_values(
    run: Run, template: Template, known: dict[str, str | None]
) -> dict[str, str | None]:
    """Return the variables a template mentions whose value depends on when they are read."""
    found: dict[str, str | None] = {}
    scope = run.globals()
    outputs = [f"workflow.outputs.parameters.{name}" for name in run.state.outputs]
    for name in (*VOLATILE, *outputs):
        if name not in known and any(touches(name, use) for use in template.uses):
            value = scope.get(name)
            if value is not MISSING:
                found[name] = str(value)
    return found


def display_name(run: Run, place: Place) -> str:
    """Return a node's name without its boundary's."""
    if place.boundary is None:
        return place.name
    return name_within(run.node(place.boundary).name, place.name)


def add_skipped(run: Run, place: Place, phase: Phase, message: str, template: str = "") -> None:
    """Add a node that will not run: skipped, omitted, or failed before it could be made."""
    run.emit(
        NodeAdded(
            at=run.at,
            name=place.name,
            kind="Skipped",
            phase=phase,
            owner=place.owner,
            boundary=place.boundary,
            parents=place.parents,
            call=place.call,
            item=place.item,
            template=template,
            message=message,
            hooked=place.hooked,
            hook_of=place.hook_of,
            on_exit=place.on_exit,
            display_name=display_name(run, place),
        )
    )


def add_error(run: Run, place: Place, message: str) -> None:
    """Add the node of a call that could not be made."""
    add_skipped(run, place, "Error", message)
