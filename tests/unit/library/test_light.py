"""Importing Tiphys costs next to nothing."""

from __future__ import annotations

import subprocess
import sys


def test_importing_tiphys_imports_nothing_else_of_it():
    program = "import sys, tiphys; print(*(n for n in sys.modules if n.startswith('tiphys')))"
    words = [sys.executable, "-c", program]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["tiphys"]
