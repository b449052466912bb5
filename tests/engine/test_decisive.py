"""Whatever is named as the cause of an end explains its phase."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.engine import scenario

from tiphys.engine.explain import decisive
from tiphys.engine.nodes.steps import FAIL_FAST
from tiphys.engine.phases import BAD
from tiphys.engine.run import Run
from tiphys.engine.state import Node

CASES = """
- claim: of a DAG the first target that did not succeed decides, also one that was omitted
  spec: {templates: [{name: main, dag: {tasks: [{name: x, template: bad}, {name: a, template: ok, depends: x}, {name: z, template: broken}]}}]}
  chain: [w, w.x]
- claim: with failFast off it is the last one
  spec: {templates: [{name: main, dag: {failFast: false, tasks: [{name: a, template: bad}, {name: b, template: broken}]}}]}
  chain: [w, w.b]
- claim: a failure that is covered is not what an Error is for
  spec: {templates: [{name: main, dag: {tasks: [{name: a, template: bad, continueOn: {failed: true}}, {name: b, template: broken}]}}]}
  chain: [w, w.b]
- claim: an omitted task is as bad as the one of the DAG's own phase
  spec: {templates: [{name: main, dag: {tasks: [{name: a, template: bad}, {name: b, template: broken}, {name: c, template: ok, depends: "a && b"}]}}]}
  chain: [w, w.a]
- claim: a Steps node is Failed by a group in Error
  spec: {templates: [{name: main, steps: [[{name: a, template: bad, continueOn: {failed: true}}, {name: b, template: ok, when: "]"}]]}]}
  chain: [w, "w[0]", "w[0].b"]
- claim: a step that was made and is an Error makes its group Failed
  spec: {templates: [{name: main, steps: [[{name: a, template: broken}, {name: b, template: bad}]]}]}
  chain: [w, "w[0]", "w[0].a"]
- claim: a strategy that cannot be read is an Error of its own, not of the attempt
  spec: {templates: [{name: r, container: {image: x}, retryStrategy: {limit: many}}, {name: main, steps: [[{name: a, template: r}]]}]}
  jobs: {r: {code: 1}}
  chain: [w, "w[0]", "w[0].a"]
- claim: of a container set the first container that failed decides, not one that waited for it
  spec:
    templates:
    - {name: set, containerSet: {containers: [{name: main, image: x}, {name: b, image: x, dependencies: [main]}]}}
    - {name: main, steps: [[{name: s, template: set}]]}
  jobs: {set: {code: 2, containers: {b: [Error, "dependency"]}}}
  chain: [w, "w[0]", "w[0].s", "w[0].s.main"]
- claim: outputs that cannot be read make an Error without a cause below
  spec:
    templates:
    - name: main
      outputs: {parameters: [{name: o, valueFrom: {expression: "1 +"}}]}
      steps: [[{name: a, template: bad, continueOn: {failed: true}}]]
  chain: [w]
- claim: of a loop in a DAG the last item of its phase decides
  spec: {templates: [{name: main, dag: {tasks: [{name: t, template: "bad", withItems: [1, 2]}]}}]}
  chain: [w, w.t, "w.t(1:2)"]
"""


@pytest.mark.parametrize("item", yaml.safe_load(CASES), ids=lambda item: item["claim"])
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
