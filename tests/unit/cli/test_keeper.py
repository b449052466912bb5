"""What a command does while nobody drives the run that it waits for."""

import asyncio
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tiphys.cli import background
from tiphys.errors import Permanent

ROW = SimpleNamespace(name="w")


class Waiting:
    """A command that waits: engines are programs that end when they are told to."""

    def __init__(self, monkeypatch, program):
        self.now, self.driven, self.started = 0.0, False, []
        self.program = program
        monkeypatch.setattr(background, "ensure_engine", self._engine)
        session = SimpleNamespace(settings=SimpleNamespace(home=Path("home")))
        clock = SimpleNamespace(now=lambda: self.now)
        self.keeper = background.Keeper(session, SimpleNamespace(clock=clock, store=self))

    def _engine(self, session):
        child = subprocess.Popen(self.program, stdin=subprocess.PIPE)
        self.started.append(child)
        return child.pid

    async def is_driven(self, row):
        return self.driven

    def look(self, times):
        for _ in range(times):
            self.now += 1
            asyncio.run(self.keeper.look(ROW))


@pytest.fixture
def waiting(monkeypatch):
    made = Waiting(monkeypatch, ["cat"])
    yield made
    for child in made.started:
        child.stdin.close()
        child.wait()


def test_an_engine_that_is_slow_to_start_is_waited_for_and_not_doubled(waiting):
    waiting.look(100)
    assert len(waiting.started) == 1


def test_one_that_has_ended_is_followed_by_another(waiting):
    waiting.look(2)
    waiting.started[0].kill()
    waiting.started[0].wait()
    waiting.look(50)
    assert len(waiting.started) == 2


def test_engines_that_come_and_go_are_given_up(waiting):
    waiting.program = ["true"]
    for _ in range(20):
        waiting.look(1)
        waiting.started[-1].wait()
    with pytest.raises(Permanent, match="no engine drives workflow w"):
        waiting.look(1)
    assert len(waiting.started) == 21


def test_no_engine_is_started_for_a_run_that_is_driven(waiting):
    waiting.driven = True
    waiting.look(10)
    assert waiting.started == []
