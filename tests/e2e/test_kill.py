"""An engine killed at any moment: every run ends as if nothing had happened."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.driver import Home, Result, finish, kill, until
from tests.e2e.workflows import given, inputs, shell, workflow

from tiphys.messages import JobSettled, NodeAdded, NodeDone, RunDone
from tiphys.runtime import sandbox

RUNS = 20
KILLS = 3
AT_ONCE = 4
RESTARTS = ("wait", "watch", "resume")


def all_kinds(name: str, effects: Path, fails: bool) -> dict[str, Any]:
    """Fan-out, results, an artifact, a pause, a retried step, a chain and an exit handler.

    Every job writes its node's id to standard output's log, and, where it can, to `effects`.
    """
    mark = f'echo "$ARGO_NODE_ID" >&2; echo "$ARGO_NODE_ID" >> {effects} 2> /dev/null || true\n'
    tasks: list[dict[str, Any]] = [
        {
            "name": "spread",
            "template": "spread",
            "arguments": given(number="{{item}}"),
            "withSequence": {"count": "4"},
        },
        {
            "name": "gather",
            "template": "gather",
            "depends": "spread",
            "arguments": given(figures="{{tasks.spread.outputs.result}}"),
        },
        {"name": "pause", "template": "pause", "depends": "spread"},
        {
            "name": "again",
            "template": "again",
            "depends": "gather && pause",
            "arguments": {
                "artifacts": [{"name": "book", "from": "{{tasks.gather.outputs.artifacts.book}}"}]
            },
        },
        {"name": "last", "template": "last", "depends": "again"},
    ]
    book = {"name": "book", "path": "/tmp/book"}
    total = {"name": "total", "valueFrom": {"path": "/tmp/total"}, "globalName": "total"}
    return workflow(
        name,
        {"name": "main", "dag": {"tasks": tasks}},
        shell(
            "spread",
            f"{mark}sleep 0.2; expr {{{{inputs.parameters.number}}}} + 1",
            inputs=inputs("number"),
        ),
        shell(
            "gather",
            f"{mark}sleep 0.15; echo '{{{{inputs.parameters.figures}}}}' > /tmp/book",
            inputs=inputs("figures"),
            outputs={"artifacts": [book]},
        ),
        {"name": "pause", "suspend": {"duration": "0.5s"}},
        shell(
            "again",
            f"{mark}sleep 0.15; test '{{{{retries}}}}' = 1 && tr -dc 0-9 < /tmp/book > /tmp/total",
            inputs=inputs(book="/tmp/book"),
            outputs={"parameters": [total]},
            retryStrategy={"limit": "2"},
        ),
        shell("last", f"{mark}sleep 0.15; {'exit 3' if fails else 'exit 0'}"),
        shell("bye", f"{mark}echo '{{{{workflow.status}}}}'"),
        onExit="bye",
    )


class Played(NamedTuple):
    """How often a run's engine was killed, and what is wrong with the run."""

    killed: int
    problems: list[str]


def play(home: Home, seed: int) -> Played:
    """Run one workflow, killing its engine now and then."""
    chance = random.Random(seed)
    name, effects, fails = f"w{seed}", home.path / "effects", seed % 5 == 4
    file = home.file("workflow.json", all_kinds(name, effects, fails))
    if seed % 2:
        home.submit(file)
    else:
        home.start("run", file)
    killed = 0
    for _ in range(KILLS):
        least = home.commits(name) + chance.randrange(1, 10)
        killed += kill_engines(home, name, least, chance.uniform(0, 0.1))
        restart(home, name, chance.choice(RESTARTS))
    result = home.run("wait", name)
    found = problems(home, name, result, fails)
    return Played(killed, found)


def kill_engines(home: Home, name: str, least: int, later: float) -> int:
    """Kill what drives a run, some time after its journal has come to a point; tell how many."""
    until(
        lambda: home.is_done(name) or (home.commits(name) >= least and home.engines()),
        f"{name} is driven to {least}",
    )
    moment = time.monotonic() + later
    until(lambda: home.is_done(name) or time.monotonic() >= moment, "a random moment")
    engines = [] if home.is_done(name) else home.engines()
    for pid in engines:
        kill(pid)
    return len(engines)


