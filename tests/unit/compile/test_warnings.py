"""Each warning has a page; the page's example calls for the warning and its remedy does not."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from tiphys.compile.references import template_store
from tiphys.compile.warn import warn
from tiphys.compile.warnings.catalogue import WARNINGS, rule_of
from tiphys.model.codec import decode, split_documents
from tiphys.service.documents import Source
from tiphys.service.lint import lint, wanted_kinds

PAGES = Path(__file__).resolve().parents[3] / "docs" / "warnings"
SOURCE = Path(__file__).resolve().parents[3] / "src" / "tiphys"
HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\nspec:\n"
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def whole(text):
    if text.startswith("kind:"):
        return text
    return f"{HEAD}  entrypoint: main\n" + textwrap.indent(text, "  ")


def findings(text, **options):
    reports = lint([Source("w.yaml", text.encode())], wanted_kinds("all"), **options)
    return [item for report in reports for verdict in report.verdicts for item in verdict.findings]


def rules(text, **options):
    return [item.rule for item in findings(whole(text), **options)]


@pytest.mark.parametrize("rule", WARNINGS, ids=lambda rule: rule.id)
def test_the_example_of_each_page_calls_for_its_warning_and_the_remedy_does_not(rule):
    page = (PAGES / f"{rule.id}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {rule.id} {rule.name}\n\n{rule.title}.\n")
    bad, good = BLOCK.findall(page)
    found = findings(whole(bad))
    assert rule.id in {item.rule for item in found}
    assert {item.severity for item in found} == {"warning"}  # Argo accepts every example
    assert all(item.line and item.file == "w.yaml" for item in found)
    assert findings(whole(good)) == []


def test_every_page_is_listed_and_has_a_rule():
    listed = re.findall(r"\[(TIP\d+)\]", (PAGES / "README.md").read_text(encoding="utf-8"))
    assert listed == [rule.id for rule in WARNINGS]
    assert {path.stem for path in PAGES.glob("TIP*.md")} == set(listed)
    assert len({rule.name for rule in WARNINGS}) == len(WARNINGS)


def test_every_number_in_the_source_is_in_the_catalogue():
    written = set()
    for path in SOURCE.rglob("*.py"):
        if path.name != "catalogue.py":
            written |= set(re.findall(r'"(TIP\d+)"', path.read_text(encoding="utf-8")))
    assert written == {rule.id for rule in WARNINGS}


def test_argos_rules_have_a_name_too():
    assert rule_of("W7").name == "workflow"
    assert rule_of("F1").name == "file"
    assert rule_of("Q1") is None
    assert rule_of("TIP999") is None


ECHO = "- name: echo\n  container: {image: x}\n"
CASES = [
    # what is called for, what the spec says
    ("TIP001", "- name: main\n  dag: {tasks: [{name: l, template: echo, withItems: [1], when: "
     "'{{item}} > 1'}, {name: b, template: echo, depends: l.Skipped}]}\n"),
    ("TIP002", "- name: main\n  steps: [[{name: a, template: echo, withParam: ''}]]\n"),
    ("TIP004", "- name: main\n  script: {image: x, source: 'print({{workflow.labels.a}})'}\n"),
    ("TIP004", "- name: main\n  container: {image: x, command: [/bin/bash, -ec], args: "
     "['{{workflow.annotations.a}}']}\n"),
    ("TIP008", "- name: main\n  dag: {tasks: [{name: l, template: echo, withItems: [1]}, {name: b, "
     "template: echo, depends: l, when: '{{tasks.l.outputs.result}} == x'}]}\n"),
    ("TIP101", "- name: main\n  dag: {tasks: [{name: a, template: echo, when: '{{workflow.name}} "
     "== x'}, {name: b, template: echo, depends: a, when: '{{tasks.a.outputs.result}} == x'}]}\n"),
    ("TIP103", "- name: main\n  steps: [[{name: a, template: echo}, {name: b, template: echo, "
     "when: '{{steps.a.status}} == Failed'}]]\n"),
    ("TIP103", "- name: main\n  steps: [[{name: a, template: echo}, {name: b, template: echo, "
     "when: \"{{=steps.a.outputs.result == 'x'}}\"}]]\n"),
    ("TIP104", "- name: main\n  dag: {tasks: [{name: a, template: echo}, {name: b, template: echo, "
     "when: '{{tasks.a.status}} == Failed'}]}\n"),
    ("TIP104", "- name: main\n  dag: {tasks: [{name: a, template: echo}, {name: b, template: echo, "
     "when: '{{ tasks.a.outputs.result }} == x'}]}\n"),
    ("TIP105", "- name: main\n  steps: [[{name: a, template: echo, withItems: [[1]], when: "
     "'{{item[0]}} == 1'}]]\n"),
    ("TIP105", "- name: main\n  container: {image: x}\n  metrics: {prometheus: [{name: m, help: m, "
     "gauge: {value: '{{duratin}}'}}]}\n"),
    ("TIP108", "- name: main\n  http: {url: x, timeoutSeconds: 1, successCondition: "
     "'response.statuscode == 200'}\n"),
    ("TIP108", "- name: main\n  http: {url: x, timeoutSeconds: 1, successCondition: "
     "'inputs.parameters.a == response.body'}\n"),
    ("TIP108", "- name: main\n  data: {source: {artifactPaths: {name: a, s3: {key: k}}}, "
     "transformation: [{expression: 'filter(dta, {true})'}]}\n"),
    ("TIP108", "- name: main\n  container: {image: x}\n  retryStrategy: {limit: 1, expression: "
     "lastRetry.exitcode == '1'}\n"),
    ("TIP108", "- name: main\n  container: {image: '{{=inputs.parameters.x}}'}\n"),
    ("TIP108", "- name: main\n  container: {image: '{{=workflow.parameters.x}}'}\n"),
    ("TIP202", "- name: main\n  containerSet: {retryStrategy: {retries: 0}, containers: "
     "[{name: a, image: x}]}\n"),
    ("TIP211", "- name: main\n  container: {image: x}\n  synchronization: {semaphores: "
     "[{namespace: x}]}\n"),
    ("TIP215", "- name: main\n  container: {image: x}\n  retryStrategy: {limit: -1}\n"),
    ("TIP303", "- name: main\n  steps: [[{name: a, template: echo, onExit: echo, hooks: {exit: "
     "{template: echo}}}]]\n"),
    ("TIP402", "- name: main\n  steps: [[{name: a, template: echo, arguments: {artifacts: "
     "[{name: i, raw: {data: x}}]}}]]\n"),
    ("TIP501", "- name: main\n  container: {image: x}\n  retryStrategy: {limit: 1, backoff: "
     "{duration: 1s, cap: soon}}\n"),
    ("TIP501", "- name: main\n  container: {image: x}\n  timeout: -5s\n"),
    ("TIP502", "- name: main\n  steps: [[{name: a, template: echo, when: a-b == c-d d}]]\n"),
    ("TIP504", "- name: main\n  http: {url: x, timeoutSeconds: 1, successCondition: '1 +'}\n"),
    ("TIP505", "- name: main\n  http: {url: x, timeoutSeconds: 1, successCondition: "
     "'asInt(response.body) > 1'}\n"),
    ("TIP506", "- name: main\n  steps: [[{name: a, template: echo, withParam: '{}'}]]\n"),
    ("TIP508", "- name: main\n  dag: {tasks: [{name: l, template: echo, withItems: [1]}, {name: b, "
     "template: echo, depends: '!l && l.Succeeded'}]}\n"),
    ("TIP510", "- name: main\n  steps: [[{name: a, template: echo, withSequence: {end: ten}}]]\n"),
    ("TIP511", "- name: main\n  resource: {action: get}\n  outputs: {parameters: [{name: o, "
     "valueFrom: {jsonPath: '{.a['}}]}\n"),
    ("TIP513", "- name: main\n  container: {image: x}\n  podSpecPatch: just words\n"),
    ("TIP703", "- name: main\n  container: {image: '{{workflow.labels}}'}\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "templates"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_other_forms_of_the_same_mistake_are_seen(rule, templates):
    metadata = "{generateName: w-, labels: {a: b}, annotations: {a: b}}"
    text = whole("templates:\n" + templates + ECHO).replace("{generateName: w-}", metadata)
    assert rule in {item.rule for item in findings(text)}


FINE = [
    "- name: main\n  container: {image: x, command: [echo], args: ['{{workflow.labels.a}}']}\n",
    "- name: main\n  script: {image: x, source: 'echo {{workflow.name}}'}\n",
    "- name: main\n  steps: [[{name: a, template: echo, withItems: [1], when: '{{item}} == 1'}]]\n",
    "- name: main\n  container: {image: '{{ .Values.image }}'}\n",
    "- name: main\n  dag: {tasks: [{name: a, template: echo}, {name: b, template: echo, depends: "
    "'!a.Failed || a.Succeeded'}]}\n",
    "- name: main\n  container: {image: x}\n  retryStrategy: {limit: '{{workflow.labels.a}}'}\n",
    '- name: main\n  container: {image: "{{=let x = 1; string(x)}}"}\n',
    "- name: main\n  steps: [[{name: a, template: echo}, {name: b, template: echo, when: "
    "\"{{=(steps.a?.status ?? 'none') == 'none'}}\"}]]\n",
    "- name: main\n  steps: [[{name: a, template: echo, hooks: {h: {template: echo, expression: "
    "steps.b.status == 'Failed'}}}, {name: b, template: echo}]]\n",
    '- name: main\n  http: {url: x, timeoutSeconds: 1, successCondition: "response.statusCode == '
    "200 && response.headers['X-A'][0] == '1' && request.method != 'POST'\"}\n",
    "- name: main\n  data: {source: {artifactPaths: {name: a, s3: {key: k}}}, transformation: "
    "[{expression: \"map(data, {let n = #; n + 'x'})\"}, "
    "{expression: 'data | filter(len(#) > 1)'}]}\n",
    "- name: main\n  container: {image: x}\n  retryStrategy: {limit: 1, expression: "
    "\"asInt(lastRetry.exitCode) > 1 && workflow.name != '' && lastRetry.message != 'x'\"}\n",
    "- name: main\n  container: {image: x}\n  metrics: {prometheus: [{name: m, help: m, when: "
    "'{{status}} == Failed', labels: [{key: a, value: '{{exitCode}} {{retries}}'}], gauge: {value: "
    "'{{duration}}'}}]}\n",
]

HOOKED = """- name: main
  inputs: {parameters: [{name: q, value: x}]}
  steps:
  - - {name: before, template: make}
  - - name: lp
      template: make
      withItems: [1, {k: v.w}]
      hooks: {h: {template: say, expression: %s, arguments: {parameters: [{name: p, value: '%s'}]}}}
    - name: beside
      template: say
      arguments: {parameters: [{name: p, value: '{{inputs.parameters.q}}'}]}
  - - {name: after, template: echo}
