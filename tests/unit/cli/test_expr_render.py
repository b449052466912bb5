"""`tiphys expr` and `tiphys render`."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tiphys.cli.expr import expr
from tiphys.cli.render_command import render
from tiphys.errors import InvalidDocument, UserError

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: r}
spec:
  entrypoint: main
  arguments: {parameters: [{name: who, value: world}]}
  templates:
  - name: main
    steps:
    - - {name: gen, template: gen}
    - - name: ask
        template: ask
    - - name: say
        template: say
        when: "'{{steps.gen.outputs.result}}' != 'no'"
        arguments:
          parameters:
          - {name: msg, value: "{{steps.gen.outputs.result}} {{=upper(workflow.parameters.who)}}"}
  - {name: gen, container: {image: alpine, command: [echo]}}
  - name: ask
    suspend: {}
    outputs: {parameters: [{name: answer, valueFrom: {supplied: {}}}]}
  - name: say
    inputs: {parameters: [{name: msg}]}
    container: {image: alpine, args: ["<{{inputs.parameters.msg}}>", "{{=inputs.parameters.TYPO}}"]}
"""


@pytest.fixture
def workflow(tmp_path):
    path = tmp_path / "wf.yaml"
    path.write_text(WORKFLOW.replace("TYPO", "msg"))
    return str(path)


def run(command, *words):
    done = CliRunner().invoke(command, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


def environment(tmp_path, values):
    path = tmp_path / "env.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_an_expression_yields_what_its_tag_would_insert(tmp_path):
    env = environment(tmp_path, {"inputs.parameters.n": "3", "l": [1, 2]})
    assert run(expr, "asInt(inputs.parameters.n) + 1", "--env", env) == (0, "4\n")
    assert run(expr, "map(l, # * 2)", "--env", env, "--type") == (0, "[]interface {} [2,4]\n")
    assert run(expr, "'a' + 'b'") == (0, "ab\n")


def test_a_wrong_expression_shows_the_place_and_the_nearest_name(tmp_path):
    env = environment(tmp_path, {"inputs": {"parameters": {"count": "3"}}})
    with pytest.raises(UserError) as caught:
        run(expr, "inputz.parameters.count == '3'", "--env", env)
    lines = str(caught.value).splitlines()
    assert lines[:3] == [
        "unknown name inputz (1:1)",
        " | inputz.parameters.count == '3'",
        " | ^",
    ]
    assert "did you mean inputs.parameters.count?" in lines[3]
    assert lines[4] == "in scope: inputs.parameters.count"


def test_argos_functions_can_be_left_out():
    with pytest.raises(UserError, match="unknown name asInt"):
        run(expr, "asInt('1')", "--bare")


def test_an_environment_must_be_an_object(tmp_path):
    with pytest.raises(UserError, match="an object of variables is needed"):
        run(expr, "1", "--env", environment(tmp_path, [1]))


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("uper('a')", "uper has no value here; did you mean upper?"),
        ("sprig.uper('a')", "sprig.uper has no value here; did you mean sprig.upper"),
    ],
)
def test_a_mistyped_function_is_named(expression, hint):
    with pytest.raises(UserError) as caught:
        run(expr, expression)
    assert hint in str(caught.value)


@pytest.mark.parametrize("expression", ["let x = 1; x + 'a'", "$env + 1"])
def test_what_an_expression_binds_itself_is_not_said_to_be_missing(expression):
    with pytest.raises(UserError) as caught:
        run(expr, expression)
    assert "has no value here" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x7fELF\xff", "it is not UTF-8, so no JSON"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "it nests too deeply"),
        (b'{"a": 1, "a": 2}', '"a" stands in one object twice'),
        (b'{"a.b": 1, "a": {"c": 2}}', "both a.b and a: write one or the other"),
        (b"{", "Expecting property name"),
    ],
)
def test_an_environment_that_cannot_be_read_is_refused_by_name(tmp_path, content, reason):
    path = tmp_path / "env.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        run(expr, "1", "--env", str(path))
    assert str(path) in str(caught.value)


