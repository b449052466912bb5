"""The outputs of a loop as one value: JSON lists over its successful items, and directories.

Source: reference/engine.md 3.6, reference/language.md 6.5; argo workflow/controller/operator.go,
processAggregateNodeOutputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from tiphys.engine.state import Node
from tiphys.expr.errors import TemplateError
from tiphys.expr.gojson import json_fault
from tiphys.expr.gotext import json_string
from tiphys.expr.values import MISSING, Missing
from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import Artifact, ItemsArtifact

_GOOD: Final = frozenset({"Succeeded", "Skipped"})
"""A node that was copied from an earlier run is Skipped and has what it made then."""


def _successes(nodes: Sequence[Node]) -> list[Outputs]:
    return [n.outputs for n in nodes if n.phase in _GOOD and n.outputs is not None]


def _exists(nodes: Sequence[Node], always: bool) -> bool:
    """In Steps a loop whose every item was skipped leaves no variables; a DAG's leaves `[]`."""
    return always or any(n.kind != "Skipped" or n.outputs is not None for n in nodes)


def variable(nodes: Sequence[Node], rest: str, always: bool) -> str | Missing:
    """Return `outputs.result`, `outputs.parameters` or `outputs.parameters.<p>` of a loop.

    Raises TemplateError if a result is not JSON.
    """
    if not _exists(nodes, always):
        return MISSING
    outputs = _successes(nodes)
    if rest == "outputs.result":
        return _results(outputs)
    if rest == "outputs.parameters":
        return _all_parameters(outputs)
    prefix = "outputs.parameters."
    return _one_parameter(outputs, rest[len(prefix) :]) if rest.startswith(prefix) else MISSING


def variables(nodes: Sequence[Node], always: bool) -> Iterator[str]:
    """Return the names `variable` answers."""
    if not _exists(nodes, always):
        return
    yield from ("outputs.result", "outputs.parameters")
    names = {item.name for out in _successes(nodes) for item in out.parameters}
    yield from (f"outputs.parameters.{name}" for name in sorted(names))


def _results(outputs: Sequence[Outputs]) -> str:
    texts = [out.result for out in outputs if out.result is not None]
    for text in texts:
        if not _is_json(text):
            raise TemplateError(json_fault(text))
    return "[" + ",".join(_compact(text) for text in texts) + "]"


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def _compact(text: str) -> str:
    return bytes(msgspec.json.format(text.encode(), indent=-1)).decode()


def _all_parameters(outputs: Sequence[Outputs]) -> str:
    rows = []
    for out in outputs:
        values = {p.name: p.value for p in out.parameters if p.value is not None}
        if values:
            pairs = (f"{json_string(k)}:{json_string(v)}" for k, v in sorted(values.items()))
            rows.append("{" + ",".join(pairs) + "}")
    return "[" + ",".join(rows) + "]"


def _one_parameter(outputs: Sequence[Outputs], name: str) -> str | Missing:
    values = [p.value for out in outputs for p in out.parameters if p.name == name]
    texts = [text for text in values if text is not None]
    if not texts:
        return MISSING
    if all(text.lstrip()[:1] in {"{", "["} and _is_json(text) for text in texts):
        return "[" + ",".join(_compact(text) for text in texts) + "]"
    return "[" + ",".join(json_string(text) for text in texts) + "]"


def artifact(nodes: Sequence[Node], name: str) -> Artifact:
    """Return an artifact of a loop: of each successful item that made it, called by its index.

    Differs: Argo has no answer, the reference cannot be resolved. Here it is a directory; what
    failed, was skipped or made nothing is missing in it, as it is in lists of parameters.
    """
    parts = [
        replace(item, name=str(node.item), global_name="", path="", optional=None)
        for node in nodes
        if node.phase in _GOOD and node.outputs is not None
        for item in node.outputs.artifacts
        if item.name == name
    ]
    return Artifact(name=name, items=ItemsArtifact(artifacts=tuple(parts)))
