"""Inputs, events and commands: everything that is said to, by and for the engine, on one page.

A list of shapes (limits: table), kept together because whoever reads one looks for the others.
Inputs say what happened outside and are named in the past tense; events say what was decided and
are the only thing stored; commands say what is wanted of the world. All are frozen and serialise
with msgspec; a journal is a list of events, so an event's meaning never changes once released
(a new field needs a default that reads old journals rightly).

Times are seconds since the epoch (UTC) and always arrive in an input: the engine has no clock.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template

Phase: TypeAlias = Literal[
    "Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted"
]
_Waiting: TypeAlias = Literal["Steps", "StepGroup", "DAG", "TaskGroup", "Retry"]
_Single: TypeAlias = Literal["Pod", "Container", "HTTP", "Plugin", "Suspend", "Skipped"]
Kind: TypeAlias = Literal[_Waiting, _Single]
Strategy: TypeAlias = Literal["Stop", "Terminate"]
Stage: TypeAlias = Literal["", "room", "lock", "cache"]
"""What a node waits for before its work begins: its locks, what its cache knows, or nothing.

A node that goes on after a retry may wait for room, where a new one would not exist yet.
"""


Labels: TypeAlias = dict[str, str | None]
"""Labels that a workflow has beside those it came with; None takes one of those away.

Requests carry those that say who acted last and what they did.
"""


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of all messages."""


# ---------------------------------------------------------------------------------------- jobs


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one job used, from the kernel's accounting of its main process and its children."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    wall_seconds: float = 0.0


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leaf node handed to a runtime; derived from stored values only, so it can be re-sent.

    `template` has every tag resolved; its output artifacts have a key, and what else it takes to
    reach them is in its `archive_location`, unless they lie in the local repository. `key_prefix`
    is where the job's own artifacts (logs) go there. `deadline_seconds` counts from the start of
    the main process. `deadline_at` is an instant. On a passed deadline the runtime
    ends the job and reports it Failed with Argo's message. `volumes` are the Kubernetes volumes
    its containers may mount, the workflow's and the template's. `avoid_hosts` are the hosts of
    earlier attempts that failed, where retryStrategy.affinity asks to keep away from them.
    """

    id: NodeId
    run: RunId
    workflow: str
    namespace: str
    node_name: str
    pod_name: str
    template: Template
    key_prefix: str
    capture_result: bool = False
    archive_logs: bool = False
    deadline_seconds: float | None = None
    deadline_at: float | None = None
    grace_seconds: float = 30.0
    volumes: tuple[JsonObject, ...] = ()
    avoid_hosts: tuple[str, ...] = ()


class JobWaiting(Message, frozen=True):
    """The job cannot start yet, and why: an image is pulled, there is no room."""

    job: NodeId
    message: str


class JobStarted(Message, frozen=True):
    """The main process runs."""

    job: NodeId
    at: float
    host: str = ""


class JobReady(Message, frozen=True):
    """A daemon serves: all containers of the job run and are ready. `ip` is where it listens."""

    job: NodeId
    at: float
    ip: str


class ContainerReported(Message, frozen=True):
    """One container of a container set is in a phase (again); `message` says why it failed."""

    job: NodeId
    container: str
    phase: Phase
    message: str = ""


class JobProgressed(Message, frozen=True):
    """The job wrote "N/M" to its progress file."""

    job: NodeId
    progress: str


class JobFinished(Message, frozen=True, kw_only=True):
    """The job is over and its outputs are captured; said once for each job.

    `containers` are the ends of a container set's containers.
    """

    job: NodeId
    phase: Literal["Succeeded", "Failed", "Error"]
    message: str = ""
    outputs: Outputs
    usage: Usage = Usage()
    started_at: float = 0.0
    finished_at: float = 0.0
    containers: tuple[ContainerReported, ...] = ()


class JobLost(Message, frozen=True):
    """The job vanished without a result (its launcher was killed, its directory removed)."""

    job: NodeId
    at: float
    message: str = "pod deleted"


JobReport: TypeAlias = (
    JobWaiting | JobStarted | JobReady | ContainerReported | JobProgressed | JobFinished | JobLost
)

# ----------------------------------------------------------------------------------- questions


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """One lock of a synchronization block, by the key that users see.

    `config` names the ConfigMap value that holds a semaphore's limit (namespace, name, key).
    `database` is the lock's name in the sync database, "" for a lock that is not kept there.
    Source: reference/engine.md 8.2.2.
    """

    key: str
    kind: Literal["mutex", "semaphore"]
    config: tuple[str, str, str] | None = None
    database: str = ""


class LocksWanted(Message, frozen=True, kw_only=True):
    """All of these locks, or none. `holder` is "<namespace>/<workflow>[/<node id>]".

    Who waits is served by `priority` (high first), then by `created_at` of the workflow.
    """

    question: str
    run: RunId
    holder: str
    locks: tuple[Lock, ...]
    priority: int = 0
    created_at: float = 0.0


class RoomWanted(Message, frozen=True, kw_only=True):
    """Leave to begin, where the number of workflows at work is limited."""

    question: str
    run: RunId
    namespace: str
    priority: int = 0
    created_at: float = 0.0


class CacheWanted(Message, frozen=True, kw_only=True):
    """What a memoization cache knows under a key; older than `max_age_seconds` is not known."""

    question: str
    run: RunId
    namespace: str
    cache: str
    key: str
    max_age_seconds: float | None = None


class KeepWanted(Message, frozen=True, kw_only=True):
    """A node's outputs, to be kept in a memoization cache."""

    question: str
    run: RunId
    namespace: str
    cache: str
    key: str
    node: NodeId
    outputs: Outputs | None = None


