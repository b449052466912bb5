"""What `tiphys lint` prints, in each of its forms, and how it ends."""

import io
import json
import re
import sys
from pathlib import Path

import click
import pytest

from tiphys.cli.main import cli
from tiphys.cli.pages import warning_page
from tiphys.compile.warnings.catalogue import WARNINGS

GOOD = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: good}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: x}
"""
ODD = GOOD.replace("name: good", "name: odd") + "    retryStrategy: {backoff: {duration: 1s}}\n"
BAD = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: etl-}
spec:
  templates:
  - name: main
    container: {}
---
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly}
spec:
  workflowSpec:
    entrypoint: main
    templates: [{name: main, container: {image: x}}]
"""


@pytest.fixture
def lint(tmp_path, monkeypatch, capsys):
    """Run the command in a folder of its own with these files; return exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(files, *args):
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
        paths = [arg for arg in args if not arg.startswith("-")]
        options = [arg for arg in args if arg.startswith("-")]
        words = ["lint", *options, *(paths or files)]
        code = cli.main(words, standalone_mode=False)
        said = capsys.readouterr()
        run.stderr = said.err
        return code, said.out

    return run


def test_the_pretty_form_is_argos_with_ours_between_its_lines(lint):
    code, out = lint({"bad.yaml": BAD})
    assert code == 1
    assert (
        out
        == """\
bad.yaml:
   ✖ in "etl-" (Workflow): spec.entrypoint is required
       bad.yaml:5:3; add `entrypoint: main` [W7 workflow]
       bad.yaml:7:16: error: templates.main templates.main.container.image may not be empty; \
add `image:` [L4 leaf-template]
   ✖ in "nightly" (CronWorkflow): cron workflow must have at least one schedule
       bad.yaml:13:3; add `schedules: ["* * * * *"]` [C2 cron-workflow]

✖ 2 linting errors found!
"""
    )


def test_the_simple_form_is_argos_and_everything_else_goes_to_standard_error(lint):
    code, out = lint({"bad.yaml": BAD}, "--output=simple")
    assert code == 1
    assert (
        out
        == """\
bad.yaml: in "etl-" (Workflow): spec.entrypoint is required
bad.yaml: in "nightly" (CronWorkflow): cron workflow must have at least one schedule
"""
    )
    assert lint.stderr == (
        "error: bad.yaml:7:16: templates.main templates.main.container.image may not be empty; "
        "add `image:` [L4 leaf-template]\n"
    )


def test_argos_lines_are_all_there_is_when_nothing_is_odd(lint):
    assert lint({"a.yaml": GOOD}) == (0, "✔ no linting errors found!\n")
    assert lint({"a.yaml": GOOD}, "--output=simple") == (0, "no linting errors found!\n")
    nothing = "found nothing to lint in the specified paths, failing...\n"
    other = {"cm.yaml": "kind: ConfigMap\nmetadata: {name: x}\n"}
    assert lint(other) == (1, f"✖ {nothing}")
    assert lint(other, "--output=simple") == (1, nothing)


def test_warnings_are_said_and_refuse_nothing_unless_asked_to(lint):
    said = (
        "the retryStrategy of template `main` has no `limit`, so Argo does not wait between "
        "attempts; add a `limit` [TIP201 backoff-without-limit]\n"
    )
    code, out = lint({"odd.yaml": ODD})
    assert code == 0
    assert (
        out
        == f"""\
odd.yaml:
   ⚠ in "odd" (Workflow)
       odd.yaml:9:30: warning: {said}
