from hypothesis import given
from hypothesis import strategies as st

from tiphys.expr.numbers import (
    any_string,
    go_float,
    item_members,
    item_suffix,
    item_text,
    json_float,
    parse_json,
)


def test_v_uses_an_exponent_from_a_million_on():
    assert go_float(999_999.0) == "999999"
    assert go_float(1_000_000.0) == "1e+06"
    assert json_float(1_000_000.0) == "1000000"


def test_parameter_values_never_have_an_exponent():
    assert any_string(1e-7) == "0.0000001"
    assert any_string(True) == "true"
    assert any_string([1]) is None


def test_an_object_item_has_sorted_keys_and_members_that_stay_escaped():
    item = {"b": 'a"b', "a": {"z": 1, "y": 2}}
    assert item_text(item) == '{"a":{"z":1,"y":2},"b":"a\\"b"}'
    assert item_members(item) == {"a": '{"z":1,"y":2}', "b": 'a\\"b'}


def test_a_suffix_has_no_parentheses():
    assert item_suffix("f(x)") == "fx"
    assert item_suffix(["a", "b"]) == "[a b]"
    assert item_suffix({"k": 1, "a": "v"}) == "a:v,k:1"
    assert item_suffix(None) == "[]"


def test_a_number_item_keeps_its_spelling():
    assert item_text(parse_json("1.50")) == "1.50"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_spelling_of_a_float_reads_back(value):
    assert float(go_float(value)) == value
    assert float(json_float(value)) == value
