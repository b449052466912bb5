"""Documents become structs and come back; everything wrong is said at once."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from tiphys.errors import InvalidDocument
from tiphys.model import arguments as arguments_module
from tiphys.model import (
    artifacts,
    cron,
    events,
    internal,
    kubernetes,
    meta,
    policies,
    repositories,
    requests,
    spec,
    status,
    templates,
    workflow,
)
from tiphys.model.artifacts import ItemsArtifact
from tiphys.model.codec import (
    argo_text,
    convert,
    decode,
    encode,
    inspect,
    load,
    split_documents,
    to_json,
    to_yaml,
)
from tiphys.model.workflow import Workflow

REFERENCE = Path(__file__).resolve().parents[4] / "shared/reference/resources.md"
MODULES = (
    artifacts, arguments_module, cron, events, internal, meta, policies, repositories, requests,
    spec, status, templates, workflow,
)  # fmt: skip


def one(text):
    return split_documents(text, "wf.yaml")[0]


def errors(text, strict=True):
    with pytest.raises(InvalidDocument) as caught:
        decode(one(text), strict)
    return caught.value.findings


def test_a_workflow_is_written_with_the_fields_argo_always_writes():
    text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: h-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: num, value: 3}]}
  templates:
  - name: main
    steps: [[{name: a, template: t, withItems: [1, {k: v}]}]]
  - name: t
    container: {image: alpine}
"""
    empty = {"inputs": {}, "outputs": {}, "metadata": {}}
    step = {"name": "a", "template": "t", "arguments": {}, "withItems": [1, {"k": "v"}]}
    assert encode(load(text)[0]) == {
        "kind": "Workflow",
        "apiVersion": "argoproj.io/v1alpha1",
        "metadata": {"generateName": "h-"},
        "spec": {
            "templates": [
                {"name": "main", **empty, "steps": [[step]]},
                {
                    "name": "t",
                    **empty,
                    "container": {"name": "", "image": "alpine", "resources": {}},
                },
            ],
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "num", "value": "3"}]},
        },
        "status": {"startedAt": None, "finishedAt": None},
    }


def tables():
    """Every type of the reference with its JSON field names."""
    if not REFERENCE.exists():
        return []
    text = REFERENCE.read_text(encoding="utf-8")
    text = text[text.index("## 5. Types") : text.index("## 6. Special")]
    found = []
    for match in re.finditer(r"^#### (\S+)[^\n]*\n(.*?)(?=^####|^###|\Z)", text, re.M | re.S):
        names = re.findall(r"^\| `([^`]+)`", match[2], re.M)
        if match[1] not in ("ParallelSteps", "ArtifactSearchQuery"):
            found.append(pytest.param(match[1], names, id=match[1]))
    return found


@pytest.mark.parametrize(("name", "fields"), tables())
def test_every_field_of_the_reference_has_its_place(name, fields):
    struct = next(getattr(module, name) for module in MODULES if hasattr(module, name))
    known = {item.encode_name for item in msgspec.structs.fields(struct)}
    assert set(fields) <= known


def test_misspelt_kubernetes_fields_are_found():
    found = errors("""kind: Workflow
spec:
  volumes: [{name: a, emptyDirr: {}}]
  tolerations: [{key: a, operater: Exists}]
  templates:
  - container: {image: x, resources: {limit: {cpu: 1}}, env: [{name: a, valueFrom: {fieldref: {}}}]}
""")
    assert [item.hint for item in found] == [
        "did you mean `emptyDir`?",
        "did you mean `operator`?",
        "did you mean `limits`?",
        "did you mean `fieldRef`?",
    ]


def table_sample(name):
    """A value of a Kubernetes type with every field of its table."""
    if name.startswith("[]"):
        return [table_sample(name[2:])]
    if name.startswith("{}"):
        return {"k": table_sample(name[2:])}
    words = {"text": "t", "bool": True, "any": {}, "Quantity": "1Gi", "IntOrString": 7}
    if name not in kubernetes.KUBERNETES:
        return words.get(name, 7)
    fields = (part.partition(":") for part in kubernetes.KUBERNETES[name].split())
    return {field: table_sample(kind) for field, _, kind in fields}


SAMPLES = {
    "text": "t", "AnyString": "t", "Time": "2026-01-02T03:04:05Z", "Amount": 1.5, "IntOrString": 7,
}  # fmt: skip


