"""Decisions at a due time, and what they change in the document."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compile.triggers.crons import cron

from tiphys.compile.triggers.children import is_child, manual_child, scheduled_child
from tiphys.compile.triggers.decide import Submit, decide
from tiphys.compile.triggers.due import LAST_USED_SCHEDULE
from tiphys.compile.triggers.expressions import CronFault, may_run, must_stop
from tiphys.compile.triggers.outcome import (
    COMPLETED_LABEL,
    Outcome,
    is_noted,
    noted,
    spec_error,
    submission_error,
)
from tiphys.expr.values import Context
from tiphys.model.codec import encode

NOW = Context(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
ACTIVE = {"name": "nightly-1", "namespace": "team", "uid": "w1"}
CHILD = {"name": "nightly-2", "namespace": "team", "uid": "w2"}


def conditions(subject):
    return [(item.type, item.status, item.message) for item in subject.status.conditions or ()]


# ---------------------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (cron(suspend=True), "spec.suspend is true"),
        (cron(status={"phase": "Stopped"}), "status.phase is Stopped"),
        (cron(when="1 == 2"), "`when` is false"),
        (
            cron(concurrencyPolicy="Forbid", status={"active": [ACTIVE]}),
            "concurrencyPolicy is Forbid and nightly-1 is active",
        ),
        (
            cron(stopStrategy={"expression": "cronworkflow.failed >= 3"}, status={"failed": 3}),
            "stopStrategy.expression is true",
        ),
    ],
)
def test_why_nothing_is_submitted(subject, reason):
    decision = decide(subject, "", NOW)
    assert (decision.kind, decision.reason) == ("Skipped", reason)


@pytest.mark.parametrize(
    ("subject", "replaced"),
    [
        (cron(), ()),
        (cron(when="{{= cronworkflow.lastScheduledTime == nil }}"), ()),
        (cron(concurrencyPolicy="Allow", status={"active": [ACTIVE]}), ()),
        (cron(concurrencyPolicy="Forbid"), ()),
        (cron(concurrencyPolicy="Replace", status={"active": [ACTIVE]}), (ACTIVE,)),
        (cron(stopStrategy={"expression": "cronworkflow.failed >= 3"}), ()),
    ],
)
def test_when_a_workflow_is_submitted_and_what_it_replaces(subject, replaced):
    assert decide(subject, "", NOW) == Submit(replaced)


def test_a_document_that_is_wrong_is_refused_before_all_else():
    assert decide(cron(suspend=True), "no good", NOW) == spec_error("no good")


def test_a_stop_expression_that_fails_is_a_spec_error():
    decision = decide(cron(stopStrategy={"expression": "failed >= 3"}), "", NOW)
    assert decision.condition == "SpecError"
    assert decision.message.startswith(
        "failed to check CronWorkflow 'nightly' stopping condition: failed to evaluate stop "
        "expression: unknown name failed"
    )


def test_a_when_that_fails_counts_as_a_failed_run():
    decision = decide(cron(when="cw == cw", status={"failed": 4}), "", NOW)
    assert decision.condition == "SubmissionError"
    assert decision.message == "run policy error: No parameter 'cw' found."
    assert decision.failed == 5


def test_a_suspended_cron_still_comes_to_its_end():
    subject = cron(suspend=True, stopStrategy={"expression": "true"})
    assert noted(subject, 60, decide(subject, "", NOW)).status.phase == "Stopped"


# -------------------------------------------------------------------------------- expressions

LAST = {"lastScheduledTime": "2026-01-31T11:55:00Z", "failed": 1, "succeeded": 2}
LABELLED = {"labels": {"team": "x"}, "annotations": {"a": "b"}}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("'{{cronworkflow.name}}' == 'nightly'", True),
        ("'{{cronworkflow.namespace}}' == 'team'", True),
        ("{{= cronworkflow.failed < 3 }}", True),
        ("{{= cronworkflow.succeeded == 2 }}", True),
        ("{{= now().Hour() < 12 }}", False),
        ("{{= (now() - cronworkflow.lastScheduledTime).Seconds() > 360 }}", False),
        ("{{= (now() - cronworkflow.lastScheduledTime).Seconds() > 200 }}", True),
        ("'{{= cronworkflow.labels.json }}' == 'eyJ0ZWFtIjoieCJ9'", True),
    ],
)
def test_what_when_knows(when, expected):
    assert may_run(cron(when=when, status=LAST, metadata=LABELLED), NOW) is expected


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("{{cronworkflow.failed}} > 1", "failed to resolve {{cronworkflow.failed}} to string"),
        (
            "{{= cronworkflow.labels.team == 'x' }}",
            "failed to evaluate expression: cronworkflow.labels.team is missing",
        ),
        ("cw == cw", "No parameter 'cw' found."),
    ],
)
def test_what_when_does_not_know(when, error):
    with pytest.raises(CronFault) as caught:
        may_run(cron(when=when, status=LAST, metadata=LABELLED), NOW)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cronworkflow.failed >= 3", False),
        ("cronworkflow.labels.team == 'x' && cronworkflow.succeeded > 0", True),
        ("cronworkflow.annotations.team == 'x'", True),
        ("cronworkflow['labels.json'] != nil", True),
        ("cronworkflow.lastScheduledTime == nil", False),
        ("cronworkflow.lastScheduledTime.Year() == 2026", True),
    ],
)
def test_what_a_stop_expression_knows(expression, expected):
    subject = cron(stopStrategy={"expression": expression}, status=LAST, metadata=LABELLED)
    assert must_stop(subject, NOW) is expected


def test_a_cron_that_never_ran_has_no_last_time():
    subject = cron(stopStrategy={"expression": "cronworkflow.lastScheduledTime == nil"})
    assert must_stop(subject, NOW)


# ----------------------------------------------------------------------------------- children


def test_the_workflow_of_a_due_time():
    subject = cron(
        metadata={
            "labels": {
                "workflows.argoproj.io/creator": "ann",
                "workflows.argoproj.io/controller-instanceid": "i",
                "other": "label",
            },
            "annotations": {"other": "annotation"},
        },
        workflowMetadata={
            "labels": {"a": "b"},
            "annotations": {"c": "d"},
            "finalizers": ["f/g"],
            "name": "ignored",
        },
    )
    child = encode(scheduled_child(subject, 1705280400))
    assert child["metadata"] == {
        "name": "nightly-1705280400",
        "namespace": "team",
        "labels": {
            "workflows.argoproj.io/cron-workflow": "nightly",
            "workflows.argoproj.io/creator": "ann",
            "workflows.argoproj.io/controller-instanceid": "i",
            "a": "b",
        },
        "annotations": {
            "workflows.argoproj.io/scheduled-time": "2024-01-15T01:00:00Z",
            "c": "d",
        },
        "finalizers": ["f/g"],
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "CronWorkflow",
                "name": "nightly",
                "uid": "u1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert child["spec"] == encode(subject)["spec"]["workflowSpec"]


def test_a_workflow_made_by_hand_gets_a_name_of_its_own_and_no_creator():
    subject = cron(metadata={"labels": {"workflows.argoproj.io/creator": "ann"}})
    metadata = manual_child(subject, 60.5).metadata
    assert (metadata.name, metadata.generate_name) == ("", "nightly-")
    assert "workflows.argoproj.io/creator" not in metadata.labels
    assert metadata.annotations["workflows.argoproj.io/scheduled-time"] == "1970-01-01T00:01:00Z"
    assert is_child(metadata, "u1")
    assert not is_child(metadata, "u2")


# ------------------------------------------------------------------------------------ outcome


def test_a_submission_is_noted():
    before = cron(status={"conditions": [{"type": "SubmissionError", "status": "True"}]})
    after = noted(before, 120, Outcome(kind="Submitted", child=CHILD))
    assert encode(after.status) == {
        "active": [CHILD],
        "lastScheduledTime": "1970-01-01T00:02:00Z",
        "conditions": None,
        "succeeded": 0,
        "failed": 0,
        "phase": "Active",
    }
    assert after.metadata.annotations[LAST_USED_SCHEDULE] == "0 2 * * *"


def test_a_late_note_does_not_turn_the_last_time_back():
    outcome = Outcome(kind="Submitted", child=CHILD)
    after = noted(cron(status={"lastScheduledTime": "1970-01-01T00:05:00Z"}), 120, outcome)
    assert after.status.last_scheduled_time == "1970-01-01T00:05:00Z"


def test_an_error_of_the_spec_is_a_condition_that_goes_when_it_is_mended():
    wrong = noted(cron(), 60, spec_error("first"))
    wrong = noted(wrong, 120, spec_error("second"))
    assert conditions(wrong) == [("SpecError", "True", "second")]
    assert wrong.status.failed == 0
    assert conditions(noted(wrong, 180, Outcome(kind="Skipped"))) == []


def test_a_failed_submission_counts_as_a_failed_run():
    after = noted(cron(status={"failed": 1}), 60, submission_error(cron(), "no"))
    assert conditions(after) == [("SubmissionError", "True", "no")]
    assert after.status.failed == 2


def test_the_end_is_noted_in_phase_and_label():
    after = noted(cron(), 60, Outcome(kind="Skipped", stops=True))
    assert (after.status.phase, after.metadata.labels) == ("Stopped", {COMPLETED_LABEL: "true"})


def test_what_was_missed_changes_nothing():
    assert noted(cron(), 60, Outcome(kind="Missed")) == cron()


@given(
    failed=st.integers(0, 5),
    at=st.integers(0, 10_000).map(lambda minutes: minutes * 60),
    kind=st.sampled_from(["skip", "stop", "spec", "submission", "child"]),
)
def test_what_is_noted_is_known_to_be_or_changes_nothing_again(failed, at, kind):
    subject = cron(status={"failed": failed})
    outcome = {
        "skip": Outcome(kind="Skipped"),
        "stop": Outcome(kind="Skipped", stops=True),
        "spec": spec_error("a"),
        "submission": submission_error(subject, "a"),
        "child": Outcome(kind="Submitted", child=CHILD),
    }[kind]
    kept = msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome)
    assert kept == outcome
    assert not is_noted(subject, at, outcome)
    once = noted(subject, at, outcome)
    assert is_noted(once, at, outcome) or noted(once, at, outcome) == once
