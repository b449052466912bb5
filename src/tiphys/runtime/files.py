"""Small things that the local runtimes do with files and directories."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tiphys.executor import contract


def names_in(folder: Path) -> list[str]:
    """Return the names in a directory, none if there is none."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def make_directory(directory: str) -> bool:
    """Make a job directory; False if there is one."""
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        return False
    except FileNotFoundError:
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        return make_directory(directory)
    return True


def last_progress(path: str) -> str:
    """Return the last line of a progress file that reads `N/M` with 0 <= N <= M, M > 0.

    Source: argo workflow/executor/executor.go, monitorProgress.
    """
    for line in reversed((contract.read_file(path) or b"").split()):
        done, _, whole = line.partition(b"/")
        if done.isdigit() and whole.isdigit() and int(done) <= int(whole) > 0:
            return line.decode()
    return ""


def remove_tree(path: str) -> None:
    """Remove a directory tree, whatever permissions the jobs gave to their own files."""

    def mend(function: Callable[[str], object], name: str, _: object) -> None:
        with suppress(OSError):
            parent = os.path.dirname(name)
            os.chmod(parent, stat.S_IRWXU)
            if os.path.isdir(name) and not os.path.islink(name):
                os.chmod(name, stat.S_IRWXU)
                shutil.rmtree(name, ignore_errors=True)
            else:
                function(name)

    if not os.path.isdir(path):
        return
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=mend)
    else:
        shutil.rmtree(path, onerror=mend)


def literal(name: str) -> str:
    """Return `name` with the characters that mean something to glob taken literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
