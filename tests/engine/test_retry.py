"""What a retry deletes, resets and keeps; what a memoized resubmit takes over."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest
from tests.properties.programs import make
from tests.properties.watched import drive_watched

from tiphys.compile.admit import recompile
from tiphys.engine.copying import copied
from tiphys.engine.explain.waits import waits
from tiphys.engine.outstanding import outstanding
from tiphys.engine.phases import FULFILLED
from tiphys.engine.rebuilding import rebuild
from tiphys.engine.reviving import revive
from tiphys.engine.state import Frame, State
from tiphys.messages import (
    Began,
    DropJobs,
    JobSpec,
    NodeRebound,
    RetryRequested,
    RunReopened,
    StopRequested,
)
from tiphys.model.ids import NodeId, node_id
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import BEGINNING, Driver, admitted

Main = dict[str, Any]


class Fickle:
    """Jobs that fail until they are mended, by the names of their templates."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.started: list[str] = []

    def say(self, job: JobSpec) -> Outcome:
        self.started.append(job.node_name)
        return Outcome(code=1 if job.template.name in self.failing else 0)


def text_of(main: Main, *others: Main, **spec: Any) -> str:
    templates = [*others, {"name": "main", **main}]
    arguments = {"parameters": [{"name": "word", "value": "old"}]}
    return json.dumps(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "w"},
            "spec": {
                "entrypoint": "main",
                "arguments": arguments,
                "templates": templates,
                **spec,
            },
        }
    )


def job(name: str, **more: Any) -> Main:
    return {"name": name, "container": {"image": "x", "command": ["do"]}, **more}


def ended(text: str, fickle: Fickle) -> Driver:
    driver = Driver(admitted(text), fickle.say)
    driver.to_end()
    fickle.started.clear()
    return driver


def retried(driver: Driver, *nodes: str, **parameters: str) -> RunReopened:
    """Have a run retried as the shell does, up to its start."""
    keys = tuple(node_id("w", name) for name in nodes)
    step = driver.take(
        RetryRequested(at=driver.world.now + 60, nodes=keys, parameters=tuple(parameters.items()))
    )
    driver.run = revive(None, driver.log, recompile)
    driver.world.obey(outstanding(driver.run))
    driver.take(Began(at=driver.world.now + 60))
    (opened,) = (event for event in step.events if isinstance(event, RunReopened))
    return opened


def go_on(driver: Driver) -> None:
    while not driver.run.state.done and driver.step() is not None:
        pass


def named(driver: Driver, keys: tuple[NodeId, ...], before: dict[NodeId, str]) -> set[str]:
    return {before[key] for key in keys}


def names_of(driver: Driver) -> dict[NodeId, str]:
    return {key: node.name for key, node in driver.run.state.nodes.items()}


STEPS = {
    "steps": [
        [{"name": "a", "template": "good"}],
        [{"name": "b", "template": "bad"}, {"name": "c", "template": "good"}],
        [{"name": "d", "template": "good"}],
    ]
}


def test_of_a_row_only_the_step_that_failed_runs_again():
    fickle = Fickle("bad")
    driver = ended(text_of(STEPS, job("good"), job("bad")), fickle)
    before = names_of(driver)
    fickle.failing.clear()
    opened = retried(driver)
    assert named(driver, opened.deleted, before) == {"w[1].b"}
    assert named(driver, opened.reset, before) == {"w", "w[1]"}
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w[1].b", "w[2].d"]


def test_a_retry_node_begins_at_its_first_attempt_again():
    fickle = Fickle("bad")
    again = job("bad", retryStrategy={"limit": 2})
    driver = ended(text_of(STEPS, job("good"), again), fickle)
    before = names_of(driver)
    fickle.failing.clear()
    opened = retried(driver)
    attempts = {f"w[1].b({number})" for number in range(3)}
    assert named(driver, opened.deleted, before) == attempts
    assert named(driver, opened.reset, before) == {"w", "w[1]", "w[1].b"}
    go_on(driver)
    assert fickle.started == ["w[1].b(0)", "w[2].d"]


DIAMOND = {
    "dag": {
        "tasks": [
            {"name": "a", "template": "good"},
            {"name": "b", "template": "bad", "dependencies": ["a"]},
            {"name": "c", "template": "good", "dependencies": ["a"]},
            {"name": "d", "template": "good", "dependencies": ["b", "c"]},
        ]
    }
}


