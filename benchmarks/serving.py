"""A server of Tiphys for measuring: a process of its own, without a login, on a free port."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import CommandError, tiphys


@contextmanager
def served(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Have a server of a home run; yield its process and its address."""
    words = ["server", "--runtime", "simulated", "--auth-mode", "server", "--no-secure"]
    words += ["--port", "0", "--home", str(home), "--api-rate-limit", "100000", *more]
    process = subprocess.Popen(tiphys(*words), stderr=subprocess.PIPE, text=True)
    try:
        yield process, _address(process, home.parent)
    finally:
        process.terminate()
        process.wait(60)


def _address(process: subprocess.Popen[str], folder: Path) -> str:
    """Return where the server listens; what it says later goes to a file."""
    lines = process.stderr or ()
    for line in lines:
        if found := re.search(r"Tiphys serves (\S+)", line):
            drain = (folder / "server.log").open("w")
            subprocess.Popen(["cat"], stdin=process.stderr, stdout=drain)
            return found[1]
    raise CommandError("the server did not begin")
