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
"""Phases a node never leaves, unless a hook of it cannot be run or a person has it retried."""

COMPLETED: Final = frozenset({"Succeeded", "Failed", "Error"})
"""Fulfilled by having been tried."""

BAD: Final = frozenset({"Failed", "Error"})
"""Completed without success."""

Row: TypeAlias = tuple[Phase | None, Phase]

_REFUTED: Final[frozenset[Row]] = frozenset({("Succeeded", "Error"), ("Failed", "Error")})
"""A hook of the task (or of the workflow, for its root) could not be run."""

_LEAF: Final[frozenset[Row]] = _REFUTED | frozenset(
    {
        (None, "Pending"),
        (None, "Failed"),  # shut down or past the deadline before it could start
        ("Pending", "Pending"),  # with a message: why it cannot start yet
        ("Pending", "Running"),
        ("Pending", "Succeeded"),
        ("Pending", "Failed"),
        ("Pending", "Error"),
        ("Running", "Succeeded"),
        ("Running", "Failed"),
        ("Running", "Error"),
    }
)

_CONTAINER: Final[frozenset[Row]] = frozenset(
    {
        (None, "Pending"),
        ("Pending", "Running"),
        ("Pending", "Succeeded"),
        ("Pending", "Failed"),
        ("Pending", "Error"),
        ("Running", "Succeeded"),
        ("Running", "Failed"),
        ("Running", "Error"),
    }
)

_PARKED: Final[frozenset[Row]] = frozenset(
    {
        (None, "Pending"),  # it waits for a lock, or for what its cache knows
        ("Pending", "Running"),
        ("Pending", "Succeeded"),  # the cache knew its outputs
        ("Pending", "Failed"),
        ("Pending", "Error"),
    }
)

_GROUP: Final[frozenset[Row]] = frozenset(
    {
        (None, "Running"),
        ("Running", "Succeeded"),
        ("Running", "Failed"),
        ("Running", "Error"),
    }
)

_FRAME: Final[frozenset[Row]] = _GROUP | _REFUTED

_NEVER: Final[frozenset[Row]] = frozenset({(None, "Skipped"), (None, "Omitted"), (None, "Error")})

LEGAL: Final[dict[Kind, frozenset[Row]]] = {
    "Pod": _LEAF,
    "HTTP": frozenset(row for row in _LEAF if row[1] != "Pending" and row[0] != "Running")
    - {("Pending", "Running")}
    | {(None, "Pending")},
    "Plugin": _LEAF - {("Pending", "Pending")},
    "Container": _CONTAINER,
    "Suspend": _PARKED
    | _REFUTED
    | frozenset(
        {
            (None, "Running"),
            (None, "Failed"),
            ("Running", "Running"),  # with a message
            ("Running", "Succeeded"),
            ("Running", "Failed"),
            ("Running", "Error"),
        }
    ),
    "Steps": _FRAME | _PARKED,
    "DAG": _FRAME | _PARKED,
    "StepGroup": _GROUP,
    "TaskGroup": _FRAME,
    "Retry": _FRAME | _PARKED | {("Running", "Running")},  # a wait before an attempt is over
    "Skipped": _NEVER,
}
"""For each kind of node: the phase before (None: the node does not exist) and the phase after."""
