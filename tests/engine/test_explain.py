"""Every decision and every wait has its sentence: golden pages of what the engine decided."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from tests.engine import scenario
from tests.engine.test_retry import (
    STEPS,
    Fickle,
    Main,
    ended,
    go_on,
    job,
    retried,
    taken_over,
    text_of,
)

from tiphys.cli.render.story import render_story
from tiphys.engine.clock import rfc3339
from tiphys.engine.explain.history import subject_of, tell
from tiphys.engine.explain.waits import of_children, of_node, waits
from tiphys.engine.run import Run
from tiphys.errors import NotFound, UserError
from tiphys.messages import (
    Answered,
    Awaited,
    Began,
    Blocked,
    Event,
    Input,
    JobLost,
    JobReported,
    JobWaiting,
    Refused,
    RetryRequested,
    TimerFired,
)
from tiphys.model.ids import NodeId, node_id
from tiphys.service.explain import explain
from tiphys.testing.drive import BEGINNING, Driver

PAGES = Path(__file__).parent / "explanations.yaml"
HERE = "here"
QUIET = {"MetricObserved", "NodeProgressed", "NodeSettled"}
"""Events that decide nothing a person asks for."""


def cases() -> list[Any]:
    items = yaml.safe_load(PAGES.read_text(encoding="utf-8"))
    return [pytest.param(item, id=item["claim"]) for item in items]


def driven(item: dict[str, Any]) -> Driver:
    """Return a scenario's run at its end, or as it is after `until` seconds."""
    driver = scenario.prepared(item)
    if "until" in item:
        driver.world.at(BEGINNING + item["until"], TimerFired(at=0.0, timer=HERE))
    driver.begin()
    while (found := driver.world.next()) is not None and not driver.run.state.done:
        if isinstance(found, TimerFired) and found.timer == HERE:
            break
        driver.take(found)
    return driver


def page_of(driver: Driver, node: str = "") -> str:
    """Return a page, with the seconds after the beginning in the place of times."""
    page = render_story(msgspec.to_builtins(explain(driver.log, node)))
    for seconds in range(2000):
        page = page.replace(rfc3339(BEGINNING + seconds), f"T+{seconds}")
    return page


@pytest.mark.parametrize("item", cases())
def test_a_page_says_why(item: dict[str, Any]) -> None:
    driver = driven(item)
    for node, page in item["pages"].items():
        assert page_of(driver, node) == page


# ---------------------------------------------------------------- what the world has to say


def steps(*templates: str, **spec: Any) -> dict[str, Any]:
    """Return a scenario whose steps `s0`, `s1`, ... run at once."""
    row = [{"name": f"s{number}", "template": name} for number, name in enumerate(templates)]
    own = spec.pop("templates", [])
    return {"spec": {"templates": [*own, {"name": "main", "steps": [row]}], **spec}}


def begun(item: dict[str, Any], *inputs: Input) -> Driver:
    """Return a run that was told these inputs and nothing else."""
    driver = scenario.prepared(item)
    for told in (Began(at=BEGINNING), *inputs):
        driver.log += driver.run.handle(told).events
    return driver


def blocked() -> Driver:
    """Return a run of which a node waits for a lock that another workflow holds."""
    mutex = {"synchronization": {"mutexes": [{"name": "m"}]}}
    item = steps("l", templates=[{"name": "l", "container": {"image": "x"}, **mutex}])
    key = node_id("w", "w[0].s0")
    by = (Blocked("default/Mutex/m", "mutex", ("default/other",)),)
    answer = Awaited("Waiting for default/Mutex/m lock. Lock status: 0/1", "m", by)
    return begun(item, Answered(at=BEGINNING + 4, question=f"lock:{key}", answer=answer))


def test_a_lock_that_cannot_be_had_names_its_holders() -> None:
    driver = blocked()
    assert page_of(driver, "s0").splitlines()[1:] == [
        "waits now:",
        "  waits for mutex default/Mutex/m, held by default/other",
        "story:",
        "  T+0  added as step s0 of group [0]; before its work it waits for its locks",
        "  T+0  asks for mutex default/Mutex/m",
        "  T+4  Waiting for default/Mutex/m lock. Lock status: 0/1",
    ]
    assert explain(driver.log).waits[0].names == ("default/other",)


