"""The rules of the place a workflow runs at: what lies under it, and what it may not say.

Source: reference/engine.md 2.2; argo workflow/controller/operator.go, checkTemplateReferencing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from tiphys.errors import Finding
from tiphys.model.base import JsonObject
from tiphys.model.codec import encode
from tiphys.model.repositories import ArtifactRepository
from tiphys.model.workflow import Workflow

_ALLOWED: Final = frozenset(
    {
        "arguments",
        "entrypoint",
        "shutdown",
        "suspend",
        "activeDeadlineSeconds",
        "priority",
        "ttlStrategy",
        "podGC",
        "volumeClaimGC",
        "archiveLogs",
        "workflowMetadata",
        "workflowTemplateRef",
        "metrics",
        "artifactGC",
    }
)
_NOT_OF_ARTIFACT_GC: Final = ("podMetadata", "podSpecPatch", "serviceAccountName")
_GO_NAMES: Final = {
    "ttlStrategy": "TTLStrategy",
    "dnsPolicy": "DNSPolicy",
    "dnsConfig": "DNSConfig",
}
NO_REFERENCE: Final = (
    "workflows must use workflowTemplateRef to be executed when the controller is in reference mode"
)


@dataclass(frozen=True, slots=True)
class Site:
    """What holds for every workflow here.

    `defaults` is the `workflowDefaults`: a Workflow's metadata and spec. With `referencing` a
    workflow must have a workflowTemplateRef and may set few fields of its own; `allowed` are more
    of them, by their names in JSON. What a workflow refers to is kept when it is admitted, so
    Secure, which forbids that it changes while the workflow runs, asks for no more than Strict.
    """

    defaults: JsonObject = field(default_factory=dict)
    referencing: Literal["", "Strict", "Secure"] = ""
    allowed: frozenset[str] = frozenset()
    repository: ArtifactRepository | None = None
    """Where artifacts go, unless the workflow or a ConfigMap says; None is the local one."""


PLAIN: Final = Site()


def forbidden(workflow: Workflow, site: Site) -> list[Finding]:
    """Return what a workflow, as it was submitted, may not say here."""
    if not site.referencing:
        return []
    spec = encode(workflow.spec)
    if workflow.spec.workflow_template_ref is None:
        return [Finding(NO_REFERENCE, path="spec")]
    named = {
        name: _go_name(name) for name, value in spec.items() if value not in (None, {}, [], "")
    }
    found = {name: go for name, go in named.items() if name not in _ALLOWED | site.allowed}
    rules = spec.get("artifactGC")
    if isinstance(rules, dict) and "artifactGC" not in site.allowed:
        inner = (name for name in _NOT_OF_ARTIFACT_GC if rules.get(name))
        found |= {f"artifactGC.{name}": f"ArtifactGC.{_go_name(name)}" for name in inner}
    if not found:
        return []
    fields = " ".join(sorted(found.values()))
    reason = (
        f"fields [{fields}] are not permitted when using workflowTemplateRef with "
        "templateReferencing restriction"
    )
    return [Finding(reason, path=f"spec.{min(found, key=found.__getitem__)}")]


def _go_name(name: str) -> str:
    return _GO_NAMES.get(name, name[:1].upper() + name[1:])
