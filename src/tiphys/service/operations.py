"""Stop, suspend, resume, set, delete: requests to a run, and what they refuse.

Source: reference/engine-operations.md 12.3-12.8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from tiphys.errors import Ended, UserError
from tiphys.messages import NodeSet, ResumeRequested, StopRequested, Strategy, SuspendRequested
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId
from tiphys.ports import Clock, Intake, Queries, RunRow, Runtime
from tiphys.service.actors import Action, Person, named, noted

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_SETTLING_SECONDS = 2.0
_PLAIN = re.compile(r"[\w.=-]+")


@dataclass(frozen=True, slots=True)
class Operator:
    """Asks things of runs."""

    intake: Intake
    queries: Queries
    clock: Clock

    async def stop(self, row: RunRow, strategy: Strategy, by: Person | None = None) -> None:
        """End a workflow. Raises Ended if it has ended."""
        if row.done:
            raise Ended(
                f'cannot shutdown a completed workflow: workflow: "{row.name}", '
                f'namespace: "{row.namespace}"'
            )
        labels = noted(own_labels(row), by, "Stop" if strategy == "Stop" else "Terminate")
        await self.intake.post(row.run, StopRequested(self.clock.now(), strategy, labels))

    async def suspend(self, row: RunRow, by: Person | None = None) -> None:
        """Start nothing new. Raises Ended if the workflow has ended."""
        if row.done:
            raise Ended("cannot suspend completed workflows")
        labels = noted(own_labels(row), by, "Suspend")
        await self.intake.post(row.run, SuspendRequested(self.clock.now(), labels))

    async def resume(self, row: RunRow, selector: str = "", by: Person | None = None) -> None:
        """Go on; with a selector only the suspend nodes it matches. One that has ended stays so.

        Raises UserError if a suspend node still needs a value.
        """
        if selector:
            said = f"Resumed by: {named(by)}" if by is not None else ""
            await self.set(row, selector, Answer("Succeeded", said, by=by, action="Resume"))
            return
        for node in await self.waiting(row):
            missing = _unset(node)
            if missing:
                raise UserError(
                    f"raw output parameter '{missing}' has not been set and does not have a "
                    f"default value; set it: {_remedy(row, node, missing)}"
                )
        if not row.done:
            labels = noted(own_labels(row), by, "Resume")
            asked = ResumeRequested(self.clock.now(), named(by), labels)
            await self.intake.post(row.run, asked)

    async def settled(self, row: RunRow, patience_seconds: float = _SETTLING_SECONDS) -> None:
        """Return when all that was asked of a run has been answered, or after a while."""
        patience = self.clock.now() + patience_seconds
        while self.clock.now() < patience and await self.intake.pending(row.run, 0):
            await self.clock.sleep_until(self.clock.now() + _POLL_SECONDS)

    async def _until_over(self, row: RunRow, runtime: Runtime) -> None:
        """Kill what runs of a terminated run until its owner has seen it all."""
        patience = self.clock.now() + _PATIENCE_SECONDS
        while self.clock.now() < patience:
            for job in await runtime.present(row.run):
                await runtime.stop(job, 0.0)
            if (await self.queries.find(row.namespace, row.name)).done:
                return
            await self.clock.sleep_until(self.clock.now() + _POLL_SECONDS)

    async def waiting(self, row: RunRow) -> list[JsonObject]:
        """Return the suspend nodes of a run that wait."""
        nodes = [msgspec.json.decode(data) for data in await self.queries.nodes(row.run)]
        return [n for n in nodes if n.get("type") == "Suspend" and n.get("phase") == "Running"]

    async def set(self, row: RunRow, selector: str, answer: Answer) -> None:
        """Answer the suspend nodes a node field selector matches. Raises UserError if none."""
        if not selector:
            raise UserError(
                "'set' currently only targets suspend nodes, use a node field selector to target "
                "them"
            )
        matches = node_filter(selector)
        nodes = [node for node in await self.waiting(row) if matches(node)]
        if not nodes:
            raise UserError(
                "currently, set only targets suspend nodes: no suspend nodes matching "
                f"nodeFieldSelector: {selector}"
            )
        for node in nodes:
            for name in answer.outputs:
                _check_output(node, name)
        await self.intake.post(
            row.run,
            NodeSet(
                at=self.clock.now(),
                nodes=tuple(NodeId(str(node["id"])) for node in nodes),
                phase=answer.phase,
                message=answer.message,
                outputs=answer.outputs,
                labels=noted(own_labels(row), answer.by, answer.action),
            ),
        )

    async def clear(self, row: RunRow, runtime: Runtime, driven: bool = False) -> None:
        """Remove the jobs of a workflow that is to be forgotten; what runs is stopped first.

        One that is `driven` is terminated before, so that nothing new is started meanwhile.
        """
        if driven and not row.done:
            await self.intake.post(row.run, StopRequested(self.clock.now(), "Terminate"))
            await self._until_over(row, runtime)
        await runtime.drop(row.run)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a suspend node is told; who tells it, and by which verb ("" for `node set`)."""

    phase: Literal["", "Succeeded", "Failed", "Error"] = ""
    message: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    by: Person | None = None
    action: Action = ""


