"""Several engines on one home: each run has one of them at a time."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.e2e.driver import Home, finish, until
from tests.e2e.workflows import shell, workflow

from tiphys.messages import NodeDone


def marked(name: str, effects: Path) -> dict[str, object]:
    """A workflow whose jobs leave a line each."""
    loop = {"name": "all", "template": "mark", "withSequence": {"count": "6"}}
    return workflow(
        name,
        {"name": "main", "steps": [[loop], [{"name": "end", "template": "mark"}]]},
        shell("mark", f'echo "$ARGO_NODE_ID" >> {effects}; sleep 0.05'),
    )


def test_two_engines_started_at_once_share_the_runs_of_a_home(home: Home) -> None:
    # given: runs that nobody drives
    effects = home.path / "effects"
    names = [f"w{number}" for number in range(4)]
    blocked = home.home / "engine.lock"
    for name in names:
        home.submit(home.file(f"{name}.json", marked(name, effects)))
    # when: two background engines and two who wait are started together
    words = ("engine",), ("engine",), ("wait", *names), ("wait", *reversed(names))
    results = [finish(process) for process in [home.start(*word) for word in words]]
    # then
    assert [result.code for result in results] == [0, 0, 0, 0], results
    jobs = [
        node["id"] for name in names for node in home.nodes(name).values() if node["type"] == "Pod"
    ]
    assert Counter(effects.read_text().split()) == Counter(jobs)
    assert len(jobs) == 4 * 7
    assert blocked.exists()


def test_a_run_is_driven_by_the_process_that_began_it(home: Home) -> None:
    # given: `tiphys run` drives a workflow
    effects = home.path / "effects"
    process = home.start("run", home.file("w.json", marked("w", effects)))
    until(lambda: home.commits("w") > 3, "it runs")
    owner = home.rows("SELECT owner, epoch FROM runs")
    # when: a background engine looks for work meanwhile
    home.ok("engine")
    # then: the run stays where it is, and ends there
    assert home.rows("SELECT epoch FROM runs") == [(owner[0][1],)]
    assert finish(process).code == 0
    ended = [event.node for event in home.events("w") if isinstance(event, NodeDone)]
    assert max(Counter(ended).values()) == 1


def test_files_of_engines_that_were_killed_are_swept_away(home: Home) -> None:
    # given
    gate = shell("wait", "sleep 30")
    process = home.start("run", home.file("w.json", workflow("w", gate)))
    until(lambda: home.nodes("w").get("w", {}).get("phase") == "Running", "it runs")
    process.kill()
    finish(process)
    assert len(list((home.home / "engines").iterdir())) == 1
    # when
    home.ok("terminate", "w")
    result = home.run("wait", "w")
    # then
    assert (result.code, "w Failed at" in result.out) == (1, True)
    until(lambda: not home.engines(), "the engine ends")
    assert list((home.home / "engines").iterdir()) == []


def test_an_engine_ends_when_its_home_is_deleted(home: Home) -> None:
    # given: a run that waits for somebody, kept by a background engine
    home.submit(home.file("w.json", workflow("w", {"name": "main", "suspend": {}})))
    until(lambda: home.nodes("w").get("w", {}).get("phase") == "Running", "it runs")
    assert home.engines()
    # when
    shutil.rmtree(home.home)
    # then
    until(lambda: not home.engines(), "the engine ends")
