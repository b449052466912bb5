"""What the runtimes with real processes share: start, stop, adopt, watch, logs, drop.

A job's launcher does not need this process (executor/contract.py), so everything here can be
lost at any moment and found again in the job directory. `starting.py` and `ending.py` are the two
halves of a job's life; here is the port.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.config import NOTHING
from tiphys.executor.members import MAIN, is_pod, main_container, refers
from tiphys.messages import JobReport, JobSpec
from tiphys.model.ids import NodeId, RunId
from tiphys.runtime.entry import Entry, is_live, open_launcher, tell_to_end
from tiphys.runtime.files import literal, make_directory, names_in, remove_tree
from tiphys.runtime.names import is_named, loopback_of
from tiphys.runtime.starting import Starting

_DOTS: Final = (".", "..")
_LOG_BYTES: Final = 1 << 16


class LocalRuntime(Starting):
    """The machinery; subclasses say how a container's paths and its command line look.

    `root` holds the job directories. `drivers` finds the driver of an artifact. `slots` limits
    the jobs that run at once, in all runtimes it is given to; more wait in order.
    """

    name = "local"

    async def start(self, job: JobSpec) -> None:
        """Run the job, or adopt it if it already runs or has ended; reports follow by `watch`."""
        if job.id in self._entries:
            return
        try:
            directory = contract.job_directory(self._root, job)
            entry = self._new_entry(job, directory)
            fresh = self._make_directory(entry)
        except (OSError, ValueError) as exc:
            raise Permanent(f"its directory cannot be made: {exc}") from exc
        self._entries[job.id] = entry
        self._names.add(entry, self._address_of(entry))
        if fresh:
            self._enqueue(entry)
        else:
            self._find_again(entry)

    async def stop(self, job: NodeId, grace: float) -> None:
        """End a job within `grace` seconds; it is reported finished. Unknown job: no effect."""
        entry = self._entries.get(job)
        if entry is None:
            await self._stop_unknown(job, grace)
        elif entry.state == "waiting":
            with suppress(ValueError):  # it has no place, and so is in no line
                self._waiting.remove(entry)
            self._deleted(entry)
        elif entry.state == "staging" and entry.task is not None:
            entry.grace = grace
            entry.task.cancel()
        elif entry.state == "running" and (entry.grace is None or grace < entry.grace):
            entry.grace = grace
            if entry.pidfd >= 0:
                tell_to_end(entry.directory, entry.pidfd, grace)

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs; what still runs is killed, without a report."""
        for job in await self.present(run):
            await self.stop(job, 0.0)
        for entry in [item for item in self._entries.values() if item.spec.run == run]:
            while entry.state != "over":
                await self._pause()
            del self._entries[entry.spec.id]
        folder = self._root / run
        if run and folder.parent == self._root and run not in _DOTS:
            while any(is_live(f"{folder}/{name}") for name in names_in(folder)):
                await self._pause()
            await asyncio.to_thread(remove_tree, str(folder))

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job, so that another may be started under its id."""
        folder = self._root / run / job
        if folder.parent.parent != self._root or job in _DOTS:
            return
        entry = self._entries.get(job)
        if entry is not None:
            await self.stop(job, 0.0)
            while entry.state != "over":
                await self._pause()
            del self._entries[job]
        elif (found := open_launcher(str(folder))) is not None:
            tell_to_end(str(folder), found[1], 0.0)
            os.close(found[1])
        while is_live(str(folder)):
            await self._pause()
        await asyncio.to_thread(remove_tree, str(folder))

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which anything remains, over or not."""
        return [NodeId(name) for name in names_in(self._root / run)]

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which something still runs or waits, whoever started them."""
        mine = {
            entry.spec.id: None
            for entry in self._entries.values()
            if entry.spec.run == run and entry.state != "over"
        }
        folder = self._root / run
        for name in names_in(folder):
            if NodeId(name) not in mine and is_live(f"{folder}/{name}"):
                mine[NodeId(name)] = None
        return list(mine)

    def watch(self) -> AsyncIterator[JobReport]:
        """Yield the state of every job started or adopted here, then each change, once."""
        return self._reports.watch()

    async def logs(
        self, run: RunId, job: NodeId, follow: bool, container: str = MAIN
    ) -> AsyncIterator[bytes]:
        """Yield what a container wrote (standard output and error together), in pieces."""
        directory = f"{self._root}/{run}/{job}"
        if "/" in container or container in _DOTS:
            return
        fd = -1
        try:
            while True:
                # Looked at before reading, so that nothing written before the end is missed.
                more = follow and self._may_write(job, directory)
                if fd < 0:
                    with suppress(FileNotFoundError):
                        path = f"{directory}/{contract.log_of(container)}"
                        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                while fd >= 0 and (piece := os.read(fd, _LOG_BYTES)):
                    yield piece
                if not more:
                    return
                await self._pause()
        finally:
            if fd >= 0:
                os.close(fd)

    async def close(self) -> None:
        """Release what the runtime holds; jobs go on running."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for entry in self._entries.values():
            self._forget_launcher(entry)
        self._entries.clear()
        self._waiting.clear()
        await self._blanks.close()
        self._slots.leave(self)
        self._slots.give(self._running)
        self._running = 0
        self._slots.fill()

    def _new_entry(self, job: JobSpec, directory: str) -> Entry:
        """Return an entry; what takes time to find out about its paths comes later."""
        layout = self.layout_of(job, directory, main_container(job), ())
        entry = Entry(job, directory, layout)
        entry.is_pod = self._needs_pod(job)
        is_known = not (refers(job) or is_named(job) or self._lacks_image(job))
        entry.values = NOTHING if is_known else None
        return entry

    def _address_of(self, entry: Entry) -> str:
        """Return where a pod with a name is, "" if that will be known when it begins."""
        return loopback_of(entry.spec)

    def _make_directory(self, entry: Entry) -> bool:
        """Make a job's directory; False if there is one. Raises OSError."""
        if self.uses_blanks and not entry.is_pod and self._blanks.take(entry.directory):
            return True
        return make_directory(entry.directory)

    def _needs_pod(self, job: JobSpec) -> bool:
        """Tell whether a job needs the pod launcher."""
        return is_pod(job) or (self.groups is not None and self.groups.limits(job))

    async def _stop_unknown(self, job: NodeId, grace: float) -> None:
        """Stop a launcher of an earlier engine whose job nobody has asked for again."""
        if not job or "/" in job:
            return
        for directory in self._root.glob(f"*/{literal(job)}"):
            found = open_launcher(str(directory))
            if found is not None:
                tell_to_end(str(directory), found[1], grace)
                os.close(found[1])

    def _may_write(self, job: NodeId, directory: str) -> bool:
        entry = self._entries.get(job)
        return entry.state in ("waiting", "staging", "running") if entry else is_live(directory)
