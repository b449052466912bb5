import itertools

import pytest

from tiphys.expr.depends import (
    ContinueFlags,
    ancestry,
    from_dependencies,
    invalid_results,
    parse_depends,
    task_results,
)
from tiphys.expr.errors import DependsError, UnknownTask

FLAGS = {name: ContinueFlags() for name in ("a", "b", "my-task")}


def test_a_bare_name_expands_to_what_counts_as_done():
    assert parse_depends("a", FLAGS).logic == "(a.Succeeded || a.Skipped || a.Daemoned)"


def test_continue_on_widens_the_expansion():
    flags = {"a": ContinueFlags(error=True, failed=True)}
    assert parse_depends("a", flags).logic.endswith("|| a.Errored || a.Failed)")


def test_names_with_hyphens_are_evaluated():
    condition = parse_depends("my-task.Failed && !b.Succeeded", FLAGS)
    states = {"my-task": task_results("Failed"), "b": task_results("Skipped")}
    assert condition.evaluate(states) is True
    assert list(condition.dependencies) == ["my-task", "b"]


def test_an_items_dependency_is_told_apart():
    assert parse_depends("a.AnySucceeded", FLAGS).dependencies == {"a": "items"}


def test_dependencies_must_all_hold():
    condition = from_dependencies(["a", "b"], FLAGS)
    states = {"a": task_results("Succeeded"), "b": task_results("Failed")}
    assert condition.evaluate(states) is False


def test_an_unknown_name_is_named():
    with pytest.raises(UnknownTask, match="zz"):
        parse_depends("a && zz", FLAGS)


def test_a_broken_text_fails_when_evaluated():
    with pytest.raises(DependsError, match="unable to evaluate expression"):
        parse_depends("a &&", FLAGS).evaluate({"a": task_results("Succeeded")})


def test_unknown_results_are_found():
    assert [*invalid_results("a.Bogus && b.Failed || c.Off")] == [
        "task result 'Bogus' for task 'a' is invalid",
        "task result 'Off' for task 'c' is invalid",
    ]


def test_ancestry_survives_a_cycle():
    assert ancestry("a", {"a": ["b"], "b": ["a"]}) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a && b",
        "!a.Failed || (b.Skipped && my-task)",
        "a.AnySucceeded || my-task.AllFailed && !b",
        "(a.Succeeded || b.Errored) && !(my-task.Daemoned || b.Omitted)",
    ],
)
def test_operands_by_themselves_say_what_the_whole_text_says(text):
    condition = parse_depends(text, FLAGS)
    outcomes = [
        task_results("Succeeded", children=["Succeeded", "Failed"]),
        task_results("Failed", children=["Failed"]),
        task_results("Error"),
        task_results("Skipped"),
        task_results("Omitted"),
        task_results("Running", daemoned=True),
    ]
    for states in itertools.product(outcomes, repeat=3):
        known = dict(zip(FLAGS, states, strict=True))
        assert condition.evaluate(known) is condition._evaluate(known)


def test_a_result_that_does_not_exist_is_the_error_it_is_in_the_whole_text():
    condition = parse_depends("b || a.Bogus", FLAGS)
    states = {"a": task_results("Failed"), "b": task_results("Failed")}
    with pytest.raises(DependsError, match="unable to evaluate expression"):
        condition.evaluate(states)


def test_what_is_listed_is_what_is_written_with_and():
    listed, written = (
        from_dependencies(["a", "my-task"], FLAGS),
        parse_depends("a && my-task", FLAGS),
    )
    assert listed == written
