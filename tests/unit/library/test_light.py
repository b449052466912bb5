"""Importing Tiphys costs next to nothing, and so does looking at what it returns."""

from __future__ import annotations

import subprocess
import sys

from tiphys import Outcome, simulate

ONE = {
    "kind": "Workflow",
    "spec": {
        "entrypoint": "main",
        "templates": [{"name": "main", "container": {"image": "busybox", "command": ["true"]}}],
    },
}


def test_importing_tiphys_imports_nothing_else_of_it():
    program = "import sys, tiphys; print(*(n for n in sys.modules if n.startswith('tiphys')))"
    words = [sys.executable, "-c", program]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["tiphys"]


def test_results_are_shown_in_a_line():
    result = simulate({**ONE, "metadata": {"name": "one"}}, outcomes={"main": Outcome(code=3)})
    assert repr(result) == "<Result default/one: Failed, main: Error (exit code 3)>"
    assert repr(result.node("one")) == "<Node one (Pod): Failed, main: Error (exit code 3)>"
    assert repr(simulate({**ONE, "metadata": {"name": "one"}})) == "<Result default/one: Succeeded>"
