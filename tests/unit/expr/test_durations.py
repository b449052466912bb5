import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.expr.durations import (
    format_go_duration,
    parse_argo_duration,
    parse_go_duration,
    parse_ttl,
)
from tiphys.expr.errors import DurationError


def test_a_plain_integer_counts_seconds():
    assert parse_argo_duration("90") == 90.0
    assert parse_argo_duration("-5") == -5.0


def test_units_add_up_in_any_order():
    assert parse_go_duration("30m1h.5s") == 5_400_500_000_000


def test_a_number_without_unit_is_refused_with_gos_text():
    with pytest.raises(DurationError) as caught:
        parse_go_duration("1.5")
    assert caught.value.message == 'time: missing unit in duration "1.5"'


def test_a_ttl_must_be_whole():
    assert parse_ttl("30d") == 30 * 86_400_000_000_000
    with pytest.raises(DurationError):
        parse_ttl("1.5h")


@given(st.integers(-(1 << 62), 1 << 62))
def test_what_is_printed_reads_back(ns):
    assert parse_go_duration(format_go_duration(ns)) == pytest.approx(ns, abs=1)


@given(st.text(alphabet="0123456789.+-hmsµun d", max_size=30))
def test_nothing_but_duration_errors(text):
    for read in (parse_go_duration, parse_argo_duration, parse_ttl):
        with contextlib.suppress(DurationError):
            read(text)
