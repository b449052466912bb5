"""One runtime made of several: each job goes to the runtime of its type of template."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from tiphys.executor.members import MAIN
from tiphys.messages import JobReport, JobSpec
from tiphys.model.ids import NodeId, RunId
from tiphys.model.phases import TemplateType
from tiphys.model.templates import template_type
from tiphys.ports import Capabilities, Runtime


class RouterRuntime:
    """`leaves` are the runtimes of some types; `pods` gets all other jobs and gives the name."""

    def __init__(self, pods: Runtime, leaves: Mapping[TemplateType, Runtime]) -> None:
        self.name = pods.name
        self._pods = pods
        self._leaves = dict(leaves)
        # The pods last: they remove the folder of a run, in which the others keep jobs as well.
        self._all: tuple[Runtime, ...] = (*self._leaves.values(), pods)
        self._homes: dict[NodeId, tuple[RunId, Runtime]] = {}
        features = (runtime.capabilities.features for runtime in self._all)
        self.capabilities = Capabilities(frozenset().union(*features))

    async def start(self, job: JobSpec) -> None:
        """Hand the job to its runtime."""
        runtime = self._leaves.get(template_type(job.template), self._pods)
        self._homes[job.id] = (job.run, runtime)
        await runtime.start(job)

    async def stop(self, job: NodeId, grace: float) -> None:
        """End a job; one that was not started here may be anyone's."""
        known = self._homes.get(job)
        for runtime in self._all if known is None else (known[1],):
            await runtime.stop(job, grace)

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs."""
        for runtime in self._all:
            await runtime.drop(run)
        self._homes = {job: home for job, home in self._homes.items() if home[0] != run}

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job; of an earlier engine's nobody knows whose it was."""
        known = self._homes.pop(job, None)
        for runtime in (self._pods, *self._leaves.values()) if known is None else (known[1],):
            await runtime.forget(run, job)

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which anything remains, each once."""
        found = [await runtime.kept(run) for runtime in self._all]
        return list(dict.fromkeys(job for jobs in found for job in jobs))

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which something still runs, each once."""
        found = [await runtime.present(run) for runtime in self._all]
        return list(dict.fromkeys(job for jobs in found for job in jobs))

    async def watch(self) -> AsyncIterator[JobReport]:
        """Yield the reports of all, in the order in which they come."""
        queue: asyncio.Queue[JobReport | BaseException] = asyncio.Queue()
        readers = [asyncio.create_task(_read(runtime, queue)) for runtime in self._all]
        try:
            while True:
                report = await queue.get()
                if isinstance(report, BaseException):
                    raise report
                yield report
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def logs(
        self, run: RunId, job: NodeId, follow: bool, container: str = MAIN
    ) -> AsyncIterator[bytes]:
        """Yield what the job wrote; logs of jobs that were not started here are files of pods."""
        known = self._homes.get(job)
        runtime = self._pods if known is None else known[1]
        async for piece in runtime.logs(run, job, follow, container):
            yield piece

    async def close(self) -> None:
        """Release what the runtimes hold."""
        for runtime in self._all:
            await runtime.close()


async def _read(runtime: Runtime, queue: asyncio.Queue[JobReport | BaseException]) -> None:
    try:
        async for report in runtime.watch():
            queue.put_nowait(report)
    except Exception as exc:  # noqa: BLE001 - raised where the reports are read
        queue.put_nowait(exc)
