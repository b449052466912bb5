"""What a workflow came to: phase, message, outputs, nodes and logs, read from its document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tiphys.errors import NotFound
from tiphys.model.base import JsonObject
from tiphys.model.times import time_seconds
from tiphys.service.failed import failed_leaves

ReadLogs = Callable[[str, str], str]
"""Returns what a container wrote, by node id ("" for all) and the container's name."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a node or a workflow left: parameters by name, artifacts by name as in the document.

    `result` is the standard output of a node that was asked for it, `exit_code` that of its
    main container; None where there is none.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, JsonObject] = field(default_factory=dict)
    result: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Node:
    """One node of a workflow: a step, a task, an attempt. `document` is it in `status.nodes`."""

    document: JsonObject

    def __repr__(self) -> str:
        """Return what tells it from others; its document may be long."""
        return f"<Node {self.display_name} ({self.type}): {_verdict(self.phase, self.message)}>"

    @property
    def id(self) -> str:
        """Return its id, which is unique."""
        return _text(self.document, "id")

    @property
    def name(self) -> str:
        """Return its full name: `workflow.task`, `workflow[0].step(1:item)`."""
        return _text(self.document, "name")

    @property
    def display_name(self) -> str:
        """Return its name within its template: `task`, `step(1:item)`."""
        return _text(self.document, "displayName")

    @property
    def type(self) -> str:
        """Return its kind: Pod, Steps, DAG, Retry, Suspend, Skipped and others, as in Argo."""
        return _text(self.document, "type")

    @property
    def template(self) -> str:
        """Return the name of its template."""
        reference = _object(self.document, "templateRef")
        return _text(self.document, "templateName") or _text(reference, "template")

    @property
    def phase(self) -> str:
        """Return Pending, Running, Succeeded, Skipped, Failed, Error or Omitted."""
        return _text(self.document, "phase")

    @property
    def message(self) -> str:
        """Return why it is in that phase, "" for no reason."""
        return _text(self.document, "message")

    @property
    def inputs(self) -> Mapping[str, str]:
        """Return its input parameters by name."""
        return _parameters(_object(self.document, "inputs"))

    @property
    def outputs(self) -> Outputs:
        """Return what it left."""
        return _outputs(_object(self.document, "outputs"))

    @property
    def started_at(self) -> float | None:
        """Return when it began, epoch seconds; None if it has not."""
        return _time(self.document, "startedAt")

    @property
    def finished_at(self) -> float | None:
        """Return when it ended, epoch seconds; None if it has not."""
        return _time(self.document, "finishedAt")


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A workflow as it is when it has ended, or when nothing more happens to it.

    `document` is the whole object, as `tiphys get -o json` shows it. `runtime` is where its jobs
    ran. `notes` are fields of it that mean nothing on one machine. `left` are the objects that it
    made and that are at work still (`job.batch/x`): the next engine of the home goes on with them,
    and `tiphys objects` shows and ends them.
    """

    document: JsonObject
    runtime: str
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    read_logs: ReadLogs = field(default=lambda _node, _container: "", compare=False)

    def __repr__(self) -> str:
        """Return what became of it; its document may be megabytes."""
        return f"<Result {self.namespace}/{self.name}: {_verdict(self.phase, self.message)}>"

    @property
    def name(self) -> str:
        """Return its name."""
        return _text(_object(self.document, "metadata"), "name")

    @property
    def namespace(self) -> str:
        """Return its namespace."""
        return _text(_object(self.document, "metadata"), "namespace")

    @property
    def uid(self) -> str:
        """Return its uid."""
        return _text(_object(self.document, "metadata"), "uid")

    @property
    def phase(self) -> str:
        """Return Succeeded, Failed or Error; Running if it waits for a person."""
        return _text(self._status, "phase")

    @property
    def message(self) -> str:
        """Return why it is in that phase, "" for no reason."""
        return _text(self._status, "message")

    @property
    def ok(self) -> bool:
        """Tell whether it succeeded."""
        return self.phase == "Succeeded"

    @property
    def outputs(self) -> Outputs:
        """Return what its entry point left, and its global outputs."""
        own = [node.outputs for node in self.nodes if node.name == self.name]
        mine = own[0] if own else Outputs()
        every = _outputs(_object(self._status, "outputs"))
        return Outputs(
            {**every.parameters, **mine.parameters},
            {**every.artifacts, **mine.artifacts},
            mine.result,
            mine.exit_code,
        )

    @property
    def nodes(self) -> list[Node]:
        """Return its nodes, those that began first at the front."""
        nodes = _object(self._status, "nodes")
        found = [Node(_object(nodes, key)) for key in nodes]
        return sorted(found, key=lambda node: (node.started_at or 0.0, node.name))

    @property
    def failures(self) -> list[Node]:
        """Return the nodes that failed by themselves, in the order they ended.

        An attempt that a later one made good is none.
        """
        nodes = _object(self._status, "nodes")
        return [Node(item) for item in failed_leaves({key: _object(nodes, key) for key in nodes})]

    @property
    def started_at(self) -> float | None:
        """Return when it began, epoch seconds; None if it has not."""
        return _time(self._status, "startedAt")

    @property
    def finished_at(self) -> float | None:
        """Return when it ended, epoch seconds; None if it has not."""
        return _time(self._status, "finishedAt")

    def node(self, name: str) -> Node:
        """Return the node of that name, display name or id; of several the last to begin.

        Raises NotFound.
        """
        for node in reversed(self.nodes):
            if name in (node.display_name, node.name, node.id):
                return node
        known = ", ".join(node.display_name for node in self.nodes)
        raise NotFound(f'workflow "{self.name}" has no node "{name}"; it has {known or "none"}')

    def logs(self, node: str = "", container: str = "main") -> str:
        """Return what a node wrote, or all nodes one after the other, as it is kept now.

        Raises NotFound if there is no such node, or if the workflow was deleted meanwhile.
        """
        return self.read_logs(self.node(node).id if node else "", container)

    @property
    def _status(self) -> JsonObject:
        return _object(self.document, "status")


def _verdict(phase: str, message: str) -> str:
    return f"{phase}, {message}" if message else phase


def _object(document: JsonObject, key: str) -> JsonObject:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _list(document: JsonObject, key: str) -> Iterator[JsonObject]:
    found = document.get(key)
    for item in found if isinstance(found, list) else []:
        if isinstance(item, dict):
            yield item


def _text(document: JsonObject, key: str) -> str:
    found = document.get(key)
    return found if isinstance(found, str) else ""


def _time(document: JsonObject, key: str) -> float | None:
    text = _text(document, key)
    return time_seconds(text) if text else None


def _parameters(document: JsonObject) -> dict[str, str]:
    return {
        _text(item, "name"): str(item["value"])
        for item in _list(document, "parameters")
        if item.get("value") is not None
    }


def _outputs(document: JsonObject) -> Outputs:
    code, result = _text(document, "exitCode"), document.get("result")
    return Outputs(
        _parameters(document),
        {_text(item, "name"): item for item in _list(document, "artifacts")},
        result if isinstance(result, str) else None,
        int(code) if code.lstrip("-").isdigit() else None,
    )