def test_a_node_shows_what_its_tags_yield(workflow):
    code, page = run(render, workflow, "--node", "say", "-p", "who=moon", "--result", "gen=hi")
    assert code == 0
    assert page.splitlines() == [
        "r[2].say  Pod of template say",
        "  inputs.parameters.msg = hi MOON",
        "the call:",
        "  when",
        "    {{steps.gen.outputs.result}}  ->  hi",
        "  arguments.parameters.msg",
        "    {{steps.gen.outputs.result}}  ->  hi",
        "    {{=upper(workflow.parameters.who)}}  ->  MOON",
        "the template:",
        "  container.args[0]",
        "    {{inputs.parameters.msg}}  ->  hi MOON",
        "  container.args[1]",
        "    {{=inputs.parameters.msg}}  ->  hi MOON",
    ]


def test_a_tag_that_yields_nothing_says_which_name_was_meant(tmp_path):
    path = tmp_path / "wf.yaml"
    path.write_text(WORKFLOW.replace("TYPO", "mgs"))
    code, page = run(render, str(path), "--node", "r[2].say")
    assert code == 2
    assert "inputs.parameters.mgs has no value here; did you mean inputs.parameters.msg?" in page
    assert "in scope: inputs.parameters.msg, node.name, pod.name, steps.name, workflow." in page


def test_an_unknown_node_is_named_with_its_neighbours(workflow):
    with pytest.raises(UserError, match="no node is called sey; did you mean say"):
        run(render, workflow, "--node", "sey")


BROKEN = """
kind: Workflow
metadata: {name: r}
spec:
  entrypoint: main
  arguments: {parameters: [{name: p, value: x}]}
  templates:
  - name: main
    steps:
    - - name: use
        template: use
        arguments:
          parameters: [{name: num, value: "{{=asInt(workflow.parameters.p) + 1}}"}]
  - name: use
    inputs: {parameters: [{name: num}]}
    container: {image: x, args: ["{{inputs.parameters.num}}"]}
"""


def test_why_a_node_never_came_is_said(tmp_path):
    path = tmp_path / "wf.yaml"
    path.write_text(BROKEN)
    with pytest.raises(UserError) as caught:
        run(render, str(path), "--node", "use")
    assert "no node is called use" in str(caught.value)
    assert "r is Failed: " in str(caught.value)
    assert "int(x)" in str(caught.value)


def test_a_node_that_is_an_error_is_none_that_renders(tmp_path):
    path = tmp_path / "wf.yaml"
    path.write_text(BROKEN)
    code, page = run(render, str(path), "--node", "main")
    assert code == 2
    assert "Failed: failed to resolve references" in page


def test_what_lint_refuses_is_refused_with_its_place(tmp_path):
    path = tmp_path / "wf.yaml"
    path.write_text(BROKEN.replace("{{inputs.parameters.num}}", "{{inputs.parameters.m}}"))
    with pytest.raises(InvalidDocument, match=r"wf\.yaml:\d+:\d+: .*failed to resolve"):
        run(render, str(path), "--node", "use")


def test_the_examples_of_the_documentation_are_true(tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "languages.md").read_text("utf-8")
    block = page.split("```")[1]
    env = environment(tmp_path, {"inputs.parameters.n": "3"})
    found = []
    for line in block.strip().splitlines():
        if line.startswith("$ tiphys expr"):
            words = [env if word == "env.json" else word for word in shlex.split(line)[3:]]
            try:
                found.append((line, run(expr, *words)[1].splitlines()))
            except UserError as error:
                found.append((line, [f"Error: {text}" for text in str(error).splitlines()]))
    told = [part.splitlines() for part in block.split("$ ")[2:]]
    assert found == [(f"$ {lines[0]}", lines[1:]) for lines in told]
