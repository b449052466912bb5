"""Artifacts of ended and deleted runs are deleted once each, also after a crash."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tiphys.controller.artifact_gc import ArtifactGC, Backoff
from tiphys.controller.collecting import Collector
from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.controller.retention import Retention, Yard
from tiphys.engine.cleanup import Kept
from tiphys.errors import Conflict, Permanent
from tiphys.model.artifacts import Artifact
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.deletions import MemoryDeletions
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

TEXT = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  artifactGC: {strategy: OnWorkflowDeletion FORCE}
  templates:
  - name: main
    container: {image: x}
    outputs:
      artifacts:
      - {name: early, path: /a, s3: {key: a}, artifactGC: {strategy: OnWorkflowCompletion}}
      - {name: late, path: /b}
"""
MAP = """
kind: ConfigMap
metadata:
  name: artifact-repositories
  annotations: {workflows.argoproj.io/default-artifact-repository: main}
data:
  main: "s3: {endpoint: e, bucket: b, keyFormat: 'k/{{pod.name}}'}"
"""


class Shelf:
    """The drivers of every kind: they note what is deleted, or cannot."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.broken = False

    def __call__(self, _artifact: Artifact) -> Shelf:
        return self

    async def delete(self, where: Artifact) -> None:
        if self.broken:
            raise Permanent("no")
        assert where.s3 is not None
        assert where.s3.bucket == "b"
        self.deleted.append(where.s3.key)


class House:
    """A store with one run, played by what calls itself a process runtime."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.store = MemoryStore()
        self.ledger = MemoryDeletions()
        self.shelf = Shelf()

    def collector(self) -> Collector:
        gc = ArtifactGC(self.ledger, lambda _: self.shelf, self.clock, Backoff(2, 0.1))  # type: ignore[arg-type,return-value]  # drivers that only delete
        return Collector(self.store, self.ledger, gc)

    def retention(self) -> Retention:
        async def nothing(_row: RunRow, _claims: Sequence[str] = ()) -> None:
            return None

        store = self.store
        yard = Yard(
            *(store, store, self.clock, store.owner, self.runtime, nothing, nothing),
            collector=self.collector(),
        )
        return Retention(yard, Kept())

    def runtime(self, _row: RunRow) -> SimulatedRuntime:
        return SimulatedRuntime(self.clock, lambda _job: Outcome(seconds=1))

    async def end(self, runtime: str = "process", force: str = "") -> RunRow:
        """Run the workflow to its end; nothing is collected."""
        text = TEXT.replace("FORCE", force) + "---" + MAP
        loaded = load([Source("w.yaml", text.encode())])
        submitter = Submitter(self.store, self.clock, lambda _: ALL)
        options = Overrides(runtime=runtime)
        row = await submitter.submit(loaded.workflows[0][0], loaded.beside(), options)
        answers = answers_in_memory(self.clock)
        ports = Ports(self.store, self.store, answers, self.clock, self.store.owner)
        assert await Engine(ports, self.runtime).drive(row)
        return await self.store.find(row.namespace, row.name)


def test_what_goes_on_completion_is_deleted_once_and_the_rest_with_the_run() -> None:
    async def play() -> None:
        house = House()
        row = await house.end()
        await house.retention().sweep()
        await house.retention().sweep()
        assert house.shelf.deleted == ["a"]
        await house.collector().clear(row)
        assert house.shelf.deleted == ["a", "k/w/late.tgz"]
        assert not await house.ledger.of(row.run)

    run(play())


def test_what_cannot_be_deleted_keeps_the_run_until_it_can() -> None:
    async def play() -> None:
        house = House()
        row = await house.end()
        house.shelf.broken = True
        with pytest.raises(Conflict, match=r"2 of 2 artifacts cannot be deleted: early: no; `"):
            await house.collector().clear(row)
        assert {item.state for item in await house.ledger.of(row.run)} == {"failed"}
        house.shelf.broken = False
        await house.collector().clear(row)
        assert sorted(house.shelf.deleted) == ["a", "k/w/late.tgz"]

    run(play())


@pytest.mark.parametrize(
    ("rule", "force"), [(", forceFinalizerRemoval: true", False), ("", True)], ids=["rule", "word"]
)
def test_a_run_may_go_without_its_artifacts_if_it_or_somebody_says_so(
    rule: str, force: bool
) -> None:
    async def play() -> None:
        house = House()
        row = await house.end(force=rule)
        house.shelf.broken = True
        await house.collector().clear(row, force)
        assert not await house.ledger.of(row.run)

    run(play())


def test_what_was_only_played_has_stored_nothing() -> None:
    async def play() -> None:
        house = House()
        row = await house.end("simulated")
        await house.retention().sweep()
        await house.collector().clear(row)
        assert house.shelf.deleted == []

    run(play())
