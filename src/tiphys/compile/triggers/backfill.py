"""Backfill: the due times of the past, and the Workflows that make one Workflow for each of them.

Source: Argo cmd/argo/commands/cron/backfill.go; reference/engine-operations.md 11.1.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tiphys.compile.triggers.children import manual_child
from tiphys.compile.triggers.due import next_after
from tiphys.expr.cron import parse_schedule
from tiphys.expr.render import go_print
from tiphys.expr.values import UTC, Time, Zone
from tiphys.model.arguments import Arguments, Inputs, Parameter
from tiphys.model.codec import to_json, to_yaml
from tiphys.model.cron import CronWorkflow
from tiphys.model.meta import ObjectMeta
from tiphys.model.policies import Mutex, Synchronization
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import ResourceTemplate, Template, WorkflowStep
from tiphys.model.workflow import Workflow

BACKFILL_LABEL: Final = "workflows.argoproj.io/backfill"
_SECOND: Final = 1_000_000_000
_PRIORITY: Final = 2**31 - 1
_TIME: Final = "backfillscheduletime"
_STEP: Final = "create-workflow"
_BRACES: Final = "{{='{'+'{'}}"
"""An expression for two opening braces."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is asked for: a name for it, how its workflows get their time, how they run."""

    name: str
    argument: str = "cronScheduleTime"
    parallel: bool = False
    most: int = 1000
    """Due times for each monitor workflow."""


def backfill_times(cron: CronWorkflow, start: int, end: int, zone: Zone = UTC) -> list[str]:
    """Return the due times after `start` up to `end` as Go writes them, seen in a zone.

    As in Argo schedules are read without `spec.timezone`. Differs: of several schedules Argo reads
    none; a time at which several are due is one. Raises CronError.
    """
    found: set[int] = set()
    for schedule in map(parse_schedule, cron.spec.schedules):
        at = next_after(schedule, start, zone)
        while at is not None and at <= end:
            found.add(at)
            at = next_after(schedule, at, zone)
    return [go_print(Time(at * _SECOND, zone)) for at in sorted(found)]


def monitors(
    cron: CronWorkflow, asked: Backfill, times: Sequence[str], now: float
) -> list[Workflow]:
    """Return the workflows that make one workflow for each time, at most `asked.most` each.

    Differs: Argo makes one more, without any times, when the last of them is full.
    """
    manifest = _kept(to_yaml(_child(cron, asked, now)))
    parts = (times[first : first + asked.most] for first in range(0, len(times), asked.most))
    return [_monitor(cron, manifest, part) for part in parts]


def _kept(manifest: str) -> str:
    """Return a manifest of which only the time is filled in: its other tags are its workflow's own.

    Differs: Argo refuses a manifest with the variables of a step or a parameter of the workflow,
    and fills in others with what they are in the monitor.
    """
    time = f"inputs.parameters.{_TIME}}}}}"
    return manifest.replace("{{", _BRACES).replace(_BRACES + time, "{{" + time)


def _child(cron: CronWorkflow, asked: Backfill, now: float) -> Workflow:
    made = manual_child(cron, now)
    prefix = f"{cron.metadata.name}-backfill-{asked.name.lower()}-"
    given = made.spec.arguments
    time = Parameter(name=asked.argument, value=f"{{{{inputs.parameters.{_TIME}}}}}")
    others = (item for item in given.parameters if item.name != asked.argument)
    spec = replace(made.spec, arguments=replace(given, parameters=(*others, time)))
    if not asked.parallel:
        lock = Synchronization(mutexes=(Mutex(name=asked.name),))
        spec = replace(spec, priority=_PRIORITY, synchronization=lock)
    metadata = replace(made.metadata, name="", generate_name=prefix)
    return replace(made, metadata=metadata, spec=spec)


def _monitor(cron: CronWorkflow, manifest: str, times: Sequence[str]) -> Workflow:
    step = WorkflowStep(
        name=_STEP,
        template=_STEP,
        arguments=Arguments(parameters=(Parameter(name=_TIME, value="{{item}}"),)),
        with_param=to_json([*times]).decode(),
    )
    create = Template(
        name=_STEP,
        inputs=Inputs(parameters=(Parameter(name=_TIME),)),
        resource=ResourceTemplate(
            action="create",
            success_condition="status.phase == Succeeded",
            failure_condition="status.phase in (Failed, Error)",
            manifest=manifest,
        ),
    )
    return Workflow(
        metadata=ObjectMeta(
            generate_name="backfill-wf-",
            namespace=cron.metadata.namespace,
            labels={BACKFILL_LABEL: cron.metadata.name},
        ),
        spec=WorkflowSpec(
            entrypoint="main", templates=(Template(name="main", steps=((step,),)), create)
        ),
    )
