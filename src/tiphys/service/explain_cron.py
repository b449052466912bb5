"""Why a CronWorkflow made workflows, and why not: its ledger of due times read to a person."""

from __future__ import annotations

from typing import Final

import msgspec

from tiphys.compile.triggers.due import next_run
from tiphys.compile.triggers.outcome import Kind, Outcome
from tiphys.engine.clock import rfc3339
from tiphys.ports import Ledger
from tiphys.service.cron import CronWorkflows

_MOST: Final = 100
_OUTCOME: Final = msgspec.json.Decoder(Outcome)


class DueTold(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What came of one due time. Submitted: `reason` is the workflow's name."""

    at: str
    kind: Kind | str
    reason: str = ""


class CronExplanation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """When a CronWorkflow is due next, "" if never, and what came of its due times, newest first.

    `runtime` is where its workflows run, "" for wherever others do.
    """

    cron_workflow: str
    namespace: str
    suspended: bool = False
    phase: str = ""
    next: str = ""
    runtime: str = ""
    due: tuple[DueTold, ...] = ()


async def explain_cron(
    crons: CronWorkflows, ledger: Ledger, namespace: str, name: str, now: float
) -> CronExplanation:
    """Return why a CronWorkflow is as it is. Raises NotFound."""
    cron = await crons.get(namespace, name)
    uid = cron.metadata.uid
    due = next_run(cron, now)
    told = []
    for row in await ledger.rows(uid, _MOST):
        outcome = _OUTCOME.decode(row.outcome) if row.outcome else None
        kind, reason = ("Open", "") if outcome is None else (outcome.kind, outcome.reason)
        told.append(DueTold(rfc3339(row.at), kind, reason))
    return CronExplanation(
        cron_workflow=name,
        namespace=namespace,
        suspended=bool(cron.spec.suspend),
        phase=cron.status.phase,
        next="" if due is None or cron.spec.suspend else rfc3339(due),
        runtime=await ledger.runtime(uid),
        due=tuple(told),
    )
