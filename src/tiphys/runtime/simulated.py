"""A job is a line in a script: so many seconds, this exit code, these outputs. Nothing runs.

Time comes from the clock that is handed in, usually a virtual one, so a simulation is
deterministic and as fast as the engine. Inputs are not fetched and outputs are not stored.
Source of the defaults: conformance/README.md, "Executing local: simulate".
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from msgspec.structs import replace

from tiphys.executor import capture
from tiphys.messages import (
    ContainerReported,
    JobFinished,
    JobLost,
    JobProgressed,
    JobReady,
    JobReport,
    JobSpec,
    JobStarted,
    JobWaiting,
    Phase,
    Usage,
)
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.artifacts import Artifact
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Capabilities, Clock
from tiphys.runtime.entry import Reports

SOME_TEXT: Final = "simulated"
_ADDRESS: Final = "127.0.0.1"
_VOLUMES: Final = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder configMap csi downwardAPI emptyDir "
    "ephemeral fc flexVolume flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi nfs "
    "persistentVolumeClaim photonPersistentDisk portworxVolume projected quobyte rbd scaleIO "
    "secret storageos subPath vsphereVolume"
)
_STORES: Final = (
    "s3 gcs azure oss hdfs http git artifactory plugin plugin.* "
    "s3.encryptionOptions.kmsEncryptionContext oss.useSDKCreds "
    "hdfs.krbCCacheSecret hdfs.krbKeytabSecret hdfs.dataTransferProtection"
)
_PLAIN: Final = (
    "container script containerSet resource data http plugin daemon initContainers sidecars probes "
    "lifecycle restartPolicyRules envFrom artifacts logs repositories "
    "artifactGC"
)
ALL: Final = frozenset(
    _PLAIN.split()
    + [f"volumes.{name}" for name in _VOLUMES.split()]
    + [f"artifacts.{name}" for name in _STORES.split()]
)
"""Every feature a workflow can ask for: what is only played can do anything."""
_DEADLINE: Final = "Pod was active on the node longer than the specified deadline"
_STEP_DEADLINE: Final = "Step exceeded its deadline"
End = tuple[float, int, str]
"""When a job ends, its exit code, and the message if a deadline ended it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job does.

    It takes `seconds`, unless stopped or over a deadline, and exits with `code`. `message` is its
    termination message. `parameters` are the values of output parameters by name, `missing` the
    names of output parameters and artifacts it does not make. `error` makes it an Error with that
    message, `failure` Failed with exactly that one; `lost` lets it vanish without a result. A
    `stubborn` one ignores SIGTERM. A daemon serves from its start until it is stopped, or for
    `seconds` if there are any. While it is `waiting` it says why. `containers` are the ends of a
    container set's containers where they are not as the exit code says.
    """

    seconds: float = 0.0
    code: int = 0
    message: str = ""
    result: str = SOME_TEXT
    parameters: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    error: str = ""
    failure: str = ""
    lost: bool = False
    stubborn: bool = False
    progress: tuple[str, ...] = ()
    log: bytes = b""
    waiting: str = ""
    containers: Mapping[str, tuple[Phase, str]] = field(default_factory=dict)


Script = Callable[[JobSpec], Outcome | None] | Mapping[str, Outcome]
"""By function, or by node name or template name; a job it does not know succeeds at once."""


class _Job:
    __slots__ = ("ended", "grace", "outcome", "over", "spec", "started_at", "task")

    def __init__(self, spec: JobSpec, outcome: Outcome, started_at: float) -> None:
        self.spec = spec
        self.outcome = outcome
        self.started_at = started_at
        self.grace: float | None = None
        self.ended: asyncio.Event | None = None
        self.task: asyncio.Task[None] | None = None
        self.over = False


class SimulatedRuntime:
    """Plays a script against a clock."""

    name = "simulated"
    capabilities = Capabilities(ALL, ephemeral=True)

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self._clock = clock
        self._script: Script = script if script is not None else {}
        self._jobs: dict[NodeId, _Job] = {}
        self._reports = Reports()

    async def start(self, job: JobSpec) -> None:
        """Begin a job; one without duration is over before this returns."""
        if job.id in self._jobs:
            return
        now = self._clock.now()
        item = _Job(job, self._outcome(job), now)
        self._jobs[job.id] = item
        for report in under_way(job, item.outcome, now):
            self._reports.put(report)
        end = _natural_end(item)
        if end[0] <= now:
            self._finish(item, end)
        else:
            item.task = asyncio.get_running_loop().create_task(self._play(item, end))

    async def stop(self, job: NodeId, grace: float) -> None:
        """End a job: at once with 143, or after `grace` with 137 if it is stubborn."""
        item = self._jobs.get(job)
        if item is None or item.over or (item.grace is not None and item.grace <= grace):
            return
        item.grace = grace
        end = _natural_end(item)
        at = self._clock.now() + (grace if item.outcome.stubborn else 0.0)
        if at < end[0]:
            end = (at, 137 if item.outcome.stubborn else 143, "")
        if item.task is not None:
            item.task.cancel()
        if end[0] <= self._clock.now():
            self._finish(item, end)
        else:
            item.task = asyncio.get_running_loop().create_task(self._play(item, end))

    async def drop(self, run: RunId) -> None:
        """Forget a run's jobs."""
        for item in [item for item in self._jobs.values() if item.spec.run == run]:
            if item.task is not None:
                item.task.cancel()
            del self._jobs[item.spec.id]

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Forget a job, so that it can be played again."""
        item = self._jobs.get(job)
        if item is not None and item.spec.run == run:
            if item.task is not None:
                item.task.cancel()
            del self._jobs[job]

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run that are remembered."""
        return [item.spec.id for item in self._jobs.values() if item.spec.run == run]

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run that are not over."""
        return [
            item.spec.id for item in self._jobs.values() if item.spec.run == run and not item.over
        ]

    def watch(self) -> AsyncIterator[JobReport]:
        """Yield each report once."""
        return self._reports.watch()

    def fetch(self) -> Sequence[JobReport]:
        """Return the reports that wait; `watch` does not yield them any more."""
        return self._reports.fetch()

    async def logs(
        self, run: RunId, job: NodeId, follow: bool, container: str = "main"
    ) -> AsyncIterator[bytes]:
        """Yield the log that the script gives main; with `follow` end when the job is over."""
        item = self._jobs.get(job)
        if item is None or item.spec.run != run or container != "main":
            return
        if item.outcome.log:
            yield item.outcome.log
        if follow and not item.over:
            item.ended = item.ended or asyncio.Event()
            await item.ended.wait()

    async def close(self) -> None:
        """Stop playing."""
        tasks = [item.task for item in self._jobs.values() if item.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self, job: JobSpec) -> Outcome:
        if callable(self._script):
            return self._script(job) or Outcome()
        known = self._script
        return known.get(job.node_name) or known.get(job.template.name) or Outcome()

    async def _play(self, item: _Job, end: End) -> None:
        await self._clock.sleep_until(end[0])
        self._finish(item, end)

    def _finish(self, item: _Job, end: End) -> None:
        item.over = True
        if item.ended is not None:
            item.ended.set()
        if item.outcome.lost:
            self._reports.put(JobLost(item.spec.id, end[0]))
        else:
            self._reports.put(report_of(item.spec, item.outcome, item.started_at, end))


def _natural_end(item: _Job) -> End:
    """Return how the job ends if nobody stops it."""
    job, outcome = item.spec, item.outcome
    seconds = math.inf if job.template.daemon and not outcome.seconds else outcome.seconds
    ends: list[End] = [(item.started_at + seconds, outcome.code, "")]
    extra = job.grace_seconds if outcome.stubborn else 0.0
    code = 137 if outcome.stubborn else 143
    if job.deadline_seconds is not None:
        ends.append((item.started_at + job.deadline_seconds + extra, code, _DEADLINE))
    if job.deadline_at is not None:
        ends.append((max(item.started_at, job.deadline_at + extra), code, _STEP_DEADLINE))
    return min(ends, key=lambda end: end[0])


def under_way(job: JobSpec, outcome: Outcome, at: float) -> Iterator[JobReport]:
    """Yield what is said of a job until it ends."""
    if outcome.waiting:
        yield JobWaiting(job.id, outcome.waiting)
    yield JobStarted(job.id, at, SimulatedRuntime.name)
    for container in _container_names(job):
        yield ContainerReported(job.id, container, "Running")
    if job.template.daemon:
        yield JobReady(job.id, at, _ADDRESS)
    for progress in outcome.progress:
        yield JobProgressed(job.id, progress)


def report_of(job: JobSpec, outcome: Outcome, started_at: float, end: End) -> JobFinished:
    """Return what is said of a job that has ended."""
    at, code, deadline = end
    parameters, artifacts, errors = _made(job, outcome)
    is_pod = job.template.http is None and job.template.plugin is None
    phase: Literal["Succeeded", "Failed", "Error"] = "Error" if outcome.error else "Failed"
    message = outcome.error or outcome.failure
    if not message:
        phase, message = capture.verdict(code, deadline, outcome.message, errors)
    return JobFinished(
        job=job.id,
        phase=phase,
        message=message,
        outputs=Outputs(
            parameters=tuple(parameters),
            artifacts=artifacts,
            result=_result(job, outcome),
            exit_code=str(code) if is_pod else None,
        ),
        usage=Usage(wall_seconds=at - started_at),
        started_at=started_at,
        finished_at=at,
        containers=_containers(job, outcome, code),
    )


def _result(job: JobSpec, outcome: Outcome) -> str | None:
    if job.capture_result or job.template.http is not None:
        return outcome.result.removesuffix("\n")
    return None


def _container_names(job: JobSpec) -> list[str]:
    template = job.template.container_set
    return [] if template is None else [item.name for item in template.containers]


def _containers(job: JobSpec, outcome: Outcome, code: int) -> tuple[ContainerReported, ...]:
    """Return how a container set's containers ended: as told, else as the pod did."""
    usual: tuple[Phase, str] = ("Succeeded", "")
    found = []
    for name in _container_names(job):
        if code:
            usual = ("Failed", f"{name}: Error (exit code {code}): ")
        phase, message = outcome.containers.get(name, usual)
        found.append(ContainerReported(job.id, name, phase, message))
    return tuple(found)


def _made(
    job: JobSpec, outcome: Outcome
) -> tuple[list[Parameter], tuple[Artifact, ...], list[str]]:
    """Return what the job leaves behind, and what is wrong with that."""
    declared = job.template.outputs
    parameters: list[Parameter] = []
    errors: list[str] = []
    for parameter in declared.parameters:
        value = _value(parameter, outcome)
        if value is None and parameter.value_from is not None:
            errors.append(capture.no_parameter(parameter.value_from.path))
            break
        parameters.append(replace(parameter, value=value))
    errors += [
        capture.of_artifact(item, capture.no_artifact(item.path))
        for item in declared.artifacts
        if item.name in outcome.missing and not item.optional
    ]
    artifacts = tuple(item for item in declared.artifacts if item.name not in outcome.missing)
    return parameters, artifacts, errors


def _value(parameter: Parameter, outcome: Outcome) -> str | None:
    default = parameter.value_from.default if parameter.value_from is not None else None
    if parameter.name in outcome.missing:
        return default
    if parameter.name in outcome.parameters:
        return outcome.parameters[parameter.name]
    if parameter.value is not None:
        return parameter.value
    return default if default is not None else SOME_TEXT
