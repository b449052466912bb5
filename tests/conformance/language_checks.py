"""One check per file of golden vectors: None when it passes, else why not."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime

from tiphys.errors import InvalidDocument
from tiphys.expr import (
    conditions,
    cron,
    depends,
    durations,
    environment,
    errors,
    evaluate,
    goregex,
    gotime,
    int_or_string,
    jq_filter,
    jsonpath,
    jsonpath_kubectl,
    labels,
    node_fields,
    numbers,
    quantities,
    render,
    template,
    when,
)
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.civil import load_zone
from tiphys.expr.errors import (
    ExprParseError,
    ExprRuntimeError,
    ExprTypeError,
    LanguageError,
)
from tiphys.expr.gojson import parse_go_json
from tiphys.expr.gotext import from_bytes, to_bytes
from tiphys.expr.types import go_type, type_of
from tiphys.expr.values import (
    AnyMap,
    Context,
    Duration,
    Function,
    Int64,
    Month,
    NilPointer,
    Struct,
    Time,
    TypedList,
    TypedMap,
    Weekday,
    Zone,
)
from tiphys.model.yaml_reader import read_yaml
from tiphys.model.yaml_scalars import json_integer

CONTEXT = Context(datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC), b"seed")
INF = float("inf")


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


LEAVES = {
    "$float": float,
    "$bytes": base64.b64decode,
    "$string_b64": lambda text: from_bytes(base64.b64decode(text)),
    "$int64": Int64,
    "$ints": lambda items: TypedList(items, "int"),
    "$strings": lambda items: TypedList(items, "string"),
    "$stringmap": lambda items: TypedMap(items, "string", ""),
    "$stringlists": lambda items: TypedMap(
        {key: TypedList(found, "string") for key, found in items.items()},
        "[]string",
        TypedList([], "string", nil=True),
    ),
    "$ptrtime": moment,
    "$niltime": lambda _: NilPointer(),
    "$duration": lambda text: Duration(durations.parse_go_duration(text)),
    "$func": lambda _: Function("f", lambda running, arguments: None),
}


def decode(raw):
    """Read a value written the way the README says."""
    if isinstance(raw, list):
        return [decode(item) for item in raw]
    if not isinstance(raw, dict):
        return raw
    key = next(iter(raw), "")
    if key == "$time":
        return moment(raw[key])
    if key == "$map":
        return {decode(name): decode(item) for name, item in raw[key]}
    if key.startswith("$"):
        return LEAVES[key](raw[key])
    return {name: decode(item) for name, item in raw.items()}


def encode(value):
    """Write a value the way the README says, as far as results need."""
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, AnyMap):
        pairs = [[encode(key), encode(item)] for key, item in value.items()]
        return {"$map": sorted(pairs, key=json.dumps)}
    if isinstance(value, dict):
        if any(key.startswith("$") for key in value):
            return {"$map": sorted([[key, encode(item)] for key, item in value.items()])}
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Time):
        name = "Local" if value.zone.name == "Local" else value.zone.name
        return {"$time": gotime.rfc3339_nano(value), "zone": name}
    if isinstance(value, Duration):
        return {"$duration": durations.format_go_duration(value.ns), "ns": value.ns}
    return encode_scalar(value)


def encode_scalar(value):
    if isinstance(value, (Month, Weekday, Zone, Struct)):
        return {"$go": type_of(value).name, "text": render.go_print(value)}
    if isinstance(value, Function):
        return {"$func": True}
    if isinstance(value, (bool, NilPointer)) or value is None:
        return value if isinstance(value, bool) else None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"$string_b64": base64.b64encode(to_bytes(value)).decode()}
    return value


def alike(got, want):
    """Compare encoded values keeping ints, floats and bools apart."""
    if isinstance(want, dict) and isinstance(got, dict):
        if "$go" in want:
            return got.get("text") == want["text"]
        return got.keys() == want.keys() and all(alike(got[key], want[key]) for key in want)
    if isinstance(want, list) and isinstance(got, list):
        return len(got) == len(want) and all(map(alike, got, want))
    return type(got) is type(want) and (got == want or (is_nan(got) and is_nan(want)))


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def alike_unordered(got, want):
    if not isinstance(got, list) or not isinstance(want, list):
        return alike(got, want)
    return sorted(map(json.dumps, got)) == sorted(map(json.dumps, want))


EXPR_MODES = ("bare", "bare-bool", "argo", "argo-bool")


def expr_check(vector):
    env = {name: decode(raw) for name, raw in vector["env"].items()}
    mode = vector["mode"]
    if mode not in EXPR_MODES:
        return f"there is no mode {mode}"
    if mode.startswith("argo"):
        env = {**environment.expand(env), **ARGO_FUNCTIONS}
    source = vector["expr"]
    if mode.endswith("bool"):
        return expect(
            vector,
            lambda: evaluate.evaluate_bool(source, env, CONTEXT),
            lambda result: differs("result", result, vector["result"]),
        )
    try:
        result = evaluate.evaluate(source, env, CONTEXT)
    except LanguageError as error:
        return expr_error(vector, error)
    if "error" in vector:
        return f"expected {vector['error']} error {vector['message']!r}, got {result!r}"
    return first(expr_result(vector, result), expr_texts(vector, result))


CLASSES = {"parse": ExprParseError, "type": ExprTypeError, "runtime": ExprRuntimeError}


def expr_error(vector, error):
    want = vector.get("error")
    if want is None:
        return f"unexpected error {error.message!r}"
    if want == "panic":
        return None
    if not isinstance(error, CLASSES[want]):
        return f"want {want} error {vector['message']!r}, got {type(error).__name__} {error}"
    if error.message != vector["message"]:
        return f"message: got {error.message!r}, want {vector['message']!r}"
    return None


def expr_result(vector, result):
    got, want = encode(result), vector["result"]
    same = alike_unordered if vector.get("unordered") else alike
    if not same(got, want):
        return f"got {got!r}, want {want!r}"
    if "type" in vector and vector["type"] != go_type(result):
        if go_type(result) in ("func", "*time.Time", "*time.Location", "struct"):
            return None
        return f"message: type {go_type(result)}, want {vector['type']}"
    return None


def expr_texts(vector, result):
    reasons = []
    if "printed" in vector:
        reasons.append(differs("printed", render.go_print(result), vector["printed"]))
    if "json" in vector or "json_error" in vector:
        try:
            got = render.to_json(result)
        except LanguageError as error:
            got = error.message
        reasons.append(differs("json", got, vector.get("json", vector.get("json_error"))))
    return first(*reasons)


def depends_check(vector):
    tasks = {task["name"]: task for task in vector["tasks"]}
    flags = {name: flags_of(task) for name, task in tasks.items()}
    task = tasks[vector["task"]]
    reasons = []
    if "validate_error" in vector:
        fault = next(depends.invalid_results(task.get("depends", "")), None)
        reasons.append(differs("validate_error", fault, vector["validate_error"]))
    try:
        conditions = {name: condition_of(found, flags) for name, found in tasks.items()}
        condition = conditions[vector["task"]] or depends.from_dependencies([], flags)
    except depends.UnknownTask as error:
        return first(
            differs("error", "unknown-task", vector.get("error")),
            differs("message", error.message, vector.get("message")),
        )
    direct = {name: found.dependencies if found else {} for name, found in conditions.items()}
    reasons += [
        differs("dependencies", dict(condition.dependencies), vector["dependencies"]),
        differs("logic", condition.logic, vector["logic"]),
        differs("ancestry", depends.ancestry(vector["task"], direct), vector["ancestry"]),
    ]
    if "expression" in vector:
        reasons.append(differs("expression", condition.expression, vector["expression"]))
    return first(*reasons, depends_run(vector, condition))


def depends_run(vector, condition):
    nodes = vector.get("nodes")
    if nodes is None and "error" not in vector:
        return None
    nodes = nodes or {}
    proceed = all(
        name in nodes
        and depends.is_fulfilled(nodes[name]["phase"], nodes[name].get("daemoned", False))
        for name in condition.dependencies
    )
    if "proceed" in vector and proceed != vector["proceed"]:
        return f"proceed: got {proceed}"
    if not proceed and "error" not in vector:
        return None
    states = {name: results_of(nodes.get(name, {})) for name in condition.dependencies}
    return expect(
        vector,
        lambda: condition.evaluate(states),
        lambda result: differs("execute", result, vector["execute"]),
    )


def flags_of(task):
    flags = task.get("continueOn", {})
    return depends.ContinueFlags(flags.get("error", False), flags.get("failed", False))


def condition_of(task, flags):
    if "depends" in task:
        return depends.parse_depends(task["depends"], flags)
    if "dependencies" in task:
        return depends.from_dependencies(task["dependencies"], flags)
    return None


def results_of(node):
    children = node.get("children", []) if node.get("taskGroup") else None
    return depends.task_results(node.get("phase", ""), node.get("daemoned", False), children)


def selectors_check(vector):
    if vector["group"] != "node-fields":
        return "not supported yet"

    def show(selector):
        return first(
            differs("canonical", str(selector), vector["canonical"]),
            differs(
                "matches",
                [selector.matches(fields_of(n)) for n in vector["nodes"]],
                vector["matches"],
            ),
        )

    return expect(vector, lambda: node_fields.parse_node_fields(vector["selector"]), show)


def fields_of(node):
    fields = {name: found for name, found in node.items() if isinstance(found, str)}
    for name, found in node.get("templateRef", {}).items():
        fields[f"templateRef.{name}"] = found
    for name, found in node.get("parameters", {}).items():
        fields[f"inputs.parameters.{name}.value"] = found
    return fields


MODES = {"lenient": template.LENIENT, "strict": template.STRICT, "raw-strict": template.STRICT}


def mode_of(step):
    if step["mode"] == "strict-prefix":
        return template.strict_prefix(*step["prefixes"])
    return MODES[step["mode"]]


def template_check(vector):
    if vector["group"] == "reference":
        return reference_check(vector)
    return first(template_text(vector), template_compiled(vector))


def reference_check(vector):
    scope = template.MapScope({name: decode(raw) for name, raw in vector["map"].items()})
    return first(
        differs("tag", template.reference_name(vector["reference"]), vector["tag"]),
        expect(
            vector,
            lambda: template.resolve_reference(vector["reference"], scope),
            lambda result: differs("result", encode(result), vector["result"]),
        ),
    )


def template_text(vector):
    """Run the passes on the text and compare every text on the way."""
    text, texts = vector["text"], []
    try:
        for step in vector["passes"]:
            values = {name: decode(raw) for name, raw in step["map"].items()}
            raw = step["mode"].startswith("raw")
            text = template.replace(text, values, mode_of(step), CONTEXT, raw=raw)
            texts.append(text)
    except LanguageError as error:
        reason = differs("texts", texts, vector["texts"])
        return reason or template_error(vector, error)
    if "error" in vector:
        return f"expected error {vector['message']!r}, got {texts}"
    return differs("texts", texts, vector["texts"])


def template_error(vector, error, by_message=True):
    if "error" not in vector:
        return f"unexpected error {error.message!r}"
    reason = differs("missing", error.missing, vector["missing_variable"])
    if reason is None and by_message and error.message != vector["message"]:
        return f"message: got {error.message!r}, want {vector['message']!r}"
    return reason


def template_compiled(vector):
    """Run the passes on the parsed document with the compiled layer: it must agree."""
    try:
        value = json.loads(vector["text"])
    except ValueError:
        return None
    if vector["passes"][0]["mode"].startswith("raw") or has_escaped_braces(vector["text"], value):
        return None
    values = []
    try:
        for step in vector["passes"]:
            scope = template.MapScope({name: decode(raw) for name, raw in step["map"].items()})
            value = template.compile_json(value).resolve(scope, mode_of(step), CONTEXT)
            values.append(value)
    except LanguageError as error:
        return template_error(vector, error, by_message=False)
    if "error" in vector:
        return f"compiled: expected error {vector['message']!r}, got {values}"
    return differs("compiled", values, [json.loads(text) for text in vector["texts"]])


def has_escaped_braces(text, value):
    """Tell documents whose braces are written as escapes: parsed, nothing tells them apart."""
    return text.count("{{") != json.dumps(value).count("{{")


CHECKS: dict[str, Callable[[dict], str | None]] = {
    "durations": durations_check,
    "numbers": numbers_check,
    "when": when_check,
    "times": times_check,
    "goregex": goregex_check,
    "expr": expr_check,
    "depends": depends_check,
    "selectors": selectors_check,
    "template": template_check,
}


def labels_check(vector):
    def show(selector):
        terms = [
            {"key": term.key, "operator": term.operator, "values": list(term.values)}
            for term in selector.requirements
        ]
        matches = [selector.matches(found) for found in vector["sets"]]
        return first(
            differs("canonical", str(selector), vector["canonical"]),
            differs("requirements", terms, vector["requirements"]),
            differs("matches", matches, vector["matches"]),
        )

    return expect(vector, lambda: labels.parse_labels(vector["selector"]), show)


def conditions_check(vector):
    document = numbers.parse_json(vector["doc"])
    try:
        parsed = conditions.parse_conditions(vector["success"], vector["failure"])
    except LanguageError as error:
        return first(
            differs("side", error.side, vector.get("error")),
            differs("message", error.message, vector.get("message")),
        )
    outcome, message = parsed.judge(document)
    return first(
        differs("outcome", outcome, vector.get("outcome")),
        differs("text", message, vector.get("message", "")),
    )


def all_selectors_check(vector):
    groups = {"labels": labels_check, "conditions": conditions_check}
    return groups.get(vector["group"], selectors_check)(vector)


def cron_check(vector):
    def show(schedule):
        found, at = [], moment(vector["from"])
        while len(found) < 5:
            at = schedule.next_time(at)
            if at is None:
                break
            found.append(gotime.rfc3339(gotime.at_utc(at)))
        return differs("next", found, vector["next"])

    schedule, zone = vector["schedule"], vector.get("timezone", "")
    return expect(vector, lambda: cron.parse_schedule(schedule, zone), show)


def quantities_check(vector):
    def read():
        return quantities.read_quantity(numbers.parse_json(vector["json"]))

    def show(found):
        reasons = [
            differs("canonical", str(found), vector["canonical"]),
            differs("sign", found.sign, vector["sign"]),
            differs("value", found.value(), vector["value"]),
            differs("milli", found.milli(), vector["milli"]),
        ]
        if "cmp" in vector:
            other = quantities.parse_quantity(vector["cmp"])
            reasons += [
                differs("compare", found.compare(other), vector["compare"]),
                differs("sum", str(found.plus(other)), vector["sum"]),
                differs("difference", str(found.minus(other)), vector["difference"]),
            ]
        return first(*reasons)

    return expect(vector, read, show)


def intorstring_check(vector):
    def show(found):
        kind = "int" if isinstance(found, int) else "string"
        reasons = [
            differs("kind", kind, vector["kind"]),
            differs("string", str(found), vector["string"]),
            differs("json_out", numbers.json_text(found), vector["json_out"]),
            differs("valid", int_or_string.is_plausible(found), vector["valid"]),
        ]
        try:
            reasons.append(differs("int", int_or_string.to_int(found), vector.get("int")))
        except LanguageError as error:
            reasons.append(differs("int_error", error.message, vector.get("int_error")))
        return first(*reasons)

    return expect(vector, lambda: int_or_string.parse_int_or_string(vector["json"]), show)


CHECKS.update(
    selectors=all_selectors_check,
    cron=cron_check,
    quantities=quantities_check,
    intorstring=intorstring_check,
)


def jsonpath_kubectl_check(vector):
    def show(result):
        if vector.get("unordered"):
            same = sorted(result.split(" ")) == sorted(vector["result"].split(" "))
            return None if same else f"got {result!r}"
        return differs("result", result, vector["result"])

    document = json.loads(vector["doc"])
    return expect(vector, lambda: jsonpath_kubectl.render_template(vector["path"], document), show)


def jsonpath_expr_check(vector):
    def show(result):
        same = alike_unordered if vector.get("unordered") else alike
        got = encode(result)
        return None if same(got, vector["result"]) else f"got {got!r}, want {vector['result']!r}"

    return expect(
        vector, lambda: jsonpath.query(parse_go_json(vector["doc"]), vector["path"]), show
    )


CHECKS.update(jsonpath_kubectl=jsonpath_kubectl_check, jsonpath_expr=jsonpath_expr_check)


def jq_check(vector):
    want = {"parse": errors.JqParseError, "jq": errors.JqError}.get(vector.get("error"))

    def run():
        try:
            return jq_filter.run_filter(vector["filter"], vector["doc"], CONTEXT)
        except LanguageError as error:
            if want is not None and type(error) is not want:
                raise AssertionError(f"{type(error).__name__}: {error.message!r}") from None
            raise

    return expect(vector, run, lambda result: differs("result", result, vector["result"]))


CHECKS["jq"] = jq_check


def yaml_piece(text, expected):
    """Compare one document: its value, or the texts of both kinds of refusal."""
    try:
        located = read_yaml(text)
    except InvalidDocument as error:
        if "error" not in expected:
            return f"unexpected error {error.findings[0].reason!r}"
        got, want = error.findings[0].reason, expected["message"]
        return None if got == want else f"message: got {got!r}, want {want!r}"
    if "error" in expected:
        return f"expected error {expected['message']!r}, got {located.value!r}"
    want = json.loads(expected["json"], parse_int=json_integer)
    twice = [f'line {found.place[0]}: key "{found.key}"' for found in located.duplicates]
    lines = [f"{line} already set in map" for line in twice]
    refusal = "\n  ".join(["yaml: unmarshal errors:", *lines]) if lines else None
    return first(
        differs(
            "value", json.dumps(located.value, sort_keys=True), json.dumps(want, sort_keys=True)
        ),
        differs("strict error", refusal, expected.get("strict_error")),
    )


def yaml_check(vector):
    if vector.get("mode") != "split":
        return yaml_piece(vector["yaml"], vector)
    pieces, documents = vector["yaml"].split("\n---"), vector["documents"]
    if len(pieces) != len(documents):
        return f"got {len(pieces)} pieces, want {len(documents)}"
    return first(
        *(
            differs("piece", piece.strip(), "") if part.get("skipped") else yaml_piece(piece, part)
            for piece, part in zip(pieces, documents, strict=True)
        )
    )


CHECKS["yaml"] = yaml_check
