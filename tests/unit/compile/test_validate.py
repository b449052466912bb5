"""Every rule speaks with Argo's text, and all findings come in one go."""

import pytest
from tests.conformance.lint import _store

from tiphys.compile.validate import Options, validate
from tiphys.model.codec import decode, split_documents
from tiphys.model.variables import find_variable

IMAGE = "container: {image: x}"
USES_B = "entrypoint: main\ntemplates: [{name: main, steps: [[{name: a, template: b%s}]]}, %s]"


def check(spec, kind="Workflow", others="", metadata="{name: wf}", **options):
    body = "\n".join("  " + line for line in spec.strip("\n").splitlines())
    text = f"kind: {kind}\nmetadata: {metadata}\nspec:\n{body}\n---\n{others}"
    documents = split_documents(text, "wf.yaml")
    sources = {"": documents[0]}
    given = Options(sources=sources, **options)
    return validate(decode(documents[0]), _store(documents), given)


def first(spec, **more):
    found = check(spec, **more)
    return found[0].reason if found else "ok"


def main(template, **more):
    """The first finding about a workflow with one template."""
    return first(f"entrypoint: main\ntemplates: [{{name: main, {template}}}]", **more)


def dag(tasks, **more):
    spec = f"entrypoint: main\ntemplates: [{{name: main, dag: {tasks}}}, {{name: b, {IMAGE}}}]"
    return first(spec, **more)


def leaf_b(text):
    return f"{{name: b, {text}}}"


