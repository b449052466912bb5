"""How long a workflow will take is told from the last one like it that succeeded."""

from __future__ import annotations

from typing import Any

from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.service.view import Viewer
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

TEMPLATE = """
kind: WorkflowTemplate
metadata: {name: nightly}
spec:
  entrypoint: main
  templates:
  - {name: main, steps: [[{name: work, template: work}]]}
  - {name: work, container: {image: x}}
---
kind: Workflow
metadata: {name: NAME}
spec: {workflowTemplateRef: {name: nightly}}
"""


class Shop:
    def __init__(self, estimating: bool = True) -> None:
        self.clock = JumpingClock()
        self.store = MemoryStore()
        history = self.store if estimating else None
        self.submitter = Submitter(self.store, self.clock, lambda _: ALL, history=history)

    async def play(self, name: str, seconds: float, code: int = 0) -> dict[str, Any]:
        """Return a workflow that ran for so long, with its nodes by display name."""
        await self.clock.sleep_until(self.clock.now() + 1)
        loaded = load([Source("w.yaml", TEMPLATE.replace("NAME", name).encode())])
        workflow, origin = loaded.workflows[0]
        row: RunRow = await self.submitter.submit(
            workflow, loaded.beside(), Overrides(runtime="simulated"), origin
        )
        ports = Ports(
            self.store, self.store, answers_in_memory(self.clock), self.clock, self.store.owner
        )
        outcome = Outcome(seconds=seconds, code=code)
        await Engine(ports, lambda _: SimulatedRuntime(self.clock, lambda _: outcome)).drive(row)
        whole: Any = await Viewer(self.store).get(None, name)
        nodes = whole["status"]["nodes"].values()
        return {"status": whole["status"], **{node["displayName"]: node for node in nodes}}


def estimated(found: dict[str, Any]) -> list[int | None]:
    return [found[key].get("estimatedDuration") for key in ("status", "[0]", "work")]


def test_the_last_success_of_the_template_tells() -> None:
    async def play() -> None:
        shop = Shop()
        assert estimated(await shop.play("first", 30)) == [None, None, None]
        assert estimated(await shop.play("failed", 50, code=1)) == [30, 30, 30]
        assert estimated(await shop.play("second", 40)) == [30, 30, 30]
        assert estimated(await shop.play("third", 1)) == [40, 40, 40]

    run(play())


def test_nothing_is_estimated_where_it_is_not_wanted() -> None:
    async def play() -> None:
        shop = Shop(estimating=False)
        await shop.play("first", 30)
        assert estimated(await shop.play("second", 30)) == [None, None, None]

    run(play())
