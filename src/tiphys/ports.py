"""The Protocols between the shell and what does the work; nothing else.

Each is small enough to implement in an afternoon. The rest of a port is its contract suite in
`tiphys.testing`, which every adapter passes. Adapters translate foreign exceptions into the tree
of `tiphys.errors` at their own edge, and never retry: the caller does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from tiphys.messages import Answer, Event, Input, JobReport, JobSpec, Question
from tiphys.model.artifact_gc import Deletion
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.model.kinds import is_namespaced


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a runtime can do; `needs.py` names the features a workflow asks for.

    `ephemeral`: its jobs end with the object itself and leave nothing behind, in this process or
    elsewhere, so that they may be begun, and forgotten again, before the decision is stored.
    """

    features: frozenset[str]
    ephemeral: bool = False


class Clock(Protocol):
    """The only source of time in the shell."""

    def now(self) -> float:
        """Return the seconds since the epoch, UTC."""
        ...

    async def sleep_until(self, at: float) -> None:
        """Return when `now()` has reached `at`."""
        ...


class Runtime(Protocol):
    """Runs jobs. Every method may be called again with the same arguments to no further effect."""

    name: str
    capabilities: Capabilities

    async def start(self, job: JobSpec) -> None:
        """Run the job, or adopt it if it already runs or has ended; reports follow by `watch`."""
        ...

    async def stop(self, job: NodeId, grace: float) -> None:
        """End a job within `grace` seconds; it is reported finished. Unknown job: no effect."""
        ...

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs. Unknown run: no effect."""
        ...

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job, so that another may be started under its id.

        What still runs of it is killed first. Unknown job: no effect.
        """
        ...

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which anything remains, over or not."""
        ...

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which something still runs, whoever started them."""
        ...

    def watch(self) -> AsyncIterator[JobReport]:
        """Yield the state of every job started or adopted here, then each change, once."""
        ...

    def logs(
        self, run: RunId, job: NodeId, follow: bool, container: str = "main"
    ) -> AsyncIterator[bytes]:
        """Yield what a container wrote (standard output and error together), in pieces."""
        ...

    async def close(self) -> None:
        """Release what the runtime holds; jobs go on running."""
        ...


@runtime_checkable
class PromptRuntime(Protocol):
    """A `Runtime` whose reports can also be fetched, without a turn of the event loop for each."""

    def fetch(self) -> Sequence[JobReport]:
        """Return the reports that wait, in order; `watch` does not yield them any more."""
        ...


class Observer(Protocol):
    """Looks on: what runs decide, once it is stored. What it makes of that is its own affair."""

    def committed(self, run: RunId, events: Sequence[Event]) -> None:
        """Take note of a commit's events; of a run that is taken up again, of how it stands."""
        ...


