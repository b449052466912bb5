"""A leaf node to the job a runtime is handed.

Derived from stored values only (the template, the node's inputs and values, what is constant), so
that a job can be described again after any crash and is the same.

Source: reference/kubernetes.md 3.6, 3.11; reference/executor.md 6.3, 9.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.phases import BAD
from tiphys.engine.places import (
    archive_location,
    archives_logs,
    job_scope,
    key_prefix,
    located,
    pod_of,
)
from tiphys.engine.resolving import CallError, resolve_body, resolve_text
from tiphys.engine.scope import ConstantScope
from tiphys.engine.state import Node
from tiphys.errors import InvalidDocument
from tiphys.expr.durations import parse_argo_duration
from tiphys.expr.errors import DurationError
from tiphys.expr.template import LENIENT, Body, Text
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.merge import POD_KEYS, strategic_merge
from tiphys.model.templates import Template
from tiphys.model.yaml_reader import read_yaml

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def job_spec(run: Run, node: Node) -> JobSpec:
    """Return the job of a Pod node. Raises CallError if its template cannot be resolved."""
    volumes = run.program.volumes
    shared = [] if volumes is None else _resolved(run, node, volumes)
    written = _written(run, node)
    base = archive_location(run, node, written.archive_location)
    prefix = key_prefix(run, node, base)
    outputs = written.outputs
    if outputs.artifacts:
        artifacts = tuple(located(item, prefix, base) for item in outputs.artifacts)
        outputs = msgspec.structs.replace(outputs, artifacts=artifacts)
    template = msgspec.structs.replace(
        written, inputs=node.inputs, archive_location=base, outputs=outputs
    )
    return JobSpec(
        id=node.id,
        run=run.state.run,
        workflow=run.state.name,
        namespace=run.program.namespace,
        node_name=node.name,
        pod_name=pod_of(run, node),
        template=template,
        key_prefix=prefix,
        capture_result=_captures(run, node),
        archive_logs=archives_logs(run, node),
        deadline_seconds=_deadline(run, node, template),
        deadline_at=_deadline_at(run, node),
        volumes=(*_objects(shared), *template.volumes),
        avoid_hosts=failed_hosts(run, node),
    )


def _written(run: Run, node: Node) -> Template:
    """Return a leaf's template with its tags resolved and its patches in it. Raises CallError.

    One in which nothing is resolved is the same for all its nodes, and read once.
    """
    compiled = run.template(node)
    patches = [patch for patch in (run.program.pod_patch, compiled.pod_patch) if patch is not None]
    is_plain = compiled.body.literal and not patches
    if is_plain and compiled.key in run.plain:
        return run.plain[compiled.key]
    body = _resolved(run, node, compiled.body)
    for patch in patches:
        body = _patched(
            body, resolve_text(patch, job_scope(run, node), LENIENT, run.context(node.name))
        )
    try:
        template = msgspec.convert(body, Template)
    except msgspec.ValidationError as exc:
        raise CallError(f"template {compiled.name}: {exc}") from exc
    template = msgspec.structs.replace(template, name=compiled.name)
    if is_plain:
        run.plain[compiled.key] = template
    return template


def _resolved(run: Run, node: Node, body: Body) -> Json:
    """Return a tree with its tags resolved for a node's job. Raises CallError."""
    if body.literal:
        return body.source
    return resolve_body(body, job_scope(run, node), LENIENT, run.context(node.name))


def _objects(value: Json) -> tuple[JsonObject, ...]:
    return (
        tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
    )


def failed_hosts(run: Run, node: Node) -> tuple[str, ...]:
    """Return the hosts on which earlier attempts failed, where this one should not run.

    Of the nearest Retry node: a node's own, or that of the Steps or DAG node it stands in.
    Source: reference/engine.md 5.6; argo workflow/controller/operator.go, RetryOnDifferentHost.
    """
    attempt: Node | None = node
    if node.attempt is None and node.boundary is not None:
        attempt = run.node(node.boundary)
    if attempt is None or not attempt.attempt or attempt.owner is None:
        return ()
    retry = run.template(attempt).retry
    frame = run.node(attempt.owner).frame
    if retry is None or not retry.avoids_hosts or frame is None:
        return ()
    hosts: dict[str, bool] = {}
    for key in frame.attempts[: attempt.attempt]:
        _collect_hosts(run, run.node(key), hosts)
    return tuple(hosts)


