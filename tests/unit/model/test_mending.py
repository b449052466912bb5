"""What is wrong with a document that cannot be read: the rest of it is checked as it was meant."""

from tests.unit.compile.test_warnings import findings, whole

HEAD = "kind: CronWorkflow\nmetadata: {name: c}\nspec:\n"


def said(text):
    return [(item.rule, item.line, item.reason) for item in findings(text, warnings=False)]


def test_what_is_misspelt_is_not_also_missing():
    text = whole("""templates:
- name: main
  steps: [[{name: s, template: work, arguments: {parameters: [{name: p, value: x}]}}]]
- name: work
  inputs: {parameters: [{name: p, valu: x}]}
  contaner:
    imge: x
    args: ["{{inputs.parameters.q}}"]
""").replace("entrypoint", "entryPoint")
    assert said(text) == [
        ("F3", 5, 'unknown field "spec.entryPoint"'),
        ("F3", 11, 'unknown field "spec.templates[1].contaner"'),
        ("F3", 10, 'unknown field "spec.templates[1].inputs.parameters[0].valu"'),
        ("F3", 12, 'unknown field "spec.templates[1].container.imge"'),
        (
            *("L1", 13),
            "templates.main.steps[0].s templates.work: failed to resolve {{inputs.parameters.q}}",
        ),
    ]


def test_a_removed_field_stands_for_its_successor():
    text = f"{HEAD}  schedule: '61 * * * *'\n  timezone: Mars\n  workflowSpec:\n"
    text += "    entrypoint: main\n    templates: [{name: main, container: {image: x}}]\n"
    assert [rule for rule, *_ in said(text)] == ["F3", "C3", "C4"]


def test_a_scalar_of_the_wrong_type_hides_only_itself():
    text = whole("""parallelism: three
templates:
- name: main
  container: {image: [x], args: ["{{inputs.parameters.q}}"]}
  metrics: {prometheus: [{name: a-b, help: x, counter: {value: '1'}}]}
""")
    assert [rule for rule, *_ in said(text)] == ["F2", "F2", "L1", "M1"]


def test_where_others_lean_on_what_cannot_be_read_nothing_more_is_said():
    text = whole("templates:\n- name: main\n  dag: {tasks: [{name: a, template: b, depends: 5}]}\n")
    assert [rule for rule, *_ in said(text)] == ["F2"]
    text = whole("templates: {name: main, container: {}}\n")
    assert [rule for rule, *_ in said(text)] == ["F2"]


def test_a_template_with_a_wrong_type_is_still_found_by_others():
    text = whole(
        "templates:\n- name: main\n  steps: [[{name: a, templateRef: {name: lib, template: t}}]]\n"
    )
    text += "---\nkind: WorkflowTemplate\nmetadata: {name: lib}\nspec:\n  parallelism: three\n"
    text += "  templates: [{name: t, container: {image: x}}]\n"
    assert [rule for rule, *_ in said(text)] == ["F2"]
