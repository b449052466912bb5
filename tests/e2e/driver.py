"""What the end-to-end tests do as a user: start `tiphys`, look at what it prints and leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tests.postgres import run

from tiphys.messages import Event
from tiphys.store.dialect import translated

TIPHYS = (sys.executable, "-m", "tiphys.cli.main")
PATIENCE_SECONDS = 45.0
_POLL_SECONDS = 0.01
_SETTINGS = "idle_seconds: 0.3\n"


@dataclass(frozen=True)
class Result:
    """What a finished command left."""

    code: int
    out: str
    err: str


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true value; fail with what else is said when it never comes."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(_POLL_SECONDS)
    return found


@dataclass
class Home:
    """A home directory, and the command line that works on it."""

    path: Path
    runtime: str
    cache: Path
    database: str = ""
    """The address of a Postgres database; else the home has a file."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def environ(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ARGO_", "TIPHYS_", "PYTHON"))
        }
        settings = self.path / "settings.yaml"
        if not settings.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            settings.write_text(_SETTINGS)
        return kept | {
            "HOME": str(self.path),
            "TIPHYS_HOME": str(self.home),
            "TIPHYS_DATABASE": self.database,
            "TIPHYS_SETTINGS": str(settings),
            "PYTHONPYCACHEPREFIX": str(self.cache),
            "PYTHONWARNINGS": "error",
        }

    # ------------------------------------------------------------------------- commands

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command and return it while it runs."""
        pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        environ = self.environ | options.pop("environ", {})
        process = subprocess.Popen(
            [*TIPHYS, *(words if "ARGO_SERVER" in environ else self.with_runtime(words))],
            env=environ,
            cwd=self.path,
            text=True,
            **(pipes | {"stdin": subprocess.DEVNULL} | options),
        )
        self.started.append(process)
        return process

    def with_runtime(self, words: Sequence[str]) -> list[str]:
        """Return the words of a command with the runtime this home is tested with."""
        starts_jobs = words[:1] in (("run",), ("submit",)) and "--runtime" not in words
        return [*words, *(("--runtime", self.runtime) if starts_jobs else ())]

    def run(self, *words: str, stdin: str = "", **options: Any) -> Result:
        """Carry out a command and return what it left."""
        process = self.start(*words, stdin=subprocess.PIPE, **options)
        return finish(process, stdin)

    def ok(self, *words: str, stdin: str = "") -> str:
        """Carry out a command that must succeed and return what it printed."""
        result = self.run(*words, stdin=stdin)
        assert result.code == 0, result
        return result.out

    def file(self, name: str, content: object) -> str:
        """Write a file beside the home and return its path; what is no text is JSON."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def submit(self, file: str, *words: str) -> str:
        """Submit a workflow and return its name."""
        return self.ok("submit", file, "-o", "name", *words).strip()

    # -------------------------------------------------------------------------- looking

    def get(self, name: str = "@latest") -> dict[str, Any]:
        """Return a workflow as the command line shows it."""
        document: dict[str, Any] = json.loads(self.ok("get", name, "-o", "json"))
        return document

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return rows of the database; none as long as there is no table."""
        path = self.home / "tiphys.db"
        if self.database:
            return [*map(tuple, run(self.database, translated(query), *values))]
        if not path.exists():
            return []
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as db:
            return db.execute(query, values).fetchall()
        return []

    def commits(self, name: str) -> int:
        """Return how far a workflow's journal has come; 0 before it exists."""
        found = self.rows("SELECT seq FROM runs WHERE name = ?", name)
        return int(found[0][0]) if found else 0

    def is_done(self, name: str) -> bool:
        """Tell whether a workflow has ended."""
        return self.rows("SELECT done FROM runs WHERE name = ?", name) == [(1,)]

    def events(self, name: str) -> list[Event]:
        """Return a workflow's journal."""
        query = "SELECT data FROM events JOIN runs ON uid = run WHERE name = ? ORDER BY last"
        decoder = msgspec.msgpack.Decoder(list[Event])
        return [event for (data,) in self.rows(query, name) for event in decoder.decode(data)]

    def nodes(self, name: str) -> dict[str, dict[str, Any]]:
        """Return a workflow's nodes by their display names."""
        query = "SELECT nodes.data FROM nodes JOIN runs ON uid = run WHERE name = ?"
        found = [json.loads(data) for (data,) in self.rows(query, name)]
        return {node["displayName"]: node for node in found}

    def said(self) -> str:
        """Return what all jobs have written so far."""
        return "".join(path.read_text() for path in self.home.glob("runs/*/*/ctr/main/combined"))

    def processes(self) -> dict[int, str]:
        """Return the living processes that have to do with this home, with their command lines."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != os.getpid():
                line = _belongs(int(entry), str(self.home))
                if line:
                    found[int(entry)] = line
        return found

    def engines(self) -> list[int]:
        """Return the processes that drive workflows."""
        return [
            pid
            for pid, line in self.processes().items()
            if "tiphys.cli.main engine" in line or "tiphys.cli.main run" in line
        ]

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for _ in range(20):
            left = self.processes()
            for pid in left:
                kill(pid)
            if not left:
                return


def finish(process: subprocess.Popen[str], stdin: str | None = None) -> Result:
    """Wait for a command's end."""
    out, err = process.communicate(stdin, timeout=PATIENCE_SECONDS)
    return Result(process.returncode, out or "", err or "")


def kill(pid: int) -> None:
    """Kill a process at once, as a crash would."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _belongs(pid: int, home: str) -> str:
    """Return a process's command line if it, its directory or its environment names the home."""
    folder = Path("/proc") / str(pid)
    try:
        if folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return ""
        line = folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
        seen = (line, os.readlink(folder / "cwd"), folder.joinpath("environ").read_text())
    except (OSError, UnicodeDecodeError):
        return ""
    return line or "?" if any(home in text for text in seen) else ""
