"""What a workflow sets that means something only in a cluster: accepted, and said.

`needs` refuses what this version cannot do; these fields change no result on one machine, so the
workflow runs. Whoever wrote them learns that they have no effect there. What of `resources` and
`securityContext` a runtime heeds is a table here; `runtime/cgroups.py`, `runtime/sandbox.py` and
`runtime/engines/body.py` do it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    "serviceAccountName",
    "tolerations",
)
_HEEDED: Final[Mapping[str, frozenset[str]]] = {
    "container": frozenset(
        {
            "allowPrivilegeEscalation",
            "capabilities",
            "fsGroup",
            "privileged",
            "readOnlyRootFilesystem",
            "runAsGroup",
            "runAsNonRoot",
            "runAsUser",
            "supplementalGroups",
        }
    ),
    "sandbox": frozenset({"runAsGroup", "runAsUser"}),
}
"""Fields of a security context that count in a runtime; none in the others."""
_RESOURCES: Final[Mapping[str, tuple[frozenset[tuple[str, str]], str]]] = {
    "container": (
        frozenset({("limits", "cpu"), ("limits", "memory"), ("requests", "cpu")}),
        "resources (but for limits of cpu and memory, and requests of cpu)",
    ),
    **dict.fromkeys(
        ("sandbox", "process"),
        (
            frozenset({("limits", "cpu"), ("limits", "memory")}),
            "resources (but for limits of cpu and memory)",
        ),
    ),
}
"""Quantities that count in a runtime, and what is said if there are others."""


def noted(spec: WorkflowSpec, runtime: str = "") -> list[str]:
    """Return the fields a spec sets that have no effect in a runtime of one machine, sorted.

    `runtime` is its name; in one that is not known nothing of a container's rights counts.
    """
    whole = encode(spec)
    defaults = whole.get("templateDefaults")
    templates = [*_dicts(whole.get("templates")), *_dicts([defaults])]
    return sorted({name for holder in (whole, *templates) for name in _of(holder, runtime)})


def _of(holder: JsonObject, runtime: str) -> Iterator[str]:
    yield from (name for name in _POD if holder.get(name))
    yield from _context(holder, runtime)
    if holder.get("podSpecPatch"):
        yield "podSpecPatch (but for the main container)"
    for container in _containers(holder):
        yield from _context(container, runtime)
        yield from _resources(container, runtime)
    for step in _steps(holder):
        inline = step.get("inline")
        yield from _of(inline, runtime) if isinstance(inline, dict) else ()


def _containers(template: JsonObject) -> Iterator[JsonObject]:
    yield from _dicts([template.get("container"), template.get("script")])
    many = template.get("containerSet")
    yield from _dicts(many.get("containers") if isinstance(many, dict) else None)
    for name in ("initContainers", "sidecars"):
        yield from _dicts(template.get(name))


def _context(holder: JsonObject, runtime: str) -> Iterator[str]:
    """Yield what is said of a security context, if anything in it does not count."""
    context = holder.get("securityContext")
    heeded = _HEEDED.get(runtime, frozenset())
    given = {*context} if isinstance(context, dict) else set()
    if given - heeded:
        counting = sorted(given & heeded)
        yield f"securityContext (but for {', '.join(counting)})" if counting else "securityContext"


def _resources(container: JsonObject, runtime: str) -> Iterator[str]:
    resources = container.get("resources")
    if not isinstance(resources, dict):
        return
    counting, text = _RESOURCES.get(runtime, (frozenset(), "resources"))
    given = {
        (side, str(name))
        for side, amounts in resources.items()
        for name in (amounts if isinstance(amounts, dict) else ("",))
    }
    if given - counting:
        yield text if given & counting else "resources"


def _steps(template: JsonObject) -> Iterator[JsonObject]:
    groups = template.get("steps")
    for group in groups if isinstance(groups, list) else ():
        yield from _dicts(group)
    dag = template.get("dag")
    if isinstance(dag, dict):
        yield from _dicts(dag.get("tasks"))


def _dicts(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
