from datetime import UTC, datetime

import pytest

from tiphys.expr.errors import TemplateError
from tiphys.expr.template import (
    LENIENT,
    STRICT,
    MapScope,
    compile_json,
    compile_text,
    reference_name,
    strict_prefix,
)
from tiphys.expr.values import Context

CONTEXT = Context(datetime(2026, 1, 2, tzinfo=UTC))
VALUES = {"x": 'a"b', "n": "3", "inputs.parameters.p": "v", "absent": None, "esc": "\x1b[0m"}


def text(source, mode=LENIENT):
    return compile_text(source).resolve(MapScope(VALUES), mode, CONTEXT)


def test_a_string_without_tags_is_literal():
    assert compile_text("plain }}").literal
    assert compile_text("plain").names == frozenset()


def test_names_and_identifiers_are_known_before_resolving():
    names = compile_text("{{ x }} {{=asInt(inputs.parameters.p) + n}}").names
    assert {"x", "inputs.parameters.p", "n"} <= names


def test_values_go_in_as_they_are():
    assert text("<{{x}}> {{=x + n}}") == '<a"b> a"b3'


def test_unknown_names_depend_on_the_mode():
    assert text("{{nope}}") == "{{nope}}"
    assert text("{{steps.a}} ", LENIENT) == "{{steps.a}} "
    with pytest.raises(TemplateError) as caught:
        text("{{steps.a}}", strict_prefix("steps", "tasks"))
    assert caught.value.missing
    assert text("{{nope}}", strict_prefix("steps")) == "{{nope}}"
    with pytest.raises(TemplateError, match=r"failed to resolve \{\{nope\}\}"):
        text("{{nope}}", STRICT)


def test_an_absent_optional_is_final():
    with pytest.raises(TemplateError, match="absent optional") as caught:
        text("{{absent}}")
    assert not caught.value.missing


def test_control_characters_make_the_result_invalid():
    with pytest.raises(TemplateError, match="invalid JSON"):
        text("{{esc}}")
    assert text("{{=esc}}") == "\x1b[0m"


def test_an_unclosed_tag_is_an_error():
    with pytest.raises(TemplateError, match="Cannot find end tag"):
        text("{{x")


def test_a_nested_tag_needs_a_second_pass():
    assert text("{{a.{{n}}}}") == "{{a.3}}"


def test_a_missing_member_is_nil_when_its_parent_exists():
    assert text("{{=inputs.parameters.zz ?? 'd'}}") == "d"


def test_parts_without_tags_are_shared():
    source = {"a": {"deep": [1]}, "b": "{{n}}", "{{n}}": 1}
    made = compile_json(source).resolve(MapScope(VALUES), LENIENT, CONTEXT)
    assert made == {"a": {"deep": [1]}, "b": "3", "3": 1}
    assert made["a"] is source["a"]


def test_a_resolver_asks_only_for_what_it_needs():
    asked = []

    class Spy(MapScope):
        def get(self, name):
            asked.append(name)
            return super().get(name)

        def under(self, path):
            asked.append(path)
            return super().under(path)

    compile_text("{{x}} {{=inputs.parameters.p}}").resolve(Spy(VALUES), LENIENT, CONTEXT)
    assert asked == ["x", "inputs.parameters.p"]


def test_a_reference_needs_no_braces():
    assert reference_name(" {{ steps.a }} ") == reference_name("steps.a") == "steps.a"
