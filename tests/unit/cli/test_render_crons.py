"""CronWorkflows as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tiphys.cli.render import Style
from tiphys.cli.render.crons import Cron, render_cron, render_crons
from tiphys.compile.triggers.due import next_run
from tiphys.model.codec import convert
from tiphys.model.cron import CronWorkflow

PARIS = timezone(timedelta(hours=1))
NOW = datetime(2026, 1, 31, 11, 0, tzinfo=PARIS).timestamp()
NEXT = datetime(2026, 2, 1, 2, 0, tzinfo=PARIS).timestamp()
NIGHTLY = {
    "metadata": {
        "name": "nightly",
        "namespace": "team",
        "creationTimestamp": "2026-01-19T08:00:00Z",
    },
    "spec": {
        "schedules": ["0 2 * * *"],
        "timezone": "Europe/Paris",
        "startingDeadlineSeconds": 60,
        "concurrencyPolicy": "Replace",
        "workflowSpec": {"arguments": {"parameters": [{"name": "day", "value": "today"}]}},
    },
    "status": {
        "lastScheduledTime": "2026-01-31T01:00:00Z",
        "active": [{"name": "nightly-1769821200"}],
        "conditions": [
            {"type": "SubmissionError", "status": "True", "message": "workflows is forbidden"}
        ],
    },
}
HOURLY = {
    "metadata": {"name": "hourly", "creationTimestamp": "2026-01-31T08:00:00Z"},
    "spec": {"schedules": ["0 * * * *", "30 9 * * 1"], "suspend": True, "workflowSpec": {}},
}


def test_a_cron_as_keys_and_values():
    page = render_cron(Cron(NIGHTLY, int(NEXT)), NOW, Style(zone=PARIS))
    assert page == (
        "Name:                          nightly\n"
        "Namespace:                     team\n"
        "Created:                       Mon Jan 19 09:00:00 +0100 (1 week ago)\n"
        "Schedules:                     0 2 * * *\n"
        "Suspended:                     false\n"
        "Timezone:                      Europe/Paris\n"
        "StartingDeadlineSeconds:       60\n"
        "ConcurrencyPolicy:             Replace\n"
        "LastScheduledTime:             Sat Jan 31 02:00:00 +0100 (9 hours ago)\n"
        "NextScheduledTime:             Sun Feb 01 02:00:00 +0100 (15 hours from now) "
        "(assumes workflow-controller is in UTC)\n"
        "Active Workflows:              nightly-1769821200\n"
        "Conditions:                    \n"
        "✖ SubmissionError              workflows is forbidden\n"
        "Workflow Parameters:           \n"
        "  day:                         today\n"
    )


def test_what_a_cron_does_not_have_is_left_out():
    page = render_cron(Cron(HOURLY, None), NOW, Style(zone=UTC))
    assert [line.partition(":")[0] for line in page.splitlines()] == [
        "Name",
        "Namespace",
        "Created",
        "Schedules",
        "Suspended",
    ]


def test_crons_as_a_table():
    crons = [Cron(NIGHTLY, int(NEXT)), Cron(HOURLY, None)]
    assert render_crons(crons, NOW, namespaces=False) == (
        "NAME      AGE   LAST RUN   NEXT RUN   SCHEDULES              TIMEZONE       SUSPENDED\n"
        "nightly   12d   9h         15h        0 2 * * *              Europe/Paris   false\n"
        "hourly    2h    N/A        N/A        0 * * * *,30 9 * * 1                  true\n"
    )
    assert render_crons(crons[:1], NOW, namespaces=True).startswith("NAMESPACE   NAME      AGE")


def test_a_cron_that_has_stopped_has_no_next_run():
    document = {**HOURLY, "status": {"phase": "Stopped"}}
    assert next_run(convert(document, CronWorkflow), NOW) is None
    page = render_cron(Cron(document, None), NOW, Style(zone=UTC))
    assert page.splitlines()[-1] == "NextScheduledTime:             none: its stopStrategy was met"
