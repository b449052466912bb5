"""The collector of cycles leaves runs alone, and takes up again what it left when one is done."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tiphys.controller import heap
from tiphys.messages import RunDone, RunStarted
from tiphys.model.ids import RunId

RUN = RunId("r")


class Knot:
    """An object in a cycle."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds, callbacks = gc.get_threshold(), [*gc.callbacks]
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def test_what_a_look_at_all_objects_leaves_is_set_aside_until_a_run_is_done() -> None:
    heap.collect_seldom()
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect()
    del knot
    gc.collect()
    assert gone() is not None
    heap.Heap().committed(RUN, [RunStarted(at=1.0)])
    gc.collect()
    assert gone() is not None
    heap.Heap().committed(RUN, [RunStarted(at=1.0), RunDone(at=2.0, phase="Succeeded", message="")])
    gc.collect()
    assert gone() is None


def test_what_nobody_refers_to_goes_at_once_all_the_same() -> None:
    heap.collect_seldom()
    plain = Knot()
    plain.me = None  # type: ignore[assignment]
    gone = weakref.ref(plain)
    gc.collect()
    del plain
    assert gone() is None


def test_it_is_said_once_however_many_engines_a_process_has() -> None:
    heap.collect_seldom()
    heap.collect_seldom()
    assert gc.callbacks.count(heap._set_aside) == 1
