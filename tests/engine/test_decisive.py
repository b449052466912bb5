"""Whatever is named as the cause of an end explains its phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.engine import scenario

from tiphys.engine.ending import FAIL_FAST
from tiphys.engine.explain import decisive
from tiphys.engine.phases import BAD
from tiphys.engine.run import Run
from tiphys.engine.state import Node

CASES = yaml.safe_load(Path(__file__).with_name("decisive.yaml").read_text())


@pytest.mark.parametrize("item", CASES, ids=lambda item: item["claim"])
def test_the_chain_leads_to_what_gave_the_verdict(item: dict[str, Any]) -> None:
    run = scenario.drive(item).run
    chain = decisive.chain(run, decisive.first(run))
    assert [node.name for node in chain] == item["chain"]


def explains(run: Run, node: Node, cause: Node) -> bool:
    """Say whether a node may be as it is for this cause. Source: reference/engine.md 3.2, 4.4."""
    if node.phase == cause.phase or FAIL_FAST in {node.message, cause.message}:
        return cause.phase in BAD
    is_failed_by_error = (node.phase, cause.phase) == ("Failed", "Error")
    if node.kind == "StepGroup":
        return is_failed_by_error and node.message == f"child '{cause.id}' failed"
    return is_failed_by_error and node.kind == "Steps" and node.message == cause.message


@pytest.mark.parametrize(("name", "item"), scenario.load(), ids=lambda item: str(item)[:80])
def test_every_cause_explains_its_end(name: str, item: dict[str, Any]) -> None:
    run = scenario.drive(item).run
    for node in run.state.nodes.values():
        cause = decisive.below(run, node)
        assert cause is None or explains(run, node, cause), (name, node.name, cause.name)
    decided = decisive.first(run)
    assert decided is None or decided.phase == run.state.phase or not run.state.done
