"""What a pod has of its workflow's spec when its template does not say otherwise."""

from __future__ import annotations

from tiphys import Outcome, simulate
from tiphys.executor.fields import field_value
from tiphys.messages import JobSpec
from tiphys.model.base import JsonObject

WORKFLOW = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  securityContext: {runAsUser: 1500, runAsNonRoot: true}
  templates:
  - name: main
    steps:
    - - {name: a, template: inherits}
      - {name: b, template: replaces}
      - {name: c, template: drops}
      - {name: d, inline: {script: {image: x, command: [sh], source: "true"}}}
  - {name: inherits, container: {image: x}}
  - {name: replaces, securityContext: {runAsUser: 7}, container: {image: x}}
  - {name: drops, securityContext: {}, container: {image: x}}
"""


def test_a_security_context_is_the_workflows_unless_the_template_has_one() -> None:
    seen: dict[str, JsonObject | None] = {}

    def answer(job: JobSpec) -> Outcome | None:
        seen[job.node_name.rpartition(".")[2]] = job.template.security_context
        return None

    assert simulate(WORKFLOW, outcomes=answer).ok
    whole = {"runAsUser": 1500, "runAsNonRoot": True}
    assert seen == {"a": whole, "b": {"runAsUser": 7}, "c": {}, "d": whole}


LABELLED = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  serviceAccountName: worker
  podMetadata: {labels: {team: red, in: "{{workflow.name}}"}, annotations: {a: "1"}}
  templates:
  - {name: main, metadata: {labels: {team: blue}}, container: {image: x}}
"""


def test_a_pod_knows_the_workflows_labels_and_account_and_the_templates_over_them() -> None:
    seen: list[str] = []

    def answer(job: JobSpec) -> None:
        fields = ("labels['team']", "labels['in']", "annotations['a']")
        paths = (*(f"metadata.{field}" for field in fields), "spec.serviceAccountName")
        seen.extend(field_value(job, {"fieldPath": path}) for path in paths)

    assert simulate(LABELLED, outcomes=answer).ok
    assert seen == ["blue", "w", "1", "worker"]
