"""What each operation does in each state is what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tiphys.engine.status import extras, node_status, summary
from tiphys.errors import Conflict, UserError
from tiphys.messages import Event, StopRequested, SuspendRequested
from tiphys.model.ids import RunId
from tiphys.ports import Changes, RunRow
from tiphys.runtime.simulated import ALL, Outcome
from tiphys.service.again import Repeater, ResubmitOptions, RetryOptions
from tiphys.service.operations import Answer, Operator
from tiphys.service.submit import Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.clock import JumpingClock, run
from tiphys.testing.drive import Driver, admitted

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
STATES = ("waiting", "running", "asking", "suspended", "stopping", "Succeeded", "Failed")
NEVER = 1e6
CREATOR = {"workflows.argoproj.io/creator": "me"}


def text_of(main: dict[str, Any], **spec: Any) -> str:
    templates = [{"name": "main", **main}, {"name": "ask", "suspend": {}}]
    templates.append({"name": "bye", "container": {"image": "x", "command": ["bye"]}})
    metadata = {"name": "w", "namespace": "default"}
    body = {"entrypoint": "main", "templates": templates, **spec}
    return json.dumps({"kind": "Workflow", "metadata": metadata, "spec": body})


POD = {"container": {"image": "x", "command": ["do"]}}


def driver_in(state: str) -> Driver:
    """Return a driver whose run is in a state, with nothing left to happen by itself."""
    long = lambda _: Outcome(seconds=NEVER)  # noqa: E731
    if state == "waiting":
        lock = {"mutexes": [{"name": "m"}]}
        driver = Driver(admitted(text_of(POD, synchronization=lock)))
        driver.run.handle(driver.first())
        return driver
    if state in {"Succeeded", "Failed"}:
        driver = Driver(admitted(text_of(POD)), lambda _: Outcome(code=int(state == "Failed")))
        driver.to_end()
        return driver
    if state == "asking":
        driver = Driver(admitted(text_of({"steps": [[{"name": "a", "template": "ask"}]]})), long)
        driver.begin()
        return driver
    driver = Driver(admitted(text_of(POD, onExit="bye")), long)
    driver.begin()
    at = driver.world.now
    if state == "suspended":
        driver.take(SuspendRequested(at=at))
    if state == "stopping":
        driver.take(StopRequested(at=at, strategy="Stop"))
    return driver


class Desk:
    """A store with one run in some state, and the services that act on it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.store = MemoryStore()
        clock = JumpingClock()
        self.operator = Operator(self.store, self.store, clock)
        submitter = Submitter(self.store, clock, lambda _: ALL)
        self.repeater = Repeater(self.store, self.store, self.store, submitter, clock)

    async def fill(self) -> RunRow:
        state, event = self.driver.run.state, self.driver.admitted.event
        row = RunRow(
            run=RunId(state.run),
            namespace="default",
            name="w",
            created_at=state.created_at,
            done=False,
            owner="",
            epoch=0,
            runtime="simulated",
            document=msgspec.json.encode(event.workflow),
            summary=b"{}",
            extras=msgspec.json.encode(extras(self.driver.run)),
        )
        await self.store.create(row, event)
        epoch = await self.store.claim(row.run, "me")
        assert epoch is not None
        events: list[Event] = self.driver.log[1:]
        nodes = [
            (key, msgspec.json.encode(node_status(self.driver.run, node)))
            for key, node in state.nodes.items()
        ]
        face = msgspec.json.encode(summary(self.driver.run))
        await self.store.append(row.run, 1, epoch, Changes(events, nodes, face, state.done))
        return await self.store.find("default", "w")

    async def requests(self, row: RunRow) -> list[Any]:
        return [item for _, item in await self.store.pending(row.run, 0)]


def stop(*given: Any) -> Callable[[Desk, RunRow], Awaitable[Any]]:
    return lambda desk, row: desk.operator.stop(row, *given)


def selecting(phase: Any) -> Callable[[Desk, RunRow], Awaitable[Any]]:
    return lambda desk, row: desk.operator.set(row, "displayName=a", Answer(phase=phase))


