"""CronWorkflows as `cron get` and `cron list` print them.

`next_at` is the next due time, None where there is none. Source: argo
cmd/argo/commands/cron/util.go and list.go; reference/cli.md 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiphys.cli.render.header import parameters
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.table import Line, render_table
from tiphys.cli.render.times import instant, short_duration, timestamp

_PADDING = 3
_ASSUMED = "(assumes workflow-controller is in UTC)"
_ICONS = {"SubmissionError": "✖"}


@dataclass(frozen=True, slots=True)
class Cron:
    """A CronWorkflow's document, and when it is due next."""

    document: JsonObject
    next_at: int | None


def render_cron(cron: Cron, now: float, style: Style) -> str:
    """Return a CronWorkflow as keys and values."""
    lines = [*_identity(cron, now, style), *_state(cron, now, style), *_rest(cron.document)]
    return "".join(f"{key:<30} {value}\n" for key, value in lines)


def _identity(cron: Cron, now: float, style: Style) -> Iterator[tuple[str, str]]:
    metadata, spec = cron.document["metadata"], cron.document["spec"]
    yield "Name:", metadata.get("name", "")
    yield "Namespace:", metadata.get("namespace", "")
    created = instant(metadata.get("creationTimestamp"))
    yield "Created:", "" if created is None else timestamp(created, now, style.zone)
    yield "Schedules:", ",".join(spec.get("schedules") or ())
    yield "Suspended:", _boolean(spec.get("suspend"))
    if spec.get("timezone"):
        yield "Timezone:", spec["timezone"]
    if spec.get("startingDeadlineSeconds") is not None:
        yield "StartingDeadlineSeconds:", str(spec["startingDeadlineSeconds"])
    if spec.get("concurrencyPolicy"):
        yield "ConcurrencyPolicy:", spec["concurrencyPolicy"]


def _state(cron: Cron, now: float, style: Style) -> Iterator[tuple[str, str]]:
    status = cron.document.get("status") or {}
    last = instant(status.get("lastScheduledTime"))
    if last is not None:
        yield "LastScheduledTime:", timestamp(last, now, style.zone)
    if status.get("phase") == "Stopped":
        yield "NextScheduledTime:", "none: its stopStrategy was met"
    elif cron.next_at is not None:
        yield "NextScheduledTime:", f"{timestamp(cron.next_at, now, style.zone)} {_ASSUMED}"
    active = [item.get("name", "") for item in status.get("active") or ()]
    if active:
        yield "Active Workflows:", ", ".join(active)


def _rest(document: JsonObject) -> Iterator[tuple[str, str]]:
    conditions = (document.get("status") or {}).get("conditions") or ()
    if conditions:
        yield "Conditions:", ""
    for item in conditions:
        kind = item.get("type", "")
        yield f"{_ICONS.get(kind, '')} {kind}", item.get("message") or item.get("status", "")
    arguments = (document["spec"].get("workflowSpec") or {}).get("arguments") or {}
    if arguments.get("parameters"):
        yield "Workflow Parameters:", ""
        for name, value in parameters(arguments):
            yield f"  {name}:", value


def render_crons(crons: Iterable[Cron], now: float, namespaces: bool) -> str:
    """Return CronWorkflows as a table."""
    titles = ("NAME", "AGE", "LAST RUN", "NEXT RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED")
    lines: list[Line] = [("NAMESPACE", *titles) if namespaces else titles]
    for cron in crons:
        cells = _cells(cron, now)
        namespace = cron.document["metadata"].get("namespace", "")
        lines.append((namespace, *cells) if namespaces else cells)
    return render_table(lines, _PADDING)


def _cells(cron: Cron, now: float) -> Sequence[str]:
    metadata, spec = cron.document["metadata"], cron.document["spec"]
    created = instant(metadata.get("creationTimestamp"))
    last = instant((cron.document.get("status") or {}).get("lastScheduledTime"))
    return (
        metadata.get("name", ""),
        "N/A" if created is None else short_duration(now - created),
        "N/A" if last is None else short_duration(now - last),
        "N/A" if cron.next_at is None else short_duration(cron.next_at - now),
        ",".join(spec.get("schedules") or ()),
        spec.get("timezone", ""),
        _boolean(spec.get("suspend")),
    )


def _boolean(value: object) -> str:
    return "true" if value else "false"