def _collect_hosts(run: Run, node: Node, hosts: dict[str, bool]) -> None:
    if node.kind == "Pod" and node.phase in BAD and node.host:
        hosts[node.host] = True
    for key in node.children:
        _collect_hosts(run, run.node(key), hosts)


def _patched(body: Json, text: str) -> Json:
    """Return a leaf's body after a pod spec patch; only the main container can be meant here.

    Source: reference/kubernetes.md 3.10; argo workflow/util/util.go, ApplyPodSpecPatch.
    """
    try:
        patch = read_yaml(text).value
    except InvalidDocument as exc:
        raise CallError(f"podSpecPatch: {exc.findings[0].reason}") from exc
    if not isinstance(body, dict) or not isinstance(patch, dict):
        raise CallError("podSpecPatch is no object")
    kind = "script" if "script" in body else "container"
    main = body.get(kind)
    pod: JsonObject = {"containers": [{**(main if isinstance(main, dict) else {}), "name": "main"}]}
    merged = strategic_merge(pod, patch, POD_KEYS).get("containers")
    containers = merged if isinstance(merged, list) else []
    found = (item for item in containers if isinstance(item, dict) and item.get("name") == "main")
    return {**body, kind: next(found, main)}


def _captures(run: Run, node: Node) -> bool:
    return run.call(node).captures_result


def _deadline(run: Run, node: Node, template: Template) -> float | None:
    """Return how many seconds the job may run: `timeout` goes before activeDeadlineSeconds."""
    limit = _timeout(run, node, run.template(node).timeout)
    if limit is not None:
        base = _first_start(run, node)
        remaining = base + limit - node.started_at
        if remaining <= 1 and limit > 1:
            raise CallError(f"{node.name} exceeded its deadline")
        return remaining
    own = template.active_deadline_seconds
    if own is None:
        return None
    try:
        return float(int(own))
    except ValueError as exc:
        raise CallError(f"activeDeadlineSeconds: {own!r} is not a number of seconds") from exc


def _deadline_at(run: Run, node: Node) -> float | None:
    """Return the instant at which the job ends itself, whether the engine lives or not.

    That is the workflow's deadline (not for exit handlers), or the end of all retries.
    Source: reference/kubernetes.md 3.5 (ARGO_DEADLINE), engine.md 5.3.
    """
    limits = []
    if run.program.deadline_seconds is not None and not node.on_exit:
        limits.append(int(run.state.started_at) + run.program.deadline_seconds)
    retry = run.template(node).retry
    if node.attempt and retry is not None and retry.backoff is not None:
        longest = _timeout(run, node, retry.backoff.max_duration)
        frame = run.node(node.owner).frame
        if longest is not None and frame is not None:
            limits.append(run.node(frame.attempts[0]).started_at + longest)
    return min(limits, default=None)


def _first_start(run: Run, node: Node) -> float:
    if node.attempt is None or node.owner is None:
        return node.started_at
    return run.node(node.owner).started_at


def _timeout(run: Run, node: Node, text: Text | None) -> float | None:
    if text is None:
        return None
    scope = run.own_scope(node, ConstantScope(run.program.constants))
    value = resolve_text(text, scope, LENIENT, run.context(node.name))
    try:
        return parse_argo_duration(value) if value else None
    except DurationError as exc:
        raise CallError(exc.message) from exc


def pending_limits(run: Run, node: Node) -> float | None:
    """Return until when a node may stay Pending, None without a limit."""
    template = run.template(node)
    limits = [_timeout(run, node, template.timeout)]
    if node.attempt is None:
        limits.append(_timeout(run, node, template.pending_timeout))
    known = [limit for limit in limits if limit is not None]
    return _first_start(run, node) + min(known) if known else None
