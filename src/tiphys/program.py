"""The compiled form of a workflow, which the engine runs: frozen, keyed by the user's own names.

Made by `compile/lower.py` from checked documents, never changed afterwards and never stored: a
recovered run compiles it again from the documents in its first event. Strings that may hold tags
are `Text`s, split once into literals and references.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tiphys.expr.depends import Condition
from tiphys.expr.labels import LabelSelector
from tiphys.expr.template import Body, Text
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.base import Json
from tiphys.model.policies import WorkflowLevelArtifactGC
from tiphys.model.repositories import ArtifactRepositoryRefStatus
from tiphys.model.templates import TemplateRef

TemplateKind: TypeAlias = Literal["Pod", "HTTP", "Plugin", "Steps", "DAG", "Suspend"]


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """A value in a ConfigMap; name and key may hold tags."""

    name: Text
    key: Text
    default: str | None


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter a caller passes: `value` if it has one, else from its `source`."""

    name: str
    value: Text | None
    source: ConfigSource | None = None
    whole: str = ""
    """The reference, when the value is exactly one simple tag."""


@dataclass(frozen=True, slots=True)
class ArtifactArgument:
    """An artifact a caller passes: a reference, an expression, or a location of its own."""

    name: str
    reference: str
    expression: Text | None
    sub_path: Text | None
    optional: bool
    body: Body


@dataclass(frozen=True, slots=True)
class Target:
    """Which template a caller means: a key of `Program.templates`, else names to resolve late.

    `reference` is kept for the node's status. A `dynamic` name has tags.
    """

    key: str
    name: str = ""
    reference: TemplateRef | None = None
    dynamic: tuple[Text, Text, bool] | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """The numbers of a withSequence, as text that may hold tags."""

    start: Text | None
    end: Text | None
    count: Text | None
    format: str


@dataclass(frozen=True, slots=True)
class Loop:
    """Exactly one of the three is set."""

    items: Body | None = None
    param: Text | None = None
    sequence: Sequence | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """A template run beside a node ("exit": after it), when its expression holds."""

    name: str
    call: Call
    expression: Text | None
    of_item: bool = False
    """It mentions the item of the loop it stands in."""
    others: tuple[str, ...] = ()
    """Other steps or tasks, or items of them, whose status its expression reads."""


@dataclass(frozen=True, slots=True)
class Call:
    """A step, a task, a hook or the entry point: which template, with what, and when."""

    name: str
    target: Target
    parameters: tuple[Argument, ...] = ()
    artifacts: tuple[ArtifactArgument, ...] = ()
    when: Text | None = None
    loop: Loop | None = None
    continue_failed: bool = False
    continue_error: bool = False
    hooks: tuple[Hook, ...] = ()
    inherits_arguments: bool = False
    """An exit hook without arguments gets the workflow's."""
    captures_result: bool = False
    """Something in the enclosing template reads `outputs.result` of this."""


@dataclass(frozen=True, slots=True)
class DagPlan:
    """What one target list asks of a DAG: the tasks wanted and who waits for whom.

    `waits` is the number of tasks each task waits for, `dependents` the tasks that wait for each.
    """

    targets: tuple[int, ...]
    wanted: tuple[int, ...]
    waits: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Dag:
    """The tasks of a dag template; `depends[i]` is None for a task that waits for nobody."""

    tasks: tuple[Call, ...]
    depends: tuple[Condition | None, ...]
    needs: tuple[tuple[int, ...], ...]
    target: Text | None
    fail_fast: bool
    index: Mapping[str, int]
    plans: dict[str, DagPlan] = field(default_factory=dict)

    def plan(self, target: str) -> DagPlan:
        """Return the plan for a resolved target list (blank-separated; "" means all leaves)."""
        if target not in self.plans:
            self.plans[target] = _plan(self, target)
        return self.plans[target]


def _plan(dag: Dag, target: str) -> DagPlan:
    """Source: argo workflow/controller/dag.go, findLeafTaskNames; reference/engine.md 4.2."""
    if target.strip():
        targets = tuple(dag.index[name] for name in target.split() if name in dag.index)
    else:
        needed = {need for needs in dag.needs for need in needs}
        leaves = [index for name, index in sorted(dag.index.items()) if index not in needed]
        targets = tuple(leaves)
    wanted = set(targets)
    work = list(targets)
    while work:
        for need in dag.needs[work.pop()]:
            if need not in wanted:
                wanted.add(need)
                work.append(need)
    dependents: list[list[int]] = [[] for _ in dag.tasks]
    for index in sorted(wanted):
        for need in dag.needs[index]:
            dependents[need].append(index)
    return DagPlan(
        targets=targets,
        wanted=tuple(sorted(wanted)),
        waits=tuple(len(needs) for needs in dag.needs),
        dependents=tuple(tuple(row) for row in dependents),
    )


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait between attempts, as text that may hold tags."""

    duration: Text | None
    factor: Text | None
    max_duration: Text | None
    cap: Text | None


@dataclass(frozen=True, slots=True)
class Retry:
    """When a node is tried again."""

    limit: Text | None
    policy: Text | None
    backoff: Backoff | None
    expression: Text | None
    avoids_hosts: bool = False
    """Attempts keep away from the hosts on which earlier ones failed."""


@dataclass(frozen=True, slots=True)
class LockPlan:
    """One lock of a synchronization block; every name may hold tags.

    A mutex has a `name`; a semaphore a `name` (the ConfigMap) and a `key`, or in the database a
    `key` alone.
    """

    kind: Literal["mutex", "semaphore"]
    namespace: Text | None
    name: Text | None
    key: Text | None
    database: bool


@dataclass(frozen=True, slots=True)
class MemoPlan:
    """Under which key of which cache a template's outputs are kept, and for how long."""

    key: Text
    cache: Text
    max_age: Text | None


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One metric. `body` is its name, help, labels, condition and value, which may hold tags.

    A `realtime` gauge shows the passing time; `reads_resources` says that resource durations are
    among what it refers to.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram", ""]
    body: Body
    value: str
    operation: str = ""
    buckets: tuple[float, ...] = ()
    realtime: bool = False
    reads_resources: bool = False


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What is deleted when: the workflow, its finished pods, the volume claims it made.

    `pods` is the strategy ("" keeps them), `pod_labels` selects among pods, `pod_delay` and the
    rest are seconds; None is never.
    """

    pods: str = ""
    pod_labels: LabelSelector | None = None
    pod_delay: float = 5.0
    after_success: float | None = None
    after_failure: float | None = None
    after_completion: float | None = None
    claims_on_completion: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """Where artifacts go that name no place; `key` is a pod's place in it and may hold tags."""

    status: ArtifactRepositoryRefStatus
    key: Text


