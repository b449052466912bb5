"""Timing of commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIPHYS = (sys.executable, "-m", "tiphys.cli.main")
TIME_LIMIT = 900
_PAGE = 4096


@dataclass(frozen=True)
class Measured:
    """A number, what it is compared with, and the aim for the ratio or the number itself."""

    name: str
    value: float
    unit: str = "s"
    against: float | None = None
    baseline: str = ""
    aim: float | None = None

    def __str__(self) -> str:
        """Return the line that is printed."""
        text = f"{self.name:<46} {self.value:>9.3f} {self.unit:<6}"
        judged = self.value
        if self.against is not None:
            judged = self.value / self.against
            text += f" {judged:>7.2f}x {self.baseline}"
        if self.aim is not None:
            verdict = "reached" if judged <= self.aim else "missed"
            text += f"   aim {self.aim:g}{'x' if self.against is not None else ''}: {verdict}"
        return text


class CommandError(Exception):
    """A command that was to be timed did not succeed."""


def seconds(words: Sequence[str], repeat: int = 1) -> float:
    """Return the wall time of a command, the best of `repeat`."""
    return min(_once(words) for _ in range(repeat))


def synced(file: Path, count: int) -> float:
    """Return the wall time of so many small writes, each of which waits for the disk."""
    with file.open("wb", buffering=0) as out:
        out.write(bytes(_PAGE * count))  # its size does not change any more, as that of a journal
        os.fsync(out.fileno())
        begin = time.perf_counter()
        for number in range(count):
            os.pwrite(out.fileno(), b"x" * _PAGE, number * _PAGE)
            os.fdatasync(out.fileno())
        return time.perf_counter() - begin


def tiphys(*words: str) -> list[str]:
    """Return the command line of Tiphys."""
    return [*TIPHYS, *words]


def run(file: Path, home: Path, runtime: str) -> list[str]:
    """Return the command that runs a workflow."""
    return tiphys("run", str(file), "--runtime", runtime, "--home", str(home), "-o", "name")


def _as_installed() -> dict[str, str]:
    """Return the environment without what keeps modules from being compiled only once."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _once(words: Sequence[str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=TIME_LIMIT, check=False, env=_as_installed()
    )
    taken = time.perf_counter() - begin
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise CommandError(
            f"{' '.join(words)[:80]} ended with {done.returncode}: {''.join(last)[:200]}"
        )
    return taken
