"""What a workflow sets that means something only in a cluster: accepted, and said.

`needs` refuses what this version cannot do; these fields change no result on one machine, so the
workflow runs. Whoever wrote them learns that they have no effect there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import encode
from tiphys.model.spec import WorkflowSpec

_POD: Final = (
    "affinity",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "hostNetwork",
    "imagePullSecrets",
    "nodeSelector",
    "podDisruptionBudget",
    "podPriorityClassName",
    "podResources",
    "priorityClassName",
    "resourceClaims",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
)
_CONTAINER: Final = ("resources", "securityContext")


def noted(spec: WorkflowSpec) -> list[str]:
    """Return the fields a spec sets that have no effect on one machine, sorted."""
    whole = encode(spec)
    defaults = whole.get("templateDefaults")
    templates = [*_dicts(whole.get("templates")), *_dicts([defaults])]
    return sorted({name for holder in (whole, *templates) for name in _of(holder)})


def _of(holder: JsonObject) -> Iterator[str]:
    yield from (name for name in _POD if holder.get(name))
    if holder.get("podSpecPatch"):
        yield "podSpecPatch (but for the main container)"
    for container in _dicts([holder.get("container"), holder.get("script")]):
        yield from (name for name in _CONTAINER if container.get(name))
    for step in _steps(holder):
        inline = step.get("inline")
        yield from _of(inline) if isinstance(inline, dict) else ()


def _steps(template: JsonObject) -> Iterator[JsonObject]:
    groups = template.get("steps")
    for group in groups if isinstance(groups, list) else ():
        yield from _dicts(group)
    dag = template.get("dag")
    if isinstance(dag, dict):
        yield from _dicts(dag.get("tasks"))


def _dicts(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