def sample(kind):
    """A JSON value for a type in which every field is set."""
    info = msgspec.inspect
    match kind:
        case info.Metadata():
            return SAMPLES.get(kind.extra["go"], 7)
        case info.UnionType():
            return sample(next(x for x in kind.types if not isinstance(x, info.NoneType)))
        case info.VarTupleType():
            return [sample(kind.item_type)]
        case info.DictType():
            return {"k": sample(kind.value_type)}
        case info.StructType() if kind.cls is ItemsArtifact:
            return {}  # holds artifacts again
        case info.StructType():
            tables = kubernetes.FIELDS.get(kind.cls.__name__, {})
            return {
                field.encode_name: table_sample(tables[field.encode_name])
                if field.encode_name in tables
                else sample(field.type)
                for field in kind.fields
                if field.name not in ("inline", "stored_workflow_template_spec")
            }
        case info.LiteralType():
            return next(x for x in kind.values if x)
        case info.BoolType():
            return True
    return "t"


@pytest.mark.parametrize(
    "struct",
    [
        workflow.Workflow,
        workflow.WorkflowTemplate,
        workflow.ClusterWorkflowTemplate,
        cron.CronWorkflow,
        events.WorkflowEventBinding,
        internal.WorkflowTaskSet,
        internal.WorkflowTaskResult,
        internal.WorkflowArtifactGCTask,
        repositories.ArtifactRepository,
        requests.SubmitOpts,
    ],
)
def test_no_field_is_lost_on_the_way_in_and_out(struct):
    value = sample(msgspec.inspect.type_info(struct))
    assert encode(convert(value, struct, strict=True)) == value


def test_yaml_written_reads_back_as_the_same_value():
    odd = [
        "yes",
        "010",
        "1.0",
        "null",
        "",
        "<<",
        "=",
        "a: b",
        "x\ny\n",
        " x",
        "{{a}}",
        "2024-01-02",
    ]
    text = to_yaml({"kind": "Odd", "values": odd, "deep": {"y": [[], {}]}})
    assert load(text)[0] == {"kind": "Odd", "values": odd, "deep": {"y": [[], {}]}}


def test_everything_wrong_is_reported_at_once_with_its_place():
    found = errors("""kind: Workflow
spec:
  entrypont: a
  parallelism: x
  templates:
  - name: main
    container: {imge: x, image: [1]}
  synchronization: {mutex: {name: a}}
""")
    assert [(item.line, item.column, item.path) for item in found] == [
        (3, 3, "spec.entrypont"),
        (4, 16, "spec.parallelism"),
        (7, 17, "spec.templates[0].container.imge"),
        (7, 33, "spec.templates[0].container.image"),
        (8, 21, "spec.synchronization.mutex"),
    ]
    assert found[0].hint == "did you mean `entrypoint`?"
    assert "mutexes" in found[4].hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kind: Workflow\nspec: {foo: 1, templates: [{container: {imge: x}}]}",
            'strict decoding error: unknown field "spec.foo", '
            'unknown field "spec.templates[0].container.imge"',
        ),
        (
            "kind: Workflow\nspec: {arguments: {parameters: [{name: y}]}}",
            "json: cannot unmarshal bool into Go struct field "
            "Parameter.spec.arguments.parameters.name of type string",
        ),
        (
            "kind: Workflow\nspec: {templates: [{steps: [[{name: a, templte: b}]]}], foo: 1}",
            'json: unknown field "templte"',
        ),
        (
            "kind: Workflow\nspec: {templates: [{steps: [{name: a}]}]}",
            "json: cannot unmarshal object into Go value of type []map[string]interface {}",
        ),
        (
            "kind: Workflow\nspec: {templates: [{plugin: {a: 1, b: 2}}]}",
            "expected exactly one key, got 2",
        ),
        (
            'kind: CronWorkflow\nspec: {schedule: "* * * * *"}',
            'strict decoding error: unknown field "spec.schedule"',
        ),
        (
            '{"kind":"Workflow","spec":{"entrypoint":"a","entrypoint":"b"}}',
            'strict decoding error: duplicate field "spec.entrypoint"',
        ),
        (
            "kind: Workflow\nspec: {entrypoint: a, entrypoint: b}",
            'yaml: unmarshal errors:\n  line 2: key "entrypoint" already set in map',
        ),
    ],
)
def test_argos_single_line_is_kept(text, expected):
    assert argo_text(errors(text)) == expected


