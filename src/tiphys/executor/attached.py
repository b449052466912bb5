"""One container of podman or docker, as a process: what it writes we write, as it ends we end.

Started by a job's launcher for a container that was made before, as
`attached.py run SOCKET CONTAINER FOLDER SIGNAL LOG ENGINE NAME`, or as
`attached.py exec SOCKET CONTAINER WORD...` to run a command in it. Standard library only, and quick
to start. It speaks docker's API, which podman has as well.

SIGTERM becomes SIGNAL, other signals stay what they are. A second process, the guard, kills the
container if this one is killed. FOLDER gets `up` when the container runs, and `oom` if it was ended
for its memory; LOG gets a word on why it could not be started, where NAME is the command. ENGINE is
podman's command if its service is ours to start again, else "-".

FOLDER/engine.log, if there is one when the container has been started, is what podman keeps of the
output. It is whole; podman's attached stream now and then lacks what a command said that ended at
once (seen with 4.3). So with the file the stream only says when to look into it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

_API: Final = "/v1.40"
_NOT_FOUND: Final = 404
_GONE: Final = "no such container"
_CANNOT_START: Final = 64
_ENGINE_LOST: Final = 255
_PIECE_BYTES: Final = 65536
_HEAD_BYTES: Final = 8
_ANSWER_SECONDS: Final = 120.0
_LOST_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05
_START_SECONDS: Final = 0.5
_ENTER_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 1.0
_UNSETTLED: Final = ("stopped", "stopping", "removing")
_NOT_NOW: Final = "container state improper"
_NO_COMMAND: Final = (b"ERROR (catatonit", b"[FATAL tini")
_LAST_BYTES: Final = 4096
_NOT_THERE: Final = ("not found", "no such file or directory")
_KEPT: Final = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGCONT}


class EngineError(Exception):
    """The engine's answer was no; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """The API behind a socket: one connection for each request."""

    def __init__(self, path: str) -> None:
        self._path = path

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of the answer, None without one. Raises EngineError, OSError."""
        with self._ask(method, path, body, "Connection: close\r\n") as stream:
            status, headers, rest = _head(stream)
            while piece := stream.recv(_PIECE_BYTES):
                rest += piece
        if "chunked" in headers.get("transfer-encoding", ""):
            rest = _joined(rest)
        try:
            answer = json.loads(rest) if rest.strip() else None
        except ValueError:
            answer = {"message": rest.decode("utf-8", "replace").strip()}
        if status >= 400:
            text = answer.get("message", "") if isinstance(answer, dict) else ""
            raise EngineError(status, text or f"status {status}")
        return answer

    def stream(self, path: str, body: object = None) -> tuple[socket.socket, bytes]:
        """Return a connection that has become a stream, and what of it was read already."""
        stream = self._ask("POST", path, body, "Connection: Upgrade\r\nUpgrade: tcp\r\n")
        status, _, rest = _head(stream)
        if status not in (101, 200):
            stream.close()
            raise EngineError(status, _said(rest))
        stream.settimeout(None)
        return stream, rest

    def _ask(self, method: str, path: str, body: object, more: str) -> socket.socket:
        content = b"" if body is None else json.dumps(body).encode()
        kind = "Content-Type: application/json\r\n" if content else ""
        size = f"Content-Length: {len(content)}\r\n"
        head = f"{method} {_API}{path} HTTP/1.1\r\nHost: engine\r\n{more}{kind}{size}\r\n"
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(_ANSWER_SECONDS)
        try:
            stream.connect(self._path)
            stream.sendall(head.encode() + content)
        except OSError:
            stream.close()
            raise
        return stream


def _is_gone(error: EngineError) -> bool:
    """Tell whether a container is not there; podman says 500 if it goes at that moment."""
    return error.status == _NOT_FOUND or _GONE in str(error).lower()


def _head(stream: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers, and what was read beyond them. Raises OSError."""
    content = b""
    while b"\r\n\r\n" not in content:
        piece = stream.recv(_PIECE_BYTES)
        if not piece:
            raise ConnectionError("the engine has hung up")
        content += piece
    head, _, rest = content.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {n.lower().strip(): v.strip() for n, _, v in pairs}, rest


def _said(content: bytes) -> str:
    """Return the message of an answer that is no stream, however it is wrapped."""
    text = content.decode("utf-8", "replace").strip()
    try:
        return str(json.loads(text[text.find("{") : text.rfind("}") + 1])["message"])
    except (ValueError, KeyError, TypeError):
        return text


def _joined(content: bytes) -> bytes:
    """Return a chunked body in one piece."""
    done = b""
    while content:
        size, _, content = content.partition(b"\r\n")
        count = int(size.split(b";")[0] or b"0", 16)
        done += content[:count]
        content = content[count + 2 :]
        if count == 0:
            break
    return done


