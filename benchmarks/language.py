"""What the languages cost: parsing, checking, evaluating, and resolving the tags of a node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import jq

from benchmarks.measure import Measured
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.evaluate import Expression, compile_expression
from tiphys.expr.jq_filter import run_filter
from tiphys.expr.lexer import tokenize
from tiphys.expr.parse import parse_expression
from tiphys.expr.template import LENIENT, Body, MapScope, Text, compile_json, compile_text, replace
from tiphys.expr.template_tags import read_tag
from tiphys.expr.values import Context, Json, Value
from tiphys.expr.when import evaluate_when

EVALUATE_AIM = 2.0
PARSE_AIM = 20.0
ELEMENTS = 2_000
MARGIN_SECONDS = 0.15
CONTEXT = Context(datetime(2026, 1, 2, tzinfo=UTC))

SHORT = "steps.check.outputs.result == 'ok'"
LONG = (
    "asInt(inputs.parameters.n) > 3 && inputs.parameters.mode in ['a', 'b'] "
    "|| (inputs.parameters.x == 'y' && !(inputs.parameters.z startsWith 'q')) "
    "? map(1..3, #) : 0"
)
FILTER = "filter(l, .n % 2 == 0 && .s != 'x4')"
LIKE_FILTER = "filter(fromJSON(text), .n > 999 && .s != 'x4')"
JQ_FILTER = 'map(select(.n > 999 and .s != "x4"))'
JQ_PROGRAM = jq.compile(JQ_FILTER)
ENVIRONMENT: dict[str, Value] = {
    **ARGO_FUNCTIONS,
    "steps": {"check": {"outputs": {"result": "ok"}}},
    "inputs": {"parameters": {"n": "4", "mode": "b", "x": "y", "z": "q"}},
    "l": [{"n": number, "s": f"x{number}"} for number in range(ELEMENTS)],
}
NAMES: dict[str, Value] = {
    **{f"steps.s{number}.outputs.result": "x" for number in range(200)},
    **{f"inputs.parameters.p{number}": str(number) for number in range(20)},
    "workflow.name": "w",
    "pod.name": "w-pod",
}
NODE: Json = {
    "container": {
        "image": "alpine",
        "command": ["sh", "-c"],
        "args": ["echo {{inputs.parameters.p1}} {{steps.s5.outputs.result}} on {{pod.name}}"],
        "env": [{"name": "WF", "value": "{{workflow.name}}"}, {"name": "PLAIN", "value": "x"}],
    },
    "metadata": {"labels": {"n": "{{=asInt(inputs.parameters.p2) + 1}}"}},
}


def language_costs() -> Iterator[Measured]:
    """Yield the costs in microseconds; each is the best of several rounds."""
    yield from _expressions()
    yield from _filters()
    yield from _tags()
    when = "'ok' == 'ok' && 3 > 2"
    fresh = microseconds(lambda: evaluate_when.__wrapped__(when))
    cached = microseconds(lambda: evaluate_when(when))
    yield Measured("when, the same text again", cached, "us", fresh, "no cache")


def _expressions() -> Iterator[Measured]:
    for name, source in (("short condition", SHORT), (f"{_tokens(LONG)}-token expression", LONG)):
        compiled = compile_expression(source, ENVIRONMENT)
        aim = PARSE_AIM if source is SHORT else None
        spent = microseconds(partial(parse_expression.__wrapped__, source))
        yield Measured(f"{name}, parse", spent, "us", aim=aim)
        fresh = microseconds(partial(_fresh, source))
        yield Measured(f"{name}, parse, check, compile, evaluate", fresh, "us")
        aim = EVALUATE_AIM if source is SHORT else None
        spent = microseconds(partial(compiled.evaluate, ENVIRONMENT, CONTEXT))
        yield Measured(f"{name}, evaluate", spent, "us", aim=aim)
        yield Measured(f"{name}, evaluate", spent, "us", fresh, "no cache")


def _fresh(source: str) -> Value:
    return Expression(source).evaluate(ENVIRONMENT, CONTEXT)


def _tokens(source: str) -> int:
    return len(tokenize(source)) - 1


def _filters() -> Iterator[Measured]:
    document = json.dumps(ENVIRONMENT["l"])
    given = compile_expression(FILTER, ENVIRONMENT)
    spent = microseconds(lambda: given.evaluate(ENVIRONMENT, CONTEXT))
    yield Measured(f"filter of {ELEMENTS:,} elements, evaluate", spent, "us")
    env: dict[str, Value] = {**ARGO_FUNCTIONS, "text": document}
    whole = compile_expression(f"toJson({LIKE_FILTER})", env)
    spent = microseconds(lambda: whole.evaluate(env, CONTEXT))
    by_jq = microseconds(lambda: json.dumps(list(JQ_PROGRAM.input_text(document))))
    yield Measured(f"filter of {ELEMENTS:,} elements, JSON to JSON", spent, "us", by_jq, "jq alone")
    wrapped = microseconds(lambda: run_filter(JQ_FILTER, document, CONTEXT))
    yield Measured("the same as a jqFilter, with gojq's rules", wrapped, "us", by_jq, "jq alone")


def _tags() -> Iterator[Measured]:
    scope = MapScope(NAMES)
    body = compile_json(NODE)
    text = json.dumps(NODE)
    resolved = microseconds(lambda: body.resolve(scope, LENIENT, CONTEXT))

    def fresh() -> None:
        compile_text.cache_clear()
        read_tag.cache_clear()
        Body(NODE).resolve(scope, LENIENT, CONTEXT)

    plain = microseconds(lambda: replace(text, NAMES, LENIENT, CONTEXT))
    yield Measured("tags of a node (5), resolve", resolved, "us", microseconds(fresh), "no cache")
    yield Measured("tags of a node (5), resolve", resolved, "us", plain, "one text")
    one = Text("{{inputs.parameters.p1}} {{steps.s5.outputs.result}}")
    spent = microseconds(lambda: one.resolve(scope, LENIENT, CONTEXT))
    yield Measured("text with two names, resolve", spent, "us")


def microseconds(work: Callable[[], object]) -> float:
    """Return the time of one call, the best of five rounds."""
    work()
    count, spent = 1, 0.0
    while spent < MARGIN_SECONDS / 5:
        count *= 2
        spent = _round(work, count)
    return min(_round(work, count) for _ in range(5)) / count * 1e6


def _round(work: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        work()
    return time.perf_counter() - begin
