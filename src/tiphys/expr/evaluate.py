"""Expressions to values: the tree becomes closures once, and they run many times.

`compile_expression` checks names and types against an environment; `evaluate_bool` is what the
condition fields use. Source: expr-lang 1.17 vm; Argo util/expr/argoexpr; language.md 10, 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from tiphys.expr import closures, operate
from tiphys.expr.builtins_table import implementation
from tiphys.expr.check import check
from tiphys.expr.closures import Closure
from tiphys.expr.errors import ExprBoolError, ExprError, ExprRuntimeError
from tiphys.expr.names import BUILTINS, PREDICATES
from tiphys.expr.parse import parse_expression
from tiphys.expr.predicates import PREDICATE_IMPLEMENTATIONS
from tiphys.expr.render import go_print
from tiphys.expr.running import Fault, Running
from tiphys.expr.tree import (
    Array,
    Binary,
    Builtin,
    Call,
    Chain,
    Conditional,
    Constant,
    Identifier,
    Let,
    Map,
    Member,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
    Unary,
    identifiers,
    top_names,
)
from tiphys.expr.types import Shape, Type, shape_of, type_of
from tiphys.expr.values import MISSING, Context, Function, Value

_DEEP: Final = "expression nests too deeply"
_ARITHMETIC: Final[dict[str, operate.Operation]] = {
    "+": operate.add,
    "-": operate.subtract,
    "*": operate.multiply,
    "/": operate.divide,
    "%": operate.modulo,
    "**": operate.power,
    "^": operate.power,
    "..": operate.span,
}
_NOTHING: Final[frozenset[str]] = frozenset()
_TEXT_TESTS: Final = frozenset({"contains", "startsWith", "endsWith", "matches"})


class _NilError(Exception):
    """An optional member met nil; the chain around it is nil."""


class Expression:
    """A parsed expression; checked against each new shape of environment once.

    A shape is the types of the top-level names that the expression uses; `$env` uses all.
    """

    def __init__(self, source: str, hidden: frozenset[str] = frozenset()) -> None:
        """Parse; raises ExprParseError."""
        self.source = source
        self.tree = parse_expression(source, hidden)
        self.identifiers = identifiers(self.tree)
        self._names = top_names(self.tree)
        self._checked: set[tuple[Shape, ...]] = set()
        self._closure: Closure | None = None

    def check(self, env: Mapping[str, Value]) -> None:
        """Check names and types against an environment; raises ExprTypeError.

        Only top-level names have known types. Source: language.md 3.3 point 5.
        """
        names = sorted(env) if "$env" in self._names else self._names
        shape = tuple([shape_of(env.get(name, MISSING)) for name in names])
        if shape in self._checked and "$env" not in self._names:
            return
        try:
            check(self.source, self.tree, {name: type_of(value) for name, value in env.items()})
        except RecursionError:
            raise ExprError(f"compilation failed: {_DEEP}") from None
        if len(self._checked) > 64:
            self._checked.clear()
        self._checked.add(shape)

    def evaluate(self, env: Mapping[str, Value], context: Context) -> Value:
        """Return the value of the expression; raises ExprTypeError or ExprRuntimeError."""
        self.check(env)
        try:
            if self._closure is None:
                self._closure = _Builder(self.source).build(self.tree)
            running = Running(env, context)
            return _bounded(running, self._closure(running))
        except RecursionError:
            raise ExprRuntimeError(_DEEP) from None
        except _NilError:
            return None


def _bounded(running: Running, result: Value) -> Value:
    """Return a result that can be gone through; raises ExprRuntimeError for one without end."""
    try:
        running.weigh(result)
    except Fault as fault:
        raise ExprRuntimeError(fault.message) from None
    return result


@lru_cache(maxsize=4096)
def _parsed(source: str, hidden: frozenset[str]) -> Expression:
    return Expression(source, hidden)


def compile_expression(source: str, env: Mapping[str, Value] | None = None) -> Expression:
    """Return the expression, parsed; with an environment also checked against it.

    Raises ExprParseError and ExprTypeError with expr-lang's texts.
    """
    hidden = _NOTHING if env is None or BUILTINS.isdisjoint(env) else BUILTINS.intersection(env)
    expression = _parsed(source, hidden)
    if env is not None:
        expression.check(env)
    return expression


def checked_type(source: str, types: Mapping[str, Type]) -> Type:
    """Return the type of an expression where only the types of the names are known.

    Raises ExprParseError and ExprTypeError with expr-lang's texts.
    """
    expression = _parsed(source, BUILTINS.intersection(types))
    try:
        return check(source, expression.tree, types)
    except RecursionError:
        raise ExprError(f"compilation failed: {_DEEP}") from None


def evaluate(source: str, env: Mapping[str, Value], context: Context) -> Value:
    """Return the value of an expression in an environment; raises ExprError."""
    return compile_expression(source, env).evaluate(env, context)


def evaluate_bool(source: str, env: Mapping[str, Value], context: Context) -> bool:
    """Return the value of a condition (retry, hook and stop expressions, `labelsFrom`...).

    Raises ExprBoolError with Argo's text for every failure.
    Source: Argo util/expr/argoexpr/eval.go EvalBool; language.md 10.
    """
    try:
        expression = compile_expression(source, env)
    except ExprError as error:
        raise ExprBoolError(error.message) from error
    try:
        value = expression.evaluate(env, context)
    except ExprError as error:
        message = f"unable to evaluate expression '{source}': {error.message}"
        raise ExprBoolError(message) from error
    if isinstance(value, bool):
        return value
    raise ExprBoolError(f"unable to cast expression result '{_as_text(value)}' to bool")


def _as_text(value: Value) -> str:
    """Return a value as Go's `%s` prints it, complaints about its type included."""
    if isinstance(value, str):
        return value
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, list):
        return "[" + " ".join(map(_as_text, value)) + "]"
    if isinstance(value, (bool, int, float)):
        text = f"{value:.6g}" if isinstance(value, float) else go_print(value)
        return f"%!s({type_of(value).name}={text})"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_as_text(value[k])}" for k in sorted(value)) + "]"
    return go_print(value)