class Output:
    """Where a container's output goes; knows its last words."""

    def __init__(self) -> None:
        self._last = b""

    @property
    def is_refusal(self) -> bool:
        """Whether the last words are those of the container's init about a missing command."""
        return self._last.rstrip().rpartition(b"\n")[2].startswith(_NO_COMMAND)

    def put(self, target: int, text: bytes) -> None:
        """Write to 1 for output or 2 for errors."""
        # docker's tini says it in several pieces.
        self._last = (self._last + text)[-_LAST_BYTES:] if target == 2 else b""
        done = 0
        while done < len(text):
            done += os.write(target, text[done:])


class Frames:
    """Splits docker's stream: a head that says where to and how long, then bytes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._rest = b""

    def take(self, piece: bytes) -> None:
        """Put the frames that are whole now."""
        self._rest += piece
        while len(self._rest) >= _HEAD_BYTES:
            end = _HEAD_BYTES + int.from_bytes(self._rest[4:_HEAD_BYTES], "big")
            if len(self._rest) < end:
                return
            self._output.put(2 if self._rest[0] == 2 else 1, self._rest[_HEAD_BYTES:end])
            self._rest = self._rest[end:]


class LogFile:
    """What podman keeps: a line for each piece, `<time> <stdout or stderr> <F or P> <text>`.

    P says that the line in the output goes on. Source: conmon, src/ctr_logging.c; Kubernetes'
    format of logs.
    """

    def __init__(self, path: str, output: Output) -> None:
        """Open the file. Raises OSError if there is none."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._output = output
        self._rest = b""

    def copy(self) -> bool:
        """Put all that is new; tell whether anything was."""
        is_new = False
        while piece := os.read(self._fd, _PIECE_BYTES):
            is_new = True
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                _, stream, kind, text = line.split(b" ", 3)
                ending = b"" if kind == b"P" else b"\n"
                self._output.put(2 if stream == b"stderr" else 1, text + ending)
        return is_new