def test_unknown_fields_inside_a_steps_members_are_only_warnings():
    text = "kind: Workflow\nspec: {templates: [{steps: [[{name: a, arguments: {parametrs: 1}}]]}]}"
    found = inspect(one(text), Workflow)
    assert not found.findings
    assert [item.path for item in found.warnings] == [
        "spec.templates[0].steps[0][0].arguments.parametrs"
    ]


def test_outside_strict_mode_case_does_not_matter_and_unknown_fields_are_dropped():
    text = "kind: Workflow\nspec: {EntryPoint: main, foo: 1, templates: [{NAME: main}]}"
    made = decode(one(text), strict=False)
    assert made.spec.entrypoint == "main"
    assert made.spec.templates[0].name == "main"


def test_a_steps_own_keys_need_their_exact_case_even_then():
    text = "kind: Workflow\nspec: {templates: [{steps: [[{Name: a}]]}]}"
    assert argo_text(errors(text, strict=False)) == 'json: unknown field "Name"'


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("1", "1"), ("1.5", "1.5"), ("1e3", "1000"), ("yes", "true"), ("'yes'", "yes"),
        ("12345678901234567890", "12345678901234567000"), ("0644", "420"), ("[1]", ""),
    ],
)  # fmt: skip
def test_a_parameter_value_is_always_text(given, stored):
    made = load(
        f"kind: Workflow\nspec: {{arguments: {{parameters: [{{name: a, value: {given}}}]}}}}"
    )
    assert made[0].spec.arguments.parameters[0].value == stored


def test_a_null_value_is_no_value():
    made = load("kind: Workflow\nspec: {arguments: {parameters: [{name: a, value: null}]}}")
    assert made[0].spec.arguments.parameters[0].value is None


def test_times_become_utc_without_fraction():
    made = load("kind: Workflow\nstatus: {startedAt: 2026-01-02T03:04:05.5+02:00}")
    assert made[0].status.started_at == "2026-01-02T01:04:05Z"


def test_the_content_of_loop_items_and_of_foreign_kinds_is_kept_as_it_is():
    item = {"a": None, "b": [1, 2.5]}
    text = json.dumps(
        {
            "kind": "Workflow",
            "spec": {"templates": [{"dag": {"tasks": [{"name": "t", "withItems": [item, None]}]}}]},
        }
    )
    assert load(text)[0].spec.templates[0].dag.tasks[0].with_items == (item, None)
    assert load("kind: ConfigMap\ndata: {a: null}")[0] == {"kind": "ConfigMap", "data": {"a": None}}


def test_a_document_without_kind_is_refused_with_its_place():
    assert errors("metadata: {name: x}")[0].line == 1


def test_every_broken_document_of_a_file_is_named():
    with pytest.raises(InvalidDocument) as caught:
        load("kind: Workflow\nx: 1\n---\nkind: Workflow\ny: 1\n", "f.yaml")
    assert [item.line for item in caught.value.findings] == [2, 5]


@pytest.mark.parametrize("number", ["18446744073709551616", "1e300", "9" * 50, "-1e25"])
def test_numbers_beyond_64_bits_can_be_written_again(number):
    for text in (f"kind: A\nx: [{number}]", f'{{"kind": "A", "x": [{number}]}}'):
        value = load(text)[0]
        assert isinstance(value["x"][0], float)
        assert json.loads(to_json(value)) == value


def test_json_round_trips():
    made = load("kind: Workflow\nspec: {entrypoint: a, parallelism: 2}")[0]
    assert convert(json.loads(to_json(made)), Workflow) == made


def test_a_file_in_the_local_repository_is_a_location():
    made = load("kind: Workflow\nspec: {arguments: {artifacts: [{name: a, local: {key: x}}]}}")[0]
    assert made.spec.arguments.artifacts[0].local.key == "x"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T10:00:00Z",
        "2026-1-5t1:2:3.5+01:00",
        "2026-01-15 10:00:00",
        "2026-01-15",
        "true",
        "0x10",
    ],
)
def test_a_text_that_go_takes_for_something_else_is_in_double_quotes(text):
    assert to_yaml({"a": text}) == f'a: "{text}"\n'


def test_a_text_that_only_looks_like_a_time_is_plain():
    assert to_yaml({"a": "2026-01-15T10"}) == "a: 2026-01-15T10\n"