def answer(phase: str, message: str, outputs: dict[str, str], by: Person | None = None) -> Answer:
    """Return an answer. Raises UserError for a phase a node cannot take."""
    match phase:
        case "" | "Succeeded" | "Failed" | "Error":
            return Answer(phase, message, outputs, by)
        case _:
            raise UserError(f"{phase} is an invalid phase to set to")


def own_labels(row: RunRow) -> dict[str, str]:
    """Return the labels a workflow came with."""
    metadata = msgspec.json.decode(row.document).get("metadata") or {}
    return dict(metadata.get("labels") or {})


def _parameters(node: JsonObject) -> list[JsonObject]:
    outputs = node.get("outputs")
    found = outputs.get("parameters") if isinstance(outputs, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _unset(node: JsonObject) -> str:
    for item in _parameters(node):
        source = item.get("valueFrom")
        if isinstance(source, dict) and "default" not in source and "value" not in item:
            return str(item.get("name"))
    return ""


def _remedy(row: RunRow, node: JsonObject, parameter: str) -> str:
    """Return the command that gives a waiting node a value."""
    selector = f"displayName={node.get('displayName')}"
    if not _PLAIN.fullmatch(selector):
        selector = f"id={node.get('id')}"
    return f"`tiphys node set {row.name} --node-field-selector {selector} -p {parameter}=...`"


def _check_output(node: JsonObject, name: str) -> None:
    parameters = _parameters(node)
    if not parameters:
        raise UserError(
            "cannot set output parameters because node is not expecting any raw parameters"
        )
    for item in parameters:
        if item.get("name") == name:
            if "value" in item:
                raise UserError(
                    f"cannot set output parameter '{name}' because it does not use valueFrom.raw "
                    "or it was already set"
                )
            return
    raise UserError(f"node is not expecting output parameter '{name}'")


def node_filter(text: str) -> Callable[[Mapping[str, Json]], bool]:
    """Return the test that a selector such as `phase=Failed,displayName!=a` stands for.

    Raises UserError if it cannot be parsed.
    """
    from tiphys.expr.errors import SelectorError
    from tiphys.expr.selectors import parse_node_fields

    try:
        selector = parse_node_fields(text)
    except SelectorError as exc:
        raise UserError(f"unable to parse node field selector '{text}': {exc}") from exc
    return lambda node: selector.matches(node_fields(node))


def node_fields(node: Mapping[str, Json]) -> dict[str, str]:
    """Return the fields of a node that a selector may name."""
    fields = {name: _text(node.get(name)) for name in ("displayName", "templateName", "phase")}
    fields |= {name: _text(node.get(name)) for name in ("name", "id")}
    reference = node.get("templateRef")
    if isinstance(reference, dict):
        fields["templateRef.name"] = _text(reference.get("name"))
        fields["templateRef.template"] = _text(reference.get("template"))
        fields["templateName"] = fields["templateRef.template"]
    inputs = node.get("inputs")
    parameters = inputs.get("parameters") if isinstance(inputs, dict) else None
    for item in parameters if isinstance(parameters, list) else []:
        if isinstance(item, dict):
            fields[f"inputs.parameters.{item.get('name')}.value"] = _text(item.get("value"))
    return fields


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
