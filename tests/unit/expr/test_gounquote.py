"""Texts that may be quoted as in Go."""

import pytest

from tiphys.expr.gounquote import unquoted


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ('"yes"', "yes"),
        (r'"a\tb\"c\u00e9\x41"', 'a\tb"cé' + "A"),
        ("`a\\n`", "a\\n"),
        ('"', '"'),
        ('""', ""),
        ('"a"b"', '"a"b"'),
        ('"a', '"a'),
        ('"a\\q"', '"a\\q"'),
        ("'a'", "'a'"),
        ("`a`b`", "`a`b`"),
    ],
)
def test_a_text_that_is_quoted_as_a_whole_loses_its_quotes(text, value):
    assert unquoted(text) == value
