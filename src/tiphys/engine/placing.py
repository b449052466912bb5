"""Which call each node of a status document was made for, found by the nodes' names.

A document names no places: `w[0].a(1:x).onExit` is read beside the Program. Source: the names are
those of argo workflow/controller/{steps,dag,hooks,exit_handler}.go; reference/engine.md 1.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tiphys.model.ids import NodeId
from tiphys.model.status import NodeStatus
from tiphys.program import Call, Program, Template

_ITEM: Final = re.compile(r"(.*)\(([0-9]+):([^()]*)\)\Z", re.DOTALL)


class Spot(msgspec.Struct, frozen=True):
    """Where a node stands, as `NodeAdded` says it."""

    call: tuple[str | int, ...]
    owner: NodeId | None = None
    boundary: NodeId | None = None
    item: int | None = None
    attempt: int | None = None
    template: str = ""
    hooked: bool = False
    hook_of: NodeId | None = None
    on_exit: bool = False
    container: str = ""


def items_of(nodes: Iterable[NodeStatus]) -> Mapping[str, Mapping[int, str]]:
    """Return the names of loops, each with the texts of its items that have nodes, by index."""
    found: dict[str, dict[int, str]] = {}
    for node in nodes:
        match = _ITEM.match(node.name)
        if match is not None:
            found.setdefault(match[1], {})[int(match[2])] = match[3]
    return found


def spots(program: Program, root: str, nodes: Iterable[NodeStatus]) -> dict[str, Spot]:
    """Return the place of each node that the Program could have made, by name."""
    every = [*nodes]
    finder = _Finder(program, {node.name: node for node in every}, items_of(every))
    finder.call(program.entry, root, Spot(("entry",)))
    for hook in program.hooks:
        name = f"{root}.hooks.{hook.name}"
        finder.call(hook.call, name, Spot(("hook", hook.name), hooked=True))
    if program.on_exit is not None:
        name = f"{root}.onExit"
        finder.call(program.on_exit, name, Spot(("exit",), hooked=True, on_exit=True))
    return finder.found


class _Finder:
    """Goes down from the calls of a Program to the nodes that they made."""

    def __init__(
        self,
        program: Program,
        nodes: Mapping[str, NodeStatus],
        items: Mapping[str, Mapping[int, str]],
    ) -> None:
        self._program = program
        self._nodes = nodes
        self._items = items
        self.found: dict[str, Spot] = {}

    def call(self, call: Call, name: str, spot: Spot) -> None:
        """Take down the node of a call, its attempts, and what is inside them."""
        node = self._nodes.get(name)
        if node is None:
            return
        template = self._template(call, node)
        if template is not None:
            spot = msgspec.structs.replace(spot, template=template.key)
        self.found[name] = spot
        if template is None:
            return
        if node.type != "Retry":
            self._inside(node, template, spot)
            return
        own = msgspec.structs.replace(spot, owner=NodeId(node.id), hook_of=None)
        number = 0
        while (attempt := self._nodes.get(f"{name}({number})")) is not None:
            self.found[attempt.name] = msgspec.structs.replace(own, attempt=number)
            self._inside(attempt, template, spot)
            number += 1

    def _template(self, call: Call, node: NodeStatus) -> Template | None:
        key, reference = call.target.key, node.template_ref
        if call.target.dynamic is not None and reference is not None:
            scope = "cluster" if reference.cluster_scope else "namespaced"
            key = f"{scope}/{reference.name} {reference.template}"
        return self._program.templates.get(key)

    def _inside(self, node: NodeStatus, template: Template, spot: Spot) -> None:
        key = NodeId(node.id)
        match node.type:
            case "Steps":
                self._steps(node, template, Spot((), boundary=key, on_exit=spot.on_exit))
            case "DAG":
                self._tasks(node, template, Spot((), key, key, on_exit=spot.on_exit))
            case "Pod":
                for plan in template.containers:
                    name = f"{node.name}.{plan.name}"
                    if name in self._nodes:
                        self.found[name] = Spot(
                            ("container",), None, key, on_exit=spot.on_exit, container=plan.name
                        )
            case _:
                pass

    def _steps(self, node: NodeStatus, template: Template, within: Spot) -> None:
        replace = msgspec.structs.replace
        for number, calls in enumerate(template.groups):
            group = self._nodes.get(f"{node.name}[{number}]")
            if group is None:
                return
            self.found[group.name] = replace(within, call=("group", number), owner=within.boundary)
            for index, call in enumerate(calls):
                place = ("step", number, index)
                spot = replace(within, call=place, owner=NodeId(group.id))
                self._slot(call, f"{group.name}.{call.name}", spot)

    def _tasks(self, node: NodeStatus, template: Template, within: Spot) -> None:
        replace = msgspec.structs.replace
        for index, call in enumerate(template.dag.tasks if template.dag is not None else ()):
            name = f"{node.name}.{call.name}"
            task, spot = self._nodes.get(name), replace(within, call=("task", index))
            if task is not None and task.type == "TaskGroup":
                self.found[name] = spot
                self._hooks_of(call, task, spot)
                self._items_of(call, name, replace(spot, owner=NodeId(task.id)))
            else:
                self._with_hooks(call, name, spot)

    def _slot(self, call: Call, name: str, spot: Spot) -> None:
        self._with_hooks(call, name, spot)
        self._items_of(call, name, spot)

    def _items_of(self, call: Call, name: str, spot: Spot) -> None:
        if call.loop is not None:
            for index, text in self._items.get(name, {}).items():
                placed = msgspec.structs.replace(spot, item=index)
                self._with_hooks(call, f"{name}({index}:{text})", placed)

    def _with_hooks(self, call: Call, name: str, spot: Spot) -> None:
        self.call(call, name, spot)
        node = self._nodes.get(name)
        if node is not None:
            self._hooks_of(call, node, spot)

    def _hooks_of(self, call: Call, node: NodeStatus, spot: Spot) -> None:
        for hook in call.hooks:
            is_exit = hook.name == "exit"
            place = Spot(
                ("hook", hook.name),
                spot.owner,
                spot.boundary,
                hooked=True,
                hook_of=NodeId(node.id),
                on_exit=spot.on_exit or is_exit,
            )
            name = f"{node.name}.onExit" if is_exit else f"{node.name}.hooks.{hook.name}"
            self.call(hook.call, name, place)