FAIL = "failed to resolve {{inputs.parameters.x}}"
WANTS_X = "container: {image: x, args: ['{{inputs.parameters.x}}']}"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("templates: []", "spec.entrypoint is required"),
        ("entrypoint: x", "template name 'x' undefined"),
        ("entrypoint: main\ntemplates: [{name: main}]", "template 'main' type is unknown"),
        (
            USES_B % ("", leaf_b(f"inputs: {{parameters: [{{name: p}}]}}, {IMAGE}")),
            "templates.main.steps[0].a templates.b inputs.parameters.p was not supplied",
        ),
        (
            USES_B % (", when: '{{steps.z.outputs.result}}'", leaf_b(IMAGE)),
            "templates.main.steps failed to resolve {{steps.z.outputs.result}}",
        ),
        (USES_B % (", when: '{{= steps.z.outputs.result }}'", leaf_b(IMAGE)), "ok"),
        (USES_B % ("", leaf_b(WANTS_X)), f"templates.main.steps[0].a templates.b: {FAIL}"),
        (
            f"entrypoint: main\ntemplates: [{{name: main, {IMAGE}}}, {leaf_b(WANTS_X)}]",
            f"templates.b templates.b: {FAIL}",
        ),
        (
            "entrypoint: main\ntemplates: [{name: main, steps: [[{name: a, template: mid}]]}, "
            "{name: mid, dag: {tasks: [{name: t, template: b}]}}, " + leaf_b(WANTS_X) + "]",
            f"templates.main.steps[0].a templates.mid.tasks.t templates.b: {FAIL}",
        ),
        ("entrypoint: a\ntemplates: [{name: ''}]", "spec.templates[0].name is required"),
        (
            f"entrypoint: a\ntemplates: [{{name: a, {IMAGE}}}, {{name: a, {IMAGE}}}]",
            "spec.templates[1].name 'a' is not unique",
        ),
        (
            f"entrypoint: a_b\ntemplates: [{{name: a_b, {IMAGE}}}]",
            "spec.templates[0].name: 'a_b' is invalid: name must consist of alpha-numeric "
            "characters or '-', and must start with an alpha-numeric character "
            "(e.g. My-name1-2, 123-NAME)",
        ),
    ],
)
def test_the_worked_examples_of_workflows(spec, reason):
    assert first(spec) == reason


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (WANTS_X, f"templates.main: {FAIL}"),
        ("container: {image: x, args: ['{{ workflow.name }} {{item}} {{foo}}']}", "ok"),
        ("container: {image: x, args: ['{{workflow.labels.x}}']}",
         "templates.main: failed to resolve {{workflow.labels.x}}"),
        ("container: {image: x, args: ['{{steps.a.id}}']}",
         "templates.main: failed to resolve {{steps.a.id}}"),
        ("suspend: {}, timeout: 10s", "Suspend template doesn't support timeout field"),
        ("suspend: {}, pendingTimeout: 10s",
         "Suspend template doesn't support pendingTimeout field"),
        ("container: {image: x}, timeout: '10'", "main has invalid duration format in timeout"),
        ("container: {}", "templates.main.container.image may not be empty"),
        ("script: {source: x}", "templates.main.script.image may not be empty"),
        ("container: {image: x}, script: {image: x}",
         "templates.main multiple template types specified. choose one of: container, "
         "containerSet, steps, script, resource, dag, suspend, template, template ref"),
        ("container: {image: x}, retryStrategy: {retryPolicy: Sometimes}",
         "Sometimes is not a valid RetryPolicy"),
        ("container: {image: x}, parallelism: 1",
         "templates.main.parallelism is only valid for steps and dag templates"),
        ("container: {image: x}, activeDeadlineSeconds: 0", "ok"),
        ("container: {image: x}, activeDeadlineSeconds: '{{inputs.parameters.t}}', "
         "inputs: {parameters: [{name: t, default: 1}]}", "ok"),
        ("container: {image: x}, activeDeadlineSeconds: -1",
         "templates.main.activeDeadlineSeconds must be a positive integer > 0 or an argo "
         "variable"),
        ("steps: [], activeDeadlineSeconds: 1",
         "templates.main.activeDeadlineSeconds is only valid for leaf templates"),
        ("container: {image: x}, initContainers: [{image: x}]",
         "initContainers must all have container name"),
        ("container: {image: x}, sidecars: [{name: wait, image: x}]",
         'templates.main.sidecars: "wait" is a reserved Argo container name'),
        ("container: {image: x, volumeMounts: [{name: v, mountPath: /a}, {name: w, "
         "mountPath: /a}]}",
         "templates.main.container.volumeMounts[1].mountPath '/a' already mounted in "
         "container.volumeMounts.v"),
        ("container: {image: x, volumeMounts: [{name: v, mountPath: /a}]}, inputs: {artifacts: "
         "[{name: i, path: /a, raw: {data: x}}]}",
         "templates.main.inputs.artifacts[0].path '/a' already mounted in "
         "container.volumeMounts.v"),
        ("container: {image: x}, inputs: {artifacts: [{name: i, raw: {data: x}}]}",
         "error in templates.main.inputs.artifacts.i: Artifact 'i' did not specify a path"),
        ("container: {image: x}, inputs: {artifacts: [{name: i, path: /a/b/../c, optional: true}]}",
         "error in templates.main.inputs.artifacts.i: Artifact 'i' attempted to use a path "
         "containing '..'. Directory traversal is not permitted"),
        ("container: {image: x}, inputs: {artifacts: [{name: i, path: /../c, optional: true}]}",
         "ok"),
        ("container: {image: x}, inputs: {artifacts: [{name: i, path: /a, git: {}}]}",
         "templates.main.inputs.artifacts.i.git.repo is required"),
        ("container: {image: x}, archiveLocation: {hdfs: {addresses: [a], path: b}}",
         "templates.main.archiveLocation.hdfs.path must be a absolute file path"),
        ("containerSet: {containers: [{name: a, image: x, dependencies: [b]}]}",
         "templates.main.containerSet.containers.a dependency 'b' not defined"),
        ("containerSet: {containers: [{name: a, dependencies: [b]}, {name: b, "
         "dependencies: [a]}]}",
         "templates.main.containerSet.containers dependency cycle detected: a->b->a"),
        ("containerSet: {containers: [{name: a}]}, outputs: {parameters: [{name: p, valueFrom: "
         "{path: /p}}]}",
         'templates.main.containerSet.containers must have a container named "main" for input '
         "or output"),
        ("resource: {action: creat}",
         "templates.main.resource.action must be one of: get, create, apply, delete, replace, "
         "patch"),
        ("resource: {action: create}",
         "either templates.main.resource.manifest or templates.main.resource.manifestFrom must "
         "be specified"),
        ("resource: {action: create, manifest: 'a: {{inputs.parameters.t}}'}, "
         "inputs: {parameters: [{name: t, default: 1}]}", "ok"),
        ("resource: {action: create, manifest: 'a: {{item}}'}",
         "templates.main.resource.manifest must be a valid yaml"),
        ("http: {url: x}, podResources: {limits: {cpu: 1}}",
         "templates.main.podResources is not supported for HTTP templates"),
        ("container: {image: x}, podResources: {limits: {gpu: 1}}",
         'templates.main.podResources: "gpu" is not a valid pod-level resource, only cpu, '
         "memory and hugepages-* are supported"),
        ("suspend: {}, resourceClaims: [{name: x}]",
         "templates.main.resourceClaims is not supported for Suspend templates, which do not "
         "create a pod"),
        ("container: {image: x, args: ['{{= 1 + }}']}",
         "templates.main failed to evaluate expression: unexpected token EOF (1:5)\n"
         " |  1 + \n | ....^"),
        ("container: {image: x}, outputs: {parameters: [{name: o, valueFrom: {jsonPath: x}}]}",
         "templates.main.outputs.parameters.o.path must be specified for Container templates"),
        ("container: {image: x}, outputs: {parameters: [{name: o}]}",
         "templates.main.outputs.parameters.o does not have valueFrom or value specified"),
        ("container: {image: x}, outputs: {parameters: [{name: o, valueFrom: {default: x}}]}",
         "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, "
         "expression"),
        ("container: {image: x}, outputs: {parameters: [{name: o o, value: x}]}",
         "templates.main.outputs.parameters [0].name: 'o o' is invalid: Parameter/Artifact name "
         "must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"),
        ("container: {image: x}, metrics: {prometheus: [{name: a, help: b, counter: {}}]}",
         "templates.main metric 'a' error: missing counter.value"),
    ],
)  # fmt: skip
def test_rules_about_one_template(template, reason):
    assert main(template) == reason


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ("{tasks: []}", "templates.main must have at least one task"),
        ("{tasks: [{name: a, template: b}, {name: b, template: b, dependencies: [c]}]}",
         "templates.main sorting failed: invalid dependency c"),
        ("{tasks: [{name: a, template: b, depends: b}, {name: b, template: b, depends: a}]}",
         "templates.main sorting failed: graph with cycle"),
        ("{tasks: [{name: a, template: b}, {name: a, template: b}]}",
         "templates.main sorting failed: duplicated nodeName a"),
        ("{tasks: [{name: a, template: b}, {name: c, template: b, arguments: {parameters: "
         "[{name: m, value: '{{tasks.a.outputs.result}}'}]}}]}",
         "templates.main.tasks.c missing dependency 'a' for parameter 'm'"),
        ("{tasks: [{name: a, template: b}, {name: c, template: b, depends: a.Done}]}",
         "templates.main.tasks.c task result 'Done' for task 'a' is invalid"),
        ("{tasks: [{name: a, template: b}, {name: c, template: b, depends: a.AnySucceeded}]}",
         "templates.main.tasks.a dependency 'a' uses an items-based condition such as "
         ".AnySucceeded or .AllFailed but does not contain any items"),
        ("{tasks: [{name: a, template: b}, {name: c, template: b, depends: a}, "
         "{name: d, template: b, dependencies: [a]}]}",
         "templates.main cannot use both 'depends' and 'dependencies' in the same DAG template"),
        ("{tasks: [{name: a, template: b, continueOn: {failed: true}}, {name: c, template: b, "
         "depends: a}]}",
         "templates.main cannot use 'continueOn' when using 'depends'. Instead use "
         "'dep-task.Failed'/'dep-task.Errored'"),
        ("{tasks: [{name: 1a, template: b}, {name: c, template: b, depends: 1a}]}",
         "templates.main.tasks.1a name cannot begin with a digit when using either 'depends' or "
         "'dependencies'"),
        ("{target: z, tasks: [{name: a, template: b}]}",
         "templates.main.targets: target 'z' is not defined"),
        ("{tasks: [{name: a, template: b, when: '{{tasks.c.status}}'}, {name: c, template: b}]}",
         "templates.main.tasks.a failed to resolve {{tasks.c.status}}"),
        ("{tasks: [{name: a, template: b, depends: c, when: '{{tasks.c.status}}'}, "
         "{name: c, template: b}]}", "ok"),
        ("{tasks: [{name: a, template: b, withItems: [{k: 1}], when: '{{item.k}}'}]}", "ok"),
        ("{tasks: [{name: a, template: b, withItems: [{k: 1}], when: '{{item.j}}'}]}",
         "templates.main.tasks.a failed to resolve {{item.j}}"),
        ("{tasks: [{name: a, template: b, withParam: x, when: '{{item.j}}'}]}", "ok"),
        ("{tasks: [{name: a, templateRef: {name: t}}]}",
         "templates.main.tasks.a template name is required"),
        ("{tasks: [{name: a, template: b, templateRef: {name: t}}]}",
         "templates.main.tasks.a template name cannot be specified with templateRef"),
        ("{tasks: [{name: a}]}", "templates.main.tasks.a failed to get a template"),
        ("{tasks: [{name: a, templateRef: {name: t, template: q}}]}",
         "templates.main.tasks.a template reference t.q not found"),
    ],
)  # fmt: skip
def test_rules_about_dags(tasks, reason):
    assert dag(tasks) == reason


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("{name: m}", "spec.arguments.m.value or spec.arguments.m.valueFrom is required"),
        ("{name: m, default: x}",
         "spec.arguments.m.value or spec.arguments.m.valueFrom is required"),
        ("{name: m, value: 1, enum: []}",
         "spec.arguments.m.enum should contain at least one value"),
        ("{name: m, value: 1, enum: [2]}",
         "spec.arguments.m.value should be present in spec.arguments.m.enum list"),
        ("{name: m, valueFrom: {path: x}}",
         "spec.arguments.m.valueFrom only allows: default, configMapKeyRef and supplied"),
        ("{name: m, valueFrom: {supplied: {}}}", "ok"),
    ],
)  # fmt: skip
def test_rules_about_arguments(parameters, reason):
    spec = f"entrypoint: b\narguments: {{parameters: [{parameters}]}}\ntemplates: [{leaf_b(IMAGE)}]"
    assert first(spec) == reason