OPERATIONS: dict[str, Callable[[Desk, RunRow], Awaitable[Any]]] = {
    "stop": stop("Stop"),
    "terminate": stop("Terminate"),
    "suspend": lambda desk, row: desk.operator.suspend(row),
    "resume": lambda desk, row: desk.operator.resume(row),
    "node set": selecting("Succeeded"),
    "stop --node-field-selector": selecting("Failed"),
    "retry": lambda desk, row: desk.repeater.retry(row, RetryOptions()),
    "retry --restart-successful": lambda desk, row: desk.repeater.retry(
        row, RetryOptions(restart_successful=True, selector="displayName=w")
    ),
    "resubmit": lambda desk, row: desk.repeater.resubmit(row, ResubmitOptions()),
    "resubmit --memoized": lambda desk, row: desk.repeater.resubmit(
        row, ResubmitOptions(memoized=True)
    ),
}


async def effect(verb: str, state: str) -> str:
    """Return what an operation does in a state, in the page's words."""
    desk = Desk(driver_in(state))
    row = await desk.fill()
    try:
        made = await OPERATIONS[verb](desk, row)
    except (UserError, Conflict):
        return "refused"
    if made is not None:
        return "does"
    events = desk.driver.run.handle_all(await desk.requests(row)).events
    return "does" if events else "no effect"


def table() -> dict[str, list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith(("| `", "| Verb"))
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_page_has_every_operation_and_every_state():
    found = table()
    assert tuple(found.pop("Verb")) == STATES
    assert found.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("verb", OPERATIONS)
def test_each_operation_does_in_each_state_what_the_page_says(verb):
    assert [run(effect(verb, state)) for state in STATES] == table()[verb]


def refusal(verb: str, state: str) -> str:
    async def play() -> str:
        desk = Desk(driver_in(state))
        row = await desk.fill()
        with pytest.raises((UserError, Conflict)) as caught:
            await OPERATIONS[verb](desk, row)
        return str(caught.value)

    return run(play())


@pytest.mark.parametrize(
    ("verb", "state", "said"),
    [
        (
            "retry",
            "Succeeded",
            "To retry a succeeded workflow, set the options restartSuccessful and "
            "nodeFieldSelector",
        ),
        ("retry", "running", "Cannot retry a workflow in phase Running"),
        (
            "resubmit --memoized",
            "Succeeded",
            "workflow must be Failed/Error to resubmit in memoized mode",
        ),
        (
            "stop",
            "Failed",
            'cannot shutdown a completed workflow: workflow: "w", namespace: "default"',
        ),
        ("suspend", "Failed", "cannot suspend completed workflows"),
        (
            "node set",
            "running",
            "currently, set only targets suspend nodes: no suspend nodes matching "
            "nodeFieldSelector: displayName=a",
        ),
    ],
)
def test_refusals_are_in_argos_words(verb, state, said):
    assert refusal(verb, state) == said


def test_a_resubmitted_workflow_remembers_whose_it_was_and_not_what_became_of_it():
    async def play() -> dict[str, Any]:
        desk = Desk(driver_in("Failed"))
        row = await desk.fill()
        made = await desk.repeater.resubmit(
            row,
            ResubmitOptions(
                parameters=[("x", "1")], creator={"workflows.argoproj.io/creator": "me"}
            ),
        )
        document: dict[str, Any] = msgspec.json.decode(made.document)
        return document

    document = run(play())
    assert re.fullmatch(r"w-[a-z0-9]{5}", document["metadata"]["name"])
    assert document["metadata"]["labels"] == {
        "workflows.argoproj.io/resubmitted-from-workflow": "w",
        "workflows.argoproj.io/creator": "me",
    }
    assert document["spec"]["arguments"]["parameters"] == [{"name": "x", "value": "1"}]


def test_a_run_that_will_be_retried_is_shown_as_one_that_has_not_begun():
    async def play() -> dict[str, Any]:
        desk = Desk(driver_in("Failed"))
        await desk.repeater.retry(await desk.fill(), RetryOptions(parameters=[("x", "1")]))
        found: dict[str, Any] = msgspec.json.decode((await desk.store.find(None, "w")).summary)
        return found

    found = run(play())
    assert found["status"]["phase"] == ""
    assert "message" not in found["status"]
    assert found["labels"]["workflows.argoproj.io/completed"] == "false"
    assert found["parameters"] == {"x": "1"}