@dataclass(frozen=True, slots=True)
class ArtifactRules:
    """When artifacts are deleted: the workflow's rule, and which strategies any output has."""

    whole: WorkflowLevelArtifactGC | None = None
    strategies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container of a container set, and those that must have succeeded before it."""

    name: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """An output parameter of a steps or dag template, or one a suspend node waits for."""

    name: str
    global_name: Text | None
    reference: str = ""
    expression: Text | None = None
    default: Text | None = None
    supplied: bool = False


@dataclass(frozen=True, slots=True)
class OutputArtifact:
    """An output artifact of a steps or dag template."""

    name: str
    global_name: Text | None
    reference: str
    expression: Text | None
    sub_path: Text | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Template:
    """One template. `body` is the whole of it as JSON, for leaves; the rest is for the others.

    `scope` is what `templateScope` says of the nodes its steps and tasks make. `uses` are the
    variables its body refers to. `declared` are the output parameters' names with their default,
    None without one: what a skipped node leaves behind.
    """

    key: str
    name: str
    kind: TemplateKind
    scope: str
    inputs: Inputs
    input_sources: Mapping[str, ConfigSource]
    body: Body
    uses: frozenset[str]
    input_body: Body
    declared: tuple[tuple[str, Text | None], ...] = ()
    declared_artifacts: tuple[str, ...] = ()
    output_paths: Mapping[str, str] = field(default_factory=dict)
    """`outputs.parameters.<p>.path` and `outputs.artifacts.<a>.path`."""
    groups: tuple[tuple[Call, ...], ...] = ()
    group_of: Mapping[str, int] = field(default_factory=dict)
    dag: Dag | None = None
    suspend: Text | None = None
    declared_outputs: Outputs = field(default_factory=Outputs)
    outputs: tuple[Output, ...] = ()
    output_artifacts: tuple[OutputArtifact, ...] = ()
    retry: Retry | None = None
    parallelism: int | None = None
    fail_fast: bool = False
    archive_logs: bool | None = None
    pod_patch: Text | None = None
    timeout: Text | None = None
    pending_timeout: Text | None = None
    display_name: Text | None = None
    inline: bool = False
    daemon: bool = False
    containers: tuple[ContainerPlan, ...] = ()
    locks: tuple[LockPlan, ...] = ()
    memo: MemoPlan | None = None
    metrics: tuple[MetricPlan, ...] = ()
    asks_resources: bool = False
    """Its containers say how much they need, or a pod spec patch may."""


@dataclass(frozen=True, slots=True)
class Program:
    """A workflow, ready to run.

    `scope` is the workflow's own; `templates` are keyed "<scope> <name>"; `stored` names those
    that came by reference, with the key Argo stores them under. `constants` are the workflow
    variables that never change, `configs` the ConfigMaps by name. `fault` says why the workflow
    ends as `fault_phase` before it starts, "" if it does not. `claims` are the volumes made from
    its volumeClaimTemplates.
    """

    name: str
    namespace: str
    uid: str
    scope: str
    entry: Call
    on_exit: Call | None
    hooks: tuple[Hook, ...]
    templates: Mapping[str, Template]
    constants: Mapping[str, str]
    configs: Mapping[str, Json]
    fault: str
    fault_phase: Literal["Failed", "Error"]
    parallelism: int | None
    deadline_seconds: float | None
    suspended: bool
    archive_logs: bool
    pod_patch: Text | None
    locks: tuple[LockPlan, ...] = ()
    metrics: tuple[MetricPlan, ...] = ()
    clean_up: CleanUp = field(default_factory=CleanUp)
    claims: tuple[Json, ...] = ()
    priority: int = 0
    volumes: Body | None = None
    """The workflow's volumes, None if it has none."""
    merged_spec: Json = None
    """What status.storedWorkflowTemplateSpec shows of a workflowTemplateRef run."""
    stored: Mapping[str, tuple[str, Json]] = field(default_factory=dict)
    repository: Repository | None = None
    """None for the local one."""
    artifact_rules: ArtifactRules = ArtifactRules()
