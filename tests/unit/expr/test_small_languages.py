import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.expr.cron import parse_schedule
from tiphys.expr.errors import (
    ConditionError,
    CronError,
    JsonPathError,
    LanguageError,
    QuantityError,
    RegexError,
    SelectorError,
    TimeError,
)
from tiphys.expr.gojson import parse_go_json
from tiphys.expr.goregex import compile_regex
from tiphys.expr.gotime import format_time, parse_time, rfc3339
from tiphys.expr.int_or_string import parse_int_or_string, to_int
from tiphys.expr.jsonpath import query
from tiphys.expr.jsonpath_kubectl import render_template
from tiphys.expr.quantities import parse_quantity
from tiphys.expr.selectors import parse_conditions, parse_labels, parse_node_fields

DOCUMENT = {"items": [{"n": 1.0, "v": "a"}, {"n": 2.0, "v": "b"}], "m": {"a.b": "c"}}


def test_look_around_is_refused_as_in_go():
    with pytest.raises(RegexError, match="invalid or unsupported Perl syntax"):
        compile_regex("a(?=b)")


def test_a_dollar_is_the_very_end():
    assert compile_regex("foo$").search("foo\n") is None


def test_empty_matches_after_a_match_are_skipped():
    assert compile_regex("b*").replace("abc", "-") == "-a-c-"


def test_times_read_and_write_by_go_layouts():
    moment = parse_time("Jan 2, 2006 at 3:04pm (MST)", "Feb 3, 2013 at 7:54pm (PST)")
    assert rfc3339(moment) == "2013-02-03T19:54:00Z"
    assert format_time(moment, "Mon _2 .000") == "Sun  3 .000"


def test_a_schedule_skips_a_missing_hour_and_meets_a_repeated_one_twice():
    schedule = parse_schedule("30 2 * * *", "Europe/Zurich")
    at = datetime(2026, 10, 24, 12, tzinfo=UTC)
    first = schedule.next_after(at)
    second = schedule.next_after(first)
    assert (first.hour, second.hour, first.day, second.day) == (0, 1, 25, 25)


def test_a_schedule_that_cannot_fire_has_no_next_time():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_schedule("0 0 30 2 *").next_after(now) is None
    assert parse_schedule(", * * * *").next_after(now) is None


def test_labels_select():
    selector = parse_labels("tier in (a, b), !x, n > 3")
    assert selector.matches({"tier": "a", "n": "4"})
    assert not selector.matches({"tier": "a", "n": "4", "x": ""})


def test_node_fields_do_not_trim():
    assert parse_node_fields("phase!=Failed").matches({"phase": "Running"})
    assert not parse_node_fields("phase = Failed").matches({"phase": "Failed"})


def test_failure_conditions_come_first():
    conditions = parse_conditions("status.ok == true", "status.failed > 0")
    assert conditions.judge({"status": {"ok": True, "failed": 1}})[0] == "failed"
    with pytest.raises(ConditionError) as caught:
        parse_conditions("", "bad (")
    assert caught.value.side == "failure"


def test_kubectl_paths_print_several_results_with_spaces():
    assert render_template("{.items[*].v}!", DOCUMENT) == "a b!"
    assert render_template("{range .items[*]}{.v},{end}", DOCUMENT) == "a,b,"
    assert render_template(r"{.m.a\.b}", DOCUMENT) == "c"


def test_json_paths_filter():
    assert query(DOCUMENT, "$.items[?(@.n>1)].v") == ["b"]
    with pytest.raises(JsonPathError, match="key: invalid token key 'zz' not found"):
        query(DOCUMENT, "$.zz")


def test_quantities_print_canonically():
    assert str(parse_quantity("1.5Gi")) == "1536Mi"
    assert str(parse_quantity("1Gi").plus(parse_quantity("1024Mi"))) == "2Gi"
    assert parse_quantity("100m").value() == 1


def test_an_int_or_string_keeps_its_kind():
    assert parse_int_or_string('"3"') == "3"
    assert to_int("3") == 3


_READERS = [
    parse_schedule,
    parse_labels,
    parse_node_fields,
    parse_quantity,
    compile_regex,
    parse_go_json,
    parse_int_or_string,
    lambda text: query(DOCUMENT, text),
    lambda text: query(DOCUMENT, "$" + text),
    lambda text: query(DOCUMENT, f"$.items[?({text})]"),
    lambda text: render_template(text, DOCUMENT),
    lambda text: render_template("{" + text + "}", DOCUMENT),
    lambda text: parse_time(text, text),
    lambda text: parse_time("2006-01-02T15:04:05Z07:00", text),
]
_CHARS = st.text(alphabet="$@.[]{}()?*'\"\\:,=<>!&|+-/0123456789abeEkMinx %TZ\n", max_size=25)


@given(_CHARS | st.text(max_size=20))
def test_nothing_but_language_errors(text):
    for read in _READERS:
        with contextlib.suppress(LanguageError):
            read(text)


def test_the_error_classes_are_what_they_say():
    for read, text, expected in (
        (parse_schedule, "x", CronError),
        (parse_labels, "=", SelectorError),
        (parse_quantity, "x", QuantityError),
        (lambda text: parse_time("2006", text), "x", TimeError),
    ):
        with pytest.raises(expected):
            read(text)


def test_no_pattern_can_hang():
    assert not compile_regex("(a+)+$").matches("a" * 5000 + "b")
    assert not compile_regex("(.*)*x.*y.*z(a|b)*").matches("x" * 5000)
    found = compile_regex("(a|ab)(c|bcd)*$").search("xabcd")
    assert found.span() == (1, 5)
    assert found.groups() == ("a", "bcd")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a??" * 25 + "b" * 3, "a" * 60),
        (".*.*.*=", "x" * 20_000),
        ("a*b", "a" * 100_000),
        ("(x|x)" * 30 + "y", "x" * 60),
        ("(.*)(.*)(.*)$", "\n" * 3_000),
        (r"(a+)(a*){500}b", "a" * 200),
    ],
)
def test_a_search_takes_no_longer_because_of_its_pattern(pattern, text):
    assert compile_regex(pattern).matches(text) in (True, False)


def test_text_that_no_document_can_hold_is_still_no_crash():
    with pytest.raises(QuantityError):
        parse_quantity("\ud800")
    assert str(parse_quantity("1E9999")) == "1e9999"
    assert parse_labels("a=b").matches({"a": "\ud800"}) is False
