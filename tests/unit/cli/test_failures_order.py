"""What a failed run says at its end, and the order in which logs are shown."""

from __future__ import annotations

from typing import Any

from tests.unit.cli.samples import WORKFLOW, etl, node

from tiphys.cli.render.failures import failure_lines
from tiphys.service.order import in_order


def of(*nodes: dict[str, Any], phase: str = "Failed") -> dict[str, Any]:
    return {
        "metadata": {"name": WORKFLOW},
        "status": {"phase": phase, "nodes": {item["id"]: item for item in nodes}},
    }


def test_each_node_that_failed_by_itself_has_a_line() -> None:
    attempt = f"{WORKFLOW}[1].load(1:b)"
    assert failure_lines(etl()) == [
        f"{attempt}(0)  Failed  Error (exit code 1)",
        f"{attempt}(1)  Failed  Error (exit code 1)",
        f"see `tiphys logs {WORKFLOW}`",
    ]


def test_messages_are_whole_and_on_one_line() -> None:
    pod = node(WORKFLOW, "Pod", "Error", took=1, message="a\n  b " + "c" * 300)
    assert failure_lines(of(pod))[0] == f"{WORKFLOW}  Error  a b " + "c" * 300


def test_ten_lines_are_enough() -> None:
    steps = node(WORKFLOW, "Steps", "Failed", took=1, message="child failed")
    pods = [node(f"p{n:02}", "Pod", "Failed", took=1, boundary=WORKFLOW) for n in range(13)]
    lines = failure_lines(of(steps, *pods))
    assert lines[:2] == ["p00  Failed", "p01  Failed"]
    assert lines[10:] == ["and 3 more", f"see `tiphys logs {WORKFLOW}`"]


def test_what_holds_others_speaks_when_it_failed_by_itself() -> None:
    steps = node(WORKFLOW, "Steps", "Error", took=1, message="child", children=["g"])
    group = node("g", "StepGroup", "Error", took=1, message="no variable x", boundary=WORKFLOW)
    assert failure_lines(of(steps, group))[0] == "g  Error  no variable x"


def test_attempts_that_were_made_good_and_success_are_not_mentioned() -> None:
    retry = node("r", "Retry", "Succeeded", took=1, children=["r(0)", "r(1)"])
    first = node("r(0)", "Pod", "Failed", took=1, message="once")
    other = node("o", "Pod", "Failed", took=1, message="bad")
    assert failure_lines(of(retry, first, other))[0] == "o  Failed  bad"
    assert failure_lines(of(retry, first, phase="Succeeded")) == []


def test_a_workflow_without_nodes_has_its_own_message() -> None:
    workflow = of()
    workflow["status"]["message"] = "it was\nrefused"
    assert failure_lines(workflow)[0] == f"{WORKFLOW}: it was refused"


def test_within_a_second_what_depends_comes_later() -> None:
    # a diamond whose names are the wrong way round; d also hangs on a directly, e on nothing else
    root = node(WORKFLOW, "DAG", "Succeeded", took=0, children=["z"])
    links = {"z": ["a", "m"], "m": ["k"], "k": ["a"], "a": [], f"{WORKFLOW}.onExit": []}
    pods = [node(name, "Pod", "Succeeded", took=0, children=to) for name, to in links.items()]
    nodes = sorted([root, *pods], key=lambda item: item["name"])
    names = [item["name"] for item in in_order(of(*nodes))]
    assert names == [WORKFLOW, "z", "m", "k", "a", f"{WORKFLOW}.onExit"]


def test_dates_go_before_the_graph() -> None:
    root = node(WORKFLOW, "Steps", "Running", children=["a", "b", "c"])
    a = node("a", "Pod", "Running")
    b = node("b", "Pod", "Succeeded", took=2)
    c = node("c", "Pod", "Succeeded", took=1)
    names = [item["name"] for item in in_order(of(root, a, b, c))]
    assert names == ["c", "b", WORKFLOW, "a"]


def test_a_circle_does_no_harm() -> None:
    root = node(WORKFLOW, "Steps", "Succeeded", took=0, children=["a"])
    a = node("a", "Pod", "Succeeded", took=0, children=["b"])
    b = node("b", "Pod", "Succeeded", took=0, children=["a"])
    assert len(in_order(of(root, a, b))) == 3
