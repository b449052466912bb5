"""Secrets that cannot be printed."""

from __future__ import annotations

import base64
import copy
import pickle

import msgspec
import pytest

from tiphys.model.secret import Masker, Secret

WORD = "p@ss word/ü"


def test_no_way_to_print_a_secret_shows_it():
    secret = Secret(WORD.encode())
    for text in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>40}",
        "{}".format(secret),  # noqa: UP032
        f"{[secret]}",
    ):
        assert WORD not in text
        assert "***" in text
    assert secret.text() == WORD
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_not_written_down():
    secret = Secret(WORD.encode())
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)
    for encode in (msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError):
            encode({"password": secret})


def test_text_has_no_white_space_around_it():
    assert Secret(b"  key\r\n").text() == "key"
    assert Secret(b"  key\r\n").reveal() == b"  key\r\n"


@pytest.mark.parametrize(
    "shown",
    [
        WORD,
        "p%40ss%20word%2F%C3%BC",
        "p%40ss+word%2F%C3%BC",
        base64.b64encode(WORD.encode()).decode(),
    ],
)
def test_texts_hide_every_form_of_a_secret(shown):
    masker = Masker()
    masker.add(Secret(WORD.encode()))
    assert masker.mask(f"GET https://x/?key={shown} failed") == "GET https://x/?key=*** failed"


def test_the_longest_secret_is_hidden_first_and_words_of_every_text_are_not():
    masker = Masker()
    for value in (b"secret", b"secret-of-mine", b"a", b"\n"):
        masker.add(Secret(value))
    assert masker.mask("a secret-of-mine, a secret") == "a ***, a ***"


def test_each_line_of_a_long_secret_is_hidden():
    masker = Masker()
    masker.add(Secret(b"-----BEGIN-----\nAAAABBBB\n-----END-----\n"))
    assert masker.mask("bad key at AAAABBBB") == "bad key at ***"
