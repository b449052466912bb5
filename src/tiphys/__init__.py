"""Tiphys: Argo workflows simulated, on this machine, or on Kubernetes.

Used from Python: `run`, `run_async`, `simulate`, in docs/python.md. They are imported when they are
used, so that `import tiphys` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiphys import errors
    from tiphys.library.results import Node, Outputs, Result
    from tiphys.library.running import run, run_async
    from tiphys.library.simulating import simulate
    from tiphys.runtime.simulated import Outcome

__version__ = "0.1.0"

__all__ = [
    "Node",
    "Outcome",
    "Outputs",
    "Result",
    "__version__",
    "errors",
    "run",
    "run_async",
    "simulate",
]

_PLACES = {
    "Node": "tiphys.library.results",
    "Outputs": "tiphys.library.results",
    "Result": "tiphys.library.results",
    "run": "tiphys.library.running",
    "run_async": "tiphys.library.running",
    "simulate": "tiphys.library.simulating",
    "Outcome": "tiphys.runtime.simulated",
}


def __getattr__(name: str) -> object:
    """Import what is asked for. Raises AttributeError."""
    from importlib import import_module

    if name == "errors":
        return import_module("tiphys.errors")
    if name not in _PLACES:
        raise AttributeError(f"module 'tiphys' has no attribute {name!r}")
    found: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return also what is not imported yet."""
    return sorted({*globals(), *__all__})