Question: TypeAlias = LocksWanted | RoomWanted | CacheWanted | KeepWanted


class Memo(msgspec.Struct, frozen=True):
    """What a memoization cache knew for a node."""

    hit: bool
    key: str
    cache: str


class Granted(Message, frozen=True):
    """What was wanted is held, until it is released."""


class Blocked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A lock that is wanted, and who has it."""

    key: str
    kind: Literal["mutex", "semaphore"]
    holders: tuple[str, ...] = ()


class Awaited(Message, frozen=True, omit_defaults=True):
    """Not yet; another answer follows. `key` is the first lock that cannot be had."""

    message: str
    key: str = ""
    blocked: tuple[Blocked, ...] = ()


class Refused(Message, frozen=True):
    """It will never be had, and why."""

    message: str


class CacheHit(Message, frozen=True):
    """The outputs that were kept under the key."""

    outputs: Outputs | None = None


class CacheMissed(Message, frozen=True):
    """Nothing is kept under the key, or it is too old."""


class Kept(Message, frozen=True):
    """What was to be kept is kept."""


Answer: TypeAlias = Granted | Awaited | Refused | CacheHit | CacheMissed | Kept

# -------------------------------------------------------------------------------------- inputs


class Began(Message, frozen=True):
    """The run was admitted and is now driven for the first time.

    `limited`: the number of workflows at work is limited, so it asks for room before it starts.
    """

    at: float
    limited: bool = False


class JobReported(Message, frozen=True):
    """A runtime said something about a job."""

    at: float
    report: JobReport


class TimerFired(Message, frozen=True):
    """The time of a timer has come; early and repeated ones are ordinary."""

    at: float
    timer: str


class StopRequested(Message, frozen=True):
    """Someone wants the workflow to end: Stop runs exit handlers, Terminate does not."""

    at: float
    strategy: Strategy
    labels: Labels = {}


class SuspendRequested(Message, frozen=True):
    """Someone wants no new nodes to start."""

    at: float
    labels: Labels = {}


class ResumeRequested(Message, frozen=True):
    """Someone wants a suspended workflow and its waiting suspend nodes to go on.

    `by` says who, if that is known; the nodes' messages tell it then.
    """

    at: float
    by: str = ""
    labels: Labels = {}


class RetryRequested(Message, frozen=True, kw_only=True):
    """Someone wants a workflow that has ended to go on from what failed.

    `nodes` are to run again although they succeeded. `parameters` (name, value) are given to the
    workflow anew; loops are expanded again then.
    """

    at: float
    nodes: tuple[NodeId, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    labels: Labels = {}


class NodeSet(Message, frozen=True, kw_only=True):
    """Someone answers suspend nodes: the phase they take, a message, values supplied."""

    at: float
    nodes: tuple[NodeId, ...]
    phase: Literal["", "Succeeded", "Failed", "Error"] = ""
    message: str = ""
    outputs: dict[str, str] = {}
    labels: Labels = {}


class Answered(Message, frozen=True):
    """An answer to a question that was asked; one that is no longer asked is ordinary."""

    at: float
    question: str
    answer: Answer


Input: TypeAlias = (
    Began
    | JobReported
    | TimerFired
    | Answered
    | StopRequested
    | SuspendRequested
    | ResumeRequested
    | RetryRequested
    | NodeSet
)

# -------------------------------------------------------------------------------------- events


class Estimates(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long an earlier run of the same template took, in whole seconds: `nodes` by node name."""

    workflow: str
    seconds: int
    nodes: dict[str, int] = {}


class RunAdmitted(Message, frozen=True, kw_only=True):
    """The first event: the documents as admitted. The Program is compiled from them again.

    `defaults` is the spec that lies below that of a workflowTemplateRef. `fault` says why the
    workflow is an Error before it starts, "" if it is not. `repository` is the artifact repository
    as its status shows it, None for the local one.
    """

    run: RunId
    created_at: float
    workflow: Json
    documents: list[Json] = []
    defaults: Json = None
    fault: str = ""
    estimates: Estimates | None = None
    repository: Json = None


