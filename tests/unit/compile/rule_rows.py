"""A small document for every rule of reference/validation.md, and what Argo says of it.

`ROWS`: rule, kind of document, fields, message. The rule is written `outer>inner` where one rule
only says where another one applies.
"""

from __future__ import annotations

BODY = "container: {image: x}"
LONG = "x" * 64
LONG_CRON = "x" * 53
WIDE = "x" * 129
TAIL = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric "
    "character (e.g. My-name1-2, 123-NAME)"
)
PARAMETER = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)
KINDS = "OnPodCompletion"
LIMITED = "only cpu, memory and hugepages-* are supported"
ACTIONS = "get, create, apply, delete, replace, patch"


def main(template: str, *others: str) -> str:
    """A spec whose entrypoint is `template`."""
    templates = ", ".join([f"{{name: main, {template}}}", *others])
    return f"{{entrypoint: main, templates: [{templates}]}}"


def steps(step: str, *others: str) -> str:
    """A spec with one step `a` that calls `b`."""
    called = others or (f"{{name: b, {BODY}}}",)
    return main(f"steps: [[{{name: a, {step}}}]]", *called)


def dag(tasks: str, *others: str) -> str:
    """A spec with a dag whose tasks call `b`."""
    called = others or (f"{{name: b, {BODY}}}",)
    return main(f"dag: {{tasks: [{tasks}]}}", *called)


def arguments(text: str) -> str:
    """A spec with these arguments."""
    return f"{{entrypoint: main, arguments: {{{text}}}, templates: [{{name: main, {BODY}}}]}}"


def spec(text: str) -> str:
    """A valid spec with more fields."""
    return f"{{entrypoint: main, {text}, templates: [{{name: main, {BODY}}}]}}"


def leaf(text: str) -> str:
    """A spec with one container template with more fields."""
    return main(f"{BODY}, {text}")


def artifact(text: str) -> str:
    """A container template with one input artifact."""
    return leaf(f"inputs: {{artifacts: [{{name: i, {text}}}]}}")


def hdfs(text: str) -> str:
    """A container template with an artifact in hdfs."""
    return artifact(f"path: /i, hdfs: {{{text}}}")


def output(text: str, body: str = BODY) -> str:
    """A template with one output parameter."""
    return main(f"{body}, outputs: {{parameters: [{{name: o, {text}}}]}}")


def metric(text: str) -> str:
    """A template with one metric."""
    return leaf(f"metrics: {{prometheus: [{{{text}}}]}}")


def cron(text: str, inner: str = "") -> str:
    """A CronWorkflow."""
    return f"{{{text}, workflowSpec: {inner or main(BODY)}}}"


def plugin(metadata: str, container: str) -> str:
    """A workflow with an executor plugin."""
    sidecar = f"{{sidecar: {{container: {container}}}}}"
    return spec(f"executorPlugins: [{{metadata: {metadata}, spec: {sidecar}}}]")


def sidecar(*parts: str) -> str:
    """The container of a plugin; its resources stand together."""
    resources = ", ".join(part for part in parts if part in {REQUESTS, LIMITS})
    others = [part for part in parts if part not in {REQUESTS, LIMITS}]
    return "{" + ", ".join([*others, f"resources: {{{resources}}}"]) + "}"


PORTS = "ports: [{containerPort: 1}]"
REQUESTS = "requests: {cpu: 1}"
LIMITS = "limits: {cpu: 1}"
SECURE = "securityContext: {}"
NEEDS_P = f"{{name: b, inputs: {{parameters: [{{name: p}}]}}, {BODY}}}"
NEEDS_I = f"{{name: b, inputs: {{artifacts: [{{name: i, path: /i}}]}}, {BODY}}}"
USES_X = "{name: b, container: {image: x, args: ['{{inputs.parameters.x}}']}}"
UNRESOLVED = "failed to resolve {{inputs.parameters.x}}"
HDFS = "templates.main.inputs.artifacts.i.hdfs"
A = "{name: a, template: b}"
CALL_P = "arguments: {parameters: [{name: p, %s}]}"
CALL_I = "arguments: {artifacts: [{name: i, %s}]}"
MOUNTS = "volumeMounts: [{name: v, mountPath: /a}, {name: w, mountPath: /a}]"

