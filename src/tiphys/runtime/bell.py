"""Listens to a pod's launcher: it writes lines to `events` and rings a bell, which is a pipe.

Whoever opens the bell reads the lines from the first one on, so an engine that comes back knows
all that was said while it was away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

import msgspec

from tiphys.executor import contract
from tiphys.executor.ends import End, member_report
from tiphys.messages import ContainerReported, JobReady, JobReport, JobSpec, JobStarted

_RING_BYTES: Final = 4096
_EVENTS_BYTES: Final = 1 << 24


class _Event(msgspec.Struct, frozen=True):
    """One line; which fields count depends on `kind`."""

    kind: Literal["started", "ready", "container"]
    at: float = 0.0
    state: str = ""
    name: str = ""
    role: Literal["init", "main", "sidecar"] = "main"
    has_run: bool = False
    code: int = 0
    reason: str = ""
    message: str = ""


_decode: Final = msgspec.json.Decoder(_Event).decode


def make_bell(directory: str) -> None:
    """Make the pipe, before the launcher starts."""
    with suppress(FileExistsError):
        os.mkfifo(f"{directory}/{contract.BELL}", 0o600)


class Bell:
    """Hands every report of a pod's launcher on, in order, each once."""

    def __init__(self, job: JobSpec, directory: str, hand_on: Callable[[JobReport], None]) -> None:
        """Begin to listen, and hand on what was said already."""
        self._job = job
        self._directory = directory
        self._path = f"{directory}/{contract.EVENTS}"
        self._hand_on = hand_on
        self._done = 0
        # Opened for writing as well, so that it never reads as ended between two rings.
        self._fd = -1
        with suppress(OSError):
            flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = os.open(f"{directory}/{contract.BELL}", flags)
            asyncio.get_running_loop().add_reader(self._fd, self.listen)
        self.listen()

    def listen(self) -> None:
        """Hand on what is new."""
        if self._fd >= 0:
            with suppress(BlockingIOError):
                os.read(self._fd, _RING_BYTES)
        content = contract.read_file(self._path, _EVENTS_BYTES) or b""
        whole = content[: content.rfind(b"\n") + 1]
        news, self._done = whole[self._done :], len(whole)
        for line in news.splitlines():
            with suppress(msgspec.MsgspecError):
                self._hand_on(self._report(_decode(line)))

    def _report(self, event: _Event) -> JobReport:
        if event.kind == "started":
            return JobStarted(self._job.id, event.at)
        if event.kind == "ready":
            return JobReady(self._job.id, event.at, contract.read_address(self._directory))
        if event.state == "over":
            code, reason = event.code, event.reason
            end = End(event.name, event.role, event.has_run, code, reason, event.message)
            return member_report(self._job, end)
        return ContainerReported(self._job.id, event.name, "Running")

    def close(self) -> None:
        """Stop listening."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
