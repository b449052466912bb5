"""Shapes are made once, also when several threads want the first one at a time."""

from __future__ import annotations

import sys
import threading

from tiphys.model import shapes
from tiphys.model.workflow import Workflow


def fields_of(shape: object, depth: int = 3) -> object:
    found = getattr(shape, "fields", None)
    if found is None or not depth:
        return type(shape).__name__
    return {name: fields_of(item, depth - 1) for name, item in found.items()}


def test_threads_that_read_at_once_all_see_whole_shapes():
    expected = fields_of(shapes.shape_of(Workflow))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            shapes.shape_of.cache_clear()
            shapes._MADE.records.clear()
            shapes._MADE.tables.clear()
            seen: list[object] = []
            barrier = threading.Barrier(4)

            def read(seen=seen, barrier=barrier) -> None:
                barrier.wait()
                seen.append(fields_of(shapes.shape_of(Workflow)))

            threads = [threading.Thread(target=read) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert seen == [expected] * 4
    finally:
        sys.setswitchinterval(before)
