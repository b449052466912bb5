from datetime import UTC, datetime

import pytest

from tiphys.expr.errors import JqError, JqParseError
from tiphys.expr.jq_filter import run_filter
from tiphys.expr.values import Context

CONTEXT = Context(datetime(2026, 1, 2, tzinfo=UTC))


def run(source, document="null"):
    return run_filter(source, document, CONTEXT)


def test_outputs_are_lines_and_strings_are_raw():
    assert run(".[]", '["a", {"b": "<", "a": 1.0}, null]') == 'a\n{"a":1,"b":"\\u003c"}\nnull'


def test_keys_come_sorted():
    assert run("to_entries | map(.key)", '{"b": 1, "a": 2}') == '["a","b"]'
    assert run("[.[]]", '{"b": 1, "a": 2}') == "[2,1]"


def test_numbers_are_floats():
    assert run(".", "12345678901234567890") == "12345678901234567000"
    assert run("., 1.50", "1e2") == "100\n1.5"


def test_the_clock_is_handed_in():
    assert run("now | todate") == "2026-01-02T00:00:00Z"


def test_the_environment_is_empty():
    assert run("[env, $ENV]") == "[{},{}]"


@pytest.mark.parametrize(
    "source",
    [
        'import "a" as $a; 1',
        'include "a"; 1',
        '"a" | modulemeta',
        "input",
        "[inputs]",
        "halt",
        "input_filename",
        "$__loc__",
        "$__prog_args",
        "1; 2",
        "1) | (2",
        ". | nope",
    ],
)
def test_there_is_nothing_to_reach(source):
    with pytest.raises(JqError):
        run(source)


def test_names_that_gojq_lacks_may_be_keys_fields_texts_or_own_functions():
    assert run('{input_filename: "keys_unsorted"} | .input_filename') == "keys_unsorted"
    assert run('"\\("a" + "b") keys_unsorted"') == "ab keys_unsorted"
    assert run("def keys_unsorted: 7; keys_unsorted # input_filename") == "7"


@pytest.mark.parametrize("source", ["nan", "[infinite]", "{a: nan}", "1e1000"])
def test_what_json_cannot_write_is_refused(source):
    with pytest.raises(JqError, match="json: unsupported value"):
        run(source)


def test_errors_have_their_classes():
    with pytest.raises(JqParseError, match="unexpected EOF"):
        run(".a[")
    with pytest.raises(JqError, match="function not defined: f/1"):
        run("f(1)")
    with pytest.raises(JqError, match="cannot iterate over: null"):
        run(".[]")
    with pytest.raises(JqError, match="after top-level value"):
        run(".", "1 2")


def test_no_program_yields_without_end():
    with pytest.raises(JqError, match="too many results"):
        run("repeat(1)")
    with pytest.raises(JqError, match="too many results"):
        run('"x" * 100000 | repeat(.)')


def test_a_blank_program_is_the_identity():
    assert run(" # nothing\n", "1") == "1"
