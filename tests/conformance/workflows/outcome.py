"""What came of one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.conformance.workflows.compare import Json, differences
from tests.conformance.workflows.corpus import Row

INVALID = "invalid spec: "


@dataclass(frozen=True)
class Outcome:
    """`refused` is an honest "not supported yet"; `text` is the first difference or the reason."""

    row: Row
    verdict: Literal["passed", "failed", "refused"]
    text: str = ""


def judge(row: Row, workflow: Json) -> Outcome:
    """Compare a finished workflow with the row."""
    found = differences(row.data, workflow)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Outcome(row, "failed", found[0] + more) if found else Outcome(row, "passed")


def judge_refusal(row: Row, text: str) -> Outcome:
    """Judge what was not run at all.

    Workflows that Argo's engine would end as invalid need not get that far: refusing them with
    the same text is right.
    """
    message = row.data.get("message")
    if isinstance(message, str) and message.startswith(INVALID):
        reason = message.removeprefix(INVALID)
        return Outcome(row, "passed" if reason in text else "failed", _short(text))
    verdict = "refused" if "not supported" in text else "failed"
    return Outcome(row, verdict, _short(text))


def _short(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"
