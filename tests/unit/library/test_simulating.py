"""`tiphys.simulate`."""

from __future__ import annotations

import asyncio

import pytest

import tiphys
from tiphys import Outcome, simulate
from tiphys.errors import InvalidDocument, NotFound, UserError

HEAD = "kind: Workflow\nmetadata: {generateName: a-}\nspec:\n  entrypoint: main\n  templates:\n"
LOOP = (
    HEAD
    + """
  - name: main
    steps:
    - - {name: make, template: make}
    - - name: use
        template: use
        withParam: "{{steps.make.outputs.result}}"
        arguments: {parameters: [{name: x, value: "{{item}}"}]}
    outputs: {parameters: [{name: last, valueFrom: {parameter: "{{steps.make.outputs.result}}"}}]}
  - {name: make, script: {image: x, source: make}}
  - name: use
    inputs: {parameters: [{name: x}]}
    retryStrategy: {limit: 1}
    container: {image: x, args: ["{{inputs.parameters.x}}"]}
"""
)


def test_outcomes_are_found_by_node_step_and_template():
    made = Outcome(result='["b.c(1)", "d"]', log=b"made\n")
    for name in ("make", "t[0].make"):
        found = simulate(LOOP, outcomes={name: made}, name="t")
        assert found.ok
        used = [node.inputs["x"] for node in found.nodes if node.type == "Pod" and node.inputs]
        assert used == ["b.c(1)", "d"]
        assert found.outputs.parameters == {"last": '["b.c(1)", "d"]'}
        assert found.logs() == found.logs("make") == "made\n"
        assert found.logs("use(1:d)(0)") == ""


def test_a_list_is_one_outcome_after_the_other():
    tries = {"make": Outcome(result="[1]"), "use": [Outcome(code=1), Outcome(code=0)]}
    found = simulate(LOOP, outcomes=tries)
    assert found.ok
    assert [
        n.outputs.exit_code for n in found.nodes if n.template == "use" and n.type == "Pod"
    ] == [
        1,
        0,
    ]
    assert found.failures == []
    found = simulate(LOOP, outcomes=tries | {"use": [Outcome(code=1), Outcome(code=2)]})
    assert [node.outputs.exit_code for node in found.failures] == [1, 2]


def test_a_function_sees_what_would_have_run():
    seen = []

    def outcome(job):
        seen.append(job.template.container and job.template.container.args)
        return Outcome(result="[7]") if job.template.name == "make" else None

    assert simulate(LOOP, outcomes=outcome).ok
    assert seen == [None, ("7",)]


def test_a_name_that_nothing_has_is_an_error():
    with pytest.raises(UserError, match="is `mkae`; did you mean `make`"):
        simulate(LOOP, outcomes={"mkae": Outcome()})


def test_what_is_refused_says_why():
    with pytest.raises(InvalidDocument, match="text:4:"):
        simulate(HEAD)
    with pytest.raises(UserError, match='not "pause"'):
        simulate(LOOP, operations=[{"op": "pause"}])
    with pytest.raises(UserError, match="not 2"):
        simulate([LOOP, LOOP])


def test_it_works_where_a_loop_runs():
    async def main():
        return simulate(LOOP, outcomes={"make": Outcome(error="lost")})

    found = asyncio.run(main())
    assert found.phase == "Failed"
    assert [(node.phase, node.message) for node in found.failures] == [("Error", "lost")]
    with pytest.raises(NotFound, match="it has"):
        found.node("none")


def test_what_is_public_is_there():
    for name in tiphys.__all__:
        assert getattr(tiphys, name) is not None
    assert set(tiphys.__all__) <= set(dir(tiphys))
    with pytest.raises(AttributeError):
        tiphys.nothing  # noqa: B018
