"""Run a workflow in a simulated world: the real engine and shell, no processes, no waiting.

What is simulated is told by `assume` or a script; the rest succeeds at once.
Source: conformance/README.md, "Executing local: simulate".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.errors import UserError
from tiphys.messages import JobSpec, NodeSet
from tiphys.model.arguments import Outputs
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId
from tiphys.ports import RunRow, Update
from tiphys.runtime.simulated import Outcome, Script, SimulatedRuntime
from tiphys.service.documents import Loaded, Source, load
from tiphys.service.operations import Operator
from tiphys.service.stored import keep_beside
from tiphys.service.submit import Overrides, Submitter, from_template
from tiphys.service.view import Viewer
from tiphys.store.memory import MemoryStore
from tiphys.store.objects import MemoryObjects
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

ANY_TEXT: Final = "any text"
"""What a suspend node is given for an output that nobody says anything about."""
SEEN_SECONDS: Final = 1.0
"""How long jobs last that people act upon."""
_STEP: Final = re.compile(r"\]?\.")


def simulate(
    documents: Sequence[str],
    parameters: Mapping[str, str] | None = None,
    assume: Mapping[str, str] | None = None,
    operations: Sequence[Mapping[str, str]] = (),
    script: Script | None = None,
) -> JsonObject:
    """Return a workflow as it is when nothing more happens to it.

    `documents` hold the workflow and the templates it refers to. `assume` gives simulated parts
    their answers, `result:<template>` a standard output, `http:<step>` how a request fails
    (`FAIL:<message>`); what a `script` says goes before it.
    `operations` are `{"op": "resume|suspend|stop|terminate", "when": "<node> is <phase>"}`, where
    `$WF` is the workflow's name and no `when` means "when a job runs". A workflow that waits for
    a person is returned as it stands.

    Raises UserError if the workflow is refused.
    """
    told = Told(assume or {}, script, SEEN_SECONDS if operations else 0.0)
    overrides = Overrides(parameters=tuple((parameters or {}).items()))
    return run(play(_load(documents), overrides, told, operations))


@dataclass(frozen=True, slots=True)
class Told:
    """What each job does. Where people act on a workflow its jobs last long enough to be seen."""

    assume: Mapping[str, str]
    script: Script | None
    seconds: float

    def outcome(self, job: JobSpec) -> Outcome:
        """Return what a job does."""
        told = self._scripted(job)
        if told is not None:
            return told
        plain = Outcome(seconds=self.seconds)
        text = self.assume.get(f"result:{job.template.name}")
        failure = self.assume.get(f"http:{_STEP.split(job.node_name)[-1]}", "")
        if failure.startswith("FAIL:"):
            return replace(plain, failure=failure.removeprefix("FAIL:"))
        return plain if text is None else replace(plain, result=text)

    def _scripted(self, job: JobSpec) -> Outcome | None:
        if self.script is None:
            return None
        if callable(self.script):
            return self.script(job)
        return self.script.get(job.node_name) or self.script.get(job.template.name)


async def play(
    loaded: Loaded,
    overrides: Overrides,
    told: Told,
    operations: Sequence[Mapping[str, str]] = (),
) -> JsonObject:
    """Return the workflow in `loaded` as it is when nothing more happens to it.

    To be run in virtual time (`testing/clock.py`). Raises UserError if the workflow is refused.
    """
    clock, store = JumpingClock(), MemoryStore()
    submitter = Submitter(store, clock, lambda _: SimulatedRuntime.capabilities.features)
    row = await _submit(submitter, loaded, overrides)
    operator = _Operators(row, Operator(store, store, clock), store, operations)
    objects = MemoryObjects(clock)
    await keep_beside(objects, row.namespace, (item for item, _ in loaded.others))
    ports = Ports(store, store, answers_in_memory(clock, objects), clock, store.owner)
    engine = Engine(ports, lambda _: SimulatedRuntime(clock, told.outcome))
    async with asyncio.TaskGroup() as group:
        driving = group.create_task(engine.drive(row, operator.see))
        acting = group.create_task(operator.act())
        idle = group.create_task(clock.idle())
        await asyncio.wait({driving, idle}, return_when=asyncio.FIRST_COMPLETED)
        for task in (driving, acting, idle):
            task.cancel()
    return await Viewer(store).whole(await store.find(None, row.name))


def _load(documents: Sequence[str]) -> Loaded:
    """Read as if the objects lay in a cluster: leniently."""
    sources = (Source(f"document {i}", text.encode()) for i, text in enumerate(documents, 1))
    return load(sources, strict=False)


async def _submit(submitter: Submitter, loaded: Loaded, given: Overrides) -> RunRow:
    """Submit the workflow, or one that runs the template, with a name."""
    workflows = [*loaded.workflows]
    if not workflows and len(loaded.templates) == 1:
        template, origin = loaded.templates[0]
        workflows = [(from_template(template), origin)]
    if len(workflows) != 1:
        raise UserError(f"one workflow can be simulated, not {len(workflows)}")
    workflow, origin = workflows[0]
    named = workflow.metadata.name or workflow.metadata.generate_name or given.name
    overrides = replace(
        given,
        generate_name=given.generate_name or ("" if named else "simulated-"),
        runtime="simulated",
    )
    return await submitter.submit(workflow, loaded.beside(), overrides, origin)


class _Operators:
    """The people: each does one thing, once, when a node has a phase."""

    def __init__(
        self,
        row: RunRow,
        operator: Operator,
        store: MemoryStore,
        operations: Sequence[Mapping[str, str]],
    ) -> None:
        self._row = row
        self._operator = operator
        self._store = store
        self._waiting = [*operations]
        self._due: asyncio.Queue[Mapping[str, str]] = asyncio.Queue()

    def see(self, update: Update) -> None:
        """Look at what a commit changed."""
        nodes = [msgspec.json.decode(data) for data in update.nodes] if self._waiting else []
        for operation in [*self._waiting]:
            if any(self._is_time(operation, node) for node in nodes):
                self._waiting.remove(operation)
                self._due.put_nowait(operation)

    def _is_time(self, operation: Mapping[str, str], node: JsonObject) -> bool:
        when = operation.get("when", "")
        name, _, phase = when.replace("$WF", self._row.name).rpartition(" is ")
        if not when:
            return node["type"] == "Pod" and node["phase"] == "Running"
        return node["name"] == name and node["phase"] == phase

    async def act(self) -> None:
        """Do what is due, for ever."""
        while True:
            operation = await self._due.get()
            row = await self._store.find(None, self._row.name)
            with contextlib.suppress(UserError):  # the workflow ended meanwhile
                await self._do(row, operation["op"])

    async def _do(self, row: RunRow, verb: str) -> None:
        match verb:
            case "resume":
                await self._answer(row)
                await self._operator.resume(row)
            case "suspend":
                await self._operator.suspend(row)
            case "stop":
                await self._operator.stop(row, "Stop")
            case "terminate":
                await self._operator.stop(row, "Terminate")
            case _:
                raise ValueError(f"there is no operation {verb}")

    async def _answer(self, row: RunRow) -> None:
        """Supply what suspend nodes wait for and have no default for."""
        for node in await self._operator.waiting(row):
            values = dict.fromkeys(_unanswered(node), ANY_TEXT)
            if values:
                key = NodeId(str(node["id"]))
                await self._store.post(row.run, NodeSet(at=0.0, nodes=(key,), outputs=values))
                await asyncio.sleep(SEEN_SECONDS)


def _unanswered(node: JsonObject) -> list[str]:
    outputs = msgspec.convert(node.get("outputs") or {}, Outputs)
    return [
        item.name
        for item in outputs.parameters
        if item.value is None and item.value_from is not None and item.value_from.default is None
    ]