def test_lint_lets_arguments_lack_a_value_but_a_cron_workflow_does_not():
    spec = f"entrypoint: b\narguments: {{parameters: [{{name: m}}]}}\ntemplates: [{leaf_b(IMAGE)}]"
    assert first(spec, lint=True) == "ok"
    cron = "schedules: ['* * * * *']\nworkflowSpec:\n" + "\n".join(
        "  " + line for line in spec.splitlines()
    )
    assert first(cron, kind="CronWorkflow", lint=True) == (
        "cannot validate Workflow: spec.arguments.m.value or spec.arguments.m.valueFrom is required"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("", "cron workflow must have at least one schedule"),
        ("schedules: ['0 0 * * *']\ntimezone: Mars/Base",
         'invalid timezone "Mars/Base": unknown time zone Mars/Base'),
        ("schedules: ['0 0 * * *']\nconcurrencyPolicy: Maybe",
         "'Maybe' is not a valid concurrencyPolicy"),
        ("schedules: ['0 0 * * *']\nstartingDeadlineSeconds: -1",
         "startingDeadlineSeconds must be positive"),
    ],
)  # fmt: skip
def test_rules_about_cron_workflows(fields, reason):
    spec = f"{fields}\nworkflowSpec: {{entrypoint: b, templates: [{leaf_b(IMAGE)}]}}"
    assert first(spec, kind="CronWorkflow") == reason


