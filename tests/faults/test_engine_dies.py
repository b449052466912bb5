"""Whatever goes wrong, a run ends as it would have ended."""

from __future__ import annotations

from random import Random

import pytest
from tests.faults.chaos import ending
from tests.properties.programs import make

from tiphys.messages import Input, ResumeRequested, StopRequested, SuspendRequested

SEEDS = (*range(250), 419)
"""The one at the end once failed."""
RETRIED = range(100)


@pytest.fixture(autouse=True)
def frequent_snapshots(monkeypatch):
    monkeypatch.setattr("tiphys.controller.commits._SNAPSHOT_EVERY", 20)


def test_a_run_ends_as_if_nothing_had_gone_wrong(seed):
    program = make(seed)
    undisturbed = ending(program, None)
    assert undisturbed.lives == 1
    assert ending(program, seed).result == undisturbed.result


def test_a_run_that_people_act_on_ends_whatever_goes_wrong(seed):
    rng = Random(seed)
    requests: list[tuple[float, Input]] = [
        (0.5, SuspendRequested(at=0.0)),
        (rng.uniform(1, 4), ResumeRequested(at=0.0)),
        (rng.uniform(5, 30), StopRequested(at=0.0, strategy=rng.choice(("Stop", "Terminate")))),
    ]
    ending(make(seed, timing=True), seed, requests)


@pytest.mark.parametrize("seed", RETRIED)
def test_a_retried_run_ends_as_if_nothing_had_gone_wrong(seed):
    program = make(seed)
    undisturbed = ending(program, None, retries=2)
    assert ending(program, seed, retries=2).result == undisturbed.result


def test_a_run_that_ran_ahead_of_its_store_ends_as_if_nothing_had_gone_wrong(seed):
    program = make(seed)
    undisturbed = ending(program, None)
    assert ending(program, None, ephemeral=True).result == undisturbed.result
    assert ending(program, seed, ephemeral=True).result == undisturbed.result


@pytest.mark.parametrize("seed", RETRIED)
def test_a_run_that_people_act_on_ends_though_it_ran_ahead(seed):
    rng = Random(seed)
    requests: list[tuple[float, Input]] = [
        (0.5, SuspendRequested(at=0.0)),
        (rng.uniform(1, 4), ResumeRequested(at=0.0)),
        (rng.uniform(5, 30), StopRequested(at=0.0, strategy=rng.choice(("Stop", "Terminate")))),
    ]
    ending(make(seed, timing=True), seed, requests, ephemeral=True)


@pytest.mark.parametrize("seed", RETRIED)
def test_a_retried_run_that_ran_ahead_ends_as_if_nothing_had_gone_wrong(seed):
    program = make(seed)
    undisturbed = ending(program, None, retries=2)
    assert ending(program, seed, retries=2, ephemeral=True).result == undisturbed.result


def test_engines_really_die_and_some_are_only_thought_dead():
    found = [ending(make(seed), seed) for seed in range(40)]
    assert sum(item.lives for item in found) > 60
    assert sum(item.zombies for item in found) > 5
