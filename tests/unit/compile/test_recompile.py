"""A stored workflow is read as it was written, and as it once was written."""

from __future__ import annotations

import msgspec
import pytest

from tiphys.compile import admit as admitting
from tiphys.compile.admit import recompile
from tiphys.messages import RunAdmitted
from tiphys.model.codec import convert
from tiphys.model.workflow import Workflow
from tiphys.testing.drive import admitted

TEXT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, labels: {a: b}, annotations: null}
spec:
  entrypoint: main
  arguments: {parameters: [{name: num, value: 5}, {name: e, enum: [1, "true", x], value: x}]}
  activeDeadlineSeconds: 100
  parallelism: 3
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: job, withItems: [1, a, {b: 2}, [3]]}
      - {name: b, template: job, depends: a.AllFailed, when: "1 == 1"}
  - name: job
    retryStrategy: {limit: 2, backoff: {duration: "5", factor: 2}}
    container:
      image: busybox
      command: [echo, "1"]
      env: [{name: A, value: "1"}]
      ports: [{containerPort: 80}]
      resources: {limits: {cpu: 1, memory: 1Gi}}
"""


def stored() -> RunAdmitted:
    """Return the first event of a run as a journal gives it back."""
    event = admitted(TEXT).event
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=RunAdmitted)


def test_what_a_journal_holds_reads_the_same_without_looking_for_faults() -> None:
    value = stored().workflow
    assert msgspec.convert(value, Workflow) == convert(value, Workflow)


def test_no_fault_is_looked_for_in_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("it was looked through")

    event = stored()
    monkeypatch.setattr(admitting, "convert", refused)
    assert recompile(event).templates.keys() == admitted(TEXT).program.templates.keys()


def test_numbers_where_texts_belong_are_read_as_they_were_by_earlier_releases() -> None:
    event = stored()
    assert isinstance(event.workflow, dict)
    spec = event.workflow["spec"]
    assert isinstance(spec, dict)
    spec["arguments"] = {"parameters": [{"name": "num", "value": 5}]}
    assert recompile(event).constants["workflow.parameters.num"] == "5"
