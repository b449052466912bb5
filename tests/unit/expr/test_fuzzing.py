"""Each language for a moment; `make fuzz` does it for longer."""

import signal

import pytest
from tests.unit.expr.fuzzing import TARGETS, fuzz, prepare

SECONDS = 0.2


@pytest.fixture(autouse=True)
def alarm():
    before = signal.getsignal(signal.SIGVTALRM)
    prepare(memory=False)
    yield
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_text_does_anything_unexpected(target):
    count, reason = fuzz(target, SECONDS, seed=1)
    assert not reason
    assert count
