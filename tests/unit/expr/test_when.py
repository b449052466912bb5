import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.expr.errors import WhenError
from tiphys.expr.when import evaluate_when


@pytest.mark.parametrize("text", ["", "a == a", "'x y' == \"x y\"", "2 in (1, 2)", "v =~ '^v'"])
def test_true_texts(text):
    assert evaluate_when(text) is True


def test_a_number_never_equals_a_string():
    assert evaluate_when("'3' == 3") is False


def test_dates_in_quotes_compare_as_moments():
    assert evaluate_when("'2020-01-01' == '2020-01-01 00:00:00'") is True


def test_an_unresolved_tag_comes_with_a_hint():
    with pytest.raises(WhenError, match="hint: try wrapping"):
        evaluate_when("{{item}} == x")


def test_bare_words_are_unknown_names_in_cron_workflows():
    with pytest.raises(WhenError) as caught:
        evaluate_when("cw == cw", bare_words=False)
    assert caught.value.message == "No parameter 'cw' found."


_WORDS = st.sampled_from(
    [
        "a",
        "1",
        "'s'",
        "true",
        "==",
        "&&",
        "||",
        "!",
        "(",
        ")",
        "in",
        ",",
        "-",
        "?",
        ":",
        "[x]",
        "=~",
    ]
)


@given(st.lists(_WORDS, max_size=12).map(" ".join))
def test_nothing_but_when_errors(text):
    with contextlib.suppress(WhenError):
        assert isinstance(evaluate_when(text), bool)


@given(st.text(max_size=40))
def test_any_text_is_an_answer_or_a_when_error(text):
    with contextlib.suppress(WhenError):
        evaluate_when(text)


def test_deep_nesting_is_an_error_and_not_a_crash():
    with pytest.raises(WhenError):
        evaluate_when("(" * 5000 + "true" + ")" * 5000)
