"""A container's variables and words: references, expansion, defaults of its image.

Source: Kubernetes pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables, and
third_party/forked/golang/expansion; reference/kubernetes.md 3.4 and 3.5 for Argo's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.config import NOTHING, ConfigKind, Values
from tiphys.executor.fields import field_value, resource_value
from tiphys.executor.layout import Layout
from tiphys.executor.members import name_of
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container, EnvVar

_NO_DEADLINE: Final = "0001-01-01T00:00:00Z"
_REFERENCE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an image runs by itself; nobody knows that of an image that is not `known`."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    known: bool = True


_NO_DEFAULTS: Final = Defaults()


def command_line(
    job: JobSpec,
    container: Container | None,
    layout: Layout,
    env: Mapping[str, str],
    image: Defaults = _NO_DEFAULTS,
) -> list[str]:
    """Return the command as the job must see it; `env` are the variables it may refer to.

    A script's file is the last argument; its `args` are not used, as in Argo. Raises Permanent if
    the template leaves it to an unknown image what to run.
    Source: reference/kubernetes.md 3.4; conformance/README.md, "Executing local: run".
    """
    if container is None:
        return ["true"]
    if not container.command and not image.known:
        raise Permanent(
            f'what the image "{container.image}" runs is not known on this machine: set `command`, '
            "or map the image to its entrypoint in the settings file"
        )
    words = list(container.command or image.entrypoint)
    script = job.template.script
    if script is not None and container is script and script.source:
        words = [expand(layout.text(word), env) for word in words]
        return [*words, layout.told(contract.POD_SCRIPT)]
    if container is not script:
        words += container.args or (() if container.command else image.cmd)
    return [expand(layout.text(word), env) for word in words] or ["true"]


def environment(
    job: JobSpec, container: Container | None, layout: Layout, values: Values = NOTHING
) -> dict[str, str]:
    """Return a container's variables, without those that its image or the machine sets.

    Raises Permanent if one comes from a ConfigMap, Secret or field that does not exist.
    """
    env: dict[str, str] = {}
    if container is not None:
        if container.env_from:
            env.update(_from_sources(container.env_from, values))
        env.update(_variables(job, container, layout, values))
    env["ARGO_CONTAINER_NAME"] = name_of(job, container)
    env["ARGO_NODE_ID"] = job.id
    env["ARGO_WORKFLOW_NAME"] = job.workflow
    env["ARGO_INCLUDE_SCRIPT_OUTPUT"] = "true" if job.capture_result else "false"
    env["ARGO_DEADLINE"] = _time(job.deadline_at)
    env["ARGO_PROGRESS_FILE"] = layout.told(contract.POD_PROGRESS)
    env["ARGO_PROGRESS_PATCH_TICK_DURATION"] = "1m0s"
    env["ARGO_PROGRESS_FILE_TICK_DURATION"] = "3s"
    return env


def _variables(
    job: JobSpec, container: Container, layout: Layout, values: Values
) -> dict[str, str]:
    """Return `env`; a value may refer to variables before it, but not to those of envFrom."""
    env: dict[str, str] = {}
    for variable in container.env:
        if variable.value_from is None:
            env[variable.name] = expand(layout.text(variable.value), env)
        else:
            value = _referred(job, container, variable, values)
            if value is not None:
                env[variable.name] = value
    return env


def _referred(job: JobSpec, container: Container, variable: EnvVar, values: Values) -> str | None:
    """Return a value from elsewhere, None if it is optional and not there."""
    source = variable.value_from or {}
    if (reference := _object(source.get("configMapKeyRef"))) is not None:
        return values.value("ConfigMap", reference)
    if (reference := _object(source.get("secretKeyRef"))) is not None:
        return values.value("Secret", reference)
    if (reference := _object(source.get("fieldRef"))) is not None:
        return field_value(job, reference)
    if (reference := _object(source.get("resourceFieldRef"))) is not None:
        return resource_value(job, container, reference)
    kind = next(iter(source), "nothing")
    raise Permanent(f"variable {variable.name}: values from {kind} cannot be had on this machine")


def _from_sources(sources: Sequence[JsonObject], values: Values) -> dict[str, str]:
    """Return the variables of envFrom; later sources win, and keys that are no names are left."""
    env: dict[str, str] = {}
    for source in sources:
        prefix = str(source.get("prefix") or "")
        config, secret = _object(source.get("configMapRef")), _object(source.get("secretRef"))
        kind: ConfigKind = "ConfigMap" if config is not None else "Secret"
        reference = config if config is not None else secret or {}
        data = values.data(kind, str(reference.get("name", "")), reference.get("optional") is True)
        for key, value in data.items():
            name = prefix + key
            text = value.reveal().decode("utf-8", "replace")
            if name and "=" not in name and "\0" not in name + text:
                env[name] = text
    return env


def _object(value: Json) -> JsonObject | None:
    return value if isinstance(value, dict) else None


def _time(at: float | None) -> str:
    if at is None:
        return _NO_DEADLINE
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable, `$$` by `$`; unknown names stay.

    Source: Kubernetes third_party/forked/golang/expansion, Expand.
    """
    if "$" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else env.get(name, match.group())

    return _REFERENCE.sub(one, text)
