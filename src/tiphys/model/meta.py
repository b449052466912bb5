"""Object metadata and the small Kubernetes references the model names.

Source: reference/resources.md 4 and 5.2 (Metadata).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from tiphys.model.base import Int64, JsonObject, Model, Time, always


class OwnerReference(Model, frozen=True, kw_only=True):
    """The object that owns this one; it goes when the owner goes."""

    api_version: str = always("")
    kind: str = always("")
    name: str = always("")
    uid: str = always("")
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model, frozen=True, kw_only=True):
    """Kubernetes object metadata."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    self_link: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int64 | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    managed_fields: tuple[JsonObject, ...] = ()


class Metadata(Model, frozen=True, kw_only=True):
    """Labels and annotations of pods."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class LocalObjectReference(Model, frozen=True, kw_only=True):
    """The name of an object in the same namespace."""

    name: str = ""


class SecretKeySelector(Model, frozen=True, kw_only=True):
    """One key of a Secret."""

    name: str = ""
    key: str = always("")
    optional: bool | None = None


class ConfigMapKeySelector(Model, frozen=True, kw_only=True):
    """One key of a ConfigMap."""

    name: str = ""
    key: str = always("")
    optional: bool | None = None
