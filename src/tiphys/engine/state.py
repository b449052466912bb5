"""The state of one run: its node table and the counters beside it.

Plain data, written only by `evolve.py`; everything else reads it. A snapshot is this, encoded.
Counters exist so that nothing is ever found by a scan: a frame (a node that waits for others)
knows how many it still waits for, a boundary how many of its children run.
"""

from __future__ import annotations

import msgspec

from tiphys.messages import (
    Blocked,
    Kind,
    Labels,
    Memo,
    MetricObserved,
    Phase,
    Question,
    Stage,
    Usage,
)
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json
from tiphys.model.ids import NodeId, RunId, node_id

Slot = tuple[int, int]
"""A place a node will be added at: index of the step or task, and of the item (-1: no loop)."""


class Frame(msgspec.Struct, omit_defaults=True, gc=False):
    """What a node that waits for others keeps.

    `open` counts the slots and hook nodes that are not settled. `queue[head:]` are the slots
    that may be filled now. `items` are the items of expanded loops, `made` the nodes added for
    them. `cursor` is the present group of a Steps node. `waits` and `target` belong to a DAG:
    the number of unsettled tasks each task waits for, and the resolved target list. `attempts`
    and `until` belong to a Retry. `again`: it was made anew, for a node that goes on.
    """

    open: int = 0
    queue: list[Slot] = []
    head: int = 0
    items: dict[int, tuple[Json, ...]] = {}
    made: dict[int, list[NodeId]] = {}
    cursor: int = -1
    waits: list[int] = []
    target: str = ""
    attempts: list[NodeId] = []
    until: float = 0.0
    again: bool = False

    def next_slot(self) -> Slot | None:
        """Return the slot to fill next, None if there is none."""
        return self.queue[self.head] if self.head < len(self.queue) else None


class Node(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One entry of `status.nodes`, with what the engine needs to go on from it.

    `owner` waits for this node; `boundary` is the Steps or DAG node whose template contains it.
    `active` counts the Pod, Steps and DAG nodes inside this boundary that take a place under its
    parallelism; each of them is `placed`. `settled` says
    that followers may start: fulfilled, and its hooks as well. `stage` is what it waits for before
    its work begins, `waiting_for` the key of the lock it cannot have yet, `memo` what its cache
    said. A `daemoned` node runs, serves at `pod_ip`, and counts as fulfilled. `container` is the
    name of one container of a container set. A Retry node that `keeps_place` holds locks, and its
    place under the parallelism through all its attempts, which take none of their own: else it
    might wait for a place taken by one that waits for its locks. `resources` is the resource
    duration of a pod.
    """

    id: NodeId
    name: str
    kind: Kind
    phase: Phase
    started_at: float
    owner: NodeId | None = None
    boundary: NodeId | None = None
    call: tuple[str | int, ...] = ()
    item: int | None = None
    attempt: int | None = None
    template: str = ""
    inputs: Inputs = Inputs()
    values: dict[str, str | None] = {}
    outputs: Outputs | None = None
    message: str = ""
    display_name: str = ""
    hooked: bool = False
    hook_of: NodeId | None = None
    on_exit: bool = False
    finished_at: float = 0.0
    host: str = ""
    progress: str = ""
    usage: Usage | None = None
    resources: dict[str, int] = {}
    children: list[NodeId] = []
    outbound: tuple[NodeId, ...] = ()
    depth: int = 0
    active: int = 0
    failed_children: int = 0
    hooks_open: int = 0
    settled: bool = False
    fulfilled: bool = False
    frame: Frame | None = None
    stage: Stage = ""
    waiting_for: str = ""
    memo: Memo | None = None
    daemoned: bool = False
    pod_ip: str = ""
    container: str = ""
    keeps_place: bool = False
    placed: bool = False


class Asked(msgspec.Struct, omit_defaults=True, gc=False):
    """A question of a run, or of one of its nodes, and how it stands.

    `held`: what it asks for is granted. `blocked` are the locks it cannot have, and who has them.
    """

    question: Question
    node: NodeId | None = None
    held: bool = False
    blocked: tuple[Blocked, ...] = ()


class State(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One run.

    `live` are the nodes that are not fulfilled, in the order they were added. `jobs` are the
    jobs a runtime may have: True while wanted, False while being stopped. `failed` are the
    Failed and Error nodes. `used` are the template keys called so far. `done_units` and
    `all_units` are the two numbers of the workflow's progress. `questions` are those that are not
    answered for good, and the locks held, by their names. `daemons` are the nodes that serve.
    `parked` are the nodes that go on after a retry when they have their locks or there is room for
    them: what is in them waits for that too.
    `waits` says why a node waits for room, `hook_waits` why a hook of it does.
    `labels` are those that say who acted on the workflow last.
    `gauges` are the metrics that show the passing time, `metric_faults` what is wrong with others.
    `resources` and `running_pods` are sums over the pods.
    `reopened`: the run had ended and has not started again yet; `dropping` are the jobs of which
    nothing may be left when it does. `parameters` are those it was given then. `rebind`: nodes
    that go on have to look at their inputs again.
    """

    run: RunId
    name: str
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    phase: str = ""
    message: str = ""
    shutdown: str = ""
    suspend: bool = False
    deadline_passed: bool = False
    nodes: dict[NodeId, Node] = {}
    live: dict[NodeId, bool] = {}
    jobs: dict[NodeId, bool] = {}
    failed: list[NodeId] = []
    used: dict[str, bool] = {}
    outputs: dict[str, str] = {}
    output_artifacts: dict[str, Artifact] = {}
    questions: dict[str, Asked] = {}
    daemons: dict[NodeId, bool] = {}
    parked: dict[NodeId, bool] = {}
    waits: dict[NodeId, str] = {}
    hook_waits: dict[NodeId, str] = {}
    gauges: dict[str, MetricObserved] = {}
    metric_faults: list[str] = []
    resources: dict[str, int] = {}
    running_pods: int = 0
    active_pods: int = 0
    done_units: int = 0
    all_units: int = 0
    reopened: bool = False
    dropping: list[NodeId] = []
    parameters: dict[str, str] = {}
    rebind: bool = False
    labels: Labels = {}

    def id_of(self, name: str) -> NodeId:
        """Return the id of the node `name`, whether it exists or not.

        Differs: two names with the same 32-bit hash share one node in Argo, and one of them never
        runs. Here the later one gets the id of its name with a number behind it.
        """
        found = node_id(self.name, name)
        attempt = 1
        while found in self.nodes and self.nodes[found].name != name:
            attempt += 1
            found = node_id(self.name, f"{name}#{attempt}")
        return found

    def find(self, name: str) -> Node | None:
        """Return the node of that name, None if it does not exist (yet)."""
        return self.nodes.get(self.id_of(name))

    @property
    def root(self) -> Node | None:
        """The node of the entry point."""
        return self.nodes.get(NodeId(self.name))

    @property
    def done(self) -> bool:
        """The run has its verdict."""
        return self.phase in {"Succeeded", "Failed", "Error"}
