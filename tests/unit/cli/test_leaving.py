"""How the command line ends its process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tiphys.cli.main import leave

CODE = """
import atexit, sys, types
from tiphys.cli.main import leave
atexit.register(lambda: print("tidied"))
if sys.argv[1] == "used":
    sys.modules["obstore"] = types.ModuleType("obstore")
class Late:
    def __del__(self): print("wound up")
sys.modules["late"] = kept = Late()
print("said")
leave(3)
"""


@pytest.mark.parametrize("use", ["used", "unused"])
def test_what_was_said_and_is_to_be_tidied_is_not_lost(use: str) -> None:
    words = [sys.executable, "-c", CODE, use]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
    )
    lines = done.stdout.split("\n")
    assert (done.returncode, done.stderr) == (3, "")
    assert sorted(line for line in lines if line in {"said", "tidied"}) == ["said", "tidied"]
    assert ("wound up" in lines) == (use == "unused")


def test_without_obstore_it_is_an_ordinary_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "obstore", raising=False)
    with pytest.raises(SystemExit) as caught:
        leave(2)
    assert caught.value.code == 2
