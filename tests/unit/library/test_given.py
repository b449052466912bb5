"""What may be handed in as a workflow."""

from __future__ import annotations

import json

import pytest

from tiphys.errors import InvalidDocument, UserError
from tiphys.library.given import load_given, texts

TEXT = """kind: Workflow
metadata: {name: a}
spec: {entrypoint: main, templates: [{name: main, suspend: {}}]}
"""
MAPPING = {
    "kind": "Workflow",
    "metadata": {"name": "a"},
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]},
}


class Told:
    def __init__(self, told):
        self.told = told

    def to_dict(self):
        return self.told


def names(given):
    return [item.metadata.name for item, _ in load_given(given).workflows]


def test_every_form_is_the_same_workflow(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)
    forms = [TEXT, TEXT.encode(), path, str(path), MAPPING, json.dumps(MAPPING), Told(MAPPING)]
    for form in forms:
        assert names(form) == ["a"]
    assert names([forms[0], [forms[2], forms[6]], {"kind": "Secret"}]) == ["a"] * 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "not int"),
        (None, "not NoneType"),
        (Told("text"), "is str, no mapping"),
        ("no/such.yaml", "no/such.yaml: no such file or directory"),
        (
            {**MAPPING, "metadata": {"name": "a", "labels": {"a": {1, object}}}},
            "Workflow a: cannot",
        ),
        ({"kind": "Workflow", "spec": {"entrypiont": ""}}, r'^Workflow: unknown field "spec.entr'),
        ("kind: Workflow\nspec: {x: 1}", r'^text:2:8: unknown field "spec.x"'),
        ("kind: [\n", "^text:"),
        ("\n", "^text: there is no document in it"),
        (b"\xff\xfe\x00", "^text"),
        ("{\ud800}", "^text"),
    ],
)
def test_what_is_no_workflow_is_named(given, said):
    with pytest.raises(UserError, match=said):
        load_given(given)


def test_a_mapping_that_holds_itself_is_refused():
    given = dict(MAPPING)
    given["spec"] = given
    with pytest.raises(UserError, match="cannot be written as JSON"):
        load_given(given)


def test_findings_of_a_mapping_have_no_lines():
    with pytest.raises(InvalidDocument) as caught:
        load_given({**MAPPING, "spce": 1})
    assert [item.line for item in caught.value.findings] == [0]


def test_parameters_become_what_workflows_see():
    given = {"a": "x", "b": 3, "c": [1, "y"], "d": True, "e": None, "f": 1.5}
    assert texts(given) == (
        *(("a", "x"), ("b", "3"), ("c", '[1,"y"]')),
        *(("d", "true"), ("e", "null"), ("f", "1.5")),
    )
    with pytest.raises(UserError, match="parameter x"):
        texts({"x": object()})
