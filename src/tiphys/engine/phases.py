"""Which phase may follow which, as a table.

A node moves along these rows and no others; whatever else is tried is an `EngineBug`. A report
that would move a fulfilled node is not a change but late news, and is dropped before it gets
here. The docs diagram is drawn from the table, and a test lists the rows no test has taken.

Source: reference/engine.md 1.3.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from tiphys.messages import Kind, Phase

FULFILLED: Final = frozenset({"Succeeded", "Skipped", "Failed", "Error", "Omitted"})
"""Phases a node never leaves."""

COMPLETED: Final = frozenset({"Succeeded", "Failed", "Error"})
"""Fulfilled by having been tried."""

BAD: Final = frozenset({"Failed", "Error"})
"""Completed without success."""

Row: TypeAlias = tuple[Phase | None, Phase]

_LEAF: Final[frozenset[Row]] = frozenset(
    {
        (None, "Pending"),
        (None, "Failed"),  # shut down or past the deadline before it could start
        ("Pending", "Running"),
        ("Pending", "Succeeded"),
        ("Pending", "Failed"),
        ("Pending", "Error"),
        ("Running", "Succeeded"),
        ("Running", "Failed"),
        ("Running", "Error"),
    }
)

_FRAME: Final[frozenset[Row]] = frozenset(
    {
        (None, "Running"),
        ("Running", "Succeeded"),
        ("Running", "Failed"),
        ("Running", "Error"),
    }
)

_NEVER: Final[frozenset[Row]] = frozenset({(None, "Skipped"), (None, "Omitted"), (None, "Error")})

LEGAL: Final[dict[Kind, frozenset[Row]]] = {
    "Pod": _LEAF,
    "Suspend": frozenset(
        {
            (None, "Running"),
            (None, "Failed"),
            ("Running", "Running"),  # with a message
            ("Running", "Succeeded"),
            ("Running", "Failed"),
            ("Running", "Error"),
        }
    ),
    "Steps": _FRAME,
    "DAG": _FRAME,
    "StepGroup": _FRAME,
    "TaskGroup": _FRAME,
    "Retry": _FRAME | {("Running", "Running")},  # a wait before an attempt is over
    "Skipped": _NEVER,
}
"""For each kind of node: the phase before (None: the node does not exist) and the phase after."""
