from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tiphys.expr.explain import explain_text, hints, nearest
from tiphys.expr.template import MapScope
from tiphys.expr.values import Context

CONTEXT = Context(datetime(2026, 1, 2, tzinfo=UTC))
SCOPE = MapScope({"inputs.parameters.msg": "hi", "absent": None})


def explain(text):
    return explain_text(text, SCOPE, CONTEXT)


def test_a_tag_that_works_says_what_it_becomes():
    (tag,) = explain("<{{ inputs.parameters.msg }}>")
    assert (tag.tag, tag.text, tag.reason) == ("{{ inputs.parameters.msg }}", "hi", "")


def test_an_unknown_name_is_missing_and_the_nearest_is_named():
    (tag,) = explain("{{inputs.parameters.mgs}}")
    assert tag.text is None
    assert tag.missing == ("inputs.parameters.mgs",)
    assert hints(tag.missing, ["inputs.parameters.msg"]) == [
        "inputs.parameters.mgs has no value here; did you mean inputs.parameters.msg?",
        "in scope: inputs.parameters.msg",
    ]


def test_an_expression_shows_its_place():
    (tag,) = explain("{{=upper(inputs.parameters.msg) + 1}}")
    assert "| upper(inputs.parameters.msg) + 1\n | .............................^" in tag.reason
    assert tag.missing == ()


def test_an_absent_optional_is_not_missing():
    (tag,) = explain("{{absent}}")
    assert "absent optional" in tag.reason
    assert tag.missing == ()


def test_only_the_longest_missing_path_is_named():
    assert len(hints(["a", "a.b", "a.b.c"], [])) == 2


def test_what_is_like_nothing_has_no_neighbours():
    assert nearest("zzz", ["inputs.parameters.msg"]) == []


@given(st.lists(st.sampled_from(["{{", "}}", "=", "absent", "x", " ", "'", "+", "inputs"])))
def test_any_text_is_explained(parts):
    for tag in explain("".join(parts)):
        assert (tag.text is None) == bool(tag.reason)
