"""The job directory: names and formats of its files, the contract between engine and job.

`<runs root>/<run uid>/<node id>/`, mode 0700. Names are Argo's `/var/run/argo` names where Argo
has one (reference/executor.md 2). Who writes, what, and when:

| name | writer | content |
| --- | --- | --- |
| `lock` | engine, then launcher | empty; flock held = someone stages or a launcher lives |
| `template` | engine, before the start | the resolved template, JSON |
| `script` | engine, before the start (process) | `script.source`, mode 0755 |
| `root/` | engine, the job | the pod's private root; a later job's once it is over, if untouched |
| `pid` | launcher, before the command starts | `<pid> <start time>`, field 22 of /proc/pid/stat |
| `ctr/main/combined` | the command | standard output and error, appended: the log |
| `ctr/main/stdout` | launcher, if the result is captured | standard output only |
| `ctr/main/grace` | engine, before SIGTERM | seconds until SIGKILL, instead of the job's own |
| `progress` | the user's program | lines `N/M` |
| `termination-log` | launcher or the user's program | why it failed, one message |
| `deadline` | launcher, before it kills | `seconds` or `at`: which deadline passed |
| `usage` | launcher, at the end | JSON: cpu, memory, wall time, start, end |
| `ctr/main/exitcode` | launcher, last, by rename | decimal, no newline |
| `volumes/<name>/` | engine, before the start | a volume that lives as long as the pod |
| `argo/progress` | a pod's programs (sandbox) | `progress` of all its containers |
| `ctr/<container>/engine.log` | podman, while it runs | its output, a line for each piece |
| `hosts` | engine, whenever a peer of the pod comes or goes | `/etc/hosts` of a pod with a name |
| `shm/` | a pod's programs (sandbox) | `/dev/shm` of all its containers |
| `inputs/` | engine, while staging | artifacts on their way to where the job finds them |
| `outputs/` | engine, while capturing | packed artifacts on their way to the repository |
| `copied` | engine, while capturing (container) | empty: what main left is below `root/` |
| `moving` | engine, while a transfer takes long | JSON: which artifact, bytes so far and in all |
| `stored` | engine, after capturing | JSON: size and SHA-256 of each artifact, by its name |
| `report` | engine, by rename | the final JobReport, JSON: the job is over |

A pod of several containers has one pod launcher (`pod/`) instead. It holds the same lock and writes
`pid`, `deadline` and `usage` alike, `ctr/<container>/` for each container, and besides:

| name | writer | content |
| --- | --- | --- |
| `address` | engine, before the start (container) | the pod's address |
| `bell` | engine, before the start | a pipe: a byte in it says that `events` has grown |
| `events` | pod launcher | JSON lines: the pod runs, a daemon is ready, a container changed |
| `ended` | pod launcher, last, by rename | JSON: how every container ended |

A directory that was a blank (`runtime/blanks.py`) has the files of `_EARLY` from the beginning, all
empty. Empty says the same as not there; `report` and `exitcode` are not among them.

What follows from it, for an engine that finds the directory: `report` -> say it again; lock held
-> a launcher lives, watch it; `exitcode` -> capture now; `pid` -> the launcher was killed, the
job is lost; none of them -> it never started. At most one launcher ever runs the command, because
it holds the lock that the engine took before it staged anything, and because it does nothing if
`exitcode` exists.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from tiphys.messages import JobFinished, JobLost, JobSpec, Usage
from tiphys.ports import Stored

TEMPLATE: Final = "template"
SCRIPT: Final = "script"
ROOT: Final = "root"
LOCK: Final = "lock"
PID: Final = "pid"
EXIT_CODE: Final = "ctr/main/exitcode"
STDOUT: Final = "ctr/main/stdout"
COMBINED: Final = "ctr/main/combined"
GRACE: Final = "ctr/main/grace"
PROGRESS: Final = "progress"
TERMINATION_LOG: Final = "termination-log"
DEADLINE: Final = "deadline"
USAGE: Final = "usage"
INPUTS: Final = "inputs"
OUTPUTS: Final = "outputs"
COPIED: Final = "copied"
MOVING: Final = "moving"
STORED: Final = "stored"
REPORT: Final = "report"
VOLUMES: Final = "volumes"
SHARED: Final = "argo"
SHM: Final = "shm"
HOSTS: Final = "hosts"
ENGINE_LOG: Final = "engine.log"
EVENTS: Final = "events"
BELL: Final = "bell"
ENDED: Final = "ended"
ADDRESS: Final = "address"

CANNOT_START: Final = 64
"""The exit code of a command that could not be started, as Argo's emissary gives it."""
LOOPBACK: Final = "127.0.0.1"
POD_SCRIPT: Final = "/argo/staging/script"
POD_PROGRESS: Final = "/var/run/argo/progress"
POD_TERMINATION_LOG: Final = "/dev/termination-log"

_PIECE_BYTES: Final = 1 << 16
_LARGE_PIECE_BYTES: Final = 1 << 20
_EARLY: Final = (LOCK, PID, TEMPLATE, COMBINED, USAGE, f"{EXIT_CODE}.tmp", f"{REPORT}.tmp")
FinalReport = JobFinished | JobLost
_decode_report = msgspec.json.Decoder(FinalReport).decode
_encode = msgspec.json.Encoder().encode
_OWN_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


