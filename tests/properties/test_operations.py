"""What must hold when people act on a workflow that has ended, or while it runs."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.properties.programs import Program, make
from tests.properties.watched import People, WatchedDriver, drive_watched, go_to_end

from tiphys.engine.phases import BAD
from tiphys.engine.state import Node
from tiphys.messages import JobSpec, RetryRequested
from tiphys.runtime.simulated import Outcome

FAILED_ONCE = (
    4514,
    7231,
    8123,
    186,
    284,
    514,
    870,
    1538,
    1915,
    3018,
    5057,
    5696,
    6280,
    6466,
    6795,
    6944,
    9127,
    9271,
)
SEEDS = (*range(120), *FAILED_ONCE)
MOST_RETRIES = 5


class Mending(Program):
    """A program whose jobs succeed from some moment on."""

    is_mended = False

    def say(self, job: JobSpec) -> Outcome:
        told = super().say(job)
        return replace(told, code=0, error="", lost=False) if self.is_mended else told


def mending(seed: int, timing: bool = False) -> Mending:
    program = make(seed, timing)
    return Mending(program.seed, program.document)


def mend(program: Mending) -> None:
    object.__setattr__(program, "is_mended", True)


def broken(driver: WatchedDriver) -> list[str]:
    """Return the nodes that failed for a reason that no job can mend."""
    state = driver.run.state
    bad = [node for node in state.nodes.values() if node.phase in BAD]
    return [
        node.name for node in bad if node.kind in {"Skipped", "Suspend"} or node.phase == "Error"
    ]


def is_lost(node: Node) -> bool:
    """Return whether a node is a hook whose expression nothing mends."""
    return node.name.endswith(".hooks.lost")


def mended(seed: int) -> WatchedDriver | None:
    """Return a run that failed and was retried when its jobs succeed; None if none failed."""
    program = mending(seed)
    driver = drive_watched(program)
    mend(program)
    if driver.run.state.phase == "Succeeded":
        return None
    driver.retry(RetryRequested(at=driver.world.now))
    go_to_end(driver, crashes=Random(seed))
    return driver


def test_a_retry_of_what_failed_succeeds_when_its_jobs_do(seed):
    driver = mended(seed)
    if driver is None:
        return
    state = driver.run.state
    assert state.done
    kept = [key for key in state.failed if key in driver.kept]  # something went on from them
    assert state.phase == "Succeeded" or broken(driver) or kept


def test_most_retries_of_mended_programs_succeed():
    every = [driver.run.state for seed in range(100) if (driver := mended(seed)) is not None]
    found = [state.phase for state in every if not any(map(is_lost, state.nodes.values()))]
    assert len(found) > 20
    assert found.count("Succeeded") > 0.7 * len(found)


def test_whatever_people_do_a_run_that_is_retried_ends(seed):
    program = mending(seed, timing=True)
    rng = Random(seed)
    people = People(rng)
    driver = drive_watched(program, crashes=Random(-seed), people=people)
    for round_ in range(MOST_RETRIES):
        assert driver.run.state.done
        assert not driver.run.state.jobs
        assert not driver.run.state.live
        nodes = [*driver.run.state.nodes]
        chosen = rng.sample(nodes, min(len(nodes), rng.choice((0, 0, 1, 3))))
        parameters = (("w", rng.choice("vwx")),) if rng.random() < 0.3 else ()
        if round_ == MOST_RETRIES - 1:
            mend(program)
        driver.retry(
            RetryRequested(at=driver.world.now, nodes=tuple(chosen), parameters=parameters)
        )
        go_to_end(driver, crashes=rng, people=people)
    assert driver.run.state.done
