"""Every rule of Argo's validation has its text, its number and its place."""

import re
from pathlib import Path

import pytest
from tests.unit.compile.rule_rows import ROWS, RULES, arguments

from tiphys.compile.references import template_store
from tiphys.compile.validate import Options, validate
from tiphys.model.codec import decode, split_documents

REFERENCE = Path(__file__).resolve().parents[4] / "shared/reference/validation.md"
LIBRARY = """kind: WorkflowTemplate
metadata: {name: lib}
spec:
  entrypoint: hello
  templates: [{name: hello, container: {image: x}}]
"""


def check(kind, spec, **options):
    kind, _, name = kind.partition(" ")
    text = f"kind: {kind}\nmetadata: {{name: {name or 'wf'}}}\nspec: {spec}\n---\n{LIBRARY}"
    document, library = split_documents(text, "wf.yaml")
    given = Options(offline=True, namespace="ns", sources={"": document}, **options)
    return validate(decode(document), template_store([decode(library)]), given)


@pytest.mark.parametrize(
    ("rule", "kind", "spec", "message"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)]
)
def test_each_rule_says_what_argo_says(rule, kind, spec, message):
    found = check(kind, spec)
    if message == "ok":
        assert found == []
        return
    assert found[0].reason == message
    assert found[0].rule == rule.rpartition(">")[2]
    assert found[0].severity == "error"
    assert found[0].line > 0


def test_no_rule_is_left_out():
    assert {row[0].partition(">")[0] for row in ROWS} == RULES


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference pages are not here")
def test_the_table_has_every_rule_of_the_reference():
    text = REFERENCE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([WAHTLSDOMC]\d+[a-z]?)(?:–[A-Z](\d+))? \|", text, re.MULTILINE)
    listed = set()
    for first, last in rows:
        number = int(re.sub(r"\D", "", first))
        numbers = range(number, int(last) + 1) if last else [number]
        listed |= {first[0] + str(n) + re.sub(r".\d+", "", first, count=1) for n in numbers}
    assert listed - RULES == {"A5"}


def test_lint_lets_spec_arguments_lack_a_value_and_then_looks_no_further():
    assert check("Workflow", arguments("parameters: [{name: m}]"), lint=True) == []  # A5
    block = "parameters: [{name: m, enum: [x]}, {name: k, value: z, enum: [x]}]"
    assert check("Workflow", arguments(block), lint=True) == []  # A8 under leniency
    assert check("WorkflowTemplate", arguments(block)) == []
    assert check("WorkflowTemplate", arguments(block), submit=True) != []
