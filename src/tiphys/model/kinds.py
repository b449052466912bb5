"""Kubernetes kinds: what their resources are called, and which have no namespace.

A table of what kubectl knows without asking a server, and English plurals for the rest. Used for
messages and for the words that name a type on a command line (`cm`, `jobs.batch`).
Source: Kubernetes API reference; apimachinery meta.UnsafeGuessKindToResource.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.model.base import API_VERSION


@dataclass(frozen=True, slots=True)
class KnownKind:
    """A kind and the apiVersion it is found under; `short` are kubectl's abbreviations."""

    kind: str
    api_version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True


_VOLCANO: Final = "batch.volcano.sh/v1alpha1"
_SCHEDULING: Final = "scheduling.volcano.sh/v1beta1"
_RBAC: Final = "rbac.authorization.k8s.io/v1"
KNOWN: Final[tuple[KnownKind, ...]] = (
    KnownKind("ConfigMap", short=("cm",)),
    KnownKind("Endpoints", short=("ep",)),
    KnownKind("Event", short=("ev",)),
    KnownKind("Namespace", short=("ns",), namespaced=False),
    KnownKind("Node", short=("no",), namespaced=False),
    KnownKind("PersistentVolume", short=("pv",), namespaced=False),
    KnownKind("PersistentVolumeClaim", short=("pvc",)),
    KnownKind("Pod", short=("po",)),
    KnownKind("Secret"),
    KnownKind("Service", short=("svc",)),
    KnownKind("ServiceAccount", short=("sa",)),
    KnownKind("Job", "batch/v1"),
    KnownKind("CronJob", "batch/v1", ("cj",)),
    KnownKind("DaemonSet", "apps/v1", ("ds",)),
    KnownKind("Deployment", "apps/v1", ("deploy",)),
    KnownKind("ReplicaSet", "apps/v1", ("rs",)),
    KnownKind("StatefulSet", "apps/v1", ("sts",)),
    KnownKind("HorizontalPodAutoscaler", "autoscaling/v2", ("hpa",)),
    KnownKind("Ingress", "networking.k8s.io/v1", ("ing",)),
    KnownKind("NetworkPolicy", "networking.k8s.io/v1", ("netpol",)),
    KnownKind("PodDisruptionBudget", "policy/v1", ("pdb",)),
    KnownKind("PriorityClass", "scheduling.k8s.io/v1", ("pc",), namespaced=False),
    KnownKind("StorageClass", "storage.k8s.io/v1", ("sc",), namespaced=False),
    KnownKind("Role", _RBAC),
    KnownKind("RoleBinding", _RBAC),
    KnownKind("ClusterRole", _RBAC, namespaced=False),
    KnownKind("ClusterRoleBinding", _RBAC, namespaced=False),
    KnownKind(
        "CustomResourceDefinition", "apiextensions.k8s.io/v1", ("crd", "crds"), namespaced=False
    ),
    KnownKind("Workflow", API_VERSION, ("wf",)),
    KnownKind("WorkflowTemplate", API_VERSION, ("wftmpl",)),
    KnownKind("ClusterWorkflowTemplate", API_VERSION, ("clusterwftmpl", "cwft"), namespaced=False),
    KnownKind("CronWorkflow", API_VERSION, ("cwf", "cronwf")),
    KnownKind("WorkflowEventBinding", API_VERSION, ("wfeb",)),
    KnownKind("Job", _VOLCANO, ("vcjob", "vj")),
    KnownKind("PodGroup", _SCHEDULING, ("pg", "podgroup-v1beta1")),
    KnownKind("Queue", _SCHEDULING, ("q",), namespaced=False),
)
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5
_LONGEST_PREFIX: Final = 58
_PLURALS: Final = {"Endpoints": "endpoints"}
_BUILTIN_GROUPS: Final = frozenset({"", "apps", "batch", "autoscaling", "policy"})


def plural(kind: str) -> str:
    """Return the name of a kind's resource: lower case, English plural."""
    word = kind.lower()
    if kind in _PLURALS:
        return _PLURALS[kind]
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{word[:-1]}ies"
    return f"{word}s"


def group_of(api_version: str) -> str:
    """Return the group of an apiVersion, "" for the core group."""
    return api_version.rpartition("/")[0]


def resource_name(api_version: str, kind: str) -> str:
    """Return the resource with its group as messages show it: `configmaps`, `jobs.batch`."""
    group = group_of(api_version)
    return f"{plural(kind)}.{group}" if group else plural(kind)


def is_builtin(api_version: str) -> bool:
    """Return whether a kind is Kubernetes' own and not defined by somebody's CRD."""
    group = group_of(api_version)
    return group in _BUILTIN_GROUPS or group.endswith(".k8s.io")


def is_namespaced(api_version: str, kind: str) -> bool:
    """Return whether objects of a kind live in namespaces; unknown kinds do."""
    group = group_of(api_version)
    return all(
        item.namespaced
        for item in KNOWN
        if item.kind == kind and group_of(item.api_version) == group
    )


def find_kind(word: str, more: tuple[KnownKind, ...] = ()) -> KnownKind | None:
    """Return the kind a word of a command line names, None if no kind has that name.

    The word is a kind, a resource, its singular or a short name, alone or followed by the group
    (and the version before it): `job`, `jobs.batch`, `jobs.v1.batch`. What is in the table goes
    before `more`.
    """
    return next(iter(find_kinds(word, more)), None)


def find_kinds(word: str, more: Sequence[KnownKind] = ()) -> list[KnownKind]:
    """Return all kinds that a word may name, as `find_kind` reads it: `job` is one of two."""
    name, _, rest = word.lower().partition(".")
    found: dict[tuple[str, str], KnownKind] = {}
    for item in (*KNOWN, *more):
        group, version = group_of(item.api_version), item.api_version.rpartition("/")[2]
        if rest not in ("", group, f"{version}.{group}", f"{version}."):
            continue
        if name in (item.kind.lower(), plural(item.kind), *item.short):
            found.setdefault((item.api_version, item.kind), item)
    return [*found.values()]


def named_after(prefix: str, chance: bytes) -> str:
    """Return a name for `generateName`: the prefix and five letters, chosen by (random) bytes.

    Source: apiserver storage/names, SimpleNameGenerator.
    """
    suffix = "".join(_LETTERS[byte % len(_LETTERS)] for byte in chance[:_SUFFIX_LENGTH])
    return f"{prefix[:_LONGEST_PREFIX]}{suffix}"
