"""Children that end, and those that are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.compile.triggers.crons import cron

from tiphys.compile.triggers.history import Child, excess, reconciled
from tiphys.compile.triggers.outcome import COMPLETED_LABEL
from tiphys.expr.values import Context

NOW = Context(datetime(2026, 1, 31, tzinfo=UTC))


def child(number, phase="Running", label="nightly"):
    done = phase != "Running"
    finished = f"2026-01-01T00:{number:02}:00Z" if done else ""
    return Child(f"w{number}", "team", f"nightly-{number}", label, phase, done, finished)


def with_active(*numbers, **spec):
    return cron(status={"active": [child(number).reference for number in numbers]}, **spec)


def names(subject):
    return [item["name"] for item in subject.status.active or ()]


def test_an_unfinished_child_that_nobody_listed_is_active():
    assert names(reconciled(with_active(1), [child(1), child(2)], NOW)) == [
        "nightly-1",
        "nightly-2",
    ]


@pytest.mark.parametrize(
    ("phase", "succeeded", "failed"), [("Succeeded", 1, 0), ("Failed", 0, 1), ("Error", 0, 1)]
)
def test_a_child_that_ends_is_counted_once(phase, succeeded, failed):
    children = [child(1, phase), child(2)]
    after = reconciled(with_active(1, 2), children, NOW)
    assert names(after) == ["nightly-2"]
    assert (after.status.succeeded, after.status.failed) == (succeeded, failed)
    assert reconciled(after, children, NOW) == after


def test_a_child_that_is_gone_leaves_without_being_counted():
    after = reconciled(with_active(1), [], NOW)
    assert after.status.active is None
    assert (after.status.succeeded, after.status.failed) == (0, 0)


def test_a_child_that_ends_may_be_the_last():
    subject = with_active(1, 2, stopStrategy={"expression": "cronworkflow.failed >= 1"})
    after = reconciled(subject, [child(1, "Failed"), child(2)], NOW)
    assert after.status.phase == "Stopped"
    assert after.metadata.labels == {COMPLETED_LABEL: "true"}
    assert names(after) == ["nightly-2"]


def test_a_stop_expression_that_fails_is_shown():
    subject = with_active(1, stopStrategy={"expression": "nope"})
    after = reconciled(subject, [child(1, "Failed")], NOW)
    (condition,) = after.status.conditions
    assert condition.type == "SpecError"
    assert condition.message.startswith("failed to check CronWorkflow 'nightly' stopping condition")


CHILDREN = [
    *(child(number, "Succeeded") for number in (5, 1, 4, 2, 3)),
    *(child(number, "Failed") for number in (6, 8, 7)),
    child(9),
    child(0, "Succeeded", label="renamed"),
]


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        ({}, [2, 1, 7, 6]),
        ({"successfulJobsHistoryLimit": 0}, [5, 4, 3, 2, 1, 7, 6]),
        ({"successfulJobsHistoryLimit": -1, "failedJobsHistoryLimit": -1}, [2, 1, 7, 6]),
        ({"failedJobsHistoryLimit": 2}, [2, 1, 6]),
        ({"successfulJobsHistoryLimit": 9, "failedJobsHistoryLimit": 9}, []),
    ],
)
def test_history_limits_keep_the_latest(limits, gone):
    found = excess(cron(**limits), CHILDREN)
    assert [item.name for item in found] == [f"nightly-{number}" for number in gone]
