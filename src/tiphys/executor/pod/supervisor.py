"""The pod: which container starts when, what ends the others, and what is written down.

Init containers run one after the other; then all others together, each as soon as what it depends
on has exited with 0. When a main container fails, or all are over, the rest is ended. Source:
reference/executor.md 3, reference/kubernetes.md 5.1; Kubernetes' pod lifecycle.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import select
import signal
import time
from contextlib import suppress
from typing import Any, Final

from tiphys.executor.launcher import CANNOT_START, children_of, forwarded, kill
from tiphys.executor.pod.container import ENDED, Container
from tiphys.executor.pod.namespaces import share

_PR_SET_CHILD_SUBREAPER: Final = 36
_LONGEST_WAIT_SECONDS: Final = 60.0
_OWN: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Pod:
    """One pod; `run` is its life."""

    def __init__(self, directory: str, plan: dict[str, Any]) -> None:
        self.directory = directory
        self.plan = plan
        self.init = [Container(item, directory) for item in plan["init"]]
        self.others = [Container(item, directory) for item in plan["containers"]]
        self.mains = [item for item in self.others if item.kind == "main"]
        self.has_begun = self.is_ready = self.is_stopped = self.is_ending = False
        self.deadline_at = math.inf
        self.wake_fd = -1
        self.told: dict[str, str] = {}
        self.cpu_seconds, self.peak_kilobytes = 0.0, 0
        self.began_at = time.time()

    @property
    def all(self) -> list[Container]:
        """Every container, in the pod's order."""
        return [*self.init, *self.others]

    def run(self) -> None:
        """Run the pod to its end."""
        self.detach()
        if os.path.exists(f"{self.directory}/ended"):
            return
        self.put_pid()
        if self.plan["host"] and not share(self.plan["host"]):
            self.isolate_each()
        if self.plan["deadline_seconds"] is not None:
            self.deadline_at = time.monotonic() + self.plan["deadline_seconds"]
        self.advance()
        while any(item.state != "over" for item in self.all):
            self.wait()
            self.advance()
        self.sweep()
        self.put_end()

    def isolate_each(self) -> None:
        """Let every sandbox make what could not be made for all: safe before shared."""
        for item in self.all:
            if item.plan["sandboxed"]:
                own = ["--unshare-ipc", "--unshare-uts", "--hostname", self.plan["host"]]
                item.plan["words"][1:1] = own

    # ------------------------------------------------------------------------------ decisions

    def advance(self) -> None:
        """Do all that can be done now; what ends at once may let others begin."""
        before = None
        while before != (now_states := [(item.state, item.has_run) for item in self.all]):
            before = now_states
            now = time.monotonic()
            self.check_deadline(now)
            for item in self.all:
                item.tick(now)
            self.tell()
            if not self.has_begun:
                self.go_through_init(now)
            if self.has_begun:
                self.start_others(now)
                self.end_others(now)
            self.tell()

    def go_through_init(self, now: float) -> None:
        """Start the init container whose turn it is; after the last one, begin."""
        for item in self.init:
            if item.state == "over" and item.code == 0 and item.has_run:
                continue
            if item.plan["restarts"] and item.has_started:
                continue
            if item.state == "over" or self.is_ending:
                self.give_up(now)
            elif not item.has_run:
                item.start(now)
            return
        if self.is_ending:
            self.give_up(now)
            return
        self.has_begun = True
        self.put_event({"kind": "started", "at": time.time()})

    def give_up(self, now: float) -> None:
        """End the pod before its main containers had their turn."""
        for item in self.all:
            if item.state == "waiting" and not item.has_run:
                item.refuse()
            elif not item.is_ending:
                item.end(now, self.grace())

    def start_others(self, now: float) -> None:
        """Start what waits for nothing any more, and end what has waited in vain."""
        ends = {item.name: item for item in self.others}
        for item in self.others:
            if item.state != "waiting" or item.has_run:
                continue
            waited = [ends[name] for name in item.plan["after"]]
            # In the listed order, as the emissary waits: a failure behind one that runs is unseen.
            first = next((one for one in waited if one.state != "over" or one.shown_code), None)
            if first is not None and first.state == "over":
                text = f'dependency "{first.name}" exited with non-zero code: {first.shown_code}'
                item.never(CANNOT_START, first.shown_code, text)
            elif self.is_ending:
                item.never(ENDED, 0 if waited and waited[0].state == "over" else CANNOT_START)
            elif first is None:
                item.start(now)

    def end_others(self, now: float) -> None:
        """When a main container has failed, or all are over, end what still runs."""
        if self.is_ending:
            return
        over = [item for item in self.mains if item.state == "over"]
        if len(over) < len(self.mains) and not any(item.code for item in over):
            return
        self.is_ending = True
        for item in self.all:
            if item.state == "running" or item.has_run:
                item.end(now, self.grace())

    def check_deadline(self, now: float) -> None:
        """End the pod when one of its deadlines has passed."""
        at = self.plan["deadline_at"]
        if self.is_ending or (now < self.deadline_at and (at is None or time.time() < at)):
            return
        self.put("deadline", "seconds" if now >= self.deadline_at else "at")
        self.end_all(now)

    def end_all(self, now: float) -> None:
        """End every container; what has not started will not."""
        self.is_ending = True
        for item in self.all:
            if item.has_run:
                item.end(now, self.grace())

    def grace(self) -> float:
        """Return the seconds between SIGTERM and SIGKILL as of now."""
        try:
            with open(f"{self.directory}/ctr/main/grace", encoding="ascii") as file:
                return max(0.0, float(file.read()))
        except (OSError, ValueError):
            return float(self.plan["grace_seconds"])

    # ----------------------------------------------------------------------------------- files

    def put(self, name: str, text: str, flags: int = _OWN) -> None:
        """Write a small file; a full disk must not keep the pod from ending."""
        with suppress(OSError):
            fd = os.open(f"{self.directory}/{name}", flags, 0o644)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)

    def put_pid(self) -> None:
        """Say who we are: number and start time, field 22 of stat."""
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            started = file.read().rpartition(")")[2].split()[19]
        self.put("pid", f"{os.getpid()} {started}")

    def put_event(self, event: dict[str, object]) -> None:
        """Write an event down and ring for the engine, if it listens."""
        self.put("events", json.dumps(event) + "\n", _APPEND)
        with suppress(OSError):
            fd = os.open(f"{self.directory}/bell", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(fd, b".")
            finally:
                os.close(fd)

    def tell(self) -> None:
        """Say what is new: the phase of a set's containers, a daemon that is ready.

        Differs: in Argo a container that waits for a dependency is Running, here it is Pending.
        """
        for item in self.mains if self.plan["is_set"] else ():
            state = _state(item)
            if self.told.get(item.name, "waiting") != state:
                self.told[item.name] = state
                self.put_event({"kind": "container", **_end_of(item), "state": state})
        if self.plan["is_daemon"] and self.has_begun and not (self.is_ready or self.is_ending):
            running = [*(item for item in self.init if item.plan["restarts"]), *self.others]
            if all(item.is_ready for item in running):
                self.is_ready = True
                self.put_event({"kind": "ready", "at": time.time()})

    def put_end(self) -> None:
        """Write usage and, last and at once, how every container ended."""
        now = time.time()
        usage = {
            "started_at": self.began_at,
            "finished_at": now,
            "cpu_seconds": round(self.cpu_seconds, 6),
            "peak_memory_bytes": self.peak_kilobytes * 1024,
            "wall_seconds": round(now - self.began_at, 6),
        }
        ends = [_end_of(item) for item in self.all]
        self.put("usage", json.dumps(usage))
        self.put("ended.tmp", json.dumps({"stopped": self.is_stopped, "containers": ends}))
        os.rename(f"{self.directory}/ended.tmp", f"{self.directory}/ended")

    # ---------------------------------------------------------------------------------- waiting

    def detach(self) -> None:
        """Become independent of the engine, and the parent of all orphans of the pod."""
        with suppress(PermissionError):  # a leader already
            os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        null_fd = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for fd in range(3):
            os.dup2(null_fd, fd)
        self.wake_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in forwarded() | {signal.SIGCHLD}:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def wait(self) -> None:
        """Wait until something happens or is due."""
        poll = select.poll()
        poll.register(self.wake_fd, select.POLLIN)
        pipes = {item.process.pipe_fd: item.process for item in self.all if item.process}
        for fd in pipes:
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(self.wait_ms()):
            if fd == self.wake_fd:
                self.on_signals()
            else:
                pipes[fd].copy_output()

    def wait_ms(self) -> float:
        """Return how long nothing is due, in milliseconds."""
        now = time.monotonic()
        left = min([_LONGEST_WAIT_SECONDS, *(item.next_at - now for item in self.all)])
        if not self.is_ending:
            left = min(left, self.deadline_at - now)
            if self.plan["deadline_at"] is not None:
                left = min(left, self.plan["deadline_at"] - time.time())
        return max(0.0, left) * 1000 + 1

    def on_signals(self) -> None:
        """Handle what has come in."""
        for number in os.read(self.wake_fd, 256):
            now = time.monotonic()
            if number == signal.SIGCHLD:
                while self.reap(os.WNOHANG):
                    pass
            elif number == signal.SIGTERM:
                self.is_stopped = True
                self.end_all(now)
            else:
                for item in self.all:
                    item.send(number)

    def reap(self, flags: int) -> bool | None:
        """Take one dead child; None if there are no children at all."""
        try:
            pid, status, used = os.wait4(-1, flags)
        except ChildProcessError:
            return None
        if pid == 0:
            return False
        self.cpu_seconds += used.ru_utime + used.ru_stime
        self.peak_kilobytes = max(self.peak_kilobytes, used.ru_maxrss)
        now = time.monotonic()
        any(item.reaped(pid, status, now) for item in self.all)
        return True

    def sweep(self) -> None:
        """Kill what the containers left; a killed process's children become ours."""
        while (found := self.reap(os.WNOHANG)) is not None:
            if not found:
                for pid in children_of(os.getpid()):
                    kill(pid, signal.SIGKILL)
                self.reap(0)


def _state(item: Container) -> str:
    if item.state == "over":
        return "over"
    return "running" if item.has_run else "waiting"


def _end_of(item: Container) -> dict[str, object]:
    return {
        "name": item.name,
        "role": item.kind,
        "has_run": item.has_run or (item.state == "over" and item.finished_at > 0),
        "code": item.code,
        "reason": item.reason,
        "message": item.message,
    }


def main(arguments: list[str]) -> int:
    """Run the pod of JOBDIR; LOCKFD is the lock it holds, PLANFD a file with the plan."""
    directory, lock, plan_fd = arguments
    os.set_inheritable(int(lock), False)
    with os.fdopen(int(plan_fd), "rb") as file:
        file.seek(0)
        plan = json.load(file)
    Pod(os.path.abspath(directory), plan).run()
    return 0
