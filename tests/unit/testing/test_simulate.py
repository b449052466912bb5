"""A workflow in a simulated world."""

from __future__ import annotations

import time

import pytest

from tiphys.errors import InvalidDocument
from tiphys.runtime.simulated import Outcome
from tiphys.testing.simulate import simulate

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n"
ECHO = """
  - name: echo
    inputs: {parameters: [{name: text, value: none}]}
    container: {image: busybox, command: [echo, "{{inputs.parameters.text}}"]}
"""
APPROVAL = (
    HEAD
    + """metadata: {generateName: wait-}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: before, template: echo}
    - - {name: approve, template: approve}
    - - name: after
        template: echo
        arguments: {parameters: [{name: text, value: "{{steps.approve.outputs.parameters.who}}"}]}
  - name: approve
    suspend: {}
    outputs: {parameters: [{name: who, valueFrom: {supplied: {}}}]}
"""
    + ECHO
)
RESULT = (
    HEAD
    + """metadata: {name: loop}
spec:
  entrypoint: main
  arguments: {parameters: [{name: who, value: nobody}]}
  templates:
  - name: main
    steps:
    - - {name: list, template: list}
    - - name: each
        template: echo
        withParam: "{{steps.list.outputs.result}}"
        arguments: {parameters: [{name: text, value: "{{item}} {{workflow.parameters.who}}"}]}
  - name: list
    script: {image: python, command: [python], source: x}
"""
    + ECHO
)


def nodes(workflow):
    return {node["name"]: node for node in workflow["status"]["nodes"].values()}


def test_a_workflow_runs_to_its_end():
    found = simulate([RESULT], {"who": "me"}, {"result:list": '["a", "b"]'})
    assert found["status"]["phase"] == "Succeeded"
    assert found["status"]["progress"] == "3/3"
    texts = [
        node["inputs"]["parameters"][0]["value"]
        for node in nodes(found).values()
        if node["name"].startswith("loop[1].")
    ]
    assert sorted(texts) == ["a me", "b me"]


def test_waiting_for_a_person_for_ever_is_an_end():
    found = simulate([APPROVAL])
    assert found["status"]["phase"] == "Running"
    name = found["metadata"]["name"]
    assert nodes(found)[f"{name}[1].approve"]["phase"] == "Running"
    assert f"{name}[2]" not in nodes(found)


def test_a_person_resumes_and_supplies_what_is_missing():
    operations = [{"op": "resume", "when": "$WF[1].approve is Running"}]
    found = simulate([APPROVAL], operations=operations)
    assert found["status"]["phase"] == "Succeeded"
    after = nodes(found)[f"{found['metadata']['name']}[2].after"]
    assert after["inputs"]["parameters"] == [{"name": "text", "value": "any text"}]


@pytest.mark.parametrize(("verb", "strategy"), [("stop", "Stop"), ("terminate", "Terminate")])
def test_a_person_stops_it(verb, strategy):
    operations = [{"op": verb, "when": "$WF[1].approve is Running"}]
    found = simulate([APPROVAL], operations=operations)
    assert found["status"]["phase"] == "Failed"
    assert found["status"]["message"] == f"Stopped with strategy '{strategy}'"


def test_a_job_is_stopped_while_it_runs():
    script = {"list": Outcome(seconds=1e6)}
    found = simulate([RESULT], operations=[{"op": "stop"}], script=script)
    message = nodes(found)["loop[0].list"]["message"]
    assert message == "workflow shutdown with strategy:  Stop"


def test_a_script_says_what_jobs_do_and_time_costs_nothing():
    began = time.monotonic()
    found = simulate([RESULT], script={"list": Outcome(seconds=1e7, code=3)})
    assert time.monotonic() - began < 30
    assert nodes(found)["loop[0].list"]["message"] == "main: Error (exit code 3)"


def test_what_is_no_document_is_refused():
    with pytest.raises(InvalidDocument):
        simulate(["kind: Workflow\nspec: ["])
