"""What nodes that stand for others show: the sums over the distinct nodes below, and fast."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tiphys.engine import totals
from tiphys.engine.totals import add_totals

EXECUTABLE = ("Pod", "Suspend", "HTTP")
GROUPS = ("StepGroup", "Retry", "DAG", "TaskGroup")


def plain(nodes: dict[str, Any], key: str) -> set[str]:
    """Return the nodes below one, by looking everywhere."""
    seen: set[str] = set()
    work = [*nodes[key]["children"]]
    while work:
        below = work.pop()
        if below not in seen:
            seen.add(below)
            work += nodes[below]["children"]
    return seen


def some_graph(seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    size = chance.randrange(1, 40)
    nodes: dict[str, Any] = {}
    for index in range(size):
        kind = chance.choice(EXECUTABLE + GROUPS)
        later = [str(other) for other in range(index + 1, size)]
        node = {
            "type": kind,
            "phase": chance.choice(("Succeeded", "Running", "Failed")),
            "children": chance.sample(later, min(len(later), chance.randrange(4))),
        }
        if kind in EXECUTABLE:
            node["progress"] = chance.choice(("0/1", "1/1", "3/7", "broken"))
        if kind == "Pod":
            node["resourcesDuration"] = {"cpu": chance.randrange(9), "memory": 1}
        nodes[str(index)] = node
    keys = list(nodes)
    chance.shuffle(keys)
    return {key: nodes[key] for key in keys}


@pytest.mark.parametrize("seed", range(200))
def test_the_sums_are_those_over_the_distinct_nodes_below(seed: int) -> None:
    nodes, told = some_graph(seed), some_graph(seed)
    add_totals(told)
    for key, node in nodes.items():
        below = [nodes[other] for other in plain(nodes, key)]
        valid = [n["progress"] for n in below if n.get("progress", "broken") != "broken"]
        done = sum(int(text.split("/")[0]) for text in valid)
        units = sum(int(text.split("/")[1]) for text in valid)
        used = [n["resourcesDuration"] for n in below if n["type"] == "Pod"]
        if node["type"] in GROUPS:
            assert told[key].get("progress") == (f"{done}/{units}" if units else None)
        if node["type"] != "Pod" and node["phase"] != "Running":
            cpu = sum(item["cpu"] for item in used)
            found = told[key].get("resourcesDuration")
            assert found == ({"cpu": cpu, "memory": len(used)} if used else None)
        elif node["type"] != "Pod":
            assert "resourcesDuration" not in told[key]


def pod(*children: str) -> dict[str, Any]:
    return {"type": "Pod", "phase": "Succeeded", "progress": "1/1", "children": children}


def test_a_long_chain_of_groups_takes_as_long_as_it_is() -> None:
    # given: steps [0], [1], ... each with four pods, all of which lead on to the next group
    nodes: dict[str, Any] = {}
    for group in range(20_000):
        pods = [f"{group}.{index}" for index in range(4)]
        nodes[str(group)] = {"type": "StepGroup", "phase": "Succeeded", "children": pods}
        after = (str(group + 1),) if group < 19_999 else ()
        nodes.update({key: pod(*after) for key in pods})
    # when
    begun = time.process_time()
    add_totals(nodes)
    # then
    assert nodes["0"]["progress"] == "80000/80000"
    assert nodes["19998"]["progress"] == "8/8"
    assert time.process_time() - begun < 10


def test_a_graph_that_is_too_woven_is_left_without_some_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: layers of retries in which each leads on to all of the next layer
    monkeypatch.setattr(totals, "_MOST_VISITS", 500)
    nodes: dict[str, Any] = {}
    for layer in range(20):
        after = tuple(f"{layer + 1}.{index}" for index in range(5)) if layer < 19 else ()
        for index in range(5):
            key = f"{layer}.{index}"
            nodes[key] = {"type": "Retry", "phase": "Succeeded", "children": [f"{key}(0)"]}
            nodes[f"{key}(0)"] = pod(*after)
    # when
    add_totals(nodes)
    # then
    assert nodes["19.0"]["progress"] == "1/1"
    assert "progress" not in nodes["0.0"]