def test_what_was_omitted_after_a_failed_task_is_decided_again():
    fickle = Fickle("bad")
    driver = ended(text_of(DIAMOND, job("good"), job("bad")), fickle)
    before = names_of(driver)
    fickle.failing.clear()
    opened = retried(driver)
    assert named(driver, opened.deleted, before) == {"w.b", "w.d"}
    assert named(driver, opened.reset, before) == {"w"}
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w.b", "w.d"]


def test_a_failure_that_others_went_on_from_is_kept():
    fickle = Fickle("bad", "worse")
    steps = [
        [{"name": "b", "template": "bad", "continueOn": {"failed": True}}],
        [{"name": "c", "template": "good"}],
        [{"name": "d", "template": "worse"}],
    ]
    driver = ended(text_of({"steps": steps}, job("good"), job("bad"), job("worse")), fickle)
    before = names_of(driver)
    opened = retried(driver)
    assert named(driver, opened.deleted, before) == {"w[2].d"}


def test_the_exit_handler_runs_again():
    fickle = Fickle("bad")
    text = text_of(STEPS, job("good"), job("bad"), job("bye"), onExit="bye")
    driver = ended(text, fickle)
    retried(driver)
    go_on(driver)
    assert driver.run.state.phase == "Failed"
    assert fickle.started == ["w[1].b", "w.onExit"]


def test_what_is_selected_runs_again_with_all_that_followed():
    fickle = Fickle()
    driver = ended(text_of(STEPS, job("good"), job("bad")), fickle)
    before = names_of(driver)
    opened = retried(driver, "w[1].c")
    assert named(driver, opened.deleted, before) == {"w[1].c", "w[2]", "w[2].d"}
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w[1].c", "w[2].d"]


