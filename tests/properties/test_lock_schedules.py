"""All interleavings of small cases of locks, with a crash at each point."""

from __future__ import annotations

import itertools
import sqlite3

import pytest

from tiphys.locks.memory_book import MemoryBook
from tiphys.locks.sql_book import SqlBook
from tiphys.locks.tables import STATEMENTS
from tiphys.testing.lock_schedules import Block, Case, Flow, explore

M, S, T = "mutex", "semaphore", "third"
TWO_AT_ONCE = ((S, 2),)
SETS = ((M,), (S,), (M, S))


def flow(*blocks: Block, created_at: float = 0.0, priority: int = 0) -> Flow:
    return Flow(blocks, priority, created_at)


def one(*locks: str) -> Block:
    return Block(locks)


def inside(*locks: str) -> Block:
    return Block(locks, inside=0)


THREE_BLOCKS = [
    Case(tuple(flow(one(*locks), created_at=i) for i, locks in enumerate(chosen)), TWO_AT_ONCE)
    for chosen in itertools.product(SETS, repeat=3)
]
"""Three workflows with one block each: every choice of blocks."""

TWO_FLOWS = [
    Case(
        tuple(flow(one(*a), one(*b), created_at=i) for i, (a, b) in enumerate(chosen)),
        TWO_AT_ONCE,
        crashes=2,
    )
    for chosen in itertools.combinations_with_replacement(itertools.product(SETS, SETS), 2)
]
"""Two workflows with two blocks one after the other: every choice of blocks, two crashes."""

NESTED = {
    "a head that waits for who waits behind it": Case(
        (flow(one(M), inside(T), created_at=2), flow(one(M, T), created_at=1))
    ),
    "the same across a third workflow": Case(
        (
            flow(one(M), inside(T), created_at=3),
            flow(one(S), inside(M), created_at=2),
            flow(one(S, T), created_at=1),
        )
    ),
    "nodes side by side within a workflow's lock": Case(
        (
            flow(one(M), inside(S), inside(S), created_at=2),
            flow(one(M, S), created_at=1),
            flow(one(S), created_at=3),
        ),
        TWO_AT_ONCE,
    ),
    "equals in age and priority": Case(
        (flow(one(M, T)), flow(one(T, M)), flow(one(M), one(T))),
    ),
    "priority against age": Case(
        (
            flow(one(M), created_at=1),
            flow(one(M, S), created_at=2, priority=5),
            flow(one(S), inside(M), created_at=3, priority=1),
        ),
        TWO_AT_ONCE,
    ),
}

CROSSED = Case((flow(one(M), inside(T)), flow(one(T), inside(M))))
"""Each workflow holds what the other one's node needs."""


def sql_book() -> SqlBook:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for statement in STATEMENTS:
        db.execute(statement)
    DATABASES.append(db)
    return SqlBook(db, "me")


DATABASES: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def close_databases():
    yield
    while DATABASES:
        DATABASES.pop().close()


def case_name(case: Case) -> str:
    return " ".join(
        "-".join("+".join(lock[0] for lock in block.locks) for block in one.blocks)
        for one in case.flows
    )


@pytest.mark.parametrize("case", THREE_BLOCKS, ids=case_name)
def test_of_three_workflows_nobody_exceeds_a_limit_or_waits_for_ever(case):
    explored = explore(case, MemoryBook)
    assert explored.stuck is None
    assert explored.states > 100


@pytest.mark.parametrize("case", TWO_FLOWS, ids=case_name)
def test_of_two_workflows_with_two_blocks_nobody_waits_for_ever(case):
    assert explore(case, MemoryBook).stuck is None


@pytest.mark.parametrize("name", NESTED)
def test_nobody_waits_for_ever_who_holds_one_lock_and_wants_another(name):
    assert explore(NESTED[name], MemoryBook).stuck is None


def test_workflows_that_hold_what_the_other_needs_wait_and_only_then():
    explored = explore(CROSSED, MemoryBook)
    assert explored.stuck is not None
    assert explored.ends > 1


@pytest.mark.parametrize(
    "case",
    [
        Case((flow(one(M)), flow(one(M, S))), TWO_AT_ONCE),
        Case((flow(one(S)), flow(one(M, S), priority=1)), TWO_AT_ONCE),
        NESTED["a head that waits for who waits behind it"],
        CROSSED,
    ],
    ids=case_name,
)
def test_the_database_leads_to_the_same_states_as_memory(case):
    assert explore(case, sql_book) == explore(case, MemoryBook)
