"""One container of a pod: its runs, its probes and hooks, its end.

States: "waiting" (nothing has run yet, or the next run is due later), "running", "over". Times
that end in `_at` are on the monotonic clock here, except those that are written down.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

from tiphys.executor.launcher import CANNOT_START, StartError, kill
from tiphys.executor.pod.namespaces import enter
from tiphys.executor.pod.probe import Probe
from tiphys.executor.pod.process import Process, Sandboxed

ENDED: Final = 143
_KILLED: Final = 137
_DEAF_SECONDS: Final = 0.02
_MESSAGE_BYTES: Final = 4096
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_PROBES: Final = ("startup", "liveness", "readiness")


class Container:
    """A container as its pod sees it; `plan` is a ContainerPlan of executor/podplan.py."""

    def __init__(self, plan: Mapping[str, Any], directory: str) -> None:
        self.plan = plan
        self.name: str = plan["name"]
        self.kind: Literal["init", "main", "sidecar"] = plan["kind"]
        self.folder = f"{directory}/ctr/{self.name}"
        self.state: Literal["waiting", "running", "over"] = "waiting"
        self.code = 0
        self.shown_code = 0
        """What the file `exitcode` says: of what waited in vain, the code of what it waited for."""
        self.message = ""
        self.reason = "Error"
        self.has_run = False
        self.started_at = self.finished_at = 0.0
        self.is_ending = False
        self.process: Process | None = None
        self._log_fd = self._result_fd = -1
        self._runs = 0
        self._kill_at = self._run_at = math.inf
        self._unheard = self._seen_up = False
        self._probes = {kind: Probe(plan[kind]) for kind in _PROBES if plan[kind] is not None}
        self._checks: dict[int, str] = {}
        self._stop_first = False
        self._owes_hook = False

    # -------------------------------------------------------------------------------- claims

    @property
    def has_started(self) -> bool:
        """Whether it runs and its startup probe, if it has one, is content."""
        probe = self._probes.get("startup")
        is_content = probe is None or probe.verdict is True
        return self.state == "running" and self._is_up and is_content

    @property
    def is_ready(self) -> bool:
        """Whether it has started and serves."""
        probe = self._probes.get("readiness")
        return self.has_started and (probe is None or probe.verdict is True)

    @property
    def _is_up(self) -> bool:
        """Whether the command has really begun: an engine takes a moment to start a container."""
        if not self._seen_up:
            self._seen_up = not self.plan["up"] or os.path.exists(self.plan["up"])
        return self._seen_up

    @property
    def _can_be_entered(self) -> bool:
        """Whether a check can run in the container: a sandbox takes a moment to be made."""
        process = self.process
        if not isinstance(process, Sandboxed):
            return self._is_up
        return process.first > 0 and not process.is_deaf

    @property
    def next_at(self) -> float:
        """When `tick` has something to do."""
        times = [self._kill_at, self._run_at]
        is_coming = self.process is not None and not self._is_up
        if self._unheard or self._owes_hook or is_coming:
            times.append(time.monotonic() + _DEAF_SECONDS)
        times += [min(probe.at, probe.until) for probe in self._probes.values()]
        return min(times)

    # -------------------------------------------------------------------------------- running

    def start(self, now: float) -> None:
        """Run the command (again)."""
        self._run_at = math.inf
        if self.plan["runs"] == 0:
            self._over(0)
            return
        self._runs += 1
        self._seen_up = False
        if self.plan["up"]:
            with suppress(OSError):
                os.unlink(self.plan["up"])
        if not self.has_run:
            self.has_run = True
            self.started_at = time.time()
            os.makedirs(self.folder, mode=0o755, exist_ok=True)
            self._log_fd = os.open(f"{self.folder}/combined", _APPEND, 0o644)
            if self.plan["captures"]:
                self._result_fd = os.open(f"{self.folder}/stdout", _APPEND, 0o644)
        try:
            self.process = self._new_process()
        except (StartError, OSError) as exc:
            self.message = str(exc)
            self._over(CANNOT_START)
            return
        self.state = "running"
        for kind, probe in self._probes.items():
            if kind == "startup" or "startup" not in self._probes:
                probe.begin(now)
        self._owes_hook = self.plan["post_start"] is not None

    def _new_process(self) -> Process:
        plan = self.plan
        if plan["problem"]:
            raise StartError(plan["problem"])
        for path, volume in plan["bounds"]:
            real, whole = os.path.realpath(path), os.path.realpath(volume)
            if real != whole and not real.startswith(whole.rstrip("/") + "/"):
                raise StartError(f"subPath {path} leaves its volume")
        made = Sandboxed if plan["sandboxed"] else Process
        join = partial(_join_group, plan["group"]) if plan["group"] else None
        return made(
            plan["words"], plan["env"], plan["cwd"], self._log_fd, self._result_fd, enter=join
        )

    def never(self, code: int, shown: int, message: str = "") -> None:
        """End without having run the command: what it waited for failed, or the pod ends."""
        self.started_at = self.started_at or time.time()
        self.message = message
        self._over(code, shown)

    def refuse(self) -> None:
        """End before the pod has come to it."""
        self.state = "over"
        self._run_at = math.inf

    # ---------------------------------------------------------------------------------- ending

    def end(self, now: float, grace: float) -> None:
        """Ask it to end; kill it after `grace` seconds. Again: the wait may only get shorter."""
        if self.state == "over":
            return
        if self.process is None:
            self._over(ENDED, CANNOT_START if self._runs == 0 else None)
            return
        self._kill_at = min(self._kill_at, now + grace)
        if self.is_ending:
            if not self._stop_first:
                self._ask_to_end()
            return
        self.is_ending = True
        for probe in self._probes.values():
            probe.end()
        # Differs: Argo ends sidecars by a signal of its own, and no preStop is run.
        if self.plan["pre_stop"] is not None:
            self._stop_first = self._check("pre_stop", self.plan["pre_stop"], now)
        if not self._stop_first:
            self._ask_to_end()

    def _ask_to_end(self) -> None:
        if self.process is not None:
            self._unheard = isinstance(self.process, Sandboxed) and self.process.is_deaf
            self.process.send(signal.SIGTERM)

    def send(self, number: int) -> None:
        """Hand a signal of the launcher's on."""
        if self.process is not None:
            self.process.send(number)

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._kill_at <= now:
            self._kill_at = math.inf
            self._unheard = False
            self.send(signal.SIGKILL)
        if self._unheard and isinstance(self.process, Sandboxed):
            self._unheard = self.process.is_deaf
            if not self._unheard:
                self.process.send(signal.SIGTERM)
        if self._run_at <= now:
            self.start(now)
        if self._owes_hook and self._can_be_entered:
            self._owes_hook = False
            self._check("post_start", self.plan["post_start"], now)
        self._ask_probes(now)

    def _ask_probes(self, now: float) -> None:
        for kind, probe in self._probes.items():
            if probe.until <= now:
                self._answered(kind, False, now)
            elif probe.at <= now and not self._can_be_entered:
                probe.at = now + _DEAF_SECONDS
            elif probe.at <= now:
                probe.asked(now)
                if not self._check(kind, probe.handler, now):
                    self._answered(kind, False, now)

    def reaped(self, pid: int, status: int, now: float) -> bool:
        """Take note of a dead child; False if it was none of this container's."""
        if self.process is not None and pid == self.process.pid:
            self._exited(os.waitstatus_to_exitcode(status), now)
            return True
        kind = self._checks.pop(pid, None)
        if kind is None:
            return False
        if kind:  # else its answer came too late
            self._answered(kind, status == 0, now)
        return True

    def _exited(self, code: int, now: float) -> None:
        process = self.process
        if process is None:
            return
        process.copy_output()
        process.close()
        kill(-process.pid, signal.SIGKILL)
        self.process = None
        code = 128 - code if code < 0 else code
        if not self.is_ending and self._may_run_again(code):
            self._run_at = now + self._pause()
            self.state = "waiting"
            return
        # Differs: Argo's emissary runs a member again even while its pod is being ended.
        self._look_for_reason(code)
        self._over(CANNOT_START if self.message and code == 1 else code)

    def _may_run_again(self, code: int) -> bool:
        return self.plan["restarts"] or (code != 0 and self._runs < self.plan["runs"])

    def _pause(self) -> float:
        if not self.plan["restarts"]:
            return float(self.plan["pause_seconds"])
        return min(_FIRST_PAUSE_SECONDS * 2.0 ** (self._runs - 1), _LONGEST_PAUSE_SECONDS)

    def _look_for_reason(self, code: int) -> None:
        """Find out what the exit code alone does not say."""
        if code == 1 and self.plan["sandboxed"]:
            line = _tail(f"{self.folder}/combined").rpartition("\n")[2]
            if line.startswith("bwrap: execvp "):
                name = line.removeprefix("bwrap: execvp ").partition(":")[0]
                found = f'exec: "{name}": executable file not found in $PATH'
                self.message = f"failed to find name in PATH: {found}"
        group = self.plan["group"]
        if code == _KILLED and (
            (group and _ran_out(group)) or os.path.exists(f"{self.folder}/oom")
        ):
            self.reason = "OOMKilled"

    def _over(self, code: int, shown: int | None = None) -> None:
        self.state = "over"
        self.code = code
        self.shown_code = code if shown is None else shown
        self.finished_at = time.time()
        self._kill_at = self._run_at = math.inf
        self._unheard = self._owes_hook = False
        for probe in self._probes.values():
            probe.end()
        for pid in self._checks:
            kill(-pid, signal.SIGKILL)
        if not self.message:
            self.message = _tail(self.plan["termination"])
        self._put_exit_code()
        if self.plan["group"]:
            with suppress(OSError):
                os.rmdir(self.plan["group"])

    def _put_exit_code(self) -> None:
        path = f"{self.folder}/exitcode"
        with suppress(OSError):
            os.makedirs(self.folder, mode=0o755, exist_ok=True)
            with open(f"{path}.tmp", "w", encoding="ascii") as file:
                file.write(str(self.shown_code))
            os.rename(f"{path}.tmp", path)

    # --------------------------------------------------------------------------------- checks

    def _check(self, kind: str, handler: Mapping[str, Any], now: float) -> bool:
        """Start a probe's question or a hook; False if that failed at once."""
        from tiphys.executor.pod.checks import run_check

        process = run_check(handler, self.plan["ports"], self._run_inside)
        if process is None:
            if kind == "post_start":
                self._answered(kind, False, now)
            return False
        self._checks[process.pid] = kind
        return True

    def _run_inside(self, words: list[str]) -> Process:
        """Start a command beside the container's own. Raises StartError."""
        process, plan = self.process, self.plan
        if not isinstance(process, Sandboxed):
            inside = [*plan["inside"], *words]
            return Process(inside, plan["env"], plan["cwd"], self._log_fd)
        join = partial(enter, process.first)
        return Process(words, plan["env"], plan["inner_cwd"], self._log_fd, enter=join)

    def _answered(self, kind: str, is_well: bool, now: float) -> None:
        if kind == "pre_stop":
            self._stop_first = False
            self._ask_to_end()
        elif kind == "post_start":
            if not is_well:
                self._fail(now, f"FailedPostStartHook: {self.name}")
        else:
            self._probed(kind, is_well, now)

    def _probed(self, kind: str, is_well: bool, now: float) -> None:
        probe = self._probes[kind]
        for pid, what in self._checks.items():
            if what == kind:  # it is late: its answer does not count any more
                self._checks[pid] = ""
                kill(-pid, signal.SIGKILL)
        if self.is_ending or self.state != "running":
            return
        probe.answered(now, is_well)
        if kind == "startup" and probe.verdict is True:
            probe.end()
            for other in ("liveness", "readiness"):
                if other in self._probes:
                    self._probes[other].begin(now)
        elif kind != "readiness" and probe.verdict is False:
            self._fail(now, f"Container {self.name} failed {kind} probe")

    def _fail(self, now: float, message: str) -> None:
        self.message = message
        if self.plan["restarts"] and self.process is not None:
            self.process.send(signal.SIGTERM)
            self._kill_at = now + float(self.plan["grace_seconds"])
        else:
            self.end(now, float(self.plan["grace_seconds"]))


def _tail(path: str) -> str:
    """Return the end of a small text file, "" if it cannot be read.

    Pipes are not waited for. A link is not followed: the job made it, and this is the host.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        with suppress(OSError):
            os.lseek(fd, max(0, os.fstat(fd).st_size - _MESSAGE_BYTES), os.SEEK_SET)
        return os.read(fd, _MESSAGE_BYTES).decode("utf-8", "replace").rstrip("\n")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _join_group(group: str) -> None:
    """In the child: be counted in a cgroup."""
    with suppress(OSError), open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")


def _ran_out(group: str) -> bool:
    """Tell whether the kernel killed something in a cgroup because of its memory limit."""
    try:
        with open(f"{group}/memory.events", encoding="ascii") as file:
            counts = dict(line.split() for line in file)
    except (OSError, ValueError):
        return False
    return counts.get("oom_kill", "0") != "0"
