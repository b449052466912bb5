"""Processes of one home that are killed while they hold or wait."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from tests.contract.lock_places import SqlPlace

from tiphys.messages import Awaited, Granted
from tiphys.store.owners import Owner, is_alive
from tiphys.testing.answerer_contract import MUTEX, asking, locks

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


class Home(SqlPlace):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self._folder = folder

    async def _living(self, names):
        return [name for name in names if is_alive(self._folder, name)]


@pytest.fixture
def home(tmp_path):
    owner, home = Owner(tmp_path, "me"), Home(tmp_path)
    yield home
    home.close()
    owner.close()


async def start(folder, name: str, priority: int = 0):
    """Start a process and return it with the first answer it was given."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.lock_process", folder, name, str(priority)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        line = await process.stdout.readline()
    return process, line.decode().strip()


async def kill(process) -> None:
    process.kill()
    await process.communicate()


@pytest.mark.anyio
async def test_a_lock_is_the_runs_also_after_its_process_was_killed(home, tmp_path):
    process, answer = await start(tmp_path, "a")
    assert answer == "Granted"
    await kill(process)
    async with asking(home) as askers:
        b, answer = await askers.ask(locks("b", MUTEX), "me")
        assert isinstance(answer, Awaited)
        a, answer = await askers.ask(locks("a", MUTEX), "me")
        assert answer == Granted()
        await a.answerer.release(a.run, "locks/")
        assert await b.hear("locks/") == Granted()


@pytest.mark.anyio
async def test_a_process_that_was_killed_while_it_waited_is_passed_over(home, tmp_path):
    async with asking(home) as askers:
        a, _ = await askers.ask(locks("a", MUTEX), "me")
        b, _ = await askers.ask(locks("b", MUTEX), "me")
        process, answer = await start(tmp_path, "high", priority=9)
        assert answer == "Awaited"
        await kill(process)
        await a.answerer.release(a.run, "locks/")
        assert await b.hear("locks/") == Granted()


@pytest.mark.anyio
async def test_of_many_runs_in_two_processes_one_holds_a_mutex_at_a_time(home):
    owner = Owner(home._folder, "you")
    inside, most = 0, 0

    async def take(askers, i):
        nonlocal inside, most
        asker, answer = await askers.ask(locks(f"w{i}", MUTEX), "me" if i % 2 else "you")
        while answer != Granted():
            answer = await asker.hear("locks/")
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        await asker.answerer.release(asker.run, "locks/")

    async with asking(home) as askers:
        await asyncio.gather(*(take(askers, i) for i in range(20)))
    owner.close()
    assert most == 1