class RunStarted(Message, frozen=True, omit_defaults=True):
    """The run is driven for the first time; `again`: for the first time since it was reopened."""

    at: float
    again: bool = False


class NodeAdded(Message, frozen=True, kw_only=True):
    """A node exists, its inputs resolved for good.

    `owner` is the node that waits for it, `parents` those whose `children` name it. `call` is the
    place it was declared at: ("entry",), ("step", group, step), ("task", index),
    ("hook", name), ("exit",) or (). `item` is the index in a loop, `attempt` in a retry.
    `values` are the variables that may read differently later and that its template refers to.
    `stage` is what it waits for before its work begins. `container` is the name of one container
    of a container set.
    """

    at: float
    name: str
    kind: Kind
    phase: Phase
    owner: NodeId | None = None
    boundary: NodeId | None = None
    parents: tuple[NodeId, ...] = ()
    call: tuple[str | int, ...] = ()
    item: int | None = None
    attempt: int | None = None
    template: str = ""
    inputs: Inputs = Inputs()
    values: dict[str, str | None] = {}
    outputs: Outputs | None = None
    message: str = ""
    hooked: bool = False
    hook_of: NodeId | None = None
    on_exit: bool = False
    display_name: str = ""
    stage: Stage = ""
    container: str = ""


class CopiedNode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node of an earlier run, as it stands in the run that goes on from it.

    `items` are those of expanded loops, by slot.
    """

    node: NodeAdded
    outbound: tuple[NodeId, ...] = ()
    items: dict[int, tuple[Json, ...]] = {}
    memo: Memo | None = None
    settled: bool = False


class RunImported(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What an earlier run came to is taken over: its nodes, and its global outputs.

    `rebind`: the workflow has other parameters than it had then.
    """

    at: float
    nodes: tuple[CopiedNode, ...]
    outputs: dict[str, str] = {}
    output_artifacts: dict[str, Artifact] = {}
    rebind: bool = False


