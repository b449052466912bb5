"""What watchers read from is bounded, in order, and says of each workflow when it came."""

from __future__ import annotations

import pytest

from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.ports_server import Listed, RunChange
from tiphys.service.feed_window import Made, Noted, Warm, Window, noted


def change(name: str, number: int, born: int, gone: bool = False) -> Noted:
    row = RunRow(RunId(name), "team", name, 1.0, False, "", 0, "simulated", b"{}", b"{}", b"{}")
    return noted(RunChange(Listed(row, born, number), gone))


def numbers(window: Window, after: int, most: int = 100) -> list[int]:
    return [item.number for item in window.after(after, most)[0]]


def test_it_keeps_so_many_and_says_from_where_on() -> None:
    window = Window(3, 10)
    for number in range(11, 31):
        window.add(change(f"w{number}", number, number))
        assert len(window) <= 3
    assert window.floor == 27
    assert numbers(window, window.floor) == [28, 29, 30]
    assert window.latest(RunId("w27")) is None


def test_of_a_workflow_there_are_its_first_change_and_its_last() -> None:
    window = Window(100)
    for number in range(1, 6):
        window.add(change("a", number, 1))
    window.add(change("b", 6, 6))
    assert len(window) == 3
    assert numbers(window, 1) == [5, 6]
    assert [item.first for item in window.after(1, 2)[0]] == [1, 6]
    assert window.after(0, 1) == ([window.after(0, 1)[0][0]], 1)  # the first, as b is far


def test_what_a_slice_tells_later_is_left_out_before() -> None:
    window = Window(100)
    window.add(change("a", 1, 1))
    window.add(change("b", 2, 2))
    window.add(change("a", 3, 1))
    assert numbers(window, 0) == [2, 3]
    assert window.after(0, 100)[1] == 3
    assert numbers(window, 0, 2) == [1, 2]


@pytest.mark.parametrize(("born", "first"), [(4, 4), (7, 9)])
def test_what_was_there_before_it_began_was_told_of_before(born: int, first: int) -> None:
    window = Window(100, 5)
    window.add(change("b", 8, 8))
    window.add(change("a", 9, born))
    window.add(change("a", 10, born))
    assert window.after(9, 10)[0][0].first == first


def test_what_comes_back_is_new() -> None:
    window = Window(100)
    window.add(change("a", 1, 1))
    window.add(change("a", 2, 1, gone=True))
    window.add(change("a", 4, 3))
    (item,) = window.after(2, 10)[0]
    assert (item.first, item.gone) == (4, False)


def test_what_was_made_of_a_change_goes_with_a_later_one() -> None:
    window = Window(100)
    first = change("a", 1, 1)
    window.add(first)
    window.add(change("a", 2, 1))
    assert first.superseded
    assert first.made is None


def test_what_was_made_goes_by_weight_but_for_the_newest() -> None:
    warm = Warm(10)
    items = [change(f"w{i}", i, i) for i in range(1, 30)]
    for item in items:
        warm.keep(item, 1)
    assert [item.number for item in items if item.made] == [*range(20, 30)]
    warm.keep(items[-1], 1_000)
    assert [item.number for item in items if item.made] == [29]
    assert isinstance(items[-1].made, Made)
