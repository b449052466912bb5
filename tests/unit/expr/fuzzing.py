"""Every parser and evaluator against texts nobody would write: `make fuzz`.

`python -m tests.unit.expr.fuzzing [--seconds N] [NAME...]` runs each target for N seconds and exits
with 1 if one was caught: an exception of another class, a call of more than five seconds of work,
or more than a gigabyte of memory. `test_fuzzing.py` runs each for a moment.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tiphys.errors import InvalidDocument
from tiphys.expr import (
    cron,
    depends,
    durations,
    evaluate,
    explain,
    gojson,
    goregex,
    gotime,
    int_or_string,
    jq_filter,
    jsonpath,
    jsonpath_kubectl,
    numbers,
    quantities,
    render,
    selectors,
    template,
    when,
)
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import LanguageError
from tiphys.expr.names import BUILTINS
from tiphys.expr.values import Context, Duration, Time
from tiphys.model.codec import decode, split_documents

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "language"
CONTEXT = Context(datetime(2026, 1, 2, tzinfo=UTC), b"seed")
DOCUMENT = {"items": [{"n": 1.0, "v": "a"}, {"n": 2.0, "v": "b"}], "m": {"a.b": "c"}, "s": "x" * 40}
ENVIRONMENT = {
    **ARGO_FUNCTIONS,
    "x": "1",
    "n": 7,
    "f": 2.5,
    "l": [3, 1, "2", None, [1.5], {"a": b"b"}],
    "m": {"a": "1", "b": {"c": [1, 2]}},
    "t": Time(1_700_000_000_000_000_000),
    "d": Duration(90_000_000_000),
}
FLAT = {"x": "1", "a.b": "{{x}}", "a.b.c": "2", "steps.s.outputs.result": '["q"]', "absent": None}
CALL_SECONDS = 5
MEMORY_BYTES = 1 << 30
LONGEST = 400
ODD = [
    "\0",
    "\n",
    "\x85",
    "\u2028",
    "é",
    "ß",
    "İ",
    "\ud800",
    "\U0001f600",
    "\ufeff",
    "٣",
    "²",
    "\\",
]


class SlowError(Exception):
    """A call took too long."""


@dataclass(frozen=True)
class Target:
    """Something that takes a text; `seeds` are texts and parts of texts it knows."""

    name: str
    run: Callable[[str], object]
    seeds: Sequence[str]
    corpus: tuple[str, str] = ("", "")
    allowed: tuple[type[Exception], ...] = (LanguageError,)
    known: list[str] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Return the seeds, with those of the golden vectors where they are."""
        if not self.known:
            self.known.extend(self.seeds)
            file, name = self.corpus
            path = CORPUS / f"{file}.jsonl"
            if file and path.exists():
                lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
                self.known.extend(str(json.loads(line).get(name, "")) for line in lines)
        return self.known


def made(target: Target, chance: random.Random) -> str:
    """Return a text: a few seeds, cut, joined, repeated and sprinkled with odd characters."""
    seeds = target.texts()
    parts = []
    for _ in range(chance.randint(1, 5)):
        part = chance.choice(seeds)
        if part and chance.random() < 0.4:
            start, stop = sorted((chance.randrange(len(part) + 1), chance.randrange(len(part) + 1)))
            part = part[start:stop]
        if chance.random() < 0.05:
            part *= chance.randint(2, 60)
        parts.append(part)
    text = chance.choice(["", "", " "]).join(parts)
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        place = chance.randrange(len(text) + 1)
        char = chance.choice(ODD) if chance.random() < 0.4 else chr(chance.randrange(32, 127))
        text = text[:place] + char + text[place + chance.randrange(2) :]
    return text[:LONGEST]


def fuzz(target: Target, seconds: float, seed: int) -> tuple[int, str]:
    """Return how many texts were tried, and what was found wrong with the last, "" if nothing."""
    chance = random.Random(seed)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        text, count = made(target, chance), count + 1
        reason = trial(target, text)
        if reason:
            return count, f"{target.name}: {reason}: {text!r}"
    return count, ""


def trial(target: Target, text: str) -> str:
    """Return what is wrong with how a target takes a text."""
    signal.setitimer(signal.ITIMER_VIRTUAL, CALL_SECONDS)
    try:
        target.run(text)
    except target.allowed:
        return ""
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return ""