class UsageFile(msgspec.Struct, frozen=True):
    """The content of `usage`; times are seconds since the epoch."""

    started_at: float
    finished_at: float
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    wall_seconds: float = 0.0

    def usage(self) -> Usage:
        """Return the part that is reported."""
        return Usage(self.cpu_seconds, self.peak_memory_bytes, self.wall_seconds)


_decode_stored = msgspec.json.Decoder(dict[str, Stored]).decode
_decode_usage = msgspec.json.Decoder(UsageFile).decode


def job_directory(root: Path, job: JobSpec) -> str:
    """Return the directory of `job`; ids are checked, since they become path names."""
    for part in (job.run, job.id):
        if not part or "/" in part or "\0" in part or part in (".", ".."):
            raise ValueError(f"{part!r} cannot name a directory")
    return f"{root}/{job.run}/{job.id}"


def fill_blank(directory: str) -> None:
    """Make the files that every job of one container will have, empty, in a new directory."""
    os.makedirs(os.path.dirname(f"{directory}/{EXIT_CODE}"), 0o755)
    for name in _EARLY:
        os.close(os.open(f"{directory}/{name}", _OWN_FILE, 0o600 if name == LOCK else 0o644))


def write_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a small file in as few calls as there are.

    An empty file is not truncated: ext4 would then write it to the disk when it is closed.
    """
    fd = os.open(path, _OWN_FILE, mode)
    try:
        if os.fstat(fd).st_size:
            os.ftruncate(fd, 0)
        written = os.write(fd, content)
        while written < len(content):
            written += os.write(fd, content[written:])
    finally:
        os.close(fd)


def read_file(path: str, limit_bytes: int = 1 << 20) -> bytes | None:
    """Return the first `limit_bytes` of a file, or None if it cannot be read.

    Opened without blocking and without following: a job may leave a pipe where a file is
    expected, or a link into the host.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return read_open(fd, limit_bytes)
    finally:
        os.close(fd)


def read_open(fd: int, limit_bytes: int) -> bytes | None:
    """Return the first `limit_bytes` of what is open, or None if it cannot be read."""
    try:
        content = os.read(fd, min(limit_bytes, _PIECE_BYTES))
        if len(content) < _PIECE_BYTES:
            return content  # nearly always, and without a large buffer
        pieces = [content]
        left = limit_bytes - len(content)
        while left > 0 and (piece := os.read(fd, min(left, _LARGE_PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    except OSError:
        return None


def log_of(container: str) -> str:
    """Return the file of a container's log."""
    return f"ctr/{container}/combined"


def try_lock(directory: str) -> int | None:
    """Return a locked descriptor of the job's lock, or None if someone holds it."""
    fd = os.open(f"{directory}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def read_address(directory: str) -> str:
    """Return where a pod can be reached: the machine's own address if it has none of its own."""
    return (read_file(f"{directory}/{ADDRESS}", 64) or b"").decode("ascii", "replace") or LOOPBACK


def read_exit_code(directory: str) -> int | None:
    """Return the command's exit code, None while there is none."""
    text = read_file(f"{directory}/{EXIT_CODE}", 16)
    return int(text) if text and text.isdigit() else None


def read_usage(directory: str) -> UsageFile | None:
    """Return what the launcher measured, None if it did not get that far."""
    content = read_file(f"{directory}/{USAGE}")
    try:
        return _decode_usage(content) if content else None
    except msgspec.MsgspecError:
        return None


def read_pid(directory: str) -> tuple[int, int] | None:
    """Return process id and start time (clock ticks since boot) of the launcher."""
    parts = (read_file(f"{directory}/{PID}", 64) or b"").split()
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 else None


def start_time(pid: int) -> int | None:
    """Return when a living process started, in clock ticks since boot; None if there is none."""
    content = read_file(f"/proc/{pid}/stat", 4096)
    return int(content.rpartition(b")")[2].split()[19]) if content else None


def read_report(directory: str) -> FinalReport | None:
    """Return the final report, None while the job is not over."""
    content = read_file(f"{directory}/{REPORT}", 1 << 26)
    try:
        return _decode_report(content) if content else None
    except msgspec.MsgspecError:
        return None


def write_report(directory: str, report: FinalReport) -> None:
    """Make the job over, at once."""
    target = f"{directory}/{REPORT}"
    write_file(f"{target}.tmp", _encode(report))
    os.rename(f"{target}.tmp", target)


def read_stored(directory: str) -> Mapping[str, Stored]:
    """Return size and digest of each artifact that the job stored, by the artifact's name."""
    content = read_file(f"{directory}/{STORED}", 1 << 26)
    try:
        return _decode_stored(content) if content else {}
    except msgspec.MsgspecError:
        return {}


def write_stored(directory: str, stored: Mapping[str, Stored]) -> None:
    """Keep size and digest of the artifacts that a job stored; nothing if there are none."""
    if stored:
        write_file(f"{directory}/{STORED}", _encode(stored))


def refuse(directory: str, reason: str) -> None:
    """Leave what a launcher leaves that could not start its command."""
    write_file(f"{directory}/{TERMINATION_LOG}", reason.encode())
    os.makedirs(os.path.dirname(f"{directory}/{EXIT_CODE}"), exist_ok=True)
    target = f"{directory}/{EXIT_CODE}"
    write_file(f"{target}.tmp", str(CANNOT_START).encode())
    os.rename(f"{target}.tmp", target)