class _Builder:
    """Turns nodes into closures; one per expression."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._variables: list[tuple[str, int]] = []
        self._slots = 0
        self._built: dict[int, Closure] = {}

    def build(self, node: Node) -> Closure:
        """Return the closure of a node.

        A node that stands in two places (the middle of `a < b < c`) is built once; running it
        again is charged for, because places within places would be run without end.
        """
        known = self._built.get(id(node))
        if known is not None:
            return closures.again(known)
        made = self._built[id(node)] = self._build(node)
        return made

    def _build(self, node: Node) -> Closure:
        match node:
            case Constant():
                value = node.value
                return lambda _: value
            case Identifier():
                return self._identifier(node)
            case Binary():
                return self._binary(node)
            case Member():
                return self._member(node)
            case Call():
                return self._call(node)
            case Builtin():
                return self._builtin(node)
            case Chain():
                return self._chain(node)
            case Pointer():
                return self._pointer(node)
            case _:
                return self._rest(node)

    def _rest(self, node: Node) -> Closure:
        match node:
            case Unary():
                return self._unary(node)
            case Conditional():
                return self._conditional(node)
            case Array():
                return self._array(node)
            case Map():
                return self._map(node)
            case Slice():
                return self._slice(node)
            case Let():
                return self._let(node)
            case Sequence():
                return self._sequence(node)
            case Predicate():
                return self.build(node.body)
            case _:
                raise AssertionError(node)

    def _guard(self, at: int, run: Closure) -> Closure:
        """Give every Fault of `run` its place in the source."""
        return closures.guarded((self._source, at), run)

    def _identifier(self, node: Identifier) -> Closure:
        name = node.name
        for known, slot in reversed(self._variables):
            if known == name:
                return lambda running: running.variables[slot]
        if name == "$env":
            return lambda running: dict(running.env)
        return lambda running: running.env.get(name)

    def _binary(self, node: Binary) -> Closure:
        """Return the closure of an operation; those of one kind in a row become one."""
        kind = _kind(node)
        chain = [node]
        while kind and isinstance(left := chain[-1].left, Binary) and _kind(left) == kind:
            if id(left) in self._built:
                break
            chain.append(left)
        if len(chain) == 1:
            return self._operation(node)
        first = self.build(chain[-1].left)
        rest = [
            ((self._source, each.at), each.operator, self.build(each.right))
            for each in reversed(chain)
        ]
        return _row(kind, first, rest)

    def _operation(self, node: Binary) -> Closure:
        folded = _folded(node)
        if folded is not None:
            return self.build(folded)
        left, right = self.build(node.left), self.build(node.right)
        operator = node.operator
        if operator == "??":
            return _coalesce(left, right)
        if operator not in ("==", "!="):
            return _operation((self._source, node.at), operator, left, right)
        constant = node.right.value if isinstance(node.right, Constant) else None
        if type(constant) is str or type(constant) is int:
            return closures.equality_with(left, constant, operator == "==")
        place = (self._source, node.at)
        return closures.equality(place, left, right, operator == "==")

    def _unary(self, node: Unary) -> Closure:
        operand = self.build(node.operand)
        if node.operator in ("not", "!"):
            return self._guard(node.at, lambda running: not operate.truth(operand(running)))
        if node.operator == "-":
            return self._guard(node.at, lambda running: operate.negative(operand(running)))
        return operand

    def _member(self, node: Member) -> Closure:
        plain = self._plain_path(node)
        if plain is not None:
            return plain
        base, key = self.build(node.base), self.build(node.key)
        if node.optional:

            def optional(running: Running) -> Value:
                found = base(running)
                if operate.is_nil(found) and not node.method:
                    raise _NilError
                if found is None:
                    raise _NilError
                return operate.fetch(found, key(running))

            return self._guard(node.at, optional)
        return closures.member((self._source, node.at), base, key)

    def _plain_path(self, node: Member) -> Closure | None:
        """Return the closure of constant names below a variable of the environment or `#`."""
        keys: list[tuple[str, int]] = []
        base: Node = node
        while isinstance(base, Member) and not base.optional:
            if not (isinstance(base.key, Constant) and isinstance(base.key.value, str)):
                return None
            keys.insert(0, (base.key.value, base.at))
            base = base.base
        if isinstance(base, Pointer) and not base.name and len(keys) == 1:
            return closures.item_member((self._source, keys[0][1]), keys[0][0])
        if not isinstance(base, Identifier) or base.name == "$env":
            return None
        if any(name == base.name for name, _ in self._variables):
            return None
        return closures.path(self._source, base.name, keys)

    def _chain(self, node: Chain) -> Closure:
        inner = self.build(node.inner)

        def chain(running: Running) -> Value:
            try:
                return inner(running)
            except _NilError:
                return None

        return chain

    def _call(self, node: Call) -> Closure:
        arguments = [self.build(argument) for argument in node.arguments]
        callee = node.callee
        if isinstance(callee, Member) and isinstance(callee.key, Constant) and callee.method:
            return self._guard(node.at, self._method(callee, str(callee.key.value), arguments))
        function = self.build(callee)

        def call(running: Running) -> Value:
            return invoke(running, function(running), [part(running) for part in arguments])

        return self._guard(node.at, call)

    def _method(self, member: Member, name: str, arguments: list[Closure]) -> Closure:
        from tiphys.expr.methods import call_method

        base = self.build(member.base)
        optional = member.optional
        # Only an operand of unknown type is looked at again at run time: a variable is not.
        through = optional and not isinstance(member.base, Identifier)

        def method(running: Running) -> Value:
            found = base(running)
            if optional and (found is None or (through and operate.is_nil(found))):
                raise _NilError
            if isinstance(found, dict):
                function = operate.fetch(found, name)
                return invoke(running, function, [part(running) for part in arguments])
            return call_method(running, found, name, [part(running) for part in arguments])

        return method

    def _builtin(self, node: Builtin) -> Closure:
        name = node.name
        if name in PREDICATES:
            arguments = [self.build(argument) for argument in node.arguments]
            return self._guard(node.at, PREDICATE_IMPLEMENTATIONS[name](arguments))
        parts = [self.build(argument) for argument in node.arguments]
        return closures.call((self._source, node.at), implementation(name), parts)

    def _pointer(self, node: Pointer) -> Closure:
        index = {"": 0, "index": 1, "acc": 2}[node.name]
        return lambda running: running.scopes[-1][index]

    def _conditional(self, node: Conditional) -> Closure:
        condition = self.build(node.condition)
        if node.then is node.condition:
            return closures.either_value((self._source, node.at), condition, self.build(node.other))
        then, other = self.build(node.then), self.build(node.other)
        return self._guard(
            node.at,
            lambda running: (then if operate.truth(condition(running)) else other)(running),
        )

    def _array(self, node: Array) -> Closure:
        items = [self.build(item) for item in node.items]

        def array(running: Running) -> Value:
            running.charge(len(items))
            return [item(running) for item in items]

        return self._guard(node.at, array)

    def _map(self, node: Map) -> Closure:
        pairs = [(self.build(key), self.build(value)) for key, value in node.pairs]

        def make(running: Running) -> Value:
            running.charge(len(pairs))
            made: dict[str, object] = {}
            for key, value in pairs:
                name, content = key(running), value(running)
                if not isinstance(name, str):
                    raise operate.conversion(name, "string")
                made.setdefault(name, content)
            return made

        return self._guard(node.at, make)

    def _slice(self, node: Slice) -> Closure:
        base = self.build(node.base)
        nothing: Closure = lambda _: None  # noqa: E731 - a closure like the others
        start = self.build(node.start) if node.start else nothing
        stop = self.build(node.stop) if node.stop else nothing
        return self._guard(
            node.at, lambda running: operate.cut(base(running), start(running), stop(running))
        )

    def _let(self, node: Let) -> Closure:
        value = self.build(node.value)
        slot = self._slots
        self._slots += 1
        self._variables.append((node.name, slot))
        body = self.build(node.body)
        self._variables.pop()

        def let(running: Running) -> Value:
            running.variables[slot] = value(running)
            return body(running)

        return let

    def _sequence(self, node: Sequence) -> Closure:
        parts = [self.build(part) for part in node.nodes]

        def sequence(running: Running) -> Value:
            result: Value = None
            for part in parts:
                result = part(running)
            return result

        return sequence


def _folded(node: Binary) -> Node | None:
    """Return what a logical operator with a literal side amounts to, as expr-lang folds it.

    The other side then is not checked to be a bool at run time.
    """
    if node.operator not in ("and", "&&", "or", "||"):
        return None
    neutral = node.operator in ("and", "&&")
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(side, Constant) and isinstance(side.value, bool):
            return other if side.value is neutral else side
    return None


def _kind(node: Binary) -> str:
    """Return the kind of a chain that an operation may belong to, "" for none."""
    if _folded(node) is not None:
        return ""
    if node.operator in _ARITHMETIC:
        return "arithmetic"
    if node.operator in ("or", "||"):
        return "or"
    return "and" if node.operator in ("and", "&&") else ""


def _row(kind: str, first: Closure, rest: list[tuple[closures.Place, str, Closure]]) -> Closure:
    if kind == "arithmetic":
        steps = [(place, _ARITHMETIC[operator], right) for place, operator, right in rest]
        return closures.calculations(first, steps)
    return closures.decisions(first, [(place, right) for place, _, right in rest], kind == "or")


def _coalesce(left: Closure, right: Closure) -> Closure:
    def coalesce(running: Running) -> Value:
        found = left(running)
        return right(running) if operate.is_nil(found) else found

    return coalesce


def _operation(place: closures.Place, operator: str, left: Closure, right: Closure) -> Closure:
    arithmetic = _ARITHMETIC.get(operator)
    if arithmetic is not None:
        return closures.calculation(place, arithmetic, left, right)
    if operator in ("and", "&&"):
        return closures.both(place, left, right)
    if operator in ("or", "||"):
        return closures.either(place, left, right)
    if operator == "in":
        return closures.guarded(
            place, lambda running: operate.contained(running, left(running), right(running))
        )
    if operator not in _TEXT_TESTS:
        return closures.ordering(place, operator, left, right)
    return closures.guarded(
        place,
        lambda running: operate.text_test(running, operator, left(running), right(running)),
    )


def invoke(running: Running, function: Value, arguments: list[Value]) -> Value:
    """Call a value; raises Fault when it is no function or gets too few or too many arguments."""
    if not isinstance(function, Function):
        if function is None:
            raise Fault("invalid operation: cannot call nil")
        kind = type_of(function).name
        raise Fault(f"invalid operation: cannot call non-function of type {kind}")
    count = len(arguments)
    if count < function.least or (count > function.most >= 0):
        bound = "" if function.most == function.least else "at least "
        raise Fault(f"invalid number of arguments: expected {bound}{function.least}, got {count}")
    for argument in arguments:
        running.read(argument)
    return running.made(function.call(running, arguments))
