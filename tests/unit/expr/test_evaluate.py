import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import (
    ExprBoolError,
    ExprError,
    ExprParseError,
    ExprRuntimeError,
    ExprTypeError,
)
from tiphys.expr.evaluate import compile_expression, evaluate, evaluate_bool
from tiphys.expr.render import go_print, to_json
from tiphys.expr.values import Context

CONTEXT = Context(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), b"seed")


def run(source, env=None):
    return evaluate(source, {**ARGO_FUNCTIONS, **(env or {})}, CONTEXT)


def test_ints_and_floats_stay_apart():
    assert go_print(run("4 / 2")) == "2"
    assert isinstance(run("4 / 2"), float)
    assert type(run("2 + 2")) is int


def test_integers_wrap_at_64_bits():
    assert run("9223372036854775807 + 1") == -(1 << 63)


def test_errors_have_their_classes():
    with pytest.raises(ExprParseError):
        run("1 +")
    with pytest.raises(ExprTypeError):
        run("1 + 'a'")
    with pytest.raises(ExprRuntimeError):
        run("m.a + 1", {"m": {"a": "x"}})


def test_an_error_shows_its_place():
    with pytest.raises(ExprTypeError) as caught:
        run("1 + nope")
    assert caught.value.message == "unknown name nope (1:5)\n | 1 + nope\n | ....^"


def test_a_variable_hides_a_builtin():
    with pytest.raises(ExprTypeError, match="string is not callable"):
        run("duration('1h')", {"duration": "5"})


def test_identifiers_leave_out_guarded_paths():
    found = compile_expression("steps.a.outputs.x ?? inputs.n").identifiers
    assert found == ("inputs", "inputs.n", "steps")


def test_chance_is_a_function_of_the_seed():
    assert run("sprig.randAlphaNum(12)") == run("sprig.randAlphaNum(12)")
    other = Context(CONTEXT.now, b"other")
    assert evaluate("sprig.uuidv4()", ARGO_FUNCTIONS, other) != run("sprig.uuidv4()")


def test_the_clock_is_the_context():
    assert run("now().Year()") == 2026


def test_a_condition_must_be_a_bool():
    assert evaluate_bool("asInt(retries) < 3", {**ARGO_FUNCTIONS, "retries": "2"}, CONTEXT)
    with pytest.raises(ExprBoolError, match="unable to cast expression result '%!s"):
        evaluate_bool("1 + 1", {}, CONTEXT)


@pytest.mark.parametrize(
    "source",
    [
        "1..2000000",
        "map(1..2000, map(1..2000, #))",
        "repeat('x', 10000000)",
        "let a = 1..3000; count(a, count(a, true) > 0) > 0",
        "sprig.repeat(100000000, 'x')",
        "sprig.until(100000000)",
        "let a = repeat('x', 1000000); let b = a + a; let c = b + b; let d = c + c; "
        "let e = d + d; let f = e + e; f",
    ],
)
def test_nothing_hangs_or_fills_the_memory(source):
    with pytest.raises(ExprRuntimeError, match="budget exceeded"):
        run(source)


def test_deep_nesting_is_an_error_and_not_a_crash():
    for source in ("(" * 3000 + "1" + ")" * 3000, "!" * 5000 + "true", "1" + "+1" * 9000):
        with pytest.raises(ExprError):
            run(source)


def test_an_expression_cannot_change_what_it_is_given():
    given_map = {"a": 1}
    run("sprig.set(m, 'b', 2)", {"m": given_map})
    assert given_map == {"a": 1}