def test_a_workflow_that_has_not_begun_says_what_for() -> None:
    whole = steps("ok", synchronization={"mutexes": [{"name": "m"}]})
    by = (Blocked("default/Mutex/m", "mutex", ("default/other",)),)
    waiting = Answered(BEGINNING + 4, "lock", Awaited("Waiting for m", "m", by))
    assert page_of(begun(whole, waiting)).splitlines() == [
        "workflow w: Pending, Waiting for m",
        "waits now:",
        "  the workflow  waits for mutex default/Mutex/m, held by default/other",
        "story:",
        "  T+0  admitted",
        "  T+0  asks for mutex default/Mutex/m",
        "  T+4  Waiting for m",
    ]
    driver = scenario.prepared(steps("ok"))
    driver.log += driver.run.handle(Began(at=BEGINNING, limited=True)).events
    assert page_of(driver).splitlines()[1:4] == [
        "waits now:",
        "  the workflow  waits for leave to begin",
        "story:",
    ]
    assert "waits for an engine to begin it" in page_of(scenario.prepared(steps("ok")))


def test_a_job_that_is_pending_says_what_its_runtime_does() -> None:
    limited = {"name": "p", "container": {"image": "x"}, "timeout": "60s"}
    item = steps("p", templates=[limited])
    key = NodeId(node_id("w", "w[0].s0"))
    quiet = begun(item)
    told = JobReported(BEGINNING + 2, JobWaiting(key, "pulling the image"))
    lost = JobReported(BEGINNING + 3, JobLost(key, BEGINNING + 3))
    assert page_of(quiet, "s0").splitlines()[2] == (
        "  its job is with the runtime, which has not started it yet; it fails if it is still "
        "Pending at T+60"
    )
    assert (
        page_of(begun(item, told), "s0")
        .splitlines()[2]
        .startswith("  its job is with the runtime: pulling the image; ")
    )
    assert page_of(begun(item, told, lost), "s0").splitlines()[1:] == [
        "story:",
        "  T+0  added as step s0 of group [0]",
        "  T+2  its job cannot start yet: pulling the image",
        "  T+3  Error, because: pod deleted",
    ]


def test_a_refused_lock_and_a_fault_are_told() -> None:
    item = steps("ok", synchronization={"mutexes": [{"name": "m"}]})
    refused = begun(item, Answered(BEGINNING, "lock", Refused("there is no such lock")))
    assert page_of(refused).splitlines()[-1] == "  T+0  Failed: there is no such lock"


def test_many_waits_and_a_long_story_fit_on_a_screen() -> None:
    naps = [{"name": f"nap-{n}", "suspend": {"duration": f"{n + 60}s"}} for n in range(30)]
    item = steps(*(str(nap["name"]) for nap in naps), "ok", templates=naps)
    item["jobs"] = {"ok": {"seconds": 100}}
    item["requests"] = [{"at": n, "op": "suspend" if n % 2 else "resume"} for n in range(30, 50)]
    item["requests"] += [{"at": 51, "op": "suspend"}]
    page = page_of(driven({**item, "until": 20}))
    assert len(page.splitlines()) <= 24
    assert "  ...      23 more reasons; see -o json\n" in page
    page = page_of(driven({**item, "until": 52}))
    assert len(page.splitlines()) <= 24
    assert "15 more; see -o json\n" in page


def test_a_long_chain_shows_its_ends() -> None:
    templates = [
        {"name": f"t{n}", "steps": [[{"name": "x", "template": f"t{n + 1}"}]]} for n in range(5)
    ]
    item = steps("t0", templates=[*templates, {"name": "t5", "container": {"image": "x"}}])
    page = page_of(driven({**item, "jobs": {"t5": {"code": 1}}}))
    chain = page.partition("because:\n")[2].partition("story:")[0].splitlines()
    assert [line.split()[0] for line in chain] == [
        *("w", "w[0]", "w[0].s0", "..."),
        *(f"w[0].s0{'[0].x' * 4}", f"w[0].s0{'[0].x' * 4}[0]", f"w[0].s0{'[0].x' * 5}"),
    ]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("w[0].s9", "workflow w has no node w[0].s9; did you mean w[0].s1, w[0].s0, w[0]?"),
        ("nothing like it", "workflow w has no node nothing like it; see `tiphys get w`"),
    ],
)
def test_an_unknown_node_is_named_with_its_neighbours(node: str, said: str) -> None:
    with pytest.raises(NotFound, match=re.escape(said)):
        explain(begun(steps("ok", "ok")).log, node)


def test_a_name_that_several_nodes_have_is_refused_with_their_full_names() -> None:
    inner = {"name": "inner", "steps": [[{"name": "a", "template": "ok"}]]}
    outer = [[{"name": "a", "template": "inner"}]]
    item = {"spec": {"templates": [inner, {"name": "main", "steps": outer}]}, "claim": ""}
    said = "several nodes are called a: w[0].a, w[0].a[0].a; give one of these"
    with pytest.raises(UserError, match=re.escape(said)):
        explain(driven(item).log, "a")


# -------------------------------------------------------------------------- going on from an end


