"""Fields that have no effect outside a cluster are named, and nothing else is."""

import pytest
import yaml

from tiphys.compile.notes import noted
from tiphys.model.codec import convert
from tiphys.model.spec import WorkflowSpec


def _noted(text: str, runtime: str = "") -> list[str]:
    return noted(convert(yaml.safe_load(text), WorkflowSpec), runtime)


_LIMITED = """
    entrypoint: a
    templates:
    - name: a
      securityContext: {runAsUser: 7}
      container:
        image: x
        resources: {limits: {cpu: "1", memory: 1Gi}}
        securityContext: {runAsGroup: 8}
"""


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("container", []),
        ("sandbox", []),
        ("process", ["securityContext"]),
        ("simulated", ["resources", "securityContext"]),
    ],
)
def test_what_a_runtime_heeds_is_not_said_to_have_no_effect(runtime: str, said: list[str]) -> None:
    assert _noted(_LIMITED, runtime) == said


@pytest.mark.parametrize(
    ("runtime", "context", "resources"),
    [
        ("container", "runAsUser", "limits of cpu and memory, and requests of cpu"),
        ("sandbox", "runAsUser", "limits of cpu and memory"),
    ],
)
def test_what_it_heeds_in_part_is_said_in_part(runtime: str, context: str, resources: str) -> None:
    found = _noted(
        """
        entrypoint: a
        templates:
        - name: a
          sidecars:
          - name: s
            image: x
            resources: {limits: {cpu: "1", nvidia.com/gpu: 1}, requests: {memory: 1Gi}}
            securityContext: {runAsUser: 7, seLinuxOptions: {level: x}}
        """,
        runtime,
    )
    assert found == [f"resources (but for {resources})", f"securityContext (but for {context})"]
    assert _noted(
        "{templates: [{name: a, container: {resources: {requests: {memory: 1Gi}}}}]}"
    ) == ["resources"]


def test_none_for_a_plain_workflow() -> None:
    assert _noted("{entrypoint: a, templates: [{name: a, container: {image: x}}]}") == []


def test_in_the_spec_a_template_and_a_container() -> None:
    found = _noted("""
        entrypoint: a
        nodeSelector: {x: y}
        templates:
        - {name: a, tolerations: [{key: k}], podSpecPatch: '{}',
           container: {image: x, resources: {limits: {cpu: "1"}}}}
    """)
    assert found == [
        "nodeSelector",
        "podSpecPatch (but for the main container)",
        "resources",
        "tolerations",
    ]


def test_in_an_inline_template() -> None:
    found = _noted("""
        entrypoint: a
        templates:
        - name: a
          dag:
            tasks: [{name: t, inline: {container: {image: x, securityContext: {runAsUser: 0}}}}]
        - name: b
          steps: [[{name: s, inline: {script: {image: x, source: y}, schedulerName: volcano}}]]
    """)
    assert found == ["schedulerName", "securityContext"]


def test_in_the_defaults_of_templates() -> None:
    assert _noted("{entrypoint: a, templateDefaults: {affinity: {nodeAffinity: {}}}}") == [
        "affinity"
    ]
