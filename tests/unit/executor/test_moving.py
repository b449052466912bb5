"""Transfers in sight: what is counted, what is written down, and that little is."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest
from tests.unit.executor.test_layout import job

from tiphys.errors import Transient
from tiphys.executor import contract, moving
from tiphys.executor.capture import capture
from tiphys.executor.layout import Layout, Spot
from tiphys.executor.meter import Meter, counting, expected, moved
from tiphys.executor.moving import MoveFile, Moving, read_moving
from tiphys.executor.stage import load_inputs
from tiphys.executor.transfers import Retry, Transfers
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import (
    ArchiveStrategy,
    Artifact,
    ItemsArtifact,
    LocalArtifact,
    NoneStrategy,
)
from tiphys.model.containers import Container
from tiphys.model.templates import Template
from tiphys.ports import Stored

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(moving, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(moving, "EVERY_SECONDS", 0.001)


class Slow:
    """A driver that has moved half, and goes on when it is told to. It says what it moves."""

    def __init__(self, folder):
        self.folder = folder
        self.half, self.go_on = asyncio.Event(), asyncio.Event()

    def __call__(self, _where):
        return self

    async def _move(self):
        moved(40)
        self.half.set()
        await self.go_on.wait()
        moved(60)

    async def get(self, _where, to):
        expected(100)
        await self._move()
        to.write_text("x")

    async def put(self, _source, _where):
        await self._move()
        return Stored(100, "")

    async def seen(self):
        """Return what is written down once half is moved."""
        async with asyncio.timeout(10):
            await self.half.wait()
            while (found := read_moving(self.folder)) is None or not found.moved_bytes:
                await asyncio.sleep(0)
        return found


class Plain(Layout):
    """Paths are what they are."""

    def host(self, path):
        return path

    follow = host

    def spot(self, path, follows=True):
        return Spot("", path)


def spec(**template):
    return msgspec.structs.replace(
        job(), template=Template(container=Container(image="x"), **template)
    )


def one(tmp_path, **more):
    place = LocalArtifact(key="k")
    return Artifact(name="big", path=str(tmp_path / "big"), local=place, **more)


async def test_a_long_download_is_in_sight_while_it_lasts(tmp_path):
    driver = Slow(str(tmp_path))
    layout = Plain(str(tmp_path))
    work = spec(inputs=Inputs(artifacts=(one(tmp_path),)))
    loading = asyncio.create_task(load_inputs(work, layout, driver))
    assert await driver.seen() == Moving("big", "loading", 40, 100)
    driver.go_on.set()
    await loading
    assert not (tmp_path / contract.MOVING).exists()


async def test_an_upload_is_in_sight_with_the_size_of_its_file(tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 100)
    driver = Slow(str(tmp_path))
    artifact = one(tmp_path, archive=ArchiveStrategy(none=NoneStrategy()))
    work = spec(outputs=Outputs(artifacts=(artifact,)))
    saving = asyncio.create_task(capture(work, Plain(str(tmp_path)), 0, 0.0, driver))
    assert await driver.seen() == Moving("big", "saving", 40, 100)
    driver.go_on.set()
    assert (await saving).phase == "Succeeded"
    assert not (tmp_path / contract.MOVING).exists()


async def test_what_is_over_at_once_is_never_written(tmp_path, monkeypatch):
    monkeypatch.setattr(moving, "FIRST_SECONDS", 60.0)
    with MoveFile(str(tmp_path)).showing(Meter("a", "loading")):
        await asyncio.sleep(0)
    assert os.listdir(tmp_path) == []


def test_what_a_dead_engine_left_is_not_shown(tmp_path):
    assert read_moving(str(tmp_path)) is None
    path = tmp_path / contract.MOVING
    path.write_bytes(msgspec.json.encode(Moving("a", "saving", 1)))
    assert read_moving(str(tmp_path)) == Moving("a", "saving", 1)
    os.utime(path, (1, 1))
    assert read_moving(str(tmp_path)) is None
    path.write_text("{half")
    assert read_moving(str(tmp_path)) is None


class Broken:
    """Breaks off once after 10 bytes, then moves 7."""

    def __init__(self):
        self.tries = 0

    def __call__(self, _where):
        return self

    async def get(self, _where, to):
        self.tries += 1
        expected(7)
        if self.tries == 1:
            moved(10)
            raise Transient("down")
        moved(7)
        to.write_text("x")


async def no_sleep(_seconds):
    return


async def test_what_a_broken_try_has_moved_does_not_count(tmp_path):
    meter = Meter("a", "loading")
    transfers = Transfers(None, Broken(), Retry(sleep=no_sleep))
    await transfers.load(Artifact(name="a", local=LocalArtifact(key="k")), tmp_path / "a", meter)
    assert (meter.moved_bytes, meter.total_bytes) == (7, 7)


async def test_the_items_of_a_loop_count_together(tmp_path):
    parts = tuple(Artifact(name=str(n), local=LocalArtifact(key=str(n))) for n in range(3))
    driver, meter = Broken(), Meter("a", "loading")
    driver.tries = 1
    transfers = Transfers(None, driver, Retry(sleep=no_sleep))
    whole = Artifact(name="a", items=ItemsArtifact(artifacts=parts))
    await transfers.load(whole, tmp_path / "a", meter)
    assert (meter.moved_bytes, meter.total_bytes) == (21, 21)


def test_a_growing_file_counts_as_it_is(tmp_path):
    meter = Meter("a", "packing")
    meter.add(5)
    meter.grow(str(tmp_path / "x"))
    assert meter.moved_bytes == 5
    (tmp_path / "x").write_bytes(b"12")
    assert meter.moved_bytes == 7


def test_nobody_looks_nothing_is_counted():
    moved(3)
    meter = Meter("a", "loading")
    with counting(meter):
        moved(2)
    moved(3)
    assert meter.moved_bytes == 2


def test_a_file_that_a_library_reads_counts_as_far_as_it_has_come(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 1000)
    meter = Meter("a", "saving", 1000)
    with meter.reading(str(path)):
        assert meter.moved_bytes == 0
        with path.open("rb", buffering=0) as file, path.open("rb", buffering=0) as ahead:
            ahead.read(900)
            file.read(400)
            assert meter.moved_bytes == 400
            file.read(100)
            ahead.read()
        assert meter.moved_bytes == 400  # not looked at since, and closed now
    assert meter.moved_bytes == 1000
