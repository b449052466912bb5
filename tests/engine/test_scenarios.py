"""Every scenario of the engine's semantics, each named after its claim."""

from __future__ import annotations

import pytest
from tests.engine import scenario

SCENARIOS = scenario.load()


@pytest.mark.parametrize(
    "case", [case for _, case in SCENARIOS], ids=[name for name, _ in SCENARIOS]
)
def test_scenario(case):
    scenario.check(case, scenario.drive(case))


def test_the_names_of_scenarios_differ():
    names = [name for name, _ in SCENARIOS]
    assert len(names) == len(set(names))
