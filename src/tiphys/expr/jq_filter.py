"""jq filters, as `valueFrom.jqFilter` uses them: the `jq` library, made to answer like gojq.

Argo uses gojq, this is the original; the definitions put before each program and the order of keys
bring them together. A program reaches no file (imports must come first, and something else does),
no environment, no further input and no clock but the one handed in.

Known impurity: a filter runs in C and cannot be interrupted, and jq programs can loop for ever.
Whoever runs one must do so in a process that may be killed (the executor's), not in the engine's.
Differs: a string cannot be indexed by number, integer literals beyond 2^53 are rounded, a map made
by the program keeps its order where its parts are listed by `.[]`, and some error texts are jq's.
Source: Argo workflow/executor/resource.go; gojq 0.12; language.md 14.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Protocol

from tiphys.expr.errors import ExprRuntimeError, JqError, JqParseError, NumberError
from tiphys.expr.gojson import parse_go_json
from tiphys.expr.gotext import trim_space
from tiphys.expr.render import to_json
from tiphys.expr.values import Context, Value

MAX_RESULTS: Final = 100_000
MAX_TEXT: Final = 1 << 24
_EXACT: Final = 1 << 53

_REMOVED: Final = {
    "input_line_number": "function not defined: input_line_number/0",
    "input_filename": "function not defined: input_filename/0",
    "keys_unsorted": "function not defined: keys_unsorted/0",
    "get_search_list": "function not defined: get_search_list/0",
    "$__loc__": "variable not defined: $__loc__",
    "$__now": "variable not defined: $__now",
    "@base32": "format not defined: @base32",
}
"""What jq has and gojq has not."""
_DEFINITIONS: Final = """
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def with_entries(f): to_entries | map(f) | from_entries;
def toarray: if type == "array" then . else [.] end;
def env: {};
def now: $__now;
def localtime: gmtime;
def strflocaltime(f): strftime(f);
def input: error("input(s)/0 is not allowed");
def inputs: error("input(s)/0 is not allowed");
def debug: .;
def debug(f): .;
def stderr: .;
def halt: error("halt is not allowed");
def halt_error: error("halt_error is not allowed");
def halt_error(f): error("halt_error is not allowed");
def modulemeta: error("modules are not allowed");
"""
_START: Final = ".[0] as $__now | .[1] | " + _DEFINITIONS + "{} as $ENV | "
_CHECK: Final = """
first((.. | numbers | select(isnan or isinfinite)
  | if isnan then "NaN" elif . > 0 then "+Inf" else "-Inf" end
  | error("json: unsupported value: " + .)), .)"""
"""jq prints not-a-number as null and the infinities as the largest number; Go refuses them."""
_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*\Z")
_TOKEN: Final = re.compile(r"#[^\n]*|\s+|\.\s*[A-Za-z_]\w*|[$@]?[A-Za-z_]\w*|.", re.DOTALL)
_STRING: Final = re.compile(r'(?:[^"\\]|\\[^(])*(?P<end>"|\\\()?', re.DOTALL)
_AT: Final = re.compile(r" at <top-level>, line .*", re.DOTALL)
_GO_TEXTS: Final = (
    (re.compile(r"Cannot iterate over null.*"), "cannot iterate over: null"),
    (re.compile(r"Cannot iterate over (.*)"), r"cannot iterate over: \1"),
    (
        re.compile(r"(.*) and (.*) cannot be divided because the divisor is zero"),
        r"cannot divide \1 by: \2",
    ),
    (re.compile(r"(.*) has no length"), r"length cannot be applied to: \1"),
    (
        re.compile(r"string \((.*)\) cannot be parsed as a number"),
        r"tonumber cannot be applied to \1: invalid number",
    ),
    (re.compile(r"jq: error: (\$\w+) is not defined"), r"variable not defined: \1"),
    (re.compile(r"jq: error: (\w+/\d+) is not defined"), r"function not defined: \1"),
    (re.compile(r"jq: error: syntax error, unexpected end of file.*"), "unexpected EOF"),
    (re.compile(r"jq: error: (?:syntax error, )?(.*)"), r"\1"),
)


class _Program(Protocol):
    """What the binding's compiled programs can do."""

    def input_text(self, text: str, /) -> Iterator[Value]: ...


def run_filter(source: str, document: str, context: Context) -> str:
    """Return the outputs for a JSON text: strings raw, others as JSON, one to a line, trimmed.

    Raises JqParseError and JqError.
    """
    try:
        value = parse_go_json(document)
        prepared = to_json([context.now.timestamp(), value], html=False)
    except (NumberError, ExprRuntimeError) as error:
        raise JqError(error.message) from error
    program = _compiled(source)
    found: list[str] = []
    size = 0
    try:
        for output in program.input_text(prepared):
            found.append(output if isinstance(output, str) else to_json(_as_go(output)))
            size += len(found[-1])
            if len(found) > MAX_RESULTS or size > MAX_TEXT:
                raise JqError("too many results")
    except ExprRuntimeError as error:
        raise JqError(error.message) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise JqError(_go_text(str(error))) from None
    return trim_space("\n".join(found))


def _as_go(value: Value) -> Value:
    """Return large numbers as the floats they are in Go, which prints fewer digits."""
    if isinstance(value, int) and abs(value) > _EXACT and value == int(float(value)):
        return float(value)
    if isinstance(value, list):
        return [_as_go(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_go(item) for key, item in value.items()}
    return value


@lru_cache(maxsize=256)
def _compiled(source: str) -> _Program:
    """Return the program; raises JqParseError, or JqError for names that do not exist."""
    if "\0" in source:
        raise JqParseError("unexpected token")
    _check_names(source)
    body = "." if _BLANK.match(source) else source
    # Alone first: inside the definition below, a stray `;` could mean something.
    _compile(_START + body)
    return _compile(f"{_START}def __main: {body}\n; __main | {_CHECK}")


def _compile(source: str) -> _Program:
    import jq

    try:
        program: _Program = jq.compile(source)
    except ValueError as error:
        message = _go_text(str(error))
        raise (JqError if "not defined" in message else JqParseError)(message) from None
    return program


def _go_text(message: str) -> str:
    """Return gojq's text for jq's, where it can be told."""
    message = _AT.sub("", message)
    for pattern, text in _GO_TEXTS:
        match = pattern.fullmatch(message)
        if match is not None:
            return match.expand(text)
    return message


def _check_names(source: str) -> None:
    """Refuse names that only jq has, unless the program defines them; raises JqError."""
    words = list(_words(source))
    defined = {word for before, word in zip(["", *words], words, strict=False) if before == "def"}
    for word in words:
        if word in _REMOVED and word not in defined:
            raise JqError(_REMOVED[word])


def _words(source: str) -> Iterator[str]:
    """Yield names, variables and formats in use; not those in strings, fields and keys."""
    opened: list[str] = []
    before, position = "", 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        part = match.group() if match else source[position]
        position += len(part)
        if part.isspace() or part[0] == "#":
            continue
        if part in "([{":
            opened.append(part)
        elif part in ")]}" and opened and opened.pop() == '"':
            part = '"'
        if part == '"':
            position = _skip_string(source, position, opened)
        elif len(part) > 1 or part.isalpha():
            key = opened[-1:] == ["{"] and before in ("{", ",")
            if part[0] != "." and not key:
                yield part
        before = part


def _skip_string(source: str, position: int, opened: list[str]) -> int:
    """Return the place after a string's next stretch; an interpolation opens a bracket."""
    match = _STRING.match(source, position)
    if match is None:
        return position
    if match["end"] == "\\(":
        opened.append('"')
    return match.end()
