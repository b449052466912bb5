"""Events: what was decided; the only thing stored, and so a journal is a list of them.

An event's meaning never changes once released: a new field needs a default that reads old journals
rightly.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tiphys.messages.jobs import Usage
from tiphys.messages.questions import Blocked, Memo, Question
from tiphys.messages.words import Kind, Labels, Message, Phase, Stage, Strategy
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json
from tiphys.model.ids import NodeId, RunId


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

    `items` are those of expanded loops, by slot. `finished_at` is 0 where it is when it was copied.
    """

    node: NodeAdded
    outbound: tuple[NodeId, ...] = ()
    items: dict[int, tuple[Json, ...]] = {}
    memo: Memo | None = None
    settled: bool = False
    finished_at: float = 0.0
    host: str = ""


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
