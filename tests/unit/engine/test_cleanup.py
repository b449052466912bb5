"""What is deleted when, as a table."""

from __future__ import annotations

import pytest

from tiphys.engine.cleanup import (
    Deadlines,
    Ended,
    Kept,
    deadlines,
    is_archived,
    keeps_claims,
    surplus,
)
from tiphys.expr.labels import parse_labels
from tiphys.program import CleanUp

ALL = CleanUp(after_success=10, after_failure=20, after_completion=30)


@pytest.mark.parametrize(
    ("rule", "phase", "expires"),
    [
        (ALL, "Succeeded", 111),
        (ALL, "Failed", 121),
        (ALL, "Error", 131),
        (CleanUp(after_completion=30), "Succeeded", 131),
        (CleanUp(after_completion=0), "Failed", 101),
        (CleanUp(after_success=10, after_failure=20), "Error", None),
        (CleanUp(after_success=10), "Failed", None),
        (CleanUp(), "Succeeded", None),
    ],
)
def test_a_workflow_lives_as_long_as_the_rule_of_its_phase_says(
    rule: CleanUp, phase: str, expires: float | None
) -> None:
    assert deadlines(rule, phase, 100.0) == Deadlines(expires, None)


@pytest.mark.parametrize(
    ("strategy", "succeeded", "failed"),
    [
        ("", False, False),
        ("OnPodCompletion", True, True),
        ("OnPodSuccess", True, True),
        ("OnWorkflowCompletion", True, True),
        ("OnWorkflowSuccess", True, False),
    ],
)
def test_pods_are_due_after_a_delay_if_their_strategy_applies(
    strategy: str, succeeded: bool, failed: bool
) -> None:
    rule = CleanUp(pods=strategy, pod_delay=7)
    for phase, due in (("Succeeded", succeeded), ("Failed", failed), ("Error", failed)):
        assert deadlines(rule, phase, 100.0).pods_at == (107 if due else None)


def test_claims_go_with_a_success_or_with_any_end() -> None:
    rules = CleanUp(), CleanUp(claims_on_completion=True)
    kept = {p: tuple(keeps_claims(rule, p) for rule in rules) for p in ("Running", "Failed")}
    assert kept == {"Running": (True, True), "Failed": (True, False)}
    assert not any(keeps_claims(rule, "Succeeded") for rule in rules)


def test_the_newest_of_each_phase_are_kept() -> None:
    ended = [Ended(f"s{at}", "Succeeded", at) for at in (3, 1, 2)]
    ended += [Ended(f"f{at}", "Failed", at) for at in (1, 2)]
    ended += [Ended("e1", "Error", 1)]
    assert surplus(ended, Kept(completed=1, failed=0)) == ["f1", "s1", "f2", "s2"]
    assert surplus(ended, Kept()) == []
    assert surplus(ended, Kept(errored=0)) == ["e1"]


def test_the_archive_takes_what_its_selector_matches() -> None:
    assert is_archived(None, {})
    selector = parse_labels("keep=yes")
    assert is_archived(selector, {"keep": "yes"})
    assert not is_archived(selector, {})