class Answerer(Protocol):
    """Answers the questions of some kinds: locks, room to begin, memoization caches.

    A question is known by its run and its name. What is granted stays granted until it is
    released, even if its asker or this process dies; a question asked again is answered again.
    """

    kinds: tuple[type[Question], ...]

    async def ask(self, question: Question) -> None:
        """Take a question. Its answers, one or several, come by `watch`."""
        ...

    async def release(self, run: RunId, question: str) -> None:
        """Give up what was granted or wanted. Unknown question: no effect."""
        ...

    async def held(self, run: RunId) -> Sequence[str]:
        """Return the questions of a run for which something is held or wanted."""
        ...

    def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        """Yield the answers to a run's questions as they become known, without end."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Which Kubernetes object: `api_version` as in its document, "" as namespace if it has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, document: JsonObject) -> ObjectRef:
        """Return the reference of a document; its name is "" if it has none."""
        metadata = document.get("metadata")
        own = metadata if isinstance(metadata, dict) else {}
        api_version, kind = str(document.get("apiVersion", "")), str(document.get("kind", ""))
        place = str(own.get("namespace", "")) if is_namespaced(api_version, kind) else ""
        return cls(api_version, kind, place, str(own.get("name", "")))


class Objects(Protocol):
    """Kubernetes-like objects by kind, namespace and name; whole documents in and out.

    A stored object has `metadata.uid`, `resourceVersion` (grows with each change),
    `creationTimestamp`, and `generation` (grows when something besides metadata and status
    changes). What refers to owners that are all deleted is deleted as well. Of what has
    finalizers, deletion only sets `deletionTimestamp`; it goes when the last finalizer is removed.
    Whoever runs what objects ask for (jobs, child workflows) watches: `changed`, then `since`.
    """

    async def get(self, ref: ObjectRef) -> JsonObject:
        """Return an object. Raises NotFound."""
        ...

    async def list(
        self, api_version: str, kind: str, namespace: str | None
    ) -> Sequence[JsonObject]:
        """Return the objects of a kind, oldest first; of all namespaces if None."""
        ...

    async def kinds(self) -> Sequence[tuple[str, str]]:
        """Return apiVersion and kind of all that is stored, sorted."""
        ...

    async def create(self, document: JsonObject, uid: str = "") -> JsonObject:
        """Add an object and return it as stored; with `generateName` it gets a name.

        `uid` is for those who must recognise their object after a crash. Raises Conflict if it
        exists, InvalidDocument if it lacks apiVersion, kind or a name.
        """
        ...

    async def replace(self, document: JsonObject) -> JsonObject:
        """Put a document in the place of the stored one and return it as stored.

        Raises NotFound, and Conflict if it names a resourceVersion or uid that is not the present
        one. A document equal to the stored one changes nothing.
        """
        ...

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object. Raises NotFound."""
        ...

    async def delete_owned(self, uid: str) -> None:
        """Remove what the owner of this uid, which is gone, leaves behind."""
        ...

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`; wait for that."""
        ...

    async def since(self, after: int) -> Sequence[ObjectRef] | None:
        """Return what was changed or removed after that number; each once, oldest change first.

        None if that was too long ago to be known: then all of interest is to be looked at.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored object: its key and its size in bytes."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored: its size in bytes and its SHA-256 in hexadecimal.

    For a directory, the digest is that of a text with one line for each file, in the order of
    their paths: the file's digest, two spaces, its path (what `sha256sum` prints).
    """

    size_bytes: int
    sha256: str


class ArtifactDriver(Protocol):
    """Moves artifacts between a path on this machine and one kind of store.

    Bytes are moved in pieces: the memory needed does not depend on the artifact's size.
    """

    async def get(self, where: Artifact, to: Path) -> None:
        """Write the artifact's bytes (a file or a directory tree) to `to`.

        Raises NotFound if there is no such artifact.
        """
        ...

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Store the file or directory tree `source`; what was there is replaced.

        A directory in an object store is added to, file by file.
        """
        ...

    def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield a stored file's bytes in pieces."""
        ...

    def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield what lies at or below the artifact's key; may raise NotFound if nothing does."""
        ...

    async def delete(self, where: Artifact) -> None:
        """Remove the artifact; with a slash at its key's end, all below it.

        Nothing there: no effect.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeletionRow:
    """An artifact that is to be deleted, or was: `state` is wanted, deleted or failed.

    `tries` are the attempts so far, `due_at` when the next one is (seconds since the epoch),
    `error` what went wrong last. Run, node and the artifact's name tell rows apart.
    """

    run: RunId
    namespace: str
    deletion: Deletion
    state: Literal["wanted", "deleted", "failed"] = "wanted"
    tries: int = 0
    due_at: float = 0.0
    error: str = ""


class Deletions(Protocol):
    """The ledger of artifact deletions: what is to be deleted, and what became of it."""

    async def add(self, rows: Sequence[DeletionRow]) -> None:
        """Keep new rows; rows that are there already stay as they are."""
        ...

    async def due(self, at: float, limit: int) -> Sequence[DeletionRow]:
        """Return wanted rows whose time has come, the longest due first."""
        ...

    async def next_due(self) -> float | None:
        """Return when the next wanted row is due, None if none is wanted."""
        ...

    async def settle(self, row: DeletionRow) -> None:
        """Replace a row by what became of it. No such row: no effect."""
        ...

    async def of(self, run: RunId) -> Sequence[DeletionRow]:
        """Return all rows of a run, by node and name."""
        ...

    async def forget(self, run: RunId) -> None:
        """Remove the rows of a run."""
        ...


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store knows it: who it is, who drives it, and its face for lists.

    All three texts are JSON: `document` the Workflow as admitted, which never changes; `summary`
    what of it changes with every commit; `extras` the large parts of its status that change
    rarely. `owner` is "" when nobody drives it.
    `runtime` is the runtime chosen for its jobs, for all its life.
    """

    run: RunId
    namespace: str
    name: str
    created_at: float
    done: bool
    owner: str
    epoch: int
    runtime: str
    document: bytes
    summary: bytes
    extras: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A run that has ended, with the little that is needed to see when it is due."""

    run: RunId
    namespace: str
    name: str
    created_at: float
    summary: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What one commit writes besides events: node rows and the summary, all JSON.

    `extras` is None when they did not change. Without `events` only rows are brought up to date.
    """

    events: Sequence[Event]
    nodes: Sequence[tuple[NodeId, bytes]]
    summary: bytes
    done: bool
    extras: bytes | None = None
    taken: int = 0
    """The last request of the intake that these events answer."""
    gone: Sequence[NodeId] = ()
    """Nodes whose rows are removed, before the others are written."""


@dataclass(frozen=True, slots=True)
class Update:
    """One commit, for those who watch: the Workflow without nodes, and the nodes that changed."""

    workflow: dict[str, Json]
    nodes: Sequence[bytes]
    done: bool


class Journal(Protocol):
    """The write side of the store. One owner at a time, fenced by an epoch."""

    async def create(self, row: RunRow, first: Event, *more: Event) -> None:
        """Add a run with its first events, unowned. Raises Conflict if its name is taken."""
        ...

    async def adopt(
        self, row: RunRow, events: Sequence[Event], nodes: Sequence[tuple[NodeId, bytes]]
    ) -> None:
        """Keep the journal and node rows of an ended run as those of a retired one.

        For a run that only the archive knows. One that is kept already, or lives, is left alone.
        """
        ...

    async def claim(self, run: RunId, owner: str) -> int | None:
        """Become the owner and return the new epoch; None if a living owner has it."""
        ...

    async def release(self, run: RunId, epoch: int) -> None:
        """Give the run up, so that another may claim it."""
        ...

    async def load(self, run: RunId) -> tuple[bytes | None, Sequence[Event], int]:
        """Return the latest snapshot, the events after it and the last sequence number."""
        ...

    async def history(self, run: RunId) -> Sequence[Event]:
        """Return all events of a run, whatever snapshots there are. Raises NotFound."""
        ...

    async def append(self, run: RunId, after: int, epoch: int, changes: Changes) -> int:
        """Commit in one transaction and return the new last sequence number.

        Raises LostOwnership if the epoch or the sequence number is not the expected one.
        """
        ...

    async def snapshot(self, run: RunId, at: int, epoch: int, state: bytes) -> None:
        """Keep a shortcut through the events up to `at`."""
        ...

    async def claimable(self) -> Sequence[RunRow]:
        """Return the unfinished runs that nobody alive drives."""
        ...


@dataclass(frozen=True, slots=True)
class DueRow:
    """One due time of a CronWorkflow, in the ledger.

    `cron` is its uid, `at` the due time in whole seconds. `outcome` is what was decided, b"" as
    long as `owner` is about to; `closed` when the CronWorkflow's document shows it.
    """

    cron: str
    at: int
    owner: str
    outcome: bytes = b""
    closed: bool = False


class Ledger(Protocol):
    """One row, and so one decision, for each due time of each CronWorkflow."""

    async def take(self, cron: str, at: int, owner: str) -> DueRow | None:
        """Become the one who decides about a due time and return its row.

        None if it is closed, or if a living owner has it.
        """
        ...

    async def decide(self, row: DueRow, outcome: bytes) -> DueRow:
        """Keep what was decided and return the row with it.

        Raises LostOwnership if the row's owner has it no longer, Conflict if it is decided.
        """
        ...

    async def close(self, row: DueRow) -> None:
        """Note that nothing is left to be done about a due time."""
        ...

    async def left(self, owner: str) -> Sequence[DueRow]:
        """Return the rows that are not closed and that no living owner but this one has.

        The oldest due time comes first.
        """
        ...

    async def rows(self, cron: str, most: int) -> Sequence[DueRow]:
        """Return the latest rows of a CronWorkflow, newest first."""
        ...

    async def crons(self) -> Sequence[str]:
        """Return the uids of the CronWorkflows that have rows, or a runtime."""
        ...

    async def forget(self, cron: str, before: int | None = None) -> None:
        """Remove the closed rows of a CronWorkflow up to a due time; all there is if None."""
        ...

    async def set_runtime(self, cron: str, runtime: str) -> None:
        """Keep where the workflows of a CronWorkflow run; "" is wherever others do."""
        ...

    async def runtime(self, cron: str) -> str:
        """Return where the workflows of a CronWorkflow run, "" if nobody said so."""
        ...


class Intake(Protocol):
    """Requests to runs, durable before they are answered, in the order they were made."""

    async def post(self, run: RunId, item: Input) -> int:
        """Keep a request for the run's owner and wake it; return the request's number."""
        ...

    async def reopen(self, run: RunId, item: Input, summary: bytes) -> int:
        """Keep a request for a run that has ended, its summary, and let it be claimed again.

        A retired run comes back by this. Return the request's number. Raises Conflict if the run
        has not ended, or if the name of a retired one is taken.
        """
        ...

    async def pending(self, run: RunId, after: int) -> Sequence[tuple[int, Input]]:
        """Return the requests with a higher number that no commit has answered."""
        ...

    async def wait(self) -> None:
        """Return when a request may have come for any run of this owner."""
        ...


class Queries(Protocol):
    """The read side: rows, never a Run."""

    async def find(self, namespace: str | None, name: str) -> RunRow:
        """Return the newest run of that name. Raises NotFound."""
        ...

    async def list(self, namespace: str | None) -> Sequence[RunRow]:
        """Return all runs, newest first."""
        ...

    async def ended(self, after: str = "", most: int = 0) -> Sequence[EndedRow]:
        """Return the runs that have ended, by their uids, from after one on (0: all of them)."""
        ...

    async def ended_of(self, runs: Sequence[RunId]) -> Sequence[EndedRow]:
        """Return those of some runs that have ended."""
        ...

    async def last_success(self, namespace: str, label: str, value: str) -> RunRow | None:
        """Return the newest run with that label that succeeded, None if there is none."""
        ...

    async def nodes(self, run: RunId) -> Sequence[bytes]:
        """Return the node rows of a run, each the JSON of one NodeStatus."""
        ...

    async def version(self, run: RunId) -> int:
        """Return a number that grows with every commit of the run. Raises NotFound."""
        ...

    async def retired(self, run: RunId) -> RunRow:
        """Return the row of a retired run: deleted, but its journal and nodes are still kept.

        Raises NotFound if it lives, is unknown, or nothing was kept of it.
        """
        ...

    async def delete(self, run: RunId) -> None:
        """Forget a run and all its rows; one that is archived is retired.

        What is left of it goes when its copy in the archive does.
        """
        ...
