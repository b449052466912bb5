"""`batch/v1` Jobs: which pods to begin or end, and what the status says.

Everything follows from the Job, its pods and the time, so it can be decided again after any crash.
What an API server would refuse at creation, and what is not supported here, is refused at the door
(`admission`); where it got past that, it is a Failed condition with the reason `Invalid` or
`Unsupported`.
Source: reference/kubernetes.md 18.5; Kubernetes pkg/controller/job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tiphys.compile.workloads.failure_policy import Verdict, ignored, judged
from tiphys.compile.workloads.pods import Stamp, is_refused, missing_of_containers, pod_of
from tiphys.compile.workloads.reading import (
    ENDED,
    Step,
    count,
    finished_at,
    instant,
    is_going,
    items,
    name_of,
    number,
    part,
    phase_of,
    restarts,
    stamped,
    text,
    uid_of,
    without_empty,
)
from tiphys.model.base import Json, JsonObject
from tiphys.model.kinds import named_after
from tiphys.model.times import time_text

API_VERSION: Final = "batch/v1"
_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_BACKOFF_LIMIT: Final = 6
_FIRST_PAUSE_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 360.0
_UNSUPPORTED: Final = (
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "successPolicy",
    "managedBy",
    "manualSelector",
)


@dataclass(frozen=True, slots=True)
class _State:
    """A Job with its defaults, its pods, and the time."""

    job: JsonObject
    pods: Sequence[JsonObject]
    now: float

    @property
    def spec(self) -> JsonObject:
        return part(self.job, "spec")

    @property
    def status(self) -> JsonObject:
        return part(self.job, "status")

    @property
    def completions(self) -> int | None:
        return number(self.spec, "completions")

    @property
    def parallelism(self) -> int:
        return count(self.spec, "parallelism", 1)

    @property
    def is_indexed(self) -> bool:
        return self.spec.get("completionMode") == "Indexed"

    @property
    def active(self) -> list[JsonObject]:
        return [pod for pod in self.pods if phase_of(pod) not in ENDED and not is_going(pod)]

    @property
    def succeeded(self) -> list[JsonObject]:
        """The pods that count: one for each index."""
        found = [pod for pod in self.pods if phase_of(pod) == "Succeeded"]
        if not self.is_indexed:
            return found
        most = self.completions or 0
        by_index = {_index(pod): pod for pod in found}
        return [pod for index, pod in by_index.items() if index is not None and index < most]

    @property
    def failed(self) -> list[JsonObject]:
        found = [pod for pod in self.pods if phase_of(pod) == "Failed"]
        return [pod for pod in found if not ignored(self.spec, pod)]


def decide(job: JsonObject, pods: Sequence[JsonObject], now: float) -> Step:
    """Return what is to be done about a Job whose pods are `pods`."""
    state = _State(_with_defaults(job), pods, now)
    if (end := _end(state.status)) is not None:
        return _after(state, end)
    found = fault(job) or _refused(state) or _failure(state)
    if found is not None:
        return _failed(state, found)
    if state.spec.get("suspend") is True:
        return _suspended(state)
    state = replace(state, job=_begun(state))
    if _is_complete(state):
        return _completed(state)
    return _running(state)


def is_over(job: JsonObject) -> bool:
    """Tell whether nothing will happen to a Job any more by itself."""
    if _end(part(job, "status")) is None:
        return part(job, "spec").get("suspend") is True
    return number(part(job, "spec"), "ttlSecondsAfterFinished") is None


def _with_defaults(job: JsonObject) -> JsonObject:
    spec = dict(part(job, "spec"))
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    for key, value in (
        ("parallelism", 1),
        ("backoffLimit", _BACKOFF_LIMIT),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
    ):
        if spec.get(key) is None:
            spec[key] = value
    return {**job, "spec": spec}


# -------------------------------------------------------------------------------------- ends


def _end(status: JsonObject) -> float | None:
    """Return when a Job ended, None if it has not."""
    for item in items(status, "conditions"):
        if item.get("type") in ("Complete", "Failed") and item.get("status") == "True":
            return instant(item, "lastTransitionTime") or 0.0
    return None


def _after(state: _State, end: float) -> Step:
    """A Job that is over: what still runs of it goes; its time to live passes."""
    left = tuple(name_of(pod) for pod in state.active)
    limit = number(state.spec, "ttlSecondsAfterFinished")
    if limit is None:
        return Step(state.job, left, is_over=not left)
    return Step(state.job, left, wake_at=end + limit, expired=end + limit <= state.now)


def fault(job: JsonObject) -> Verdict | None:
    """Return what an API server would not let in, or what cannot be done here."""
    state = _State(_with_defaults(job), (), 0.0)
    for field in _UNSUPPORTED:
        if state.spec.get(field) not in (None, False):
            return Verdict("Unsupported", f"spec.{field} is not supported by this version")
    pods = part(state.spec, "template", "spec")
    if missing := missing_of_containers(pods):
        return Verdict("Invalid", f"spec.template.spec.{missing}: Required value")
    if text(pods, "restartPolicy") not in ("Never", "OnFailure"):
        said = "spec.template.spec.restartPolicy: Required value: valid values: "
        return Verdict("Invalid", f'{said}"OnFailure", "Never"')
    if state.is_indexed and state.completions is None:
        said = "spec.completions: Required value: when completion mode is Indexed"
        return Verdict("Invalid", said)
    return judged(state.spec, ())


def _refused(state: _State) -> Verdict | None:
    """Return why a pod cannot run here."""
    for pod in state.pods:
        if is_refused(pod):
            return Verdict("Unsupported", text(part(pod, "status"), "message"))
    return None


def _failure(state: _State) -> Verdict | None:
    """Return why a Job has failed, None if it has not."""
    judgement = judged(state.spec, [pod for pod in state.pods if phase_of(pod) == "Failed"])
    if judgement is not None:
        return judgement
    limit, again = count(state.spec, "backoffLimit"), sum(map(restarts, state.active))
    too_often = again > 0 and again >= limit
    if len(state.failed) > limit or too_often:
        return Verdict("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    began, allowed = instant(state.status, "startTime"), _deadline(state)
    if began is not None and allowed is not None and state.now >= began + allowed:
        return Verdict("DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _deadline(state: _State) -> int | None:
    is_suspended = state.spec.get("suspend") is True
    return None if is_suspended else number(state.spec, "activeDeadlineSeconds")


def _failed(state: _State, why: Verdict) -> Step:
    """A Job that fails now: what runs of it goes, and counts as failed."""
    added: list[JsonObject] = [
        {"type": kind, "reason": why.reason, "message": why.message}
        for kind in ("FailureTarget", "Failed")
    ]
    counters = _counters(state) | {"active": 0, "ready": 0}
    counters["failed"] = len(state.failed) + len(state.active)
    job = _with_status(state, counters, added)
    return Step(job, tuple(name_of(pod) for pod in state.active))


def _is_complete(state: _State) -> bool:
    succeeded = len(state.succeeded)
    if state.completions is None:  # a queue of work: whoever succeeds says that it is empty
        return succeeded > 0 and not state.active
    return succeeded >= state.completions


def _completed(state: _State) -> Step:
    said = "Reached expected number of succeeded pods"
    added: list[JsonObject] = [
        {"type": kind, "reason": "CompletionsReached", "message": said}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    counters = _counters(state) | {"active": 0, "ready": 0}
    ends = max(map(finished_at, state.succeeded), default=0.0)
    job = _with_status(state, counters, added)
    job["status"] = {**part(job, "status"), "completionTime": time_text(ends or state.now)}
    return Step(job, tuple(name_of(pod) for pod in state.active))


# ------------------------------------------------------------------------------- in between


def _begun(state: _State) -> JsonObject:
    """Return a Job with a start time, resumed if it was suspended."""
    status = dict(state.status)
    status.setdefault("startTime", time_text(state.now))
    conditions = [*items(status, "conditions")]
    if any(item.get("type") == "Suspended" and item["status"] == "True" for item in conditions):
        kept = [item for item in conditions if item.get("type") != "Suspended"]
        resumed = {"type": "Suspended", "reason": "JobResumed", "message": "Job resumed"}
        status["conditions"] = [*kept, {**stamped({**resumed}, state.now), "status": "False"}]
        status["startTime"] = time_text(state.now)
    return {**state.job, "status": status}


def _suspended(state: _State) -> Step:
    conditions = items(state.status, "conditions")
    added: list[JsonObject] = []
    if not any(i.get("type") == "Suspended" and i["status"] == "True" for i in conditions):
        said = "Job suspended"
        added.append({"type": "Suspended", "reason": "JobSuspended", "message": said})
    counters = _counters(state) | {"active": 0, "ready": 0}
    job = _with_status(state, counters, added)
    job["status"] = {key: it for key, it in part(job, "status").items() if key != "startTime"}
    left = tuple(name_of(pod) for pod in state.active)
    return Step(job, left, is_over=not left)


def _running(state: _State) -> Step:
    wanted, due = _wanted(state), _due(state)
    active = len(state.active)
    wakes = [due] if wanted > active and due > state.now else []
    began, allowed = instant(state.status, "startTime"), _deadline(state)
    if began is not None and allowed is not None:
        wakes.append(began + allowed)
    create: tuple[JsonObject, ...] = ()
    if wanted > active and due <= state.now:
        create = tuple(_new_pods(state, wanted - active))
    newest_first = sorted(state.active, key=lambda pod: phase_of(pod) == "Running")
    delete = tuple(name_of(pod) for pod in newest_first[: max(0, active - wanted)])
    counters = _counters(state)
    counters["active"] = active + len(create) - len(delete)
    job = _with_status(state, counters, [])
    return Step(job, delete, create, wake_at=min(wakes, default=None))


def _wanted(state: _State) -> int:
    """Return how many pods should be active."""
    succeeded = len(state.succeeded)
    if state.completions is None:
        return len(state.active) if succeeded else state.parallelism
    return min(state.parallelism, max(0, state.completions - succeeded))


def _due(state: _State) -> float:
    """Return when the next pod may begin: ten seconds after a failure, twice that after two."""
    last = max(map(finished_at, state.succeeded), default=-1.0)
    ends = [end for end in map(finished_at, state.failed) if end > last]
    if not ends:
        return 0.0
    pause = _FIRST_PAUSE_SECONDS * float(2 ** min(len(ends) - 1, 10))
    return max(ends) + min(pause, _LONGEST_PAUSE_SECONDS)


def _counters(state: _State) -> dict[str, Json]:
    running = [pod for pod in state.active if phase_of(pod) == "Running"]
    going = [pod for pod in state.pods if is_going(pod)]
    found: dict[str, Json] = {
        "active": len(state.active),
        "ready": len(running),
        "terminating": len(going),
        "succeeded": len(state.succeeded),
        "failed": len(state.failed),
    }
    if state.is_indexed:
        found["completedIndexes"] = _ranges(
            sorted(index for pod in state.succeeded if (index := _index(pod)) is not None)
        )
    return found


def _with_status(
    state: _State, counters: dict[str, Json], added: Sequence[JsonObject]
) -> JsonObject:
    old = {key: value for key, value in state.status.items() if key not in counters}
    status = {**old, **without_empty(counters)}
    if added:
        types = {item["type"] for item in added}
        kept = [i for i in items(state.status, "conditions") if i.get("type") not in types]
        status["conditions"] = [*kept, *(stamped(item, state.now) for item in added)]
    return {**state.job, "status": status}


# -------------------------------------------------------------------------------------- pods


def _new_pods(state: _State, number_of_pods: int) -> list[JsonObject]:
    taken = {name_of(pod) for pod in state.pods}
    indexes = _free_indexes(state)[:number_of_pods] if state.is_indexed else []
    made = []
    for serial in range(len(indexes) if state.is_indexed else number_of_pods):
        index = indexes[serial] if state.is_indexed else None
        name = _name(state.job, index, taken)
        taken.add(name)
        made.append(pod_of(state.job, part(state.spec, "template"), _stamp(state, name, index)))
    return made


def _free_indexes(state: _State) -> list[int]:
    busy = {_index(pod) for pod in [*state.active, *state.succeeded]}
    return [index for index in range(state.completions or 0) if index not in busy]


def _name(job: JsonObject, index: int | None, taken: set[str]) -> str:
    """Return a new name, the same again if this is decided again."""
    prefix = f"{name_of(job)}-" if index is None else f"{name_of(job)}-{index}-"
    serial = len(taken)
    while True:
        chance = hashlib.sha256(f"{uid_of(job)}/{index}/{serial}".encode()).digest()
        if (name := named_after(prefix, chance)) not in taken:
            return name
        serial += 1


def _stamp(state: _State, name: str, index: int | None) -> Stamp:
    job, uid = name_of(state.job), uid_of(state.job)
    labels: JsonObject = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": job,
        "controller-uid": uid,
        "job-name": job,
    }
    if index is None:
        return Stamp(name, labels, {})
    labels[_INDEX] = str(index)
    variable: JsonObject = {"name": "JOB_COMPLETION_INDEX", "value": str(index)}
    return Stamp(name, labels, {_INDEX: str(index)}, (variable,), f"{job}-{index}")


def _index(pod: JsonObject) -> int | None:
    value = text(part(pod, "metadata", "annotations"), _INDEX)
    return int(value) if value.isdigit() else None


def _ranges(indexes: Sequence[int]) -> str:
    """Return sorted numbers as `0-2,4`."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    shown = (str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return ",".join(shown)