ROWS: list[tuple[str, str, str, str]] = [
    # ------------------------------------------------------------------------- workflow level
    ("W1", f"Workflow {LONG}", spec("priority: 1"),
     f'workflow name "{LONG}" must not be more than 63 characters long (currently 64)'),
    ("W1t", f"WorkflowTemplate {LONG}", spec("priority: 1"),
     f'workflow template name "{LONG}" must not be more than 63 characters long (currently 64)'),
    ("W1t", f"ClusterWorkflowTemplate {LONG}", spec("priority: 1"),
     f'cluster workflow template name "{LONG}" must not be more than 63 characters long '
     "(currently 64)"),
    ("W2", "Workflow", f"{{workflowTemplateRef: {{name: lib}}, templates: [{{name: a, {BODY}}}]}}",
     "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"),
    ("W2b", "Workflow", "{workflowTemplateRef: {name: lbi}}",
     'couldn\'t find workflow template "lbi" in namespace "ns"'),
    ("W2b", "Workflow", "{workflowTemplateRef: {name: lbi, clusterScope: true}}",
     'couldn\'t find cluster workflow template "lbi"'),
    ("W3", "Workflow", main(BODY, f"{{name: '', {BODY}}}"),
     "spec.templates[1].name is required"),
    ("W4", "Workflow", f"{{entrypoint: a_b, templates: [{{name: a_b, {BODY}}}]}}",
     f"spec.templates[0].name: 'a_b' is invalid: {TAIL}"),
    ("W4", "Workflow", main(BODY, f"{{name: _{WIDE}, {BODY}}}"),
     f"spec.templates[1].name: '_{WIDE}' is invalid: must be no more than 128 characters;{TAIL}"),
    ("W5", "Workflow", f"{{entrypoint: a, templates: [{{name: a, {BODY}}}, {{name: a, {BODY}}}]}}",
     "spec.templates[1].name 'a' is not unique"),
    ("W6", "Workflow", plugin("{}", sidecar(PORTS, REQUESTS, LIMITS, SECURE)),
     "spec.executorPlugins: executor plugin metadata name is mandatory"),
    ("W6", "Workflow", plugin("{name: p}", sidecar(REQUESTS, LIMITS, SECURE)),
     "spec.executorPlugins: at least one port is mandatory"),
    ("W6", "Workflow", plugin("{name: p}", sidecar(PORTS, LIMITS, SECURE)),
     "spec.executorPlugins: resources requests are mandatory"),
    ("W6", "Workflow", plugin("{name: p}", sidecar(PORTS, REQUESTS, SECURE)),
     "spec.executorPlugins: resources limits are mandatory"),
    ("W6", "Workflow", plugin("{name: p}", sidecar(PORTS, REQUESTS, LIMITS)),
     "spec.executorPlugins: security context is mandatory"),
    ("W7", "Workflow", f"{{templates: [{{name: a, {BODY}}}]}}", "spec.entrypoint is required"),
    ("W8", "Workflow", spec("hooks: {running: {template: main}}"),
     "hooks.running Expression required"),
    ("W9", "Workflow", spec("podGC: {strategy: Never}"), "podGC.strategy unknown strategy 'Never'"),
    ("W10", "Workflow",
     spec("podGC: {labelSelector: {matchExpressions: [{key: a, operator: Is}]}}"),
     'podGC.labelSelector invalid: "Is" is not a valid label selector operator'),
    ("W11", "Workflow", spec("podResources: {claims: [{name: c}]}"),
     "spec.podResources.claims is not supported for pod-level resources"),
    ("W12", "Workflow", spec("podResources: {limits: {gpu: 1}}"),
     f'spec.podResources: "gpu" is not a valid pod-level resource, {LIMITED}'),
    # ------------------------------------------------------------------------------ arguments
    ("A1", "Workflow", arguments("parameters: [{value: x}]"),
     "spec.arguments.parameters[0].name is required"),
    ("A1", "Workflow", arguments("artifacts: [{raw: {data: x}}]"),
     "spec.arguments.artifacts[0].name is required"),
    ("A2", "Workflow", arguments("parameters: [{name: a b, value: x}]"),
     f"spec.arguments.parameters[0].name: 'a b' is invalid: {PARAMETER}"),
    ("A3", "Workflow", arguments("parameters: [{name: a, value: x}, {name: a, value: x}]"),
     "spec.arguments.parameters[1].name 'a' is not unique"),
    ("A4", "Workflow", arguments("parameters: [{name: m, default: x}]"),
     "spec.arguments.m.value or spec.arguments.m.valueFrom is required"),
    ("A6", "Workflow", arguments("parameters: [{name: m, valueFrom: {path: /x}}]"),
     "spec.arguments.m.valueFrom only allows: default, configMapKeyRef and supplied"),
    ("A7", "Workflow", arguments("parameters: [{name: m, value: x, enum: []}]"),
     "spec.arguments.m.enum should contain at least one value"),
    ("A8", "Workflow", arguments("parameters: [{name: m, valueFrom: {supplied: {}}, enum: [x]}]"),
     "spec.arguments.m.value is required"),
    ("A9", "Workflow", arguments("parameters: [{name: m, value: y, enum: [x]}]"),
     "spec.arguments.m.value should be present in spec.arguments.m.enum list"),
    ("A10", "Workflow", arguments("artifacts: [{name: m}]"),
     "spec.arguments.m.from, artifact location, or key is required"),
    ("A11", "Workflow", arguments("artifacts: [{name: m, from: x, fromExpression: z}]"),
     "spec.arguments.m shouldn't have both `from` and `fromExpression` in Artifact"),
    # ------------------------------------------------------------------------ template holder
    ("H1", "Workflow", steps("template: b, templateRef: {name: lib, template: hello}"),
     "templates.main.steps[0].a template name cannot be specified with templateRef"),
    ("H2", "Workflow", steps("templateRef: {template: hello}"),
     "templates.main.steps[0].a resource name is required"),
    ("H3", "Workflow", steps("templateRef: {name: lib}"),
     "templates.main.steps[0].a template name is required"),
    ("H4", "Workflow", steps("templateRef: {name: '{{workflow.name}}', template: x}"), "ok"),
    ("H5", "Workflow", steps("template: c"),
     "templates.main.steps[0].a template name 'c' undefined"),
    ("H6", "Workflow", steps("templateRef: {name: lib, template: hallo}"),
     "templates.main.steps[0].a template reference lib.hallo not found"),
    ("H6", "Workflow", steps("templateRef: {name: lbi, template: hello}"),
     'templates.main.steps[0].a couldn\'t find workflow template "lbi" in namespace "ns"'),
    ("H7", "Workflow", steps("when: x"), "templates.main.steps[0].a failed to get a template"),
    ("H8", "Workflow", "{entrypoint: main, templates: [{name: main}]}",
     "template 'main' type is unknown"),
    ("H9", "Workflow", leaf("retryStrategy: {retryPolicy: Often}"),
     "Often is not a valid RetryPolicy"),
    ("H10", "ClusterWorkflowTemplate", steps("templateRef: {name: lib, template: hello}"),
     "templates.main.steps[0].a template reference lib.hello not found"),
    # --------------------------------------------------------------------------- any template
    ("T1", "Workflow", leaf("suspend: {}"),
     "templates.main multiple template types specified. choose one of: container, containerSet, "
     "steps, script, resource, dag, suspend, template, template ref"),
    ("T2", "Workflow", main("http: {url: x}, podResources: {limits: {cpu: 1}}"),
     "templates.main.podResources is not supported for HTTP templates"),
    ("T2", "Workflow", main("plugin: {p: {}}, podResources: {limits: {cpu: 1}}"),
     "templates.main.podResources is not supported for Plugin templates"),
    ("T3", "Workflow", leaf("podResources: {claims: [{name: c}]}"),
     "templates.main.podResources.claims is not supported for pod-level resources"),
    ("T3", "Workflow", leaf("podResources: {requests: {gpu: 1}}"),
     f'templates.main.podResources: "gpu" is not a valid pod-level resource, {LIMITED}'),
    ("T4", "Workflow", leaf("inputs: {parameters: [{name: a b, value: x}]}"),
     f"templates.main.inputs.parameters[0].name: 'a b' is invalid: {PARAMETER}"),
    ("T5", "Workflow", leaf("inputs: {artifacts: [{name: i, path: /i, raw: {data: x}}, "
                            "{name: i, path: /j, raw: {data: x}}]}"),
     "templates.main.inputs.artifacts[1].name 'i' is not unique"),
    ("T6", "Workflow", artifact("raw: {data: x}"),
     "error in templates.main.inputs.artifacts.i: Artifact 'i' did not specify a path"),
    ("T6b", "Workflow", artifact("path: /a/b/../c, raw: {data: x}"),
     "error in templates.main.inputs.artifacts.i: Artifact 'i' attempted to use a path containing "
     "'..'. Directory traversal is not permitted"),
    ("T7", "Workflow",
     main("suspend: {}, inputs: {artifacts: [{name: i, path: /i, raw: {data: x}}]}"),
     "templates.main.inputs.artifacts.i.path only valid in container/script templates"),
    ("T8", "Workflow", artifact("path: /i, from: x, raw: {data: x}"),
     "templates.main.inputs.artifacts.i.from not valid in inputs"),
    ("T9", "Workflow", artifact("path: /i, git: {}"),
     "templates.main.inputs.artifacts.i.git.repo is required"),
    ("T10", "Workflow", hdfs("path: /x, hdfsUser: u"), f"{HDFS}.addresses is required"),
    ("T10", "Workflow", hdfs("addresses: [a], hdfsUser: u"), f"{HDFS}.path is required"),
    ("T10", "Workflow", hdfs("addresses: [a], path: x, hdfsUser: u"),
     f"{HDFS}.path must be a absolute file path"),
    ("T10", "Workflow", hdfs("addresses: [a], path: /x"),
     f"either {HDFS}.hdfsUser, {HDFS}.krbCCacheSecret or {HDFS}.krbKeytabSecret is required"),
    ("T10", "Workflow", hdfs("addresses: [a], path: /x, krbKeytabSecret: {name: s, key: k}"),
     f"{HDFS}.krbServicePrincipalName, {HDFS}.krbConfigConfigMap, {HDFS}.krbUsername and "
     f"{HDFS}.krbRealm are required with {HDFS}.krbKeytabSecret"),
    ("T10", "Workflow", hdfs("addresses: [a], path: /x, krbCCacheSecret: {name: s, key: k}"),
     f"{HDFS}.krbServicePrincipalName and {HDFS}.krbConfigConfigMap are required with "
     f"{HDFS}.krbCCacheSecret"),
    ("T11", "Workflow", leaf("initContainers: [{image: x}]"),
     "initContainers must all have container name"),
    ("T12", "Workflow", steps("template: b", NEEDS_P),
     "templates.main.steps[0].a templates.b inputs.parameters.p was not supplied"),
    ("T12", "Workflow", steps("template: b", NEEDS_I),
     "templates.main.steps[0].a templates.b inputs.artifacts.i was not supplied"),
    ("T12", "Workflow", leaf("timeout: '{{x'"),
     'templates.main Cannot find end tag="}}" in the template="{\\"name\\":\\"main\\",\\"inputs\\":'
     '{},\\"outputs\\":{},\\"metadata\\":{},\\"container\\":{\\"name\\":\\"\\",\\"image\\":'
     '\\"x\\",\\"resources\\":{}},\\"timeout\\":\\"{{x\\"}"'),
    ("T12", "Workflow", main("container: {image: '{{=1 +}}'}"),
     "templates.main failed to evaluate expression: unexpected token EOF (1:3)\n"
     " | 1 +\n | ..^"),
    ("T13", "Workflow", main("suspend: {}, resourceClaims: [{name: c}]"),
     "templates.main.resourceClaims is not supported for Suspend templates, which do not create "
     "a pod"),
    ("T14", "Workflow", steps("template: b").replace("steps:", "timeout: 1s, steps:", 1),
     "Steps template doesn't support timeout field"),
    ("T14", "Workflow", dag(A).replace("dag:", "timeout: 1s, dag:", 1),
     "DAG template doesn't support timeout field"),
    ("T15", "Workflow", leaf("timeout: '10'"), "main has invalid duration format in timeout"),
    ("T16", "Workflow", main("suspend: {}, pendingTimeout: 1s"),
     "Suspend template doesn't support pendingTimeout field"),
    ("T17", "Workflow",
     main("steps: [[{name: a, template: b}, {name: c, template: b}]]", f"{{name: b, {BODY}}}"),
     "ok"),
    ("T18", "Workflow", leaf("archiveLocation: {git: {}}"),
     "templates.main.archiveLocation.git.repo is required"),
    ("T18", "Workflow", leaf("archiveLocation: {hdfs: {path: /x, hdfsUser: u}}"),
     "templates.main.archiveLocation.hdfs.addresses is required"),
    ("T19>M3", "Workflow", metric("name: m, counter: {value: '1'}"),
     "templates.main metric 'm' must contain a help string under 'help: ' field"),
    # --------------------------------------------------------------------------------- leaves
    ("L1", "Workflow", main("container: {image: '{{inputs.parameters.x}}'}"),
     f"templates.main: {UNRESOLVED}"),
    ("L2", "Workflow", main(f"container: {{image: x, {MOUNTS}}}"),
     "templates.main.container.volumeMounts[1].mountPath '/a' already mounted in "
     "container.volumeMounts.v"),
    ("L3", "Workflow",
     main("container: {image: x, volumeMounts: [{name: v, mountPath: /a}]}, inputs: {artifacts: "
          "[{name: i, path: /a, raw: {data: x}}]}"),
     "templates.main.inputs.artifacts[0].path '/a' already mounted in container.volumeMounts.v"),
    ("L3", "Workflow", leaf("inputs: {artifacts: [{name: i, path: /a, raw: {data: x}}, "
                            "{name: j, path: /a, raw: {data: x}}]}"),
     "templates.main.inputs.artifacts[1].path '/a' already mounted in inputs.artifacts.i"),
    ("L4", "Workflow", main("container: {}"), "templates.main.container.image may not be empty"),
    ("L5", "Workflow", main("containerSet: {containers: []}"),
     "templates.main.containerSet.containers must have at least one container"),
    ("L5", "Workflow", main("containerSet: {containers: [{image: x}]}"),
     "templates.main.containerSet.containers[0].name is required"),
    ("L5", "Workflow", main(f"containerSet: {{containers: [{{name: a, image: x}}], {MOUNTS}}}"),
     "templates.main.containerSet.volumeMounts[1].mountPath '/a' already mounted in "
     "volumeMounts.v"),
    ("L5", "Workflow", main("containerSet: {containers: [{name: a, dependencies: [b]}]}"),
     "templates.main.containerSet.containers.a dependency 'b' not defined"),
    ("L5", "Workflow", main("containerSet: {containers: [{name: a, dependencies: [b]}, {name: b, "
                            "dependencies: [a]}]}"),
     "templates.main.containerSet.containers dependency cycle detected: a->b->a"),
    ("L6", "Workflow", main("containerSet: {containers: [{name: a}]}, outputs: {artifacts: "
                            "[{name: o, path: /o}]}"),
     'templates.main.containerSet.containers must have a container named "main" for input or '
     "output"),
    ("L7", "Workflow", main("containerSet: {containers: [{name: wait}]}"),
     'templates.main.containerSet.containers: "wait" is a reserved Argo container name'),
    ("L8", "Workflow", leaf("sidecars: [{name: artifact-plugin-x, image: x}]"),
     'templates.main.sidecars: "artifact-plugin-x" is a reserved Argo container name'),
    ("L9", "Workflow", main("resource: {action: make}"),
     f"templates.main.resource.action must be one of: {ACTIONS}"),
    ("L10", "Workflow", main("resource: {action: create}"),
     "either templates.main.resource.manifest or templates.main.resource.manifestFrom must be "
     "specified"),
    ("L11", "Workflow",
     main("inputs: {artifacts: [{name: i, path: /i, raw: {data: x}}]}, "
          "resource: {action: create, manifest: 'a: b', manifestFrom: {artifact: {name: i}}}"),
     "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource "
     "template"),
    ("L12", "Workflow", main("resource: {action: create, manifestFrom: {artifact: {name: i}}}"),
     "artifact i in `manifestFrom` refer to a non-exist artifact"),
    ("L13", "Workflow", main("resource: {action: create, manifest: 'a: [b'}"),
     "templates.main.resource.manifest must be a valid yaml"),
    ("L14", "Workflow", main("script: {source: x}"),
     "templates.main.script.image may not be empty"),
    ("L15", "Workflow", leaf("activeDeadlineSeconds: soon"),
     "templates.main.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"),
    ("L16", "Workflow", leaf("parallelism: 1"),
     "templates.main.parallelism is only valid for steps and dag templates"),
    # ---------------------------------------------------------------------------------- steps
    ("S0", "Workflow", main("steps: [], activeDeadlineSeconds: 1"),
     "templates.main.activeDeadlineSeconds is only valid for leaf templates"),
    ("S1", "Workflow", main("steps: [[{template: b}]]", f"{{name: b, {BODY}}}"),
     "templates.main.steps[0].name is required"),
    ("S2", "Workflow", main(f"steps: [[{A}], [{A}]]", f"{{name: b, {BODY}}}"),
     "templates.main.steps[1].name 'a' is not unique"),
    ("S3", "Workflow", main("steps: [[{name: a b, template: b}]]", f"{{name: b, {BODY}}}"),
     f"templates.main.steps[0].name 'a b' is invalid: {TAIL}"),
    ("S4", "Workflow", steps("template: b, withItems: [x], withParam: '[]'"),
     "templates.main.steps[0].a only one of withItems, withParam, withSequence can be specified"),
    ("S5", "Workflow", steps("template: b, withSequence: {count: 1, end: 1}"),
     "templates.main.steps[0].a only one of count or end can be defined in withSequence"),
    ("S6>A4", "Workflow", steps("template: b, " + CALL_P % "default: x"),
     "templates.main.steps[0].a.arguments.p.value or templates.main.steps[0].a.arguments.p."
     "valueFrom is required"),
    ("S7>L1", "Workflow", steps("template: b", USES_X),
     f"templates.main.steps[0].a templates.b: {UNRESOLVED}"),
    ("S8", "Workflow", steps("template: b, hooks: {running: {template: b}}"),
     "templates.main.steps[0].a.running Expression required"),
    ("S9", "Workflow", steps("template: b, when: '{{steps.z.status}}'"),
     "templates.main.steps failed to resolve {{steps.z.status}}"),
    ("S10>T12", "Workflow", steps("template: b", NEEDS_P),
     "templates.main.steps[0].a templates.b inputs.parameters.p was not supplied"),
    # ------------------------------------------------------------------------------------ dag
    ("D0", "Workflow", dag(""), "templates.main must have at least one task"),
    ("D1", "Workflow", dag(f"{A}, {A}"), "templates.main sorting failed: duplicated nodeName a"),
    ("D1", "Workflow", dag("{name: a, template: b, dependencies: [z]}"),
     "templates.main sorting failed: invalid dependency z"),
    ("D1", "Workflow", dag("{name: a, template: b, depends: c}, {name: c, template: b, "
                           "depends: a}"),
     "templates.main sorting failed: graph with cycle"),
    ("D2", "Workflow", dag("{name: a b, template: b}"),
     f"templates.main.tasks[0].name: 'a b' is invalid: {TAIL}"),
    ("D3", "Workflow", dag(f"{A}, {{name: 2c, template: b, dependencies: [a]}}"),
     "templates.main.tasks.2c name cannot begin with a digit when using either 'depends' or "
     "'dependencies'"),
    ("D4", "Workflow", dag(f"{A}, {{name: c, template: b, depends: a}}, {{name: d, template: b, "
                           "dependencies: [a]}"),
     "templates.main cannot use both 'depends' and 'dependencies' in the same DAG template"),
    ("D5", "Workflow", dag("{name: a, template: b, continueOn: {failed: true}}, {name: c, "
                           "template: b, depends: a}"),
     "templates.main cannot use 'continueOn' when using 'depends'. Instead use "
     "'dep-task.Failed'/'dep-task.Errored'"),
    ("D6>H5", "Workflow", dag("{name: a, template: c}"),
     "templates.main.tasks.a template name 'c' undefined"),
    ("D7", "Workflow", dag(f"{A}, {{name: c, template: b, depends: a.Done}}"),
     "templates.main.tasks.c task result 'Done' for task 'a' is invalid"),
    ("D8", "Workflow", dag(f"{A}, {{name: c, template: b, depends: a.AllFailed}}"),
     "templates.main.tasks.a dependency 'a' uses an items-based condition such as .AnySucceeded "
     "or .AllFailed but does not contain any items"),
    ("D9", "Workflow", main(f"dag: {{target: '{{{{inputs.parameters.x}}}}', tasks: [{A}]}}",
                            f"{{name: b, {BODY}}}"),
     f"templates.main.targets {UNRESOLVED}"),
    ("D10", "Workflow", main(f"dag: {{target: z, tasks: [{A}]}}", f"{{name: b, {BODY}}}"),
     "templates.main.targets: target 'z' is not defined"),
    ("D11", "Workflow", dag("{name: a, template: b, withItems: [x], withParam: '[]'}"),
     "templates.main.tasks.a only one of withItems, withParam, withSequence can be specified"),
    ("D11", "Workflow", dag("{name: a, template: b, withSequence: {count: 1, end: 1}}"),
     "templates.main.tasks.a only one of count or end can be defined in withSequence"),
    ("D12", "Workflow", dag("{name: a, template: b, when: '{{tasks.z.status}}'}"),
     "templates.main.tasks.a failed to resolve {{tasks.z.status}}"),
    ("D13>A10", "Workflow", dag("{name: a, template: b, " + CALL_I % "fromExpression: x" + "}"),
     "templates.main.tasks.a.arguments.i.from, artifact location, or key is required"),
    ("D14", "Workflow",
     dag(A + ", {name: c, template: b, " + CALL_P % "value: '{{tasks.a.outputs.result}}'" + "}"),
     "templates.main.tasks.c missing dependency 'a' for parameter 'p'"),
    ("D14", "Workflow",
     dag(A + ", {name: c, template: b, " + CALL_I % "from: '{{tasks.a.outputs.artifacts.o}}'" + "}",
         f"{{name: b, {BODY}, outputs: {{artifacts: [{{name: o, path: /o}}]}}}}"),
     "templates.main.tasks.c missing dependency 'a' for artifact 'i'"),
    ("D15>T12", "Workflow", dag(A, NEEDS_P),
     "templates.main.tasks.a templates.b inputs.parameters.p was not supplied"),
    # -------------------------------------------------------------------------------- outputs
    ("O1", "Workflow", leaf("outputs: {parameters: [{value: x}]}"),
     "templates.main.outputs.parameters [0].name is required"),
    ("O2", "Workflow", leaf("outputs: {artifacts: [{name: a b, path: /x}]}"),
     f"templates.main.outputs.artifacts [0].name: 'a b' is invalid: {PARAMETER}"),
    ("O3", "Workflow", main("steps: [], outputs: {parameters: [{name: o, valueFrom: {parameter: "
                            "'{{steps.z.outputs.result}}'}}]}"),
     "templates.main.outputs failed to resolve {{steps.z.outputs.result}}"),
    ("O4", "Workflow", leaf("outputs: {artifacts: [{name: o}]}"),
     "error in templates.main.outputs.artifacts.o: Artifact 'o' did not specify a path"),
    ("O4", "Workflow", leaf("outputs: {artifacts: [{name: o, path: /a/..}]}"),
     "error in templates.main.outputs.artifacts.o: Artifact 'o' attempted to use a path "
     "containing '..'. Directory traversal is not permitted"),
    ("O5", "Workflow", main("steps: [], outputs: {artifacts: [{name: o, path: /o}]}"),
     "templates.main.outputs.artifacts.o.path only valid in container/script templates"),
    ("O6", "Workflow", leaf("outputs: {artifacts: [{name: o, path: /o, globalName: a b}]}"),
     f"templates.main.outputs.artifacts.o.globalName: {PARAMETER}"),
    ("O7", "Workflow", output("value: x, valueFrom: {path: /x}"),
     "templates.main.outputs.parameters.o has both valueFrom and value specified, choose one"),
    ("O8", "Workflow", output("globalName: x"),
     "templates.main.outputs.parameters.o does not have valueFrom or value specified"),
    ("O9", "Workflow", output("valueFrom: {default: x}"),
     "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, "
     "expression"),
    ("O10", "Workflow", output("valueFrom: {path: /x, supplied: {}}"),
     "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw"),
    ("O11", "Workflow", output("valueFrom: {jsonPath: x}"),
     "templates.main.outputs.parameters.o.path must be specified for Container templates"),
    ("O11", "Workflow", output("valueFrom: {jsonPath: x}", "script: {image: x}"),
     "templates.main.outputs.parameters.o.path must be specified for Script templates"),
    ("O11", "Workflow",
     output("valueFrom: {jsonPath: x}", "containerSet: {containers: [{name: main}]}"),
     "templates.main.outputs.parameters.o.path must be specified for ContainerSet templates"),
    ("O12", "Workflow", output("valueFrom: {path: x}", "resource: {action: get}"),
     "templates.main.outputs.parameters.o .jqFilter or jsonPath must be specified for Resource "
     "templates"),
    ("O13", "Workflow", output("valueFrom: {path: x}", "steps: []"),
     "templates.main.outputs.parameters.o.parameter or expression must be specified for Steps "
     "templates"),
    ("O13", "Workflow",
     main(f"dag: {{tasks: [{A}]}}, outputs: {{parameters: [{{name: o, valueFrom: {{path: x}}}}]}}",
          f"{{name: b, {BODY}}}"),
     "templates.main.outputs.parameters.o.parameter or expression must be specified for DAG "
     "templates"),
    ("O14>O10", "Workflow", output("valueFrom: {parameter: x, expression: z}", "steps: []"),
     "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw"),
    ("O15", "Workflow", output("valueFrom: {path: /x}, globalName: a b"),
     f"templates.main.outputs.parameters.o.globalName: {PARAMETER}"),
    # -------------------------------------------------------------------------------- metrics
    ("M1", "Workflow", metric("name: a-b, help: x"),
     "templates.main metric 'a-b' is invalid. Metric names must contain alphanumeric characters "
     "or '_'"),
    ("M2", "Workflow", metric("name: m, help: x, labels: [{key: a-b, value: x}]"),
     "metric label 'a-b' is invalid: keys may only contain alphanumeric characters or '_'"),
    ("M3", "Workflow", metric("name: m"),
     "templates.main metric 'm' must contain a help string under 'help: ' field"),
    ("M4", "Workflow", metric("name: m, help: x, gauge: {realtime: false}"),
     "templates.main metric 'm' error: missing gauge.value"),
    ("M4", "Workflow", metric("name: m, help: x, counter: {}"),
     "templates.main metric 'm' error: missing counter.value"),
    ("M4", "Workflow", metric("name: m, help: x, histogram: {buckets: [1]}"),
     "templates.main metric 'm' error: missing histogram.value"),
    ("M4", "Workflow",
     metric("name: m, help: x, gauge: {realtime: true, value: '{{resourcesDuration.cpu}}'}"),
     "templates.main metric 'm' error: 'resourcesDuration.*' metrics cannot be used in real-time"),
    # --------------------------------------------------------------------------- CronWorkflow
    ("C1", f"CronWorkflow {LONG_CRON}", cron("schedules: ['* * * * *']"),
     f'cron workflow name "{LONG_CRON}" must not be more than 52 characters long (currently 53)'),
    ("C2", "CronWorkflow", cron("suspend: true"),
     "cron workflow must have at least one schedule"),
    ("C3", "CronWorkflow", cron("schedules: [x]"),
     "cron schedule x is malformed: expected exactly 5 fields, found 1: [x]"),
    ("C4", "CronWorkflow", cron("schedules: ['* * * * *'], timezone: Mars/Base"),
     'invalid timezone "Mars/Base": unknown time zone Mars/Base'),
    ("C5", "CronWorkflow", cron("schedules: ['* * * * *'], concurrencyPolicy: Maybe"),
     "'Maybe' is not a valid concurrencyPolicy"),
    ("C6", "CronWorkflow", cron("schedules: ['* * * * *'], startingDeadlineSeconds: -1"),
     "startingDeadlineSeconds must be positive"),
    ("C7>W7", "CronWorkflow", cron("schedules: ['* * * * *']", "{templates: []}"),
     "cannot validate Workflow: spec.entrypoint is required"),
    ("C7>A4", "CronWorkflow",
     cron("schedules: ['* * * * *']", arguments("parameters: [{name: m}]")),
     "cannot validate Workflow: spec.arguments.m.value or spec.arguments.m.valueFrom is required"),
]  # fmt: skip

HIGHEST = {"W": 12, "A": 11, "H": 10, "T": 19, "L": 16, "S": 10, "D": 15, "O": 15, "M": 4, "C": 7}
LETTERED = {"W1t", "W2b", "T6b"}
FROM_ZERO = {"S0", "D0"}
RULES = (
    {f"{letter}{n}" for letter, last in HIGHEST.items() for n in range(1, last + 1)}
    | LETTERED
    | FROM_ZERO
) - {"A5"}
"""Every rule there is, but A5, which is that A4 is not asked in lint (test_rules has it)."""
