"""What must hold for every workflow, whatever happens to it."""

from __future__ import annotations

from random import Random

from tests.properties.programs import make
from tests.properties.watched import People, Row, drive_watched, result

from tiphys.engine.phases import LEGAL

SEEDS = (*range(500), 2021, 2091, 4533, 5408, 5812, 6116, 6646, 7605, 8526, 8683)
"""The ones at the end once failed."""
COVERING = range(2000)
"""Seeds whose runs together take every row of the table of phases, long before the last one."""


def test_a_run_that_loses_its_memory_ends_as_one_that_does_not(seed):
    program = make(seed)
    undisturbed = drive_watched(program)
    assert undisturbed.run.state.done
    disturbed = drive_watched(program, crashes=Random(seed))
    assert result(disturbed.run) == result(undisturbed.run)


def test_whatever_people_do_a_run_ends(seed):
    program = make(seed, timing=True)
    people = People(Random(seed))
    driver = drive_watched(program, crashes=Random(-seed), people=people)
    assert driver.run.state.done
    assert not driver.run.state.jobs
    assert not driver.run.state.live


def test_every_legal_change_of_phase_is_made_by_some_run_and_no_other():
    legal = {(kind, *row) for kind, rows in LEGAL.items() for row in rows}
    taken: set[Row] = set()
    for seed in COVERING:
        taken |= set(drive_watched(make(seed, timing=True), people=People(Random(seed))).rows)
        if taken >= legal:
            break
    assert taken <= legal
    assert not legal - taken
