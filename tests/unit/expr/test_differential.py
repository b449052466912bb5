"""The compiled layer against the plain textual model, over whole documents and several passes."""

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.expr.test_template import CONTEXT

from tiphys.expr.errors import TemplateError
from tiphys.expr.gotext import json_string
from tiphys.expr.template import (
    LENIENT,
    STRICT,
    MapScope,
    compile_json,
    compile_text,
    replace,
    strict_prefix,
)

NAMES = ["x", "y", "a.b", "a.b.c", "steps.s.outputs.result", "item", "retries", "x-y"]
PIECES = [
    *(f"{{{{{name}}}}}" for name in NAMES),
    *(f"{{{{={name}}}}}" for name in ["x", "a.b.c", "steps.s.outputs.result", "a['b']"]),
    "{{=x + y}}",
    "{{=asInt(x)}}",
    "{{=[x, y]}}",
    '{{=x == "1"}}',
    "{{=x +}}",
    "{{=steps.t ?? x}}",
    "{{=item ?? 'none'}}",
    "{{steps.gone}}",
    "{{steps.s.outputs.artifacts.f.path}}",
    "{{ x }}",
    "{{{x}}}",
    "{{a.{{x}}}}",
    "{{",
    "}}",
    "=",
    "plain",
    "<&>",
    '"',
    "\\",
    "\n",
    "é\u2028",
    "\xa0",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
VALUES = st.one_of(TEXTS, st.text(max_size=5), st.none(), st.sampled_from(["1", "b", "\x1b", "x"]))
MAPS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
DOCUMENTS = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.just(1.5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PASSES = st.lists(
    st.tuples(MAPS, st.sampled_from([LENIENT, LENIENT, STRICT, strict_prefix("steps", "tasks")])),
    min_size=1,
    max_size=3,
)


def written(value):
    """Return a document as Go writes it: `< > &` escaped in every string."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: json_string(json.loads(found.group())), text)


def by_text(document, passes):
    text = written(document)
    for values, mode in passes:
        text = replace(text, values, mode, CONTEXT)
        yield json.loads(text)
        text = written(json.loads(text))


def by_parts(document, passes):
    for values, mode in passes:
        document = compile_json(document).resolve(MapScope(values), mode, CONTEXT)
        yield document


def outcome(steps):
    """Return every pass's document, and the error that ended it."""
    found = []
    try:
        found.extend(steps)
    except TemplateError as error:
        message = re.sub(r'template=".*', "template=...", error.message, flags=re.DOTALL)
        found.append((message, error.missing))
    return found


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, PASSES)
def test_documents_become_the_same_both_ways(document, passes):
    assert outcome(by_parts(document, passes)) == outcome(by_text(document, passes))


@settings(max_examples=300, deadline=None)
@given(TEXTS, PASSES)
def test_a_string_alone_becomes_what_it_becomes_as_a_document(text, passes):
    values, mode = passes[0]

    def alone():
        yield compile_text(text).resolve(MapScope(values), mode, CONTEXT)

    assert outcome(alone()) == outcome(by_text(text, passes[:1]))


def test_a_tag_may_begin_in_one_string_and_end_in_another():
    document = ["{{x", "y}} {{x}}"]
    (found,) = by_parts(document, [({"x": "1"}, LENIENT)])
    assert found == ["{{x", "y}} 1"]
    (found,) = by_parts(document, [({"x": "1", 'x","y': "as Argo has it"}, LENIENT)])
    assert found == ["as Argo has it 1"]


def test_a_missing_name_is_noticed_before_a_bad_value():
    values = {"bad": "\x1b"}
    (error,) = outcome(by_parts(["{{bad}}", "{{gone}}"], [(values, STRICT)]))
    assert error == ("failed to resolve {{gone}}", True)
