"""What the pod launcher is told: every container's words, order, probes and hooks.

Made from a job and from what a runtime says of each container; read in `pod/supervisor.py`.
Source: reference/executor.md 3, reference/engine.md 10.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.fields import host_name
from tiphys.executor.layout import Layout
from tiphys.executor.members import MAIN, mains_of
from tiphys.executor.run import CannotStart, Launch, Member
from tiphys.expr.durations import parse_go_duration
from tiphys.expr.errors import DurationError
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container
from tiphys.model.templates import ContainerNode

Role = Literal["init", "main", "sidecar"]
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
_SECOND: Final = 1e9


class ContainerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One container.

    `after` are the containers that must exit with 0 before it. It is run up to `runs` times until
    it exits with 0, or again and again if it `restarts`. `problem` says why it cannot be started.
    `bounds` are paths and the volumes they must lie in when it starts. `group` is its cgroup.
    `inside` and `up` are those of its launch.
    """

    name: str
    kind: Role
    words: Sequence[str]
    env: dict[str, str]
    cwd: str
    inside: Sequence[str]
    up: str
    inner_cwd: str
    sandboxed: bool
    captures: bool
    problem: str
    termination: str
    after: tuple[str, ...]
    runs: int
    pause_seconds: float
    restarts: bool
    grace_seconds: float
    ports: dict[str, int]
    bounds: list[tuple[str, str]]
    group: str
    startup: JsonObject | None
    liveness: JsonObject | None
    readiness: JsonObject | None
    post_start: JsonObject | None
    pre_stop: JsonObject | None


class PodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The pod. With a `host` name its containers share ipc and uts namespaces of their own."""

    host: str
    is_set: bool
    is_daemon: bool
    grace_seconds: float
    deadline_seconds: float | None
    deadline_at: float | None
    init: list[ContainerPlan]
    containers: list[ContainerPlan]


LaunchOf = Callable[[Member], Launch]
MemberOf = Callable[[Container, bool], Member]
"""Returns a container's member; the flag says whether other containers run before it."""
GroupOf = Callable[[Container], str]


def plan_pod(
    job: JobSpec, member_of: MemberOf, launch_of: LaunchOf, group_of: GroupOf, shares: bool
) -> PodPlan:
    """Return the plan of a job's pod.

    Raises Permanent if a container cannot be had at all. A command that does not exist is the
    container's own failure, found when its turn comes.
    """

    def plan(container: Container, role: Role, waits: bool) -> ContainerPlan:
        member = member_of(container, waits)
        return _container(member, container, role, launch_of, group_of(container))

    template = job.template
    late = bool(template.init_containers)
    return PodPlan(
        host=host_name(job) if shares else "",
        is_set=template.container_set is not None,
        is_daemon=template.daemon is True,
        grace_seconds=job.grace_seconds,
        deadline_seconds=job.deadline_seconds,
        deadline_at=job.deadline_at,
        init=[plan(item, "init", at > 0) for at, item in enumerate(template.init_containers)],
        containers=[
            *(plan(item, "main", late or bool(_after(item))) for item in mains_of(job)),
            *(plan(item, "sidecar", late) for item in template.sidecars),
        ],
    )


def _container(
    member: Member, container: Container, role: Role, launch_of: LaunchOf, group: str
) -> ContainerPlan:
    job, layout = member.job, member.layout
    problem = ""
    try:
        launch = launch_of(member)
    except CannotStart as exc:
        problem, launch = str(exc), Launch([""], {}, "/")
    runs, pause = _retries(job) if role == "main" else (1, 0.0)
    hooks = container.lifecycle or {}

    return ContainerPlan(
        name=member.name,
        kind=role,
        words=launch.command,
        env=dict(launch.env),
        cwd=launch.cwd,
        inside=launch.inside,
        up=launch.up,
        inner_cwd=container.working_dir or "/",
        sandboxed="s" in launch.flags,
        captures=member.name == MAIN and role == "main" and job.capture_result,
        problem=problem,
        termination=layout.termination_log,
        after=_after(container),
        runs=runs,
        pause_seconds=pause,
        restarts=role == "init" and container.restart_policy == "Always",
        grace_seconds=job.grace_seconds,
        ports=_ports(container),
        bounds=[(item.source, item.volume) for item in layout.mounts if item.volume],
        group=group,
        startup=_handler(container.startup_probe, layout),
        liveness=_handler(container.liveness_probe, layout),
        readiness=_handler(container.readiness_probe, layout),
        post_start=_handler(hooks.get("postStart"), layout),
        pre_stop=_handler(hooks.get("preStop"), layout),
    )


def _after(container: Container) -> tuple[str, ...]:
    return container.dependencies if isinstance(container, ContainerNode) else ()


def _retries(job: JobSpec) -> tuple[int, float]:
    """Return how often a container set's commands run at most, and the seconds between.

    Source: reference/engine.md 10.1.5: `retries` counts all runs; none means success.
    """
    whole = job.template.container_set
    policy = whole.retry_strategy if whole is not None else None
    if policy is None or policy.retries is None:
        return 1, 0.0
    try:
        pause = parse_go_duration(policy.duration) / _SECOND if policy.duration else 0.0
        return max(0, int(policy.retries)), pause
    except (DurationError, ValueError) as exc:
        raise Permanent(f"containerSet.retryStrategy: {exc}") from exc


def _handler(given: Json, layout: Layout) -> JsonObject | None:
    """Return a probe or hook as the launcher carries it out; None if there is none."""
    if not isinstance(given, dict):
        return None
    if not any(isinstance(given.get(kind), dict) for kind in _HANDLERS):
        kind = next((key for key, value in given.items() if isinstance(value, dict)), "such")
        raise Permanent(f"{kind} probes and hooks cannot be had on this machine")
    action = given.get("exec")
    if not isinstance(action, dict):
        return _addressed(given, contract.read_address(layout.directory))
    words = action.get("command")
    mapped: list[Json] = [
        layout.text(str(word)) for word in (words if isinstance(words, list) else ())
    ]
    return {**given, "exec": {"command": mapped}}


def _addressed(given: JsonObject, address: str) -> JsonObject:
    """Return a handler that asks the pod, if it names no host, where the pod is."""
    made = dict(given)
    for kind in ("httpGet", "tcpSocket"):
        action = given.get(kind)
        if isinstance(action, dict) and not action.get("host"):
            made[kind] = {**action, "host": address}
    return made


def _ports(container: Container) -> dict[str, int]:
    found = {}
    for port in container.ports:
        name, number = port.get("name"), port.get("containerPort")
        if isinstance(name, str) and isinstance(number, int):
            found[name] = number
    return found
