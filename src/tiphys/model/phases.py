"""Phases and node types: the closed sets a status speaks in.

Source: reference/resources.md 3. Which change of phase is legal is the engine's business.
"""

from __future__ import annotations

from typing import Final, Literal

WorkflowPhase = Literal["", "Pending", "Running", "Succeeded", "Failed", "Error"]
NodePhase = Literal["Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted"]
NodeType = Literal[
    "Pod", "Container", "Steps", "StepGroup", "DAG", "TaskGroup", "Retry", "Skipped", "Suspend",
    "HTTP", "Plugin",
]  # fmt: skip
TemplateType = Literal[
    "Container", "ContainerSet", "Steps", "Script", "Resource", "DAG", "Suspend", "Data", "HTTP",
    "Plugin", "Unknown",
]  # fmt: skip

COMPLETED: Final[frozenset[str]] = frozenset({"Succeeded", "Failed", "Error"})
"""Phases in which a workflow or node has an outcome."""

FULFILLED: Final[frozenset[str]] = COMPLETED | {"Skipped", "Omitted"}
"""Phases a node never leaves."""