def test_names_have_their_lengths():
    spec = f"entrypoint: b\ntemplates: [{leaf_b(IMAGE)}]"
    name = "x" * 64
    assert first(spec, metadata=f"{{name: {name}}}") == (
        f'workflow name "{name}" must not be more than 63 characters long (currently 64)'
    )
    assert first(spec, metadata=f"{{generateName: {name}}}") == "ok"
    assert first(spec, kind="WorkflowTemplate", metadata=f"{{name: {name}}}").startswith(
        "workflow template name"
    )


def test_a_template_document_needs_no_entrypoint_and_no_values():
    spec = (
        "arguments: {parameters: [{name: m}]}\n"
        "templates: [{name: b, container: {image: '{{workflow.parameters.other}}'}}]"
    )
    assert first(spec, kind="WorkflowTemplate") == "ok"


LIBRARY = """kind: WorkflowTemplate
metadata: {name: lib}
spec:
  entrypoint: hello
  arguments: {parameters: [{name: who, value: world}]}
  templates:
  - {name: hello, inputs: {parameters: [{name: who}]}, container: {image: x}}
"""


def test_a_workflow_may_run_a_template_document():
    assert first("workflowTemplateRef: {name: lib}", others=LIBRARY) == "ok"
    assert first("workflowTemplateRef: {name: lbi}", others=LIBRARY) == (
        'workflowtemplates.argoproj.io "lbi" not found'
    )
    assert first(
        "workflowTemplateRef: {name: lbi}", others=LIBRARY, offline=True, namespace="n"
    ) == ('couldn\'t find workflow template "lbi" in namespace "n"')
    assert first("templates: [{name: a}]\nworkflowTemplateRef: {name: lib}", others=LIBRARY) == (
        "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
    )