def mended(main: Main, *others: Main, **parameters: str) -> Driver:
    """Return a run that failed, was retried and succeeded."""
    fickle = Fickle("bad")
    driver = ended(text_of(main, job("good"), job("bad"), *others), fickle)
    fickle.failing.clear()
    retried(driver, **parameters)
    go_on(driver)
    return driver


def told(driver: Driver, node: str) -> list[str]:
    """Return the story of a node without times."""
    return [line.text for line in explain(driver.log, node).story]


def test_a_retry_is_told_with_what_it_deleted_and_both_lives_of_a_node() -> None:
    assert told(mended(STEPS), "b") == [
        "added as step b of group [1]",
        "Failed, because its job ended so: main: Error (exit code 1)",
        "someone retried the workflow: 1 node deleted, 2 nodes to go on",
        "added as step b of group [1]",
        "Succeeded, because its job ended so",
    ]


def rebound() -> Driver:
    """Return a run that was retried with another parameter, which a node reads that goes on."""
    word = {"parameters": [{"name": "p", "value": "{{workflow.parameters.word}}"}]}
    inner = {
        "name": "inner",
        "inputs": {"parameters": [{"name": "p"}]},
        "dag": {"tasks": [{"name": "s", "template": "bad"}]},
    }
    when = "{{workflow.parameters.word}} == new"
    late = {"name": "late", "template": "good", "depends": "go", "when": when}
    main = {"dag": {"tasks": [{"name": "go", "template": "inner", "arguments": word}, late]}}
    return mended(main, inner, word="new")


def test_what_is_decided_after_a_retry_is_told_with_its_parameters() -> None:
    driver = rebound()
    assert told(driver, "go") == [
        "added as task go, which depends on no other",
        "Failed, because s Failed (main: Error (exit code 1))",
        "someone retried the workflow with word=`new`: 2 nodes deleted, 2 nodes to go on",
        "its inputs were resolved anew, since the workflow has other parameters",
        "Succeeded, because nothing of it is left to do",
    ]
    assert "which reads `new == new`, holds" in page_of(driver, "late")


def retried_by_ann() -> Driver:
    """Return a run that somebody had retried who is known."""
    driver = ended(text_of(STEPS, job("good"), job("bad")), Fickle("bad"))
    labels: dict[str, str | None] = {"workflows.argoproj.io/actor": "ann"}
    driver.take(RetryRequested(at=driver.world.now, labels=labels))
    return driver


def test_who_acts_is_named() -> None:
    lines = page_of(retried_by_ann()).splitlines()
    (place,) = (n for n, line in enumerate(lines) if line.endswith("was asked by ann"))
    assert "someone retried the workflow: 1 node deleted" in lines[place + 1]


def test_a_workflow_that_goes_on_from_another_says_what_it_took_over() -> None:
    fickle = Fickle("bad")
    driver = ended(text_of(STEPS, job("good"), job("bad")), fickle)
    fresh = taken_over(driver, fickle)
    assert "  T+0  takes over 5 nodes of an earlier run\n" in page_of(fresh)
    assert "takes over 5 nodes of an earlier run" in page_of(fresh, "a")


# --------------------------------------------------------------------------------- all of it


ALL = [*(item for _, item in scenario.load()), *yaml.safe_load(PAGES.read_text("utf-8"))]


def test_every_kind_of_event_is_told_or_needs_no_sentence() -> None:
    told = set()
    fickle = Fickle("bad")
    resubmitted = taken_over(ended(text_of(STEPS, job("good"), job("bad")), fickle), fickle)
    for driver in (*map(driven, ALL), blocked(), rebound(), retried_by_ann(), resubmitted):
        run = Run(driver.admitted.program, driver.admitted.event)
        for event in driver.log:
            if tell(run, [event], subject_of(run.state, event)):
                told.add(type(event).__name__)
    kinds = {kind.__name__ for kind in get_args(Event)}
    assert told == kinds - QUIET


def test_whoever_goes_no_further_says_what_it_waits_for() -> None:
    for item in ALL:
        driver = scenario.prepared(item)
        driver.begin()
        while not driver.run.state.done:
            run = driver.run
            everything = [*waits(run)]
            for key in run.state.live:
                node = run.state.nodes[key]
                said = [*of_node(run, node), *of_children(run, node)]
                is_told = said or node.kind == "Container" or run.state.suspend
                assert is_told, (item["claim"], node.name)
            assert everything, item["claim"]
            if driver.step() is None:
                break


def test_a_journal_cut_anywhere_can_be_explained() -> None:
    for item in ALL[::4]:
        driver = driven(item)
        for length in range(1, len(driver.log) + 1, 5):
            assert re.match(
                r"workflow \S+: \w+",
                page := render_story(msgspec.to_builtins(explain(driver.log[:length]))),
            ), page