def restart(home: Home, name: str, verb: str) -> None:
    """Have somebody look after the workflow again."""
    if verb == "resume":
        result = home.run(verb, name)
        assert result.code == 0 or home.is_done(name), result
    else:
        home.start(verb, name)


def problems(home: Home, name: str, waited: Result, fails: bool) -> list[str]:
    """Return in what a run differs from one whose engine nobody killed."""
    found = []
    verdict = "Failed" if fails else "Succeeded"
    if waited.code != int(fails) or f"{name} {verdict} at " not in waited.out:
        said = {key: node["message"] for key, node in home.nodes(name).items() if "message" in node}
        found.append(f"verdict: {waited}, {said}")
    nodes = home.nodes(name)
    jobs = sorted(node["id"] for node in nodes.values() if node["type"] == "Pod")
    if len(jobs) != 4 + 1 + 2 + 1 + 1:
        found.append(f"jobs: {sorted(nodes)}")
    found += effects_of(home, name, jobs)
    found += recorded_twice(home, name)
    again = nodes.get("again(1)", {}).get("outputs", {}).get("parameters", [{}])
    if again[0].get("value") != "1234":
        found.append(f"outputs: {again}")
    if f"{name}.onExit" not in nodes:
        found.append("no exit handler")
    until(lambda: not home.processes(), f"all that belongs to {name} ends")
    return found


def effects_of(home: Home, name: str, jobs: Sequence[str]) -> list[str]:
    """Compare what the jobs did with what they should: each of them once."""
    found = []
    effects = home.path / "effects"
    if home.runtime == "process":
        done = sorted(effects.read_text().split())
        if done != jobs:
            found.append(f"effects: {Counter(done)} but jobs {jobs}")
    logs = sorted(
        line.split(": ")[1]
        for line in home.ok("logs", name, "--no-color").splitlines()
        if line.split(": ")[1].startswith(name)
    )
    if logs != jobs:
        found.append(f"logs: {Counter(logs)} but jobs {jobs}")
    return found


def recorded_twice(home: Home, name: str) -> list[str]:
    """Return what the journal says more than once of the same node."""
    seen = Counter(
        (type(event).__name__, getattr(event, "node", getattr(event, "name", "")))
        for event in home.events(name)
        if isinstance(event, NodeAdded | NodeDone | JobSettled | RunDone)
    )
    return [f"recorded twice: {key}" for key, count in seen.items() if count > 1]


@pytest.mark.parametrize("runtime", ["process", "sandbox"])
def test_killing_the_engine_changes_nothing(tmp_path: Path, cache: Path, runtime: str) -> None:
    if runtime == "sandbox" and (why := sandbox.available()) is not None:
        pytest.skip(why)
    # given: runs of all kinds of steps, each in a home of its own
    seeds = range(RUNS // 2) if runtime == "process" else range(RUNS // 2, RUNS)
    homes = {seed: Home(tmp_path / str(seed), runtime, cache) for seed in seeds}
    try:
        # when: their engines are killed at random moments and others take over
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = dict(zip(homes, pool.map(play, homes.values(), homes), strict=True))
    finally:
        for home in homes.values():
            home.close()
    # then: every run ends as it would have, and nothing was done or recorded twice
    assert {seed: played.problems for seed, played in said.items() if played.problems} == {}
    assert sum(played.killed for played in said.values()) >= len(homes)


def test_a_run_of_a_dead_process_goes_on_when_somebody_waits(each_home: Home) -> None:
    home = each_home
    # given: `tiphys run` is killed while a step of two runs
    gate = home.path / "gate"
    home.file("open", "")
    slow = workflow(
        "slow",
        {
            "name": "main",
            "steps": [[{"name": "a", "template": "a"}], [{"name": "b", "template": "b"}]],
        },
        shell("a", "sleep 0.5; echo a"),
        shell("b", "echo b"),
    )
    process = home.start("run", home.file("slow.json", slow))
    until(lambda: home.nodes("slow").get("a", {}).get("phase") == "Running", "a runs")
    process.kill()
    finish(process)
    assert not gate.exists()
    # when
    result = home.run("wait", "slow")
    # then
    assert result.code == 0, result
    assert home.ok("logs", "slow", "--no-color").split("\n")[0].endswith(": a")
    assert {node["phase"] for node in home.nodes("slow").values()} == {"Succeeded"}
