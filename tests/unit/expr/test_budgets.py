"""No expression exhausts the engine: neither by what it makes nor by what it goes through.

Work is counted, not timed: every one of these would take minutes or more without its budget.
"""

from datetime import UTC, datetime

import pytest

from tiphys.expr import running
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import ExprRuntimeError
from tiphys.expr.evaluate import evaluate
from tiphys.expr.values import Context

TWICE = "let r = reduce(1..60, [#acc, #acc], [1]); "
MAPS = "let r = reduce(1..60, ({a: #acc, b: #acc}), {}); "
LONG = "let s = repeat('x', 900000); "
MANY = "let l = map(1..100000, ({a: #})); "


_LISTS_ONLY = ("max", "min", "mean", "flatten", "sprig.sort", "r !=")


def run(source):
    return evaluate(source, ARGO_FUNCTIONS, Context(datetime(2026, 1, 2, tzinfo=UTC), b"seed"))


@pytest.mark.parametrize(
    "use",
    [
        "r",
        "[r]",
        "string(r)",
        "toJSON(r)",
        "toJson(r)",
        "r == r",
        "r != reduce(1..60, [#acc, #acc], [1])",
        "r in [r]",
        "max(r)",
        "min(r)",
        "mean(r)",
        "flatten(r)",
        "uniq([r, r])",
        "sprig.uniq([r, r])",
        "sprig.has(r, [r])",
        "sprig.without([r], r)",
        "sprig.deepEqual(r, r)",
        "sprig.toJson(r)",
        "sprig.toPrettyJson(r)",
        "sprig.toString(r)",
        "sprig.quote(r)",
        "sprig.squote(r)",
        "sprig.cat(r)",
        "sprig.join(',', [r])",
        "sprig.sortAlpha([r])",
        "sprig.deepCopy(r)",
        "sprig.dict('a', r)",
        "sprig.dict(r, 'a')",
    ],
)
@pytest.mark.parametrize("made", [TWICE, MAPS], ids=["lists", "maps"])
def test_what_holds_itself_many_times_is_not_gone_through(made, use, monkeypatch):
    monkeypatch.setattr(running, "MAX_STEPS", 200_000)
    if made is MAPS and use.startswith(_LISTS_ONLY):
        use = "sprig.merge(r, reduce(1..60, ({a: #acc, b: #acc}), {}))"
    with pytest.raises(ExprRuntimeError, match=r"(step|memory) budget exceeded"):
        run(made + use)


@pytest.mark.parametrize(
    "source",
    [
        LONG + "map(1..1000, upper(s))",
        LONG + "map(1..100000, s contains 'yz')",
        LONG + "map(1..100000, s == s + '')",
        LONG + "map(1..100000, s + 'a')",
        LONG + "map(1..100000, len(sprig.trim(s)))",
        "reduce(1..100000, #acc + 'x', '')",
        "reduce(1..100000, sprig.append(#acc, 1), [])",
        "let l = 1..100000; map(l, # in l)",
        MANY + "uniq(l)",
        MANY + "sprig.uniq(l)",
        MANY + "map(l, sprig.has(#, l))",
    ],
)
def test_work_is_counted_however_it_is_done(source):
    with pytest.raises(ExprRuntimeError, match=r"(step|memory) budget exceeded"):
        run(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("len(uniq(map(1..100000, string(#))))", 100000),
        ("len(sprig.uniq(map(1..100000, # % 7)))", 7),
        ("len(uniq(map(1..1500, ({a: # % 700}))))", 700),
        ("len(reduce(1..2000, #acc + ',twenty characters xxx', ''))", 44000),
        ("len(toJSON(map(1..50000, ({n: #})))) > 1000000", True),
        ("let m = map(1..2000, ({a: {b: [#, #]}})); m == m", True),
        (TWICE + "first(r) != 1", True),
    ],
)
def test_what_people_do_is_within_the_budgets(source, expected):
    assert run(source) == expected
