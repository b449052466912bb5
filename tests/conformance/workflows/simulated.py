"""Rows run in the simulated world.

Every container succeeds at once, unless `assume` says not, or the expectation of a row that was
run for real says what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.conformance.workflows.corpus import Row, prepare
from tests.conformance.workflows.outcome import Outcome, judge, judge_refusal
from tests.conformance.workflows.told import script_of

Simulate = Callable[..., dict[str, Any]]


def run_row(row: Row) -> Outcome:
    """Simulate a row and judge what came of it."""
    from tiphys.errors import UserError

    prepared = prepare(row, int(time.time()))
    try:
        workflow = _simulate()(
            documents=[prepared.workflow, *prepared.helpers],
            parameters=_parameters(row),
            assume=row.data.get("assume", {}),
            operations=_operations(row),
            script=_script(row, prepared.workflow),
        )
    except UserError as error:
        return judge_refusal(row, str(error))
    except Exception as error:  # noqa: BLE001 (any crash is a failed row, not the end)
        return Outcome(row, "failed", f"{type(error).__name__}: {error}")
    return judge(row, workflow)


def _script(row: Row, document: str) -> Any:
    return script_of(row.data, document) if row.data["local"] == "run" else None


def available() -> bool:
    """Return whether there is a simulated world yet."""
    try:
        _simulate()
    except ImportError:
        return False
    return True


def _simulate() -> Simulate:
    from tiphys.testing.simulate import simulate

    return simulate


def _parameters(row: Row) -> dict[str, str]:
    found: dict[str, str] = {}
    for operation in row.data.get("operations", []):
        found |= operation.get("parameters") or {}
    return found


def _operations(row: Row) -> list[dict[str, Any]]:
    """Return the row's operations; nodes that wait for a person are resumed."""
    told = [item for item in row.data.get("operations", []) if item["op"] != "submit"]
    operations = [item if "$WF" in item.get("when", "") else {"op": item["op"]} for item in told]
    named = {item.get("when") for item in operations if item["op"] == "resume"}
    for node in row.data.get("resume", []):
        when = f"{node} is Running"
        if when not in named:
            operations.append({"op": "resume", "when": when})
    return operations