class RunReopened(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A run that had ended goes on: nodes are gone, and those that waited for them wait again.

    It starts anew when nothing is left of the jobs of the deleted nodes. `parked` are those of
    the `reset` ones that go on only when there is room for them under the parallelism.
    """

    at: float
    deleted: tuple[NodeId, ...] = ()
    reset: tuple[NodeId, ...] = ()
    parked: tuple[NodeId, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


class NodeRebound(Message, frozen=True):
    """A node that goes on has other inputs, since the workflow's parameters changed.

    `target` is the target list of a DAG as it reads now, None if that did not change.
    """

    node: NodeId
    inputs: Inputs
    target: str | None = None


class NodeAdvanced(Message, frozen=True):
    """A node that waited for an answer goes on: to the next question, or to its work.

    `memo` says what its cache knew, None if it was not asked.
    """

    at: float
    node: NodeId
    stage: Stage
    phase: Phase
    memo: Memo | None = None


class QuestionAsked(Message, frozen=True):
    """The run asked something; it asks again after a crash until it is answered."""

    question: Question
    node: NodeId | None = None


class QuestionSettled(Message, frozen=True):
    """The run needs no further answer to a question; locks it stands for are held now."""

    question: str
    held: bool = False


class LockAwaited(Message, frozen=True):
    """A lock cannot be had yet, and who has it. Without a node the whole workflow waits.

    `at` is 0.0 where the time was not kept.
    """

    question: str
    message: str
    key: str = ""
    blocked: tuple[Blocked, ...] = ()
    node: NodeId | None = None
    at: float = 0.0


class LocksReleased(Message, frozen=True):
    """What the question stands for is not held, or not wanted, any more."""

    question: str


class DaemonReady(Message, frozen=True):
    """A daemon serves: its node goes on running and counts as fulfilled."""

    at: float
    node: NodeId
    ip: str


class SlotsOpened(Message, frozen=True):
    """A loop was expanded: one node will be added for each item, in order."""

    frame: NodeId
    slot: int
    items: tuple[Json, ...]


class NodePhaseChanged(Message, frozen=True):
    """A node goes on living in another phase, or with another message."""

    at: float
    node: NodeId
    phase: Phase
    message: str = ""
    host: str = ""


class NodeProgressed(Message, frozen=True):
    """A job reported how far it is."""

    node: NodeId
    progress: str


class NodeDone(Message, frozen=True, kw_only=True):
    """A node is fulfilled and will not change any more.

    `settled` says that nothing of it runs any longer; otherwise its job is being stopped.
    `outbound` are the nodes that followers hang on (Steps and DAG). `resources` is the resource
    duration of a pod with requests of its own; without it the usage tells.
    """

    at: float
    node: NodeId
    phase: Phase
    message: str = ""
    outputs: Outputs | None = None
    usage: Usage | None = None
    resources: dict[str, int] | None = None
    outbound: tuple[NodeId, ...] = ()
    settled: bool = True


class JobSettled(Message, frozen=True):
    """The job of a node that was decided earlier has ended."""

    at: float
    node: NodeId
    usage: Usage | None = None
    resources: dict[str, int] | None = None


class NodeSettled(Message, frozen=True):
    """A fulfilled node's hooks are over as well, so that followers may start."""

    node: NodeId


class OutputsSupplied(Message, frozen=True):
    """Someone supplied output parameters of a suspend node; `at` is 0.0 if not kept."""

    node: NodeId
    outputs: Outputs
    at: float = 0.0


class RetryScheduled(Message, frozen=True):
    """A Retry node waits until `until` before its next attempt."""

    node: NodeId
    until: float
    message: str


class WaitStarted(Message, frozen=True):
    """A node cannot go on, and why; those it would add do not exist yet.

    `hook` is the hook of the node that cannot be run yet, "" if the node itself waits. Said once
    for each wait. `at` is 0.0 where the time was not kept.
    """

    node: NodeId
    reason: str
    hook: str = ""
    at: float = 0.0


class GlobalOutputSet(Message, frozen=True):
    """A parameter or an artifact was exported under a global name."""

    name: str
    value: str | None = None
    artifact: Artifact | None = None


class MetricObserved(Message, frozen=True, kw_only=True):
    """A metric has a value: a gauge's, what a counter grows by, or what a histogram observes.

    With `since` it is a gauge of the seconds since then, until it is observed again or the run is
    done; `value` says nothing then. `labels` are sorted.
    """

    at: float
    kind: Literal["gauge", "counter", "histogram"]
    name: str
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    operation: Literal["Set", "Add", "Sub"] = "Set"
    buckets: tuple[float, ...] = ()
    since: float | None = None


class MetricFailed(Message, frozen=True):
    """A metric has no value, and why."""

    message: str


class ShutdownSet(Message, frozen=True):
    """The workflow is being stopped."""

    at: float
    strategy: Strategy


class SuspendSet(Message, frozen=True):
    """The workflow's `suspend` changed."""

    at: float
    suspend: bool


class LabelsSet(Message, frozen=True):
    """The labels that the workflow has beside its own are these now, and no others."""

    labels: Labels


class DeadlinePassed(Message, frozen=True):
    """The workflow's own deadline is over."""

    at: float


class RunDone(Message, frozen=True):
    """The workflow has its verdict."""

    at: float
    phase: Literal["Succeeded", "Failed", "Error"]
    message: str = ""


Event: TypeAlias = (
    RunAdmitted
    | RunStarted
    | RunImported
    | RunReopened
    | NodeRebound
    | NodeAdded
    | NodeAdvanced
    | QuestionAsked
    | QuestionSettled
    | LockAwaited
    | LocksReleased
    | DaemonReady
    | SlotsOpened
    | NodePhaseChanged
    | NodeProgressed
    | NodeDone
    | JobSettled
    | NodeSettled
    | OutputsSupplied
    | RetryScheduled
    | WaitStarted
    | GlobalOutputSet
    | MetricObserved
    | MetricFailed
    | ShutdownSet
    | SuspendSet
    | LabelsSet
    | DeadlinePassed
    | RunDone
)

# ------------------------------------------------------------------------------------ commands


class StartJob(Message, frozen=True):
    """Run this job; a job that runs or has ended already is left alone."""

    job: JobSpec


class StopJob(Message, frozen=True):
    """End this job: SIGTERM, then SIGKILL after `grace` seconds."""

    job: NodeId
    grace: float


class DropJobs(Message, frozen=True):
    """Remove all that remains of these jobs, so that others may have their ids."""

    jobs: tuple[NodeId, ...]


class SetTimer(Message, frozen=True):
    """Send TimerFired(`timer`) at `at`; replaces a timer of that name."""

    timer: str
    at: float


class ClearTimer(Message, frozen=True):
    """Forget a timer."""

    timer: str


class Ask(Message, frozen=True):
    """Answer this, now or when it can be; the same question again is the same question."""

    question: Question


class Release(Message, frozen=True):
    """What was granted to a question is not needed any more, or no longer wanted."""

    question: str


Command: TypeAlias = StartJob | StopJob | DropJobs | SetTimer | ClearTimer | Ask | Release


class Step(msgspec.Struct, frozen=True):
    """The engine's answer to one input: what it decided and what it wants done."""

    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
