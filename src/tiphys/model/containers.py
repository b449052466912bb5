"""The Kubernetes Container: named fields for what runtimes read, free JSON for the rest.

Source: Kubernetes core/v1 Container as of 1.35; reference/resources.md 4.
"""

from __future__ import annotations

from msgspec import field

from tiphys.model.base import JsonObject, Model, always


class EnvVar(Model, frozen=True, kw_only=True):
    """One environment variable."""

    name: str = always("")
    value: str = ""
    value_from: JsonObject | None = None


def _no_resources() -> JsonObject:
    return {}  # written even when empty, and never shared


class Container(Model, frozen=True, kw_only=True):
    """A container; the name may be empty in a container template."""

    name: str = always("")
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[JsonObject, ...] = ()
    env_from: tuple[JsonObject, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: JsonObject = field(default_factory=_no_resources)
    resize_policy: tuple[JsonObject, ...] = ()
    restart_policy: str = ""
    restart_policy_rules: tuple[JsonObject, ...] = ()
    volume_mounts: tuple[JsonObject, ...] = ()
    volume_devices: tuple[JsonObject, ...] = ()
    liveness_probe: JsonObject | None = None
    readiness_probe: JsonObject | None = None
    startup_probe: JsonObject | None = None
    lifecycle: JsonObject | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: JsonObject | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    tty: bool | None = None