def _too_slow(*_: object) -> None:
    raise SlowError(f"more than {CALL_SECONDS} seconds")


def prepare(memory: bool) -> None:
    """Have slow calls interrupted, and limit the memory of this process."""
    signal.signal(signal.SIGVTALRM, _too_slow)
    if memory:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = used * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


# -------------------------------------------------------------------------------------- targets


def _expression(text: str) -> None:
    value = evaluate.evaluate(text, ENVIRONMENT, CONTEXT)
    render.go_print(value)
    render.to_json(value)


def _condition(text: str) -> None:
    evaluate.evaluate_bool(text, ENVIRONMENT, CONTEXT)


def _tags(text: str) -> None:
    for mode in (template.LENIENT, template.STRICT):
        scope = template.MapScope(FLAT)
        explain.explain_text(text, scope, CONTEXT)
        template.compile_json({"a": text, text: [text, "x"]}).resolve(scope, mode, CONTEXT)
        template.replace(json.dumps([text]), FLAT, mode, CONTEXT)


def _reference(text: str) -> None:
    template.resolve_reference(text, template.MapScope(FLAT), CONTEXT)


def _when(text: str) -> None:
    when.evaluate_when(text, bare_words=len(text) % 2 == 0)


def _depends(text: str) -> None:
    depends.parse_depends(text, {}).evaluate({"a": depends.task_results("Succeeded", False, [])})


def _regex(text: str) -> None:
    pattern, _, subject = text.partition("\n")
    regex = goregex.compile_regex(pattern)
    for found in (subject, "a" * 200 + "!", "ab1 é\n" * 8):
        regex.find_all(found)
        regex.replace(found, "$1${x}$$")


def _time(text: str) -> None:
    layout, _, value = text.partition("|")
    gotime.format_time(gotime.parse_time(layout, value or layout), layout)


def _schedule(text: str) -> None:
    schedule, at = cron.parse_schedule(text), datetime(2026, 1, 2, tzinfo=UTC)
    for _ in range(3):
        found = schedule.next_after(at)
        if found is None:
            return
        at = found


def _quantity(text: str) -> None:
    found = quantities.parse_quantity(text)
    for made_of in (found.plus(quantities.parse_quantity("1.5Gi")), found):
        str(made_of)
        made_of.value()
        made_of.milli()


def _duration(text: str) -> None:
    for read in (durations.parse_go_duration, durations.parse_argo_duration, durations.parse_ttl):
        try:
            read(text)
        except LanguageError:
            continue


def _selector(text: str) -> None:
    for read in (selectors.parse_labels, selectors.parse_node_fields):
        try:
            str(read(text))
        except LanguageError:
            continue
    selectors.parse_conditions(text, text).judge({"status": {"a": [1, {"b": None}], "phase": "x"}})


def _number(text: str) -> None:
    for read in (gojson.parse_go_json, numbers.parse_any_string, int_or_string.parse_int_or_string):
        try:
            read(text)
        except LanguageError:
            continue


def _yaml(text: str) -> None:
    for document in split_documents(text):
        decode(document)