def test_a_step_is_retried_though_a_hook_of_it_succeeded():
    fickle = Fickle("bad")
    steps = [[{"name": "b", "template": "bad", "hooks": {"exit": {"template": "good"}}}]]
    driver = ended(text_of({"steps": steps}, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    retried(driver)
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w[0].b", "w[0].b.onExit"]


def test_a_hook_that_failed_runs_again_and_its_step_does_not():
    fickle = Fickle("bad", "worse")
    steps = [
        [{"name": "a", "template": "good", "hooks": {"exit": {"template": "bad"}}}],
        [{"name": "b", "template": "worse"}],
    ]
    driver = ended(text_of({"steps": steps}, job("good"), job("bad"), job("worse")), fickle)
    fickle.failing.clear()
    retried(driver)
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert sorted(fickle.started) == ["w[0].a.onExit", "w[1].b"]


def test_only_the_last_attempt_of_a_nested_template_goes_on():
    fickle = Fickle("bad")
    inner = {
        "name": "inner",
        "retryStrategy": {"limit": 1},
        "steps": [[{"name": "good", "template": "good"}], [{"name": "b", "template": "bad"}]],
    }
    steps = [[{"name": "s", "template": "inner"}]]
    driver = ended(text_of({"steps": steps}, inner, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    retried(driver)
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w[0].s(1)[1].b"]


def test_with_parameters_loops_are_expanded_anew_and_inputs_resolved_anew():
    fickle = Fickle("bad")
    item = {"name": "i", "value": "{{item}}"}
    inner = {
        "name": "inner",
        "inputs": {"parameters": [{"name": "p"}]},
        "steps": [[{"name": "s", "template": "bad", "arguments": {"parameters": [item]}}]],
    }
    inner["steps"][0][0]["withParam"] = '["{{inputs.parameters.p}}", "x"]'
    word = {"name": "p", "value": "{{workflow.parameters.word}}"}
    main = {
        "steps": [
            [{"name": "a", "template": "good"}],
            [{"name": "in", "template": "inner", "arguments": {"parameters": [word]}}],
        ]
    }
    bad = job("bad", inputs={"parameters": [{"name": "i"}]})
    driver = ended(text_of(main, inner, job("good"), bad), fickle)
    fickle.failing.clear()
    retried(driver, word="new")
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert not any(isinstance(event, NodeRebound) for event in driver.log)  # the row was made anew
    assert fickle.started == ["w[1].in[0].s(0:new)", "w[1].in[0].s(1:x)"]


def test_a_node_that_goes_on_sees_the_new_parameters():
    fickle = Fickle("bad")
    given = {"name": "i", "value": "{{inputs.parameters.p}}"}
    inner = {
        "name": "inner",
        "inputs": {"parameters": [{"name": "p"}]},
        "dag": {
            "tasks": [
                {"name": "a", "template": "good"},
                {
                    "name": "b",
                    "template": "bad",
                    "dependencies": ["a"],
                    "arguments": {"parameters": [given]},
                },
            ]
        },
    }
    word = {"name": "p", "value": "{{workflow.parameters.word}}"}
    task = {"name": "in", "template": "inner", "arguments": {"parameters": [word]}}
    bad = job("bad", inputs={"parameters": [{"name": "i"}]})
    driver = ended(text_of({"dag": {"tasks": [task]}}, inner, job("good"), bad), fickle)
    fickle.failing.clear()
    retried(driver, word="new")
    go_on(driver)
    assert fickle.started == ["w.in.b"]
    node = driver.run.state.find("w.in.b")
    assert node is not None
    assert node.inputs.parameters[0].value == "new"
    assert driver.document()["spec"]["arguments"]["parameters"][0] == {
        "name": "word",
        "value": "new",
    }


def test_a_node_with_locks_takes_them_again_before_anything_in_it_goes_on():
    fickle = Fickle("bad")
    main = {**STEPS, "synchronization": {"mutexes": [{"name": "m"}]}}
    driver = ended(text_of(main, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    retried(driver)
    asked = [item.question for item in driver.run.state.questions.values()]
    assert [type(item).__name__ for item in asked] == ["LocksWanted"]
    assert not fickle.started
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    assert fickle.started == ["w[1].b", "w[2].d"]


def test_nothing_starts_before_what_is_left_of_old_jobs_is_gone():
    driver = ended(text_of(STEPS, job("good"), job("bad")), Fickle("bad"))
    step = driver.take(RetryRequested(at=driver.world.now))
    assert step.commands == (DropJobs(jobs=(node_id("w", "w[1].b"),)),)
    assert driver.take(StopRequested(at=driver.world.now, strategy="Stop")).commands == ()
    again = revive(None, driver.log, recompile)
    assert outstanding(again) == [*step.commands]


def test_a_run_that_goes_on_already_is_not_retried_twice():
    driver = ended(text_of(STEPS, job("good"), job("bad")), Fickle("bad"))
    driver.take(RetryRequested(at=driver.world.now))
    assert driver.run.handle(RetryRequested(at=driver.world.now)).events == ()


def test_who_retried_is_noted_with_the_retry_and_only_then():
    driver = ended(text_of(STEPS, job("good"), job("bad")), Fickle("bad"))
    labels = {"who": "ann", "gone": None}
    driver.take(RetryRequested(at=driver.world.now, labels=labels))
    assert driver.run.state.labels == labels
    late = RetryRequested(at=driver.world.now, labels={"who": "bob"})
    assert driver.run.handle(late).events == ()
    driver.take(Began(at=driver.world.now))
    shown = driver.document()["metadata"]["labels"]
    assert shown["who"] == "ann"
    assert "gone" not in shown


# --------------------------------------------------------------------------------- resubmit


def taken_over(driver: Driver, fickle: Fickle) -> Driver:
    """Return a run of another name that takes over what an ended one did."""
    workflow = json.loads(json.dumps(driver.admitted.event.workflow))
    text = json.dumps(workflow | {"metadata": {"name": "w2"}})
    fresh = Driver(admitted(text), fickle.say)
    event = copied(driver.run, "w2", BEGINNING, rebind=False)
    fresh.run.emit(event)
    fresh.run.handle_all(())
    fresh.log.append(event)
    fresh.run = revive(None, fresh.log, recompile)
    fresh.begin()
    go_on(fresh)
    folded = revive(None, fresh.log, recompile)
    assert msgspec.msgpack.encode(folded.state) == msgspec.msgpack.encode(fresh.run.state)
    return fresh


def test_a_memoized_resubmit_does_not_repeat_what_succeeded():
    fickle = Fickle("bad")
    driver = ended(text_of(STEPS, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    fresh = taken_over(driver, fickle)
    assert fresh.run.state.phase == "Succeeded"
    assert fickle.started == ["w2[1].b", "w2[2].d"]
    node = fresh.run.state.find("w2[0].a")
    assert node is not None
    assert (node.kind, node.phase) == ("Skipped", "Skipped")
    assert node.message == f"original pod: {node_id('w', 'w[0].a')}"
    assert node.children == [node_id("w2", "w2[1]")]


def test_a_memoized_resubmit_reads_what_a_loop_yielded_before():
    yields = {"outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}}
    given = {"parameters": [{"name": "every", "value": "{{steps.a.outputs.parameters.o}}"}]}
    main = {
        "steps": [
            [{"name": "a", "template": "good", "withItems": ["x", "y"]}],
            [{"name": "b", "template": "bad", "arguments": given}],
        ]
    }
    bad = job("bad", inputs={"parameters": [{"name": "every"}]})
    fickle = Fickle("bad")

    def say(job: JobSpec) -> Outcome:
        told = Fickle.say(fickle, job)
        return Outcome(code=told.code, parameters={"o": job.node_name[-2:-1]})

    driver = Driver(admitted(text_of(main, job("good", **yields), bad)), say)
    driver.to_end()
    fickle.failing.clear()
    fresh = taken_over(driver, fickle)
    assert fresh.run.state.phase == "Succeeded"
    node = fresh.run.state.find("w2[1].b")
    assert node is not None
    assert node.inputs.parameters[0].value == '["x","y"]'


@pytest.mark.parametrize("seed", range(60))
def test_a_memoized_resubmit_of_any_program_ends(seed):
    program = make(seed)
    driver = drive_watched(program)
    mended = Fickle()
    fresh = taken_over(driver, mended)
    assert fresh.run.state.done
    done = {
        node.name.replace("w", "w2", 1)
        for node in driver.run.state.nodes.values()
        if node.kind == "Pod" and node.phase == "Succeeded"
    }
    kept = {n.name for n in fresh.run.state.nodes.values() if n.message.startswith("original pod")}
    assert kept <= done
    assert not kept & set(mended.started)


# ------------------------------------------------------------------------------- parallelism

WORDS = ["x", "y", "z"]
INNER = {
    "name": "inner",
    "steps": [[{"name": "a", "template": "bad"}], [{"name": "b", "template": "good"}]],
}


def test_what_goes_on_keeps_to_the_parallelism_of_its_template():
    loop = {"name": "s", "template": "inner", "withItems": WORDS}
    main = {"steps": [[loop]], "parallelism": 1, "failFast": False}
    fickle = Fickle("bad")
    driver = ended(text_of(main, INNER, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    opened = retried(driver)
    assert len(opened.parked) == len(WORDS)
    driver.run = revive(None, driver.log, recompile)  # who waits is found again
    driver.world.obey(outstanding(driver.run))
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    words = [name.partition(":")[2][0] for name in fickle.started]
    assert words == ["x", "x", "y", "y", "z", "z"]


def test_attempts_that_go_on_keep_to_the_parallelism_too():
    again = {**INNER, "retryStrategy": {"limit": 0}}
    tasks = [{"name": name, "template": "inner"} for name in WORDS]
    main = {"dag": {"tasks": tasks}, "parallelism": 2}
    fickle = Fickle("bad")
    driver = ended(text_of(main, again, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    retried(driver)
    root = driver.run.state.root
    assert root is not None
    assert root.active == 2
    assert len(driver.run.state.parked) == 1
    (wait,) = (item for item in waits(driver.run) if item.cause == "room")
    assert "waits for room under the parallelism of w (2 places" in wait.reason
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"


def test_a_memoized_resubmit_keeps_to_the_parallelism():
    tasks = [{"name": name, "template": "inner"} for name in WORDS]
    main = {"dag": {"tasks": tasks}, "parallelism": 1}
    fickle = Fickle("bad")
    driver = ended(text_of(main, INNER, job("good"), job("bad")), fickle)
    fickle.failing.clear()
    fresh = taken_over(driver, fickle)
    assert fresh.run.state.phase == "Succeeded"
    assert [name[3] for name in fickle.started] == ["x", "x", "y", "y", "z", "z"]


def test_what_goes_on_keeps_to_the_parallelism_of_the_workflow():
    tasks = [{"name": name, "template": "inner"} for name in WORDS]
    text = text_of({"dag": {"tasks": tasks}}, INNER, job("good"), job("bad"), parallelism=1)
    fickle = Fickle("bad")
    driver = ended(text, fickle)
    fickle.failing.clear()
    retried(driver)
    while not driver.run.state.done:
        assert driver.run.state.active_pods == len(driver.run.state.jobs) == 1
        driver.step()
    assert driver.run.state.phase == "Succeeded"
    assert len(fickle.started) == 2 * len(WORDS)


# ------------------------------------------------------------------------------------ targets


def targeted(target: str) -> Driver:
    """Return a DAG with a target that failed, of tasks a and b (after a), c and d."""
    tasks: list[Main] = [{"name": name, "template": "good"} for name in "acd"]
    tasks.insert(1, {"name": "b", "template": "bad", "dependencies": ["a"]})
    inner = {
        "name": "inner",
        "inputs": {"parameters": [{"name": "t"}]},
        "dag": {"target": target, "tasks": tasks},
    }
    word = {"name": "t", "value": "{{workflow.parameters.word}}"}
    call = {"name": "in", "template": "inner", "arguments": {"parameters": [word]}}
    spec = {"arguments": {"parameters": [{"name": "word", "value": "b"}]}}
    text = text_of({"dag": {"tasks": [call]}}, inner, job("good"), job("bad"), **spec)
    return ended(text, Fickle("bad"))


@pytest.mark.parametrize("tag", ["{{inputs.parameters.t}}", "{{workflow.parameters.word}}"])
def test_a_target_is_resolved_anew_with_the_parameters_of_a_retry(tag):
    driver = targeted(tag)
    retried(driver, word="c d")
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"
    names = {node.name for node in driver.run.state.nodes.values()}
    assert names == {"w", "w.in", "w.in.a", "w.in.c", "w.in.d"}
    folded = revive(None, driver.log, recompile)
    assert msgspec.msgpack.encode(folded.state) == msgspec.msgpack.encode(driver.run.state)


def test_a_target_that_stays_the_same_is_no_news():
    driver = targeted("b")
    retried(driver, word="c")
    go_on(driver)
    assert driver.run.state.phase == "Failed"
    assert not any(isinstance(e, NodeRebound) and e.target is not None for e in driver.log)


def test_a_task_that_goes_on_already_is_waited_for_under_another_target():
    tasks = [{"name": "s", "template": "inner"}, {"name": "c", "template": "good"}]
    main = {"dag": {"target": "{{workflow.parameters.word}}", "tasks": tasks}}
    spec = {"arguments": {"parameters": [{"name": "word", "value": "s"}]}}
    fickle = Fickle("bad")
    driver = ended(text_of(main, INNER, job("good"), job("bad"), **spec), fickle)
    retried(driver, word="c")
    go_on(driver)
    assert driver.run.state.phase == "Succeeded"  # of the new target; the old one failed again
    assert sorted(fickle.started) == ["w.c", "w.s[0].a"]


# -------------------------------------------------------------------------------- rebuilding


def counters(state: State) -> dict[str, Any]:
    nodes = {}
    for key, node in state.nodes.items():
        frame = node.frame if node.phase not in FULFILLED else None
        counts = (node.active, node.failed_children, node.hooks_open, node.placed)
        nodes[key] = (*counts, None if frame is None else plain(frame))
    return {
        "nodes": nodes,
        "live": sorted(state.live),
        "jobs": sorted(key for key, wanted in state.jobs.items() if wanted),
        "failed": sorted(state.failed),
        "pods": state.active_pods,
        "units": (state.done_units, state.all_units),
    }


def plain(frame: Frame) -> tuple[Any, ...]:
    waiting = [count if count > 0 else 0 for count in frame.waits]
    left = sorted(frame.queue[frame.head :])
    made = {slot: sorted(keys) for slot, keys in frame.made.items()}
    return (frame.open, left, frame.items, made, frame.cursor, waiting, frame.attempts)


@pytest.mark.parametrize("seed", range(120))
def test_counters_made_anew_are_those_that_were_counted(seed):
    program = make(seed)
    driver = Driver(admitted(program.text), program.say)
    driver.begin()
    rng = Random(seed)
    while not driver.run.state.done and driver.step() is not None:
        state = driver.run.state
        if rng.random() > 0.3 or state.daemons or not all(state.jobs.values()):
            continue
        anew = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
        rebuild(anew, driver.run.program)
        assert counters(anew) == counters(state)
