"""A set of bits holds what a set holds, and no more memory than its blocks."""

from __future__ import annotations

import random

from tiphys.service.numbers import Numbers


def test_it_is_a_set_of_numbers() -> None:
    numbers, known = Numbers(), set[int]()
    choice = random.Random(7)
    for _ in range(5_000):
        number = choice.choice([0, 1, 1_023, 1_024, choice.randrange(5_000), 10**12])
        if choice.random() < 0.6:
            numbers.add(number)
            known.add(number)
        else:
            numbers.discard(number)
            known.discard(number)
        assert (number in numbers) == (number in known)
    assert [n for n in range(5_000) if n in numbers] == sorted(n for n in known if n < 5_000)


def test_of_what_was_taken_out_nothing_is_left() -> None:
    numbers = Numbers()
    for number in range(0, 100_000, 7):
        numbers.add(number)
    for number in range(0, 100_000, 7):
        numbers.discard(number)
    assert not numbers._blocks
