"""What no event could make good is found in a binding's file, with its place."""

import pytest

from tiphys.service.documents import Source
from tiphys.service.lint import lint, wanted_kinds

GOOD = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowEventBinding
metadata: {name: on-build}
spec:
  event:
    selector: payload.tag startsWith "v" && metadata["x-kind"][0] == "ci"
  submit:
    workflowTemplateRef: {name: release}
    metadata:
      generateName: string(payload.id) + "-"
      labels: {by: payload.who}
    arguments:
      parameters:
      - name: tag
        valueFrom: {event: payload.tag}
"""


def findings(text, kinds="all"):
    report = lint([Source("b.yaml", text.encode())], wanted_kinds(kinds), warnings=False)[0]
    return report.checked, [found for verdict in report.verdicts for found in verdict.findings]


def test_a_good_binding_counts_as_checked():
    assert findings(GOOD) == (1, [])


@pytest.mark.parametrize(
    ("old", "new", "place", "rule", "reason"),
    [
        (
            'startsWith "v" &&',
            "startsWith &&",
            (6, 15),
            "E1",
            "failed to evaluate workflow template expression: unexpected token",
        ),
        (
            'payload.tag startsWith "v" && ',
            "nobody == ",
            (6, 15),
            "E1",
            "failed to evaluate workflow template expression: unknown name nobody",
        ),
        (
            'payload.tag startsWith "v" && metadata["x-kind"][0] == "ci"',
            "namespace",
            (6, 15),
            "E1",
            "failed to evaluate workflow template expression: the selector must be true or false",
        ),
        ("{name: release}", "{}", (8, 26), "E4", "the name of the workflow template is missing"),
        (
            'string(payload.id) + "-"',
            "asString(payload.id)",
            (10, 21),
            "E2",
            "failed to evaluate workflow generateName expression: unknown name asString",
        ),
        (
            "payload.who",
            "1 + 2",
            (11, 20),
            "E2",
            'workflow label "by" expression must evaluate to a string, not a int',
        ),
        (
            "{event: payload.tag}",
            "{event: payload.}",
            (15, 28),
            "E3",
            "failed to compile workflow template parameter tag expression: unexpected end",
        ),
        (
            "valueFrom: {event: payload.tag}",
            "value: x",
            (14, 9),
            "E3",
            'malformed workflow template parameter "tag": valueFrom is nil',
        ),
    ],
)
def test_what_no_event_makes_good_is_an_error_with_its_place(old, new, place, rule, reason):
    assert old in GOOD
    _, (found,) = findings(GOOD.replace(old, new))
    assert (found.file, found.line, found.column, found.rule) == ("b.yaml", *place, rule)
    assert found.severity == "error"
    assert found.reason.startswith(reason)


def test_every_expression_is_looked_at_not_only_the_first():
    _, found = findings(GOOD.replace("payload.tag", "payload.tag ++"))
    assert [item.rule for item in found] == ["E1", "E3"]


def test_bindings_are_left_out_when_other_kinds_are_asked_for():
    assert findings(GOOD.replace("startsWith", ""), "wf") == (0, [])
    assert findings(GOOD, "wfeb") == (1, [])


def test_functions_of_argo_are_known_in_metadata_only():
    text = GOOD.replace("event: payload.tag", "event: sprig.trim(payload.tag)")
    _, (found,) = findings(text)
    assert (found.rule, found.line) == ("E3", 15)
    assert findings(GOOD.replace("payload.who", "sprig.trim(payload.who)"))[1] == []
