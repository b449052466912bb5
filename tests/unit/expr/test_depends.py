import pytest

from tiphys.expr.depends import (
    ContinueFlags,
    ancestry,
    from_dependencies,
    invalid_result,
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
    assert invalid_result("a.Bogus") == "task result 'Bogus' for task 'a' is invalid"
    assert invalid_result("a.Failed") is None


def test_ancestry_survives_a_cycle():
    assert ancestry("a", {"a": ["b"], "b": ["a"]}) == ["a", "b"]
