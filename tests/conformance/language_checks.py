"""One check per file of golden vectors: None when it passes, else why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from tiphys.expr import durations, goregex, gotime, numbers, when
from tiphys.expr.civil import from_datetime, load_zone
from tiphys.expr.errors import LanguageError
from tiphys.expr.gotext import to_bytes
from tiphys.expr.values import Time


def differs(name, got, want):
    return None if got == want else f"{name}: got {got!r}, want {want!r}"


def first(*reasons):
    return next((reason for reason in reasons if reason), None)


def expect(vector, run, show):
    """Run, and compare either the error's text or what `show` says of the result."""
    try:
        result = run()
    except LanguageError as error:
        if "error" not in vector:
            return f"unexpected error {error.message!r}"
        if vector["error"] == "panic":
            return None
        want = vector.get("message")
        if want is not None and error.message != want:
            return f"message: got {error.message!r}, want {want!r}"
        return None
    if "error" in vector:
        return f"expected error {vector.get('message')!r}, got {result!r}"
    return show(result)


def durations_check(vector):
    readers = {
        "argo-duration": durations.argo_duration_ns,
        "go-duration": durations.parse_go_duration,
        "ttl": durations.parse_ttl,
    }

    def show(ns):
        seconds = ns // 10**9 + (ns % 10**9) / 1e9
        return first(
            differs("ns", ns, vector["ns"]),
            differs("canonical", durations.format_go_duration(ns), vector["canonical"]),
            differs("fixed6", numbers.fixed6(seconds), vector["seconds_fixed6"]),
            differs("printed", numbers.go_float(seconds), vector["seconds_printed"]),
        )

    return expect(vector, lambda: readers[vector["group"]](vector["text"]), show)


def numbers_check(vector):
    if vector["group"] == "float":
        return float_check(vector)
    if vector["group"] == "any-string":
        return expect(
            vector,
            lambda: numbers.parse_any_string(vector["json"]),
            lambda text: differs("text", "<unset>" if text is None else text, vector["result"]),
        )
    value = numbers.parse_json(vector["json"])
    reasons = [
        differs("kind", numbers.item_kind(value), vector["kind"]),
        differs("rendered", numbers.item_rendered(value), vector["rendered"]),
    ]
    if "string" in vector:
        reasons.append(differs("string", numbers.item_text(value), vector["string"]))
    if "members" in vector:
        reasons.append(differs("members", numbers.item_members(value), vector["members"]))
    if "printed" in vector:
        reasons.append(differs("printed", numbers.item_display(value), vector["printed"]))
    if "elements" in vector:
        texts = [numbers.item_rendered(item) for item in value]
        reasons.append(differs("elements", texts, vector["elements"]))
    return first(*reasons)


def float_check(vector):
    value = float(vector["text"])
    reasons = [
        differs("printed", numbers.go_float(value), vector["printed"]),
        differs("fixed6", numbers.fixed6(value), vector["fixed6"]),
        differs("plain", numbers.plain_float(value), vector["plain"]),
    ]
    try:
        reasons.append(differs("json", numbers.json_float(value), vector.get("json_text")))
    except LanguageError as error:
        reasons.append(differs("json", error.message, vector.get("json_error")))
    return first(*reasons)


def when_check(vector):
    return expect(
        vector,
        lambda: when.evaluate_when(vector["when"], bare_words=vector["mode"] == "step"),
        lambda result: differs("result", result, vector["result"]),
    )


def moment(text):
    """Read RFC 3339 with nanoseconds."""
    return gotime.parse_time("2006-01-02T15:04:05.999999999Z07:00", text)


def times_check(vector):
    if vector["group"] == "go-parse":
        return expect(
            vector,
            lambda: gotime.parse_time(vector["layout"], vector["text"]),
            lambda made: differs("result", gotime.rfc3339_nano(made), vector["result"]),
        )
    found = moment(vector["time"])
    if "zone" in vector:
        found = Time(found.ns, load_zone(vector["zone"]))
    write = gotime.strftime if vector["group"] == "strftime" else gotime.format_time
    return differs("result", write(found, vector["layout"]), vector["result"])


def goregex_check(vector):
    text = vector["text"]

    def show(regex):
        found = regex.search(text)
        replaced = regex.replace(text, vector["replace"])
        reasons = [
            differs("match", found is not None, vector["match"]),
            differs("find_all", regex.find_all(text), vector["find_all"]),
            differs("split", regex.split(text), vector["split"]),
            differs("replaced", replaced, vector["replaced"]),
        ]
        if found is not None:
            span = [len(to_bytes(text[:place])) for place in found.span()]
            reasons.append(differs("span", span, vector["span"]))
            groups = [found.group(), *found.groups()]
            reasons.append(differs("groups", groups, vector["groups"]))
        return first(*reasons)

    return expect(vector, lambda: goregex.compile_regex(vector["pattern"]), show)


CHECKS: dict[str, Callable[[dict], str | None]] = {
    "durations": durations_check,
    "numbers": numbers_check,
    "when": when_check,
    "times": times_check,
    "goregex": goregex_check,
}
_ = (json, datetime, from_datetime)