EXPRESSION_SEEDS = [
    *(f"{name}(" for name in sorted(BUILTINS)),
    *("x", "n", "f", "l", "m", "t", "d", "m.b.c", "l[0]", "$env", "#", "#index", "#acc", ".a"),
    *("1", "0", "-1", "9223372036854775807", "1e300", "0x1F", "'a'", '"b"', "`c`", "b'd'", "nil"),
    *("+", "-", "*", "/", "%", "**", "..", "==", "<", "&&", "or", "not ", "in ", "matches ", "??"),
    *(
        "|",
        "?",
        ":",
        "?.",
        ".",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "let y = ",
        "if ",
        " else ",
    ),
    *(
        "map(l, ",
        "filter(l, ",
        "reduce(l, #acc + #",
        "sortBy(l, ",
        "groupBy(l, ",
        "1..9",
        "1..100000",
        "reduce(1..60, [#acc, #acc], [1])",
        "reduce(1..60, ({a: #acc, b: #acc}), {})",
    ),
    *(
        "repeat('ab', 99999)",
        "split(",
        "now()",
        "date('2026-01-02')",
        "duration('1h')",
        ".Format('",
    ),
]
TARGETS = [
    Target("expression", _expression, EXPRESSION_SEEDS, ("expr", "expr")),
    Target("condition", _condition, EXPRESSION_SEEDS, ("expr", "expr")),
    Target(
        "sprig",
        _expression,
        [*(f"sprig.{name}(" for name in sorted(ARGO_FUNCTIONS["sprig"])), *EXPRESSION_SEEDS[60:]],
    ),
    Target(
        "tags",
        _tags,
        ["{{", "}}", "{{=", "{{x}}", "{{a.b}}", "{{=x + ", "{{absent}}", "{{a.{{x}}}}", '"', "\\"],
        ("template", "text"),
    ),
    Target(
        "reference", _reference, ["{{", "}}", "=", "x", "a.b", "absent"], ("template", "reference")
    ),
    Target(
        "when",
        _when,
        ["a", "'b'", "1", "==", "=~", "in", "(", ")", ",", "&&", "?"],
        ("when", "when"),
    ),
    Target(
        "depends", _depends, ["a", "a.Succeeded", "&&", "||", "!", "(", ")", ".AnySucceeded", "-"]
    ),
    Target(
        "regex",
        _regex,
        ["(a+)+", "a{1000}", "[^", "\\pL", "(?i", "\n", "$"],
        ("goregex", "pattern"),
    ),
    Target(
        "time",
        _time,
        ["2006-01-02", "15:04:05.000", "MST", "|", "Z07:00", "Jan"],
        ("times", "layout"),
    ),
    Target(
        "schedule",
        _schedule,
        ["*", "*/5", "1-3", "MON", "@every 1h", "TZ=UTC "],
        ("cron", "schedule"),
    ),
    Target(
        "quantity",
        _quantity,
        ["1", ".5", "Gi", "e3", "n", "E", "-", "999999"],
        ("quantities", "json"),
    ),
    Target("duration", _duration, ["1h", "1.5s", "-", "µs", "99999999999"], ("durations", "text")),
    Target(
        "selector",
        _selector,
        ["a", "in (", "!", ">", "==", "status.a.1.b"],
        ("selectors", "selector"),
    ),
    Target(
        "kubectl path",
        lambda text: jsonpath_kubectl.render_template(text, DOCUMENT),
        ["{", "}", ".items", "[*]", "..", "[?(@.n>1)]", "range ", "end", "'"],
        ("jsonpath_kubectl", "path"),
    ),
    Target(
        "path",
        lambda text: jsonpath.query(DOCUMENT, text),
        ["$", ".items", "[*]", "..", "[?(@.n>1)]", "[(@.length-1)]", "[::2]", "'"],
        ("jsonpath_expr", "path"),
    ),
    Target(
        "jq",
        lambda text: jq_filter.run_filter(text, '{"a":[1,{"b":"x"}]}', CONTEXT),
        # Nothing that loops or multiplies: jq cannot be interrupted.
        [
            ".",
            ".a",
            "[]",
            "?",
            "|",
            "select(",
            "map(",
            "keys",
            ")",
            "length",
            '"\\(',
            "//",
            "as $x |",
        ],
    ),
    Target(
        "numbers", _number, ["1", "e5", '"', "[", "{", "\\ud800", "null", ":"], ("numbers", "json")
    ),
    Target(
        "yaml",
        _yaml,
        [
            "a: ",
            "- ",
            "&x ",
            "*x",
            "<<: ",
            "{",
            "}",
            "[",
            "|\n",
            "---\n",
            "kind: Workflow\n",
            "!!int ",
        ],
        ("yaml", "yaml"),
        allowed=(InvalidDocument,),
    ),
]


def main(argv: list[str] | None = None) -> int:
    """Fuzz the named targets, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="targets; all of them if none is named")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args(argv)
    prepare(memory=True)
    caught = 0
    for target in TARGETS:
        if options.names and target.name not in options.names:
            continue
        count, reason = fuzz(target, options.seconds, options.seed)
        sys.stdout.write(f"{target.name:14} {count:>10,} texts  {reason or 'nothing found'}\n")
        sys.stdout.flush()
        caught += bool(reason)
    return 1 if caught else 0


if __name__ == "__main__":
    sys.exit(main())
