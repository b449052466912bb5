"""Slots: gangs get all they need at once, and nobody overtakes them."""

from __future__ import annotations

from tiphys.runtime.slots import Slots


class Waiting:
    """Begins `slots_needed` jobs at once, when it may."""

    def __init__(self, slots, needed):
        self.slots_needed = needed
        self.slots = slots
        self.begun = False

    def begin_next(self):
        self.begun = True
        for _ in range(self.slots_needed):
            self.slots.take()
        return False


def line(count, *needs):
    slots = Slots(count)
    waiting = [Waiting(slots, needed) for needed in needs]
    for item in waiting:
        slots.join(item)
    slots.fill()
    return slots, waiting


def begun(waiting):
    return [item.begun for item in waiting]


def test_a_gang_waits_until_all_of_it_fits_and_is_not_overtaken():
    slots, waiting = line(4, 2, 3, 1)
    assert begun(waiting) == [True, False, False]
    slots.give()
    slots.fill()
    assert begun(waiting) == [True, True, False]
    slots.give()
    slots.fill()
    assert begun(waiting) == [True, True, True]


def test_a_gang_larger_than_all_slots_begins_when_nothing_else_runs():
    slots, waiting = line(2, 1, 5)
    assert begun(waiting) == [True, False]
    slots.give()
    slots.fill()
    assert begun(waiting) == [True, True]