- name: make
  outputs: {parameters: [{name: o, valueFrom: {path: /o}}]}
  container: {image: x}
- name: say
  inputs: {parameters: [{name: p}]}
  container: {image: '{{inputs.parameters.p}}'}
"""
HOOKS = [
    # the expression of a hook of the looped step, what is said of it
    ("steps['lp(0:1)'].status == 'Succeeded'", ""),
    ("steps['lp(1:k:v.w)'].status == 'Failed' || steps.lp.status == 'Error'", ""),
    ("steps['lp(2:1)'].status == 'Failed'", "`steps.lp(2:1).status` has no value here"),
    ("steps['before(0:1)'].status == 'Failed'", "`steps.before(0:1).status` has no value here"),
    ("steps.beside.status == 'Running' && '{{item}}' == '1'", ""),
    ("steps.beside.exitCode == '1'", "`steps.beside.exitCode` has no value here"),
    ("steps.before.outputs.parameters.o == inputs.parameters.q", ""),
    ("steps.before.outputs.parameters.p == 'a'",
     "`steps.before.outputs.parameters.p` has no value here"),
    ("steps.after.status == 'Running'", "`steps.after.status` has no value here"),
    ("steps.lp.outputs.parameters.o == 'a'", ""),
    ("steps.lp.outputs.result == 'a'",
     "`steps.lp.outputs.result` is what a hook of `lp` itself cannot have"),
    ("steps.lp.startedAt == 'a'", "`steps.lp.startedAt` has no value here"),
    ("steps.lp.status != 'Suceeded'", "`Suceeded` is no phase"),
    ("tasks.lp.status == 'Failed'", "`tasks.lp.status` has no value here"),
    ("inputs.parameters.r == 'a'", "`inputs.parameters.r` has no value here"),
    ("done == 'a'", "`done` has no value here"),
    ("let x = workflow.status; x == 'Running' && workflow.labels.a != ''", ""),
    ("workflow.state == 'a'", "`workflow.state` has no value here"),
    ("retries == '1'", "`retries` has no value here"),
    ("node.name == 'a'", ""),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "said"), HOOKS, ids=[row[0] for row in HOOKS])
def test_a_hook_is_told_what_it_cannot_know(expression, said):
    text = "templates:\n" + HOOKED % (json.dumps(expression), "{{item}}") + ECHO
    assert [item.reason for item in findings(whole(text))] == [said] * bool(said)


def test_a_hook_of_a_task_knows_what_its_task_waits_for():
    task = "- name: main\n  dag: {tasks: [{name: a, template: echo}, {name: b, template: echo}, "
    task += "{name: c, template: echo, depends: a, withItems: [1], hooks: {h: {template: echo, "
    task += "expression: %s}}}]}\n"

    def said(expression):
        found = findings(whole("templates:\n" + task % json.dumps(expression) + ECHO))
        return [(item.rule, item.hint) for item in found]

    assert said("tasks.a.status == 'Failed' && tasks.c.status == 'Running'") == []
    assert said("tasks.b.status == 'Failed'") == [("TIP108", "`c` does not wait for `b`")]
    assert said("tasks['c(0:1)'].status == 'Failed'") == [
        ("TIP108", "the whole of it is `tasks.c`")
    ]
    assert said("tasks['c(0:1)'].status == 'Failed' && '{{item}}' == '1'") == []


def test_a_hook_knows_the_items_of_a_loop_beside_it_but_not_the_whole():
    step = (
        "- name: main\n  steps: [[{name: a, template: echo, withItems: [1]}, {name: b, template: "
    )
    step += "echo, hooks: {h: {template: echo, expression: %s}}}]]\n"
    hint = "name one of its items, as `steps['a(0:...)']`"
    for name, hints in (("steps['a(0:1)']", []), ("steps.a", [hint])):
        text = step % json.dumps(f"{name}.status == 'Failed'")
        assert [item.hint for item in findings(whole("templates:\n" + text + ECHO))] == hints


def test_a_hook_of_the_workflow_knows_the_workflow_only():
    spec = "hooks: {h: {template: say, expression: '%s', arguments: {parameters: [{name: p, value: "
    spec += "'%s'}]}}}\narguments: {parameters: [{name: m, value: x}]}\ntemplates:\n"
    spec += "- name: main\n  steps: [[{name: a, template: echo}]]\n- name: say\n  inputs: "
    spec += "{parameters: [{name: p}]}\n  container: {image: '{{inputs.parameters.p}}'}\n"

    def said(expression, value="x"):
        return rules(spec % (expression, value) + ECHO)

    good = 'workflow.parameters.m == "x"'
    assert said(good, "{{workflow.parameters.m}} {{=workflow.status}}") == []
    assert said('steps.a.status == "Failed" && workflow.parameters.m != ""') == ["TIP108"]
    assert said('workflow.parameters.n == "" || workflow.parameters.m == ""') == ["TIP108"]
    assert said(good, "{{steps.a.status}}") == ["TIP105"]
    assert said(good, "{{workflow.parameters.n}}") == ["TIP105"]
    assert said(good, "{{item}}") == ["TIP009"]
    assert said(good, "{{=steps.a.status}}") == ["TIP108"]


@pytest.mark.parametrize("templates", FINE)
def test_what_is_well_written_gets_no_warning(templates):
    metadata = "{generateName: w-, labels: {a: b}, annotations: {a: b}}"
    text = whole("templates:\n" + templates + ECHO).replace("{generateName: w-}", metadata)
    assert {item.rule for item in findings(text)} <= {"TIP401"}


CLUSTER = [
    ("parallelism in body should be greater than or equal to 1",
     "- name: main\n  steps: [[{name: a, template: echo}]]\n  parallelism: 0\n"),
    ("steps in body should have at least 1 items", "- name: main\n  steps: []\n"),
    ("at most one artifact location can be specified",
     "- name: main\n  container: {image: x}\n  inputs: {artifacts: [{name: i, path: /i, raw: "
     "{data: x}, http: {url: x}}]}\n"),
    ("mode in body should be from 0 to 511 (0777)",
     "- name: main\n  container: {image: x}\n  inputs: {artifacts: [{name: i, path: /i, raw: "
     "{data: x}, mode: 512}]}\n"),
    ("Unsupported value: \"always\": supported values: \"\", \"strategic\", \"merge\", \"json\"",
     "- name: main\n  resource: {action: patch, mergeStrategy: always, manifest: 'a: b'}\n"),
    ("tasks in body should have at most 200 items",
     "- name: main\n  dag: {tasks: [" + ", ".join(
         f"{{name: t{n}, template: echo}}" for n in range(201)) + "]}\n"),
    ("prometheus in body should have at most 100 items",
     "- name: main\n  container: {image: x}\n  metrics: {prometheus: [" + ", ".join(
         f"{{name: m{n}, help: x, counter: {{value: '1'}}}}" for n in range(101)) + "]}\n"),
    ("value in body should be at most 256 chars long",
     "- name: main\n  container: {image: x}\n  metrics: {prometheus: [{name: m, help: x, gauge: "
     "{realtime: false, value: '" + "1" * 257 + "'}}]}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("says", "templates"), CLUSTER, ids=range(len(CLUSTER)))
def test_the_rules_of_the_full_crds_are_warnings(says, templates):
    found = findings(whole("templates:\n" + templates + ECHO))
    reasons = [item.reason for item in found if item.rule == "TIP601"]
    assert any(reason.endswith(says) for reason in reasons)


def test_tags_in_names_and_odd_schedules_are_refused_by_clusters_only():
    text = (
        "kind: CronWorkflow\nmetadata: {name: c}\nspec:\n  schedules: ['CRON_TZ=UTC 0 0 * * *']\n"
    )
    text += "  workflowSpec: {entrypoint: main, templates: [{name: main, container: {image: x}}]}\n"
    assert [item.rule for item in findings(text)] == ["TIP601"]
    named = "- name: main\n  inputs: {parameters: [{name: p, value: x}]}\n  steps: [[{name: "
    named += "'a{{inputs.parameters.p}}', template: echo}]]\n"
    assert rules("templates:\n" + named + ECHO) == ["TIP601"]


WHENS = [
    ("{{cronworkflow.failed}} < 3", "failed to resolve {{cronworkflow.failed}} to string"),
    ("{{= (now() - cronworkflow.lastScheduledTime).Hours() > 3 }}", "time.Time - *time.Time"),
    ("{{= cronworkflow.nope == 1 }}", "cronworkflow.nope is missing"),
    ("{{cronworkflow.name}} == c", "No parameter 'c' found."),
    ("{{= cronworkflow.failed < 3 }}", ""),
    ("'{{cronworkflow.name}}' == 'c'", ""),
]


@pytest.mark.parametrize(("when", "said"), WHENS, ids=[row[0] for row in WHENS])
def test_the_when_of_a_cron_workflow_is_tried(when, said):
    text = f"kind: CronWorkflow\nmetadata: {{name: c}}\nspec:\n  when: {json.dumps(when)}\n"
    text += (
        "  schedules: ['0 0 * * *']\n  workflowSpec: {entrypoint: main, templates: [{name: main, "
    )
    text += "container: {image: x}}]}\n"
    found = findings(text)
    assert [item.rule for item in found] == ["TIP502"] * bool(said)
    assert all("at the first due time" in item.reason and said in item.reason for item in found)


def test_the_stop_expression_of_a_cron_workflow_is_tried():
    text = "kind: CronWorkflow\nmetadata: {name: c}\nspec:\n  stopStrategy: {expression: %s}\n"
    text += (
        "  schedules: ['0 0 * * *']\n  workflowSpec: {entrypoint: main, templates: [{name: main, "
    )
    text += "container: {image: x}}]}\n"
    assert [item.rule for item in findings(text % "cronworkflow.faild >= 3")] == ["TIP502"]
    assert [item.rule for item in findings(text % "cronworkflow.failed >=")] == ["TIP504"]
    assert findings(text % "cronworkflow.failed >= 3") == []


def test_a_field_that_was_removed_says_what_to_write_instead():
    spec = (
        "synchronization: {mutex: {name: m}}\ntemplates:\n- name: main\n  container: {image: x}\n"
    )
    (strict,) = findings(whole(spec))
    assert (strict.rule, strict.severity) == ("F3", "error")
    (lenient,) = findings(whole(spec), strict=False)
    assert (lenient.rule, lenient.severity) == ("TIP701", "warning")
    assert strict.hint == lenient.hint == "removed in Argo 4.0: write `mutexes: [{name: ...}]`"


def test_templates_of_other_files_are_known_to_the_warnings():
    library = "kind: WorkflowTemplate\nmetadata: {name: lib}\nspec:\n  templates:\n"
    library += "  - {name: say, inputs: {parameters: [{name: text}]}, container: {image: "
    library += "'{{inputs.parameters.text}}'}}\n"
    spec = (
        "templates:\n- name: main\n  steps: [[{name: a, templateRef: {name: lib, template: say}, "
    )
    spec += "arguments: {parameters: [{name: text, value: x}, {name: txt, value: x}]}}]]\n"
    sources = [Source("lib.yaml", library.encode()), Source("w.yaml", whole(spec).encode())]
    reports = lint(sources, wanted_kinds("all"))
    (verdict,) = [verdict for report in reports for verdict in report.verdicts]
    assert [(item.rule, item.file) for item in verdict.findings] == [("TIP402", "w.yaml")]


def test_warnings_never_change_the_verdict_and_can_be_left_out():
    text = whole("templates:\n- name: main\n  retryStrategy: {backoff: {}}\n  container: {}\n")
    (report,) = lint([Source("w.yaml", text.encode())], wanted_kinds("all"))
    (verdict,) = report.verdicts
    assert verdict.text == verdict.findings[0].reason
    assert verdict.text == "templates.main.container.image may not be empty"
    assert [item.severity for item in verdict.findings] == ["error", "warning", "warning"]
    assert [item.rule for item in findings(text, warnings=False)] == ["L4"]


def test_a_long_dag_gets_its_warnings_in_little_time():
    tasks = "".join(
        f"    - {{name: t{n}, template: echo, depends: t{n - 1} && !t{n - 1}.Failed, "
        f"when: '{{{{tasks.t{n - 1}.status}}}} == Succeeded'}}\n"
        for n in range(1, 3000)
    )
    head = "templates:\n- name: main\n  dag:\n    tasks:\n    - {name: t0, template: echo}\n"
    document = split_documents(whole(head + tasks + ECHO))[0]
    found = warn(decode(document), template_store([]), document)
    assert {item.rule for item in found} == {"TIP601"}  # 3000 tasks are too many for a cluster


def test_the_function_that_was_meant_is_named_whatever_its_letters():
    text = whole("templates:\n- name: main\n  container: {image: \"{{=fromJson('1')}}\"}\n")
    found = findings(text)
    assert [(item.rule, item.hint) for item in found] == [("TIP505", "did you mean `fromJSON`?")]


def test_no_template_is_called_dead_when_it_is_the_entrypoint_that_is_misspelt():
    text = whole("templates:\n- name: mian\n  steps: [[{name: a, template: echo}]]\n" + ECHO)
    assert [(item.rule, item.hint) for item in findings(text)] == [("H5", "did you mean `mian`?")]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            "metrics: {prometheus: [{name: m, help: m, when: '{{stats}} == x', "
            "counter: {value: '1'}}]}",
            ("TIP105", "did you mean `status`?"),
        ),
        (
            "retryStrategy: {limit: 1, expression: lastRetry.statu == 'Failed'}",
            ("TIP108", "did you mean `lastRetry.status`?"),
        ),
    ],
)
def test_what_holds_for_a_template_holds_for_the_whole_workflow(field, said):
    text = whole(f"{field}\ntemplates:\n- name: main\n  container: {{image: x}}\n")
    assert said in [(item.rule, item.hint) for item in findings(text)]


def test_what_a_plugin_answers_is_declared_as_supplied():
    text = whole("templates:\n- name: main\n  plugin: {p: {}}\n  outputs: {parameters: [%s]}\n")
    found = findings(text % "{name: o, valueFrom: {default: x}}")
    assert [(item.rule, item.hint) for item in found] == [
        ("O9", "what a plugin answers is `supplied: {}`")
    ]
    assert findings(text % "{name: o, valueFrom: {supplied: {}, default: x}}") == []