_PARTS = st.sampled_from(
    [
        "1",
        "2.5",
        "'a'",
        "nil",
        "true",
        "[1,2]",
        "{a:1}",
        "x.y",
        "x['z']",
        "x?.y",
        "#",
        ".a",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "==",
        "<",
        "in",
        "not",
        "and",
        "||",
        "??",
        "?",
        ":",
        ",",
        "(",
        ")",
        "[",
        "]",
        ".",
        "?.",
        "..",
        "|",
        "len(",
        "map(",
        "filter(",
        "keys(",
        "asInt(",
        "toJson(",
        "sprig.first(",
        "sprig.add(",
        "now()",
        "duration('1h')",
        "date('2024-01-02')",
        "int(",
        "string(",
        "sort(",
        "reduce(",
        "let",
        "x",
        "=",
        "1;",
    ]
)


@settings(max_examples=400)
@given(st.lists(_PARTS, max_size=14).map(" ".join))
def test_nothing_but_expression_errors(source):
    env = {**ARGO_FUNCTIONS, "x": {"y": "1", "z": [1, 2.5, None, {"a": b"b"}]}}
    try:
        value = evaluate(source, env, CONTEXT)
        go_print(value)
        to_json(value)
    except ExprError:
        pass


_NAMES = sorted(ARGO_FUNCTIONS["sprig"])
_VALUES = st.sampled_from(
    ["1", "-1", "2.5", "'a'", "''", "nil", "true", "[1,'a']", "[]", "{a:1}", "now()", "'1h'", "99"]
)


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(_NAMES), st.lists(_VALUES, max_size=4))
def test_sprig_functions_fail_only_as_they_should(name, arguments):
    with contextlib.suppress(ExprError):
        run(f"sprig.{name}({','.join(arguments)})")


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_is_an_answer_or_an_expression_error(source):
    with contextlib.suppress(ExprError):
        run(source)


@pytest.mark.parametrize(
    ("opening", "middle", "closing", "levels"),
    [
        ("", "m.a", ".int('1')", 300),
        ("(", "true", " ?: false)", 25),
        ("(1 < ", "2", " < 3)", 25),
        ("(f < ", "n", " + f < 3)", 25),
    ],
)
def test_what_stands_in_two_places_is_not_looked_at_without_end(opening, middle, closing, levels):
    source = opening * levels + middle + closing * levels
    with contextlib.suppress(ExprError):
        run(source, {"m": {"a": "x"}, "f": 1.5, "n": 2})


def test_elvis_is_the_value_or_the_other():
    assert run("a ?: 3", {"a": True}) is True
    assert run("a ?: 3", {"a": False}) == 3
    with pytest.raises(ExprRuntimeError, match="is string, not bool"):
        run("m.a ?: 3", {"m": {"a": "x"}})


def test_a_comparison_of_three_is_two():
    assert run("1 < n < 3", {"n": 2}) is True
    assert run("1 < n < 3", {"n": 3}) is False


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (" || ".join(f"x == '{number}'" for number in range(2400)), True),
        (" and ".join(["x == '7'"] * 2400), True),
        (" and ".join(["x == '7'"] * 2400 + ["x == '8'"]), False),
        (" + ".join(map(str, range(4000))), 7_998_000),
        (" - ".join(["1"] * 1000) + " * 3", -1000),
        ("len(" + " + ".join(["x"] * 4000) + ")", 4000),
    ],
)
def test_a_chain_is_as_long_as_it_likes(source, expected):
    assert evaluate(source, {"x": "7"}, CONTEXT) == expected


@pytest.mark.parametrize(
    ("source", "place"),
    [("x + 1 + 2 - 'a'", "1:11"), ("true || y || x", "1:6"), ("y and x and y", "1:3")],
)
def test_what_is_wrong_in_a_chain_is_said_at_its_operator(source, place):
    with pytest.raises(ExprError, match=rf"\({place}\)"):
        evaluate(source, {"x": 1, "y": None}, CONTEXT)


def test_a_stray_surrogate_in_a_url_is_escaped_as_gos_replacement():
    source = "sprig.urlJoin({scheme: 'http', host: 'h', path: '/\ud800', fragment: '\ud800'})"
    assert evaluate(source, ARGO_FUNCTIONS, CONTEXT) == "http://h/%EF%BF%BD#%EF%BF%BD"
