import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from tiphys.expr import aes
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import ExprRuntimeError
from tiphys.expr.evaluate import evaluate
from tiphys.expr.sprig_crypto import _multiplied
from tiphys.expr.values import Context


def run(source):
    return evaluate(source, ARGO_FUNCTIONS, Context(datetime(2026, 1, 2, tzinfo=UTC), b"seed"))


def test_the_cipher_agrees_with_nist_sp_800_38a():
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    start = bytes(range(16))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    hidden = bytes.fromhex("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d")
    assert aes.encrypt(key, start, plain) == hidden
    assert aes.decrypt(key, start, hidden) == plain


@pytest.mark.parametrize("text", ["", "a", "sixteen letters.", "äöü" * 100])
def test_what_is_encrypted_can_be_decrypted(text):
    assert run(f"sprig.decryptAES('pw', sprig.encryptAES('pw', '{text}'))") == text


@pytest.mark.parametrize("text", ["YQ==", "A" * 24, "A" * 43 + "="])
def test_nothing_is_made_of_a_bad_cipher_text(text):
    with suppress(ExprRuntimeError):
        assert isinstance(run(f"sprig.decryptAES('pw', '{text}')"), str)


def test_a_point_of_the_curve_is_the_known_one():
    x, _ = _multiplied(2)
    assert x == 0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978


def test_keys_are_pem_of_the_right_size():
    for kind, size in (("ecdsa", 121), ("ed25519", 48)):
        lines = run(f"sprig.genPrivateKey('{kind}')").split("\n")
        assert len(base64.b64decode("".join(lines[1:-2]))) == size


def test_long_texts_exhaust_the_budget_not_the_engine():
    with pytest.raises(ExprRuntimeError, match="memory budget exceeded"):
        run("sprig.encryptAES('pw', repeat('x', 900000))")
