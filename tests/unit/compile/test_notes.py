"""Fields that have no effect outside a cluster are named, and nothing else is."""

import yaml

from tiphys.compile.notes import noted
from tiphys.model.codec import convert
from tiphys.model.spec import WorkflowSpec


def _noted(text: str) -> list[str]:
    return noted(convert(yaml.safe_load(text), WorkflowSpec))


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