class Attached:
    """The life of one run of the container."""

    def __init__(self, path: str, arguments: Sequence[str]) -> None:
        self.engine, self.socket = Engine(path), path
        self.container, self.folder, self.signal, self.log, self.command, self.name = arguments
        self.output = Output()
        self._log_path = f"{self.folder}/engine.log"
        self._kept: LogFile | None = None
        self._is_up = False
        self._early: list[int] = []
        self._wake_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in signal.valid_signals() - _KEPT:
            with suppress(OSError, ValueError):
                signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def run(self) -> int:
        """Start the container, wait for its end, return its exit code."""
        was_up = os.path.exists(f"{self.folder}/up")
        for name in ("up", "oom", "engine.log"):
            with suppress(OSError):
                os.unlink(f"{self.folder}/{name}")
        guard = Guard(self.engine, self.container)
        try:
            if was_up:
                self._settle()
            stream, rest = self._start()
        except (EngineError, OSError) as exc:
            guard.dismiss()
            return self._refuse(str(exc))
        with suppress(OSError):
            self._kept = LogFile(self._log_path, self.output)
        self._begin()
        self._copy(stream, rest)
        code = self._wait()
        guard.dismiss()
        if self._kept is not None:
            self._kept.copy()
            with suppress(OSError):
                os.unlink(self._log_path)
        if code in (1, 127) and self.output.is_refusal:
            return self._refuse(f'exec: "{self.name}": executable file not found in $PATH')
        return code

    def _settle(self) -> None:
        """Wait until podman has cleaned up after the run before, or it would do so in this one."""
        until = time.monotonic() + _SETTLE_SECONDS
        while self._state().get("Status") in _UNSETTLED and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)

    def _state(self) -> Any:
        return self.engine.call("GET", f"/containers/{self.container}/json")["State"]

    def _start(self) -> tuple[socket.socket, bytes]:
        """Attach, then start. Podman may refuse both while it is still cleaning up."""
        until = time.monotonic() + _SETTLE_SECONDS
        while True:
            try:
                stream, rest = self._attach()
                self.engine.call("POST", f"/containers/{self.container}/start")
                return stream, rest
            except EngineError as exc:
                is_passing = _NOT_NOW in str(exc) or (exc.status >= 500 and _is_gone(exc))
                if not is_passing or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _attach(self) -> tuple[socket.socket, bytes]:
        return self.engine.stream(f"/containers/{self.container}/attach?stream=1&stdout=1&stderr=1")

    def _begin(self) -> None:
        self._is_up = True
        _touch(f"{self.folder}/up")
        for number in self._early:
            self._send(number)

    def _refuse(self, problem: str) -> int:
        """Say why it could not be started, in the emissary's words if it has any for that."""
        text = f"failed to start command: {problem}"
        if 'exec: "' in problem and any(reason in problem for reason in _NOT_THERE):
            reason = "executable file not found in $PATH"
            if "/" in self.name:
                reason = f"stat {self.name}: no such file or directory"
            text = f'failed to find name in PATH: exec: "{self.name}": {reason}'
        with suppress(OSError), open(self.log, "w", encoding="utf-8") as file:
            file.write(text)
        return _CANNOT_START

    def _copy(self, stream: socket.socket, rest: bytes) -> None:
        """Copy output until the stream ends, and hand signals on."""
        frames = Frames(self.output)
        self._take(frames, rest)
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        poll.register(self._wake_fd, select.POLLIN)
        pause = _PAUSE_SECONDS
        while True:
            for fd, _ in poll.poll(None if self._kept is None else 1e3 * pause):
                if fd == self._wake_fd:
                    self._on_signals()
                    continue
                try:
                    piece = stream.recv(_PIECE_BYTES)
                except OSError:
                    piece = b""
                if not piece:
                    stream.close()
                    return
                self._take(frames, piece)
                pause = _PAUSE_SECONDS
            if self._kept is not None and not self._kept.copy():
                pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _take(self, frames: Frames, piece: bytes) -> None:
        if self._kept is None:
            frames.take(piece)

    def _wait(self) -> int:
        """Return the exit code when there is one; it may go on silently for long."""
        lost_at: float | None = None
        pause = _PAUSE_SECONDS
        while True:
            try:
                state = self._state()
            except (EngineError, OSError) as exc:
                if isinstance(exc, EngineError) and _is_gone(exc):
                    return self._lose("the container was removed by somebody else")
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > _LOST_SECONDS:
                    text = f"the container engine at {self.socket} does not answer any more"
                    return self._lose(text)
                self._start_engine()
            else:
                if not state.get("Running") and state.get("Status") not in ("running", "stopping"):
                    break
                if lost_at is not None:
                    lost_at = None
                    with suppress(EngineError, OSError):
                        self._copy(*self._attach())
            self._rest_for(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        if state.get("OOMKilled"):
            _touch(f"{self.folder}/oom")
        return int(state.get("ExitCode", 0)) & 0xFF

    def _rest_for(self, seconds: float) -> None:
        """Do nothing for a while but hand on output and signals."""
        if self._kept is not None:
            self._kept.copy()
        if select.select([self._wake_fd], [], [], seconds)[0]:
            self._on_signals()

    def _lose(self, why: str) -> int:
        with suppress(OSError), open(self.log, "w", encoding="utf-8") as file:
            file.write(why)
        return _ENGINE_LOST

    def _start_engine(self) -> None:
        if self.command != "-" and not _answers(self.socket):
            words = [self.command, "system", "service", "--time=60", f"unix://{self.socket}"]
            if os.fork() == 0:
                os.setsid()
                with suppress(OSError):
                    os.chdir(os.path.dirname(self.socket) or "/")  # conmon writes `oom` there
                    os.execv(self.command, words)  # noqa: S606 - a list, no shell
                os._exit(_CANNOT_START)
            time.sleep(_START_SECONDS)

    def _on_signals(self) -> None:
        for number in os.read(self._wake_fd, 256):
            self._send(number)

    def _send(self, number: int) -> None:
        if not self._is_up:
            self._early.append(number)
            return
        name = self.signal if number == signal.SIGTERM else str(number)
        with suppress(EngineError, OSError):
            self.engine.call("POST", f"/containers/{self.container}/kill?signal={name}")


class Guard:
    """A process that kills the container unless it is dismissed before its parent is gone."""

    def __init__(self, engine: Engine, container: str) -> None:
        read_fd, self._fd = os.pipe2(os.O_CLOEXEC)
        if os.fork():
            os.close(read_fd)
            return
        os.close(self._fd)
        os.setsid()
        null_fd = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null_fd, fd)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - _KEPT:
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        if os.read(read_fd, 1) == b"":
            with suppress(EngineError, OSError):
                engine.call("POST", f"/containers/{container}/kill?signal=KILL")
        os._exit(0)

    def dismiss(self) -> None:
        """Let it go: the container is over."""
        with suppress(OSError):
            os.write(self._fd, b".")


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _touch(path: str) -> None:
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def run_inside(engine: Engine, container: str, words: Sequence[str]) -> int:
    """Run a command in a container and return its exit code."""
    until = time.monotonic() + _ENTER_SECONDS
    while True:
        try:
            body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(words)}
            made = engine.call("POST", f"/containers/{container}/exec", body)["Id"]
            stream, rest = engine.stream(f"/exec/{made}/start", {"Detach": False, "Tty": False})
            break
        except EngineError:  # it does not run yet
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
    frames = Frames(Output())
    frames.take(rest)
    with stream:
        while piece := stream.recv(_PIECE_BYTES):
            frames.take(piece)
    return int(engine.call("GET", f"/exec/{made}/json")["ExitCode"] or 0) & 0xFF


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit code."""
    what, path, *rest = arguments
    if what == "run":
        return Attached(path, rest).run()
    try:
        return run_inside(Engine(path), rest[0], rest[1:])
    except (EngineError, OSError) as exc:
        os.write(2, f"{exc}\n".encode())
        return _CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
