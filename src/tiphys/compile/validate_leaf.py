"""Templates that do work of their own, and suspend. Source: reference/validation.md 9.

Argo validate.go validateLeaf; ContainerSetTemplate.Validate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tiphys.compile.validate_context import Checker, Resolved, Spot
from tiphys.compile.validate_names import check_names
from tiphys.compile.validate_variables import Scope, check_variables, is_known, tags
from tiphys.errors import InvalidDocument
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container
from tiphys.model.templates import (
    ContainerSetTemplate,
    ResourceTemplate,
    Template,
    template_type,
)
from tiphys.model.yaml_reader import read_yaml

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_RESERVED = ("wait", "supervisor")
_RESERVED_PREFIX = "artifact-plugin-"
_WHOLE_TAG = re.compile(r"\{\{.*\}\}\Z", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{=.*?\}\}", re.DOTALL)


def check_leaf(checker: Checker, scope: Scope, found: Resolved, alone: bool = True) -> None:
    """Check the body of a template that is neither steps nor dag.

    Not `alone`, it is one of those as well, wrongly; then its text may have their variables.
    """
    template, spot = found.template, found.spot
    name = f"templates.{template.name}"
    if alone:
        with checker.unit():
            check_variables(checker, scope, template, f"{name}: ", spot, "L1")
    if template.container is not None:
        _check_mounts(checker, template, template.container, spot)
        _check_image(checker, found, template.container, "container")
    if template.container_set is not None:
        check_container_set(checker, template, template.container_set, spot)
    for index, sidecar in enumerate(template.sidecars):
        if _is_reserved(sidecar.name):
            reason = f'{name}.sidecars: "{sidecar.name}" is a reserved Argo container name'
            checker.note("L8", reason, spot.at("sidecars", index, "name"))
    if template.resource is not None:
        _check_resource(checker, scope, template, template.resource, spot.at("resource"))
    if template.script is not None:
        _check_image(checker, found, template.script, "script")
    if not alone:
        return
    _check_deadline(checker, template, spot)
    if template.parallelism is not None:
        reason = f"{name}.parallelism is only valid for steps and dag templates"
        checker.note("L16", reason, spot.at("parallelism"))


def _check_mounts(checker: Checker, template: Template, container: Container, spot: Spot) -> None:
    used: dict[str, str] = {}
    place = spot.at("container", "volumeMounts")
    prefix = f"templates.{template.name}.container."
    _check_mount_paths(checker, container.volume_mounts, ("L2", prefix, "container."), place, used)
    for index, artifact in enumerate(template.inputs.artifacts):
        path = artifact.path
        if path in used:
            reason = (
                f"templates.{template.name}.inputs.artifacts[{index}].path '{path}' already "
                f"mounted in {used[path]}"
            )
            checker.note("L3", reason, spot.at("inputs", "artifacts", index, "path"))
        if path:
            used[path] = f"inputs.artifacts.{artifact.name}"


def _check_mount_paths(
    checker: Checker,
    mounts: Iterable[JsonObject],
    words: tuple[str, str, str],
    spot: Spot,
    used: dict[str, str],
) -> None:
    rule, prefix, owner = words
    for index, mount in enumerate(mounts):
        path = _text(mount.get("mountPath"))
        if path in used:
            reason = (
                f"{prefix}volumeMounts[{index}].mountPath '{path}' already mounted in {used[path]}"
            )
            checker.note(rule, reason, spot.at(index, "mountPath"))
        used[path] = f"{owner}volumeMounts.{_text(mount.get('name'))}"


def _check_image(checker: Checker, found: Resolved, container: Container, field: str) -> None:
    """A container needs an image, its own or that of the templateDefaults beside it."""
    if container.image:
        return
    spec = None if found.scope.startswith("cluster/") else checker.spec_of(found.scope)
    defaults = spec.template_defaults if spec is not None else None
    default = getattr(defaults, field, None)
    if isinstance(default, Container) and default.image:
        return
    reason = f"templates.{found.template.name}.{field}.image may not be empty"
    rule = "L4" if field == "container" else "L14"
    checker.note(rule, reason, found.spot.at(field), "add `image:`")


def check_container_set(
    checker: Checker, template: Template, group: ContainerSetTemplate, spot: Spot
) -> None:
    """Check the containers of a set: names, mounts, dependencies, the one called main."""
    prefix = f"templates.{template.name}.containerSet."
    place = spot.at("containerSet")
    names = [item.name for item in group.containers]
    if not names:
        checker.note("L5", f"{prefix}containers must have at least one container", place)
    check_names(checker, names, f"{prefix}containers", place.at("containers"), ("L5",) * 3)
    mounts = place.at("volumeMounts")
    _check_mount_paths(checker, group.volume_mounts, ("L5", prefix, ""), mounts, {})
    _check_dependencies(checker, group, prefix, place.at("containers"))
    needs_main = template.inputs.artifacts or template.outputs.parameters
    if names and (needs_main or template.outputs.artifacts) and "main" not in names:
        reason = f'{prefix}containers must have a container named "main" for input or output'
        checker.note("L6", reason, place.at("containers"))
    for index, name in enumerate(names):
        if _is_reserved(name):
            reason = f'{prefix}containers: "{name}" is a reserved Argo container name'
            checker.note("L7", reason, place.at("containers", index, "name"))


def _check_dependencies(
    checker: Checker, group: ContainerSetTemplate, prefix: str, spot: Spot
) -> None:
    graph = {item.name: item.dependencies for item in group.containers}
    for index, item in enumerate(group.containers):
        for dependency in item.dependencies:
            if dependency not in graph:
                reason = f"{prefix}containers.{item.name} dependency '{dependency}' not defined"
                checker.note("L5", reason, spot.at(index, "dependencies"))
    cycle = find_cycle(graph)
    if cycle:
        reason = f"{prefix}containers dependency cycle detected: {'->'.join(cycle)}"
        checker.note("L5", reason, spot)


def find_cycle(graph: dict[str, tuple[str, ...]]) -> list[str]:
    """Return a cycle as the names along it, the first one again at the end; empty if none."""
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        waiting = [(start, iter(graph.get(start, ())))] if start not in done else []
        path += [start] if waiting else []
        while waiting:
            name, following = waiting[-1]
            step = next((item for item in following if item not in done), None)
            if step is None:
                done.add(name)
                waiting.pop()
                path.pop()
            elif step in path:
                return [*path[path.index(step) :], step]
            else:
                waiting.append((step, iter(graph.get(step, ()))))
                path.append(step)
    return []


def _check_resource(
    checker: Checker, scope: Scope, template: Template, resource: ResourceTemplate, spot: Spot
) -> None:
    name = f"templates.{template.name}.resource"
    if resource.action not in _ACTIONS and "{{" not in resource.action:
        reason = f"{name}.action must be one of: {', '.join(_ACTIONS)}"
        checker.note("L9", reason, spot.at("action"))
    if resource.action in ("delete", "get"):
        return
    has_action = resource.action in _ACTIONS or "{{" in resource.action
    if has_action and not resource.manifest and resource.manifest_from is None:
        reason = f"either {name}.manifest or {name}.manifestFrom must be specified"
        checker.note("L10", reason, spot)
    if resource.manifest and resource.manifest_from is not None:
        reason = "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for "
        checker.note("L11", reason + "resource template", spot)
    if resource.manifest_from is not None:
        wanted = resource.manifest_from.artifact.name
        if all(item.name != wanted for item in template.inputs.artifacts):
            reason = f"artifact {wanted} in `manifestFrom` refer to a non-exist artifact"
            checker.note("L12", reason, spot.at("manifestFrom"))
    try:
        read_yaml(_without_tags(checker, scope, resource.manifest))
    except InvalidDocument as exc:
        reason = f"{name}.manifest must be a valid yaml"
        checker.note("L13", reason, spot.at("manifest"), exc.findings[0].reason)


def _without_tags(checker: Checker, scope: Scope, text: str) -> str:
    """The manifest with every tag that has a value by then replaced by a word."""
    text = _EXPRESSION.sub("word", text)
    try:
        found = list(tags(text))
    except ValueError:
        return text
    for tag in found:
        name = tag.strip()
        if scope.knows(name) or (name.startswith("workflow.") and is_known(checker, scope, name)):
            text = text.replace("{{" + tag + "}}", "word")
    return text


def _check_deadline(checker: Checker, template: Template, spot: Spot) -> None:
    value = template.active_deadline_seconds
    if value is None or _is_deadline(value):
        return
    reason = (
        f"templates.{template.name}.activeDeadlineSeconds must be a positive integer > 0 or an "
        "argo variable"
    )
    checker.note("L15", reason, spot.at("activeDeadlineSeconds"))


def _is_deadline(value: int | str) -> bool:
    if isinstance(value, int):
        return value >= 0
    if re.fullmatch(r"[+-]?[0-9]+", value):
        return int(value) >= 0
    return bool(_WHOLE_TAG.match(value))


def _is_reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_PREFIX)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def makes_result(template: Template) -> bool:
    """Say whether a node of this template can have a result.

    Source: argo workflow_types.go, Template.HasOutput; reference/validation.md 10.
    """
    if template.container_set is not None:
        return any(item.name == "main" for item in template.container_set.containers)
    return template_type(template) in ("Container", "Script", "Data", "HTTP", "Plugin")