def test_a_later_step_of_the_same_group_may_name_an_earlier_one():
    spec = (
        "entrypoint: main\ntemplates: [{name: main, steps: [[{name: a, template: b}, "
        "{name: c, template: b, when: '{{steps.a.outputs.result}}'}]]}, " + leaf_b(IMAGE) + "]"
    )
    assert first(spec) == "ok"


def test_recursion_is_legal():
    spec = "entrypoint: main\ntemplates: [{name: main, steps: [[{name: a, template: main}]]}]"
    assert first(spec) == "ok"


def test_each_inline_template_is_checked():
    inline = "{name: %s, inline: {container: {image: x, args: ['{{inputs.parameters.x}}']}}}"
    tasks = f"{{tasks: [{inline % 'a'}, {inline % 'c'}]}}"
    spec = f"entrypoint: main\ntemplates: [{{name: main, dag: {tasks}}}]"
    assert [item.path for item in check(spec)] == [
        f"spec.templates[0].dag.tasks[{index}].inline.container.args[0]" for index in range(2)
    ]


def test_all_findings_come_at_once_with_places_and_hints():
    found = check("""
entrypoint: main
onExit: gone
podGC: {strategy: OnPodComplete}
templates:
- name: main
  steps:
  - - {name: a, template: bb}
    - {name: c, template: b, when: "{{steps.c.statu}}"}
- name: b
  container: {}
""")
    assert [(item.line, item.reason.split()[-1]) for item in found] == [
        (10, "undefined"),
        (13, "empty"),
        (11, "{{steps.c.statu}}"),
        (5, "undefined"),
        (6, "'OnPodComplete'"),
    ]
    assert found[0].hint == "did you mean `b`?"
    assert found[2].hint == "did you mean `steps.c.status`?"
    assert found[4].hint == "did you mean `OnPodCompletion`?"


def test_a_cycle_hides_nothing_else_that_is_wrong():
    found = check("""
entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: a, template: gone, depends: c}
    - {name: b, template: b, depends: a}
    - {name: c, template: b, depends: b, when: "{{tasks.z.status}}"}
    - {name: d, template: lost}
    - {name: e, template: b, depends: nobody}
    - {name: d, template: b}
- name: b
  container: {}
""")
    reasons = [(item.line, item.reason) for item in found]
    sorting = "templates.main sorting failed:"
    assert reasons[:3] == [
        (14, f"{sorting} duplicated nodeName d"),
        (13, f"{sorting} invalid dependency nobody"),
        (9, f"{sorting} graph with cycle"),
    ]
    assert found[2].hint == "these wait for each other: a -> c -> b -> a"
    assert {
        (12, "templates.main.tasks.d template name 'lost' undefined"),
        (9, "templates.main.tasks.a template name 'gone' undefined"),
        (11, "templates.main.tasks.c failed to resolve {{tasks.z.status}}"),
    } <= {*reasons}


def test_a_long_cycle_is_found_in_little_time():
    tasks = "".join(f"    - {{name: t{i + 1}, template: b, depends: t{i}}}\n" for i in range(3000))
    spec = (
        "entrypoint: main\ntemplates:\n- name: main\n  dag:\n    tasks:\n"
        "    - {name: t0, template: b, depends: t3000}\n" + tasks + f"- {leaf_b(IMAGE)}\n"
    )
    assert first(spec) == "templates.main sorting failed: graph with cycle"


def test_a_long_chain_is_checked_in_little_time():
    tasks = "".join(
        f"    - {{name: t{i + 1}, template: b, depends: t{i}, when: '{{{{tasks.t{i}.status}}}}'}}\n"
        for i in range(3000)
    )
    spec = (
        "entrypoint: main\ntemplates:\n- name: main\n  dag:\n    tasks:\n"
        "    - {name: t0, template: b}\n" + tasks + f"- {leaf_b(IMAGE)}\n"
    )
    assert first(spec) == "ok"


def test_a_variable_of_another_place_says_where_it_is_known():
    tag = "{{workflow.failures}}"
    found = check(f"entrypoint: b\ntemplates: [{{name: b, container: {{image: '{tag}'}}}}]")
    assert found[0].hint == "`workflow.failures` is known in hooks and in the exit handler"


def test_the_variables_of_the_catalogue_are_told_from_those_that_do_not_exist():
    assert find_variable("steps.a-b.outputs.parameters.x").name == (
        "steps.<step>.outputs.parameters.<name>"
    )
    assert find_variable("steps.a.outputs.nothing") is None