⚠ 1 warning; `tiphys lint --explain NUMBER` says more
✔ no linting errors found!
"""
    )
    assert lint({"odd.yaml": ODD}, "--output=simple") == (0, "no linting errors found!\n")
    assert lint.stderr == f"warning: odd.yaml:9:30: {said}"
    code, out = lint({"odd.yaml": ODD}, "--warnings-as-errors")
    assert (code, out.splitlines()[-1]) == (1, "✖ 1 linting errors found!")
    assert lint({"odd.yaml": ODD}, "--no-warnings") == (0, "✔ no linting errors found!\n")


def test_directories_are_read_with_all_below_them(lint):
    files = {
        "d/deep/lib.yaml": GOOD.replace("kind: Workflow", "kind: WorkflowTemplate"),
        "d/w.yml": GOOD.replace("  entrypoint: main\n  templates:\n  - name: main\n"
                                "    container: {image: x}\n",
                                "  workflowTemplateRef: {name: good}\n"),
        "d/notes.txt": "not: [yaml",
        "d/b.json": json.dumps({"kind": "Workflow", "metadata": {"name": "j"}, "spec": {}}),
    }  # fmt: skip
    code, out = lint(files, "d", "--output=simple")
    assert (code, out) == (1, 'd/b.json: in "j" (Workflow): spec.entrypoint is required\n')


def test_standard_input_is_called_stdin(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert cli.main(["lint", "-o", "simple", "--offline", "-"], standalone_mode=False) == 1
    assert capsys.readouterr().out.startswith('stdin: in "etl-" (Workflow): spec.entrypoint')


def test_only_the_kinds_that_are_asked_for_are_checked(lint):
    code, out = lint({"bad.yaml": BAD}, "--output=simple", "--kinds=cronwf")
    assert (code, out.count("\n"), "nightly" in out) == (1, 1, True)
    assert lint({"bad.yaml": BAD}, "--kinds=wftmpl")[1].startswith("✖ found nothing to lint")


def test_unknown_fields_are_errors_and_the_rest_is_checked_all_the_same(lint):
    text = BAD.partition("---")[0].replace("  templates:", "  entrypoin: main\n  templates:")
    code, out = lint({"a.yaml": text})
    assert code == 1
    assert [line.strip() for line in out.splitlines()[1:4]] == [
        '✖ in "etl-" (Workflow): strict decoding error: unknown field "spec.entrypoin"',
        "a.yaml:5:3; did you mean `entrypoint`? [F3 file]",
        "a.yaml:8:16: error: templates.main.container.image may not be empty; "
        "add `image:` [L4 leaf-template]",
    ]
    code, out = lint({"a.yaml": text}, "--no-strict", "--output=simple")
    assert 'unknown field "spec.entrypoin" is dropped' in lint.stderr


def test_several_unknown_fields_are_one_line_of_argos_and_a_line_each_of_ours(lint):
    text = GOOD.replace("  entrypoint", "  b: 1\n  a: 1\n  entrypoint")
    _, out = lint({"a.yaml": text})
    assert [line.strip() for line in out.splitlines()[1:4]] == [
        '✖ in "good" (Workflow): strict decoding error: unknown field "spec.a", unknown field '
        '"spec.b"',
        'a.yaml:6:3: error: unknown field "spec.a" [F3 file]',
        'a.yaml:5:3: error: unknown field "spec.b" [F3 file]',
    ]


def test_a_template_that_is_given_twice_is_an_error(lint):
    library = GOOD.replace("kind: Workflow", "kind: WorkflowTemplate")
    code, out = lint({"a.yaml": library, "b.yaml": library}, "--output=simple")
    said = 'b.yaml: in "good" (WorkflowTemplate): duplicate WorkflowTemplate found: "good"\n'
    assert (code, out) == (1, said)
    apart = library.replace("{name: good}", "{name: good, namespace: b}")
    assert lint({"a.yaml": library, "b.yaml": apart})[0] == 0


def test_a_template_of_another_namespace_is_not_found(lint):
    library = GOOD.replace("kind: Workflow", "kind: WorkflowTemplate")
    library = library.replace("{name: good}", "{name: lib, namespace: one}")
    head, _, _ = GOOD.partition("spec:")
    caller = head + "spec: {workflowTemplateRef: {name: lib}}\n"
    for namespace, code in (("one", 0), ("two", 1)):
        placed = caller.replace("{name: good}", f"{{name: good, namespace: {namespace}}}")
        assert lint({"lib.yaml": library, "w.yaml": placed})[0] == code
    assert lint({"lib.yaml": library, "w.yaml": caller})[0] == 0


def test_json_has_every_finding_with_its_place(lint):
    code, out = lint({"bad.yaml": BAD, "odd.yaml": ODD}, "--output=json")
    page = json.loads(out)
    assert (code, page["checked"], page["errors"], page["warnings"]) == (1, 3, 3, 1)
    assert page["findings"][0] == {
        "file": "bad.yaml",
        "line": 5,
        "column": 3,
        "severity": "error",
        "rule": "W7",
        "name": "workflow",
        "message": "spec.entrypoint is required",
        "hint": "add `entrypoint: main`",
        "path": "spec",
        "object": "etl-",
        "kind": "Workflow",
    }
    assert [item["rule"] for item in page["findings"]] == ["W7", "L4", "C2", "TIP201"]
    assert json.loads(lint({"a.yaml": GOOD}, "--output=json")[1])["findings"] == []


# What sarif-schema-2.1.0.json requires of the objects that we write.
REQUIRED = {
    "log": {"version", "runs"},
    "run": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rule": {"id"},
    "result": {"message"},
    "message": {"text"},
}
ALLOWED = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "columnKind", "results"},
    "tool": {"driver"},
    "driver": {"name", "version", "rules"},
    "rule": {"id", "name", "shortDescription", "help"},
    "result": {"ruleId", "ruleIndex", "level", "message", "locations"},
    "message": {"text", "markdown"},
}


def conforms(kind, value):
    assert REQUIRED[kind] <= set(value) <= ALLOWED[kind], kind
    for text in value.values():
        if isinstance(text, str):
            assert text


def test_sarif_is_valid(lint):
    strange = "a b#ü.yaml"
    code, out = lint({"bad.yaml": BAD, strange: ODD, "c.yaml": "a: ["}, "--output=sarif")
    log = json.loads(out)
    assert code == 1
    conforms("log", log)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    conforms("run", run)
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    conforms("tool", run["tool"])
    driver = run["tool"]["driver"]
    conforms("driver", driver)
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        conforms("rule", rule)
        conforms("message", rule["shortDescription"])
        if "help" in rule:
            conforms("message", rule["help"])
    for result in run["results"]:
        conforms("result", result)
        conforms("message", result["message"])
        assert result["level"] in ("none", "note", "warning", "error")
        assert ids[result["ruleIndex"]] == result["ruleId"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", place["artifactLocation"]["uri"])
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
    assert [result["ruleId"] for result in run["results"]] == ["W7", "L4", "C2", "TIP201", "F1"]
    assert run["results"][3]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "a%20b%23%C3%BC.yaml"
    )


def explained(capsys, number):
    assert cli.main(["lint", "--explain", number], standalone_mode=False) == 0
    return capsys.readouterr().out


def test_explain_prints_the_page_by_number_or_name(capsys):
    page = explained(capsys, "TIP201")
    assert page.startswith("# TIP201 backoff-without-limit\n")
    assert "## Instead" in page
    assert explained(capsys, "tip201") == explained(capsys, "backoff-without-limit") == page
    assert explained(capsys, "w7") == (
        "W7 workflow: A check of Argo's own, about the workflow as a whole.\n"
    )
    with pytest.raises(click.UsageError, match="there is no rule `nonsense`"):
        cli.main(["lint", "--explain", "nonsense"], standalone_mode=False)


def test_every_warning_can_be_explained():
    assert all(warning_page(rule.id) for rule in WARNINGS)


def test_what_is_an_error_is_not_also_what_a_cluster_refuses(lint):
    odd = GOOD.replace("Workflow\n", "CronWorkflow\n").replace("spec:", "spec:\n workflowSpec:", 1)
    odd += " schedules: ['* * * *', '0 0 * * MON#1', '@every 90.5m']\n timezone: Mars/Base\n"
    _, out = lint({"odd.yaml": odd}, "-o=json")
    found = [(item["line"], item["rule"]) for item in json.loads(out)["findings"]]
    assert found == [(10, "C3"), (10, "C3"), (11, "C4"), (10, "TIP601")]
