"""Check an expression before it runs: names, types and constants.

Knows as much as decides whether expr-lang refuses at compile time; what it cannot know is `any`.
Source: expr-lang 1.17 checker; language.md 3.3, 11.3 to 11.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tiphys.expr.check_builtins import builtin_type
from tiphys.expr.errors import ExprTypeError, RegexError
from tiphys.expr.goregex import compile_regex
from tiphys.expr.lexer import type_fault
from tiphys.expr.method_names import DURATION_METHODS, TIME_METHODS
from tiphys.expr.names import BUILTINS, PREDICATES
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
)
from tiphys.expr.types import (
    ANY,
    ARRAY,
    BOOL,
    DURATION,
    FLOAT,
    GROUPS,
    INT,
    MAP,
    STRING,
    TIME,
    Type,
    array_of,
    type_of,
)

_METHODS: Final[dict[str, Mapping[str, tuple[int, Type]]]] = {
    "time": TIME_METHODS,
    "duration": DURATION_METHODS,
    "named": {"String": (0, STRING)},
}
_LOGICAL: Final = frozenset({"and", "&&", "or", "||"})
_ORDER: Final = frozenset({"<", ">", "<=", ">="})
_TEXT: Final = frozenset({"contains", "startsWith", "endsWith", "matches"})
_BOOLEAN_PREDICATES: Final = frozenset(
    [
        "all",
        "any",
        "none",
        "one",
        "filter",
        "find",
        "findIndex",
        "findLast",
        "findLastIndex",
        "count",
    ]
)
_KINDS: Final[dict[str, dict[tuple[str, str], Type]]] = {
    "+": {
        ("string", "string"): STRING,
        ("time", "duration"): TIME,
        ("duration", "time"): TIME,
        ("duration", "duration"): DURATION,
    },
    "-": {
        ("time", "time"): DURATION,
        ("time", "duration"): TIME,
        ("duration", "duration"): DURATION,
    },
    "*": {
        ("int", "duration"): DURATION,
        ("float", "duration"): DURATION,
        ("duration", "int"): DURATION,
        ("duration", "float"): DURATION,
        ("duration", "duration"): DURATION,
    },
    "<": {
        ("string", "string"): BOOL,
        ("time", "time"): BOOL,
        ("duration", "duration"): BOOL,
    },
}
"""The pairs of kinds, beside two numbers, that an operator takes, and its result."""
_WITH_ANY: Final = {
    "+": frozenset({"int", "float", "string", "time", "duration"}),
    "-": frozenset({"int", "float", "time", "duration"}),
    "*": frozenset({"int", "float", "duration"}),
    "/": frozenset({"int", "float"}),
    "**": frozenset({"int", "float"}),
    "^": frozenset({"int", "float"}),
    "%": frozenset({"int"}),
    "..": frozenset({"int"}),
    "<": frozenset({"int", "float", "string", "time", "duration"}),
}
"""What may stand beside an operand of unknown type."""


def check(source: str, root: Node, env: Mapping[str, Type]) -> Type:
    """Return the type of the expression; raises ExprTypeError with expr-lang's text."""
    return _Checker(source, env).visit(root)


def is_number(kind: Type) -> bool:
    """Return whether the type is a plain number."""
    return kind.kind in ("int", "float")


class _Checker:
    def __init__(self, source: str, env: Mapping[str, Type]) -> None:
        self._source = source
        self._env = env
        self._scopes: list[tuple[str, Type]] = []
        self._variables: list[tuple[str, Type]] = []
        self._found: dict[int, Type] = {}

    def fault(self, message: str, at: int) -> ExprTypeError:
        return type_fault(self._source, message, at)

    def visit(self, node: Node) -> Type:
        """Return the type of a node; one that stands in two places is looked at once."""
        found = self._found.get(id(node))
        if found is None:
            found = self._found[id(node)] = self._visit(node)
        return found

    def _visit(self, node: Node) -> Type:
        match node:
            case Constant():
                return type_of(node.value)
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
                return self._optional(self.visit(node.inner))
            case Unary():
                return self._unary(node)
            case Conditional():
                return self._conditional(node)
            case _:
                return self._rest(node)

    def _optional(self, found: Type) -> Type:
        return found if found.kind in ("any", "nil") else ANY

    def _rest(self, node: Node) -> Type:
        match node:
            case Pointer():
                return self._pointer(node)
            case Array():
                return self._array(node)
            case Map():
                for key, value in node.pairs:
                    self.visit(key)
                    self.visit(value)
                return MAP
            case Slice():
                return self._slice(node)
            case Let():
                return self._let(node)
            case Sequence():
                return [self.visit(part) for part in node.nodes][-1]
            case Predicate():
                return self.visit(node.body)
            case _:
                raise AssertionError(node)

    def _identifier(self, node: Identifier) -> Type:
        for name, found in reversed(self._variables):
            if name == node.name:
                return found
        if node.name == "$env":
            return Type("env", "map[string]interface {}", ANY)
        if node.name in self._env:
            return self._env[node.name]
        if node.name in BUILTINS:
            return ANY
        raise self.fault(f"unknown name {node.name}", node.at)

    def _mismatch(self, node: Binary, left: Type, right: Type) -> ExprTypeError:
        return self.fault(
            f"invalid operation: {node.operator} (mismatched types {left.name} and {right.name})",
            node.at,
        )

    def _binary(self, node: Binary) -> Type:
        """Return the type of an operation; chains of them, which may be long, lean to the left."""
        chain = [node]
        while isinstance(chain[-1].left, Binary):
            chain.append(chain[-1].left)
        found = self.visit(chain[-1].left)
        for inner in reversed(chain):
            found = self._found[id(inner)] = self._operation(inner, found)
        return found

    def _operation(self, node: Binary, left: Type) -> Type:
        right = self.visit(node.right)
        operator = node.operator
        if operator == "??":
            return _merged(left, right)
        if operator in ("==", "!="):
            if _comparable(left, right):
                return BOOL
        elif operator in _LOGICAL:
            if all(side.kind in ("bool", "any") for side in (left, right)):
                return BOOL
        elif operator == "in":
            return self._in(node, left, right)
        elif operator in _TEXT:
            return self._text(node, left, right)
        else:
            found = self._arithmetic(node, left, right)
            if found is not None:
                return found
        raise self._mismatch(node, left, right)

    def _arithmetic(self, node: Binary, left: Type, right: Type) -> Type | None:
        operator = "<" if node.operator in _ORDER else node.operator
        if operator == "%" and node.operator == "%":
            self._divisor(node)
        allowed = _WITH_ANY[operator]
        if "any" in (left.kind, right.kind):
            known = [side for side in (left, right) if side.kind != "any"]
            if not all(side.kind in allowed for side in known):
                return None
            return _loose(operator)
        if is_number(left) and is_number(right) and {left.kind, right.kind} <= allowed:
            return _number_result(operator, left, right)
        return _KINDS.get(operator, {}).get((left.kind, right.kind))

    def _divisor(self, node: Binary) -> None:
        right, left = node.right, node.left
        constant = isinstance(right, Constant) and isinstance(left, Constant)
        if constant and isinstance(right, Constant) and isinstance(left, Constant):
            whole = type(right.value) is int and type(left.value) is int
            if whole and right.value == 0:
                raise self.fault("integer divide by zero", node.at)

    def _in(self, node: Binary, left: Type, right: Type) -> Type:
        if right.kind == "map":
            if left.kind not in ("string", "any", "nil") and right.name.startswith("map[string]"):
                raise self.fault(f"cannot use {left.name} as type string in map key", node.at)
            return BOOL
        if right.kind == "array":
            elem = right.elem or ANY
            if not _comparable(left, elem):
                raise self.fault(f"cannot use {left.name} as type {elem.name} in array", node.at)
            return BOOL
        if right.kind in ("any", "env") or (right.kind == "struct" and left.kind == "string"):
            return BOOL
        raise self._mismatch(node, left, right)

    def _text(self, node: Binary, left: Type, right: Type) -> Type:
        if not all(side.kind in ("string", "any") for side in (left, right)):
            raise self._mismatch(node, left, right)
        if node.operator == "matches" and isinstance(node.right, Constant):
            try:
                compile_regex(str(node.right.value))
            except RegexError as error:
                raise self.fault(error.message, node.at) from error
        return BOOL

    def _unary(self, node: Unary) -> Type:
        found = self.visit(node.operand)
        logical = node.operator in ("not", "!")
        if found.kind == "any":
            return BOOL if logical else ANY
        if (found.kind == "bool") if logical else is_number(found):
            return found
        raise self.fault(
            f"invalid operation: {node.operator} (mismatched type {found.name})", node.at
        )

    def _conditional(self, node: Conditional) -> Type:
        condition = self.visit(node.condition)
        if condition.kind not in ("bool", "any"):
            raise self.fault(
                f"non-bool expression (type {condition.name}) used as condition",
                node.condition.at,
            )
        return _merged(self.visit(node.then), self.visit(node.other))

    def _array(self, node: Array) -> Type:
        kinds = [self.visit(item) for item in node.items]
        if kinds and all(kind == kinds[0] for kind in kinds):
            return array_of(kinds[0])
        return ARRAY

    def _slice(self, node: Slice) -> Type:
        base = self.visit(node.base)
        if base.kind not in ("array", "string", "any"):
            raise self.fault(f"cannot slice {base.name}", node.at)
        for bound in (node.start, node.stop):
            if bound is not None:
                kind = self.visit(bound)
                if kind.kind not in ("int", "any"):
                    raise self.fault(f"non-integer slice index {kind.name}", bound.at)
        return base

    def _let(self, node: Let) -> Type:
        if node.name in self._env:
            raise self.fault(f"cannot redeclare {node.name}", node.at)
        if node.name in BUILTINS:
            raise self.fault(f"cannot redeclare builtin {node.name}", node.at)
        if any(name == node.name for name, _ in self._variables):
            raise self.fault(f"cannot redeclare variable {node.name}", node.at)
        value = self.visit(node.value)
        self._variables.append((node.name, value))
        found = self.visit(node.body)
        self._variables.pop()
        return found

    def _pointer(self, node: Pointer) -> Type:
        if not self._scopes:
            raise self.fault("cannot use pointer accessor outside predicate", node.at)
        function, elem = self._scopes[-1]
        if node.name == "":
            return elem
        allowed = {"index": ("map", "reduce"), "acc": ("reduce",)}.get(node.name, ())
        if function not in allowed:
            raise self.fault(f"unknown pointer #{node.name}", node.at)
        return INT if node.name == "index" else ANY

    def _member(self, node: Member) -> Type:
        base = self.visit(node.base)
        key = self.visit(node.key)
        name = node.key.value if isinstance(node.key, Constant) else None
        if base.kind == "any":
            return ANY
        if base.kind == "env":
            return self._env_member(node, name, key)
        if isinstance(name, str) and base.kind in ("time", "duration", "struct"):
            return self._field(node, base, name)
        if base.kind == "map":
            if key.kind not in ("string", "any") and base.name.startswith("map[string]"):
                raise self.fault(
                    f"cannot use {key.name} to get an element from {base.name}", node.key.at
                )
            return base.elem or ANY
        if base.kind == "array":
            if key.kind not in ("int", "any"):
                raise self.fault(
                    f"array elements can only be selected using an integer (got {key.name})",
                    node.key.at,
                )
            return base.elem or ANY
        if isinstance(name, str):
            kind = "method" if node.method else "field"
            raise self.fault(f"type {base.name} has no {kind} {name}", node.at)
        raise self.fault(f"type {base.name}[{key.name}] is undefined", node.at)

    def _env_member(self, node: Member, name: object, key: Type) -> Type:
        if isinstance(name, str):
            if name in self._env:
                return self._env[name]
            if node.optional:
                return ANY
            raise self.fault(f"unknown name {name}", node.at)
        if key.kind not in ("string", "any"):
            raise self.fault(
                f"cannot use {key.name} to get an element from map[string]interface {{}}", node.at
            )
        return ANY

    def _field(self, node: Member, base: Type, name: str) -> Type:
        if base.kind == "struct" and name in base.members:
            return BOOL if base.name == "controller.TaskResults" else ANY
        kind = "method" if node.method else "field"
        raise self.fault(f"type {base.name} has no {kind} {name}", node.at)

    def _call(self, node: Call) -> Type:
        callee = node.callee
        if isinstance(callee, Member) and isinstance(callee.key, Constant) and callee.method:
            base = self.visit(callee.base)
            methods = _METHODS.get(base.kind)
            if methods is not None:
                return self._method(node, callee, base, methods)
        found = self.visit(callee)
        for argument in node.arguments:
            self.visit(argument)
        if found.kind == "any":
            return ANY
        if found.kind != "func":
            raise self.fault(f"{found.name} is not callable", node.at)
        least, most = found.arity
        name = callee.name if isinstance(callee, Identifier) else "function"
        if len(node.arguments) < least:
            raise self.fault(f"not enough arguments to call {name}", node.at)
        if len(node.arguments) > most >= 0:
            raise self.fault(f"too many arguments to call {name}", node.at)
        return ANY

    def _method(
        self, node: Call, member: Member, base: Type, methods: Mapping[str, tuple[int, Type]]
    ) -> Type:
        name = str(member.key.value) if isinstance(member.key, Constant) else ""
        if name not in methods:
            raise self.fault(f"type {base.name} has no method {name}", member.at)
        count, result = methods[name]
        for argument in node.arguments:
            self.visit(argument)
        if len(node.arguments) != count:
            word = "not enough" if len(node.arguments) < count else "too many"
            raise self.fault(f"{word} arguments to call {name}", node.at)
        return result

    def _builtin(self, node: Builtin) -> Type:
        if node.name in PREDICATES:
            return self._predicate(node)
        kinds = [self.visit(argument) for argument in node.arguments]
        return builtin_type(node, kinds, self.fault)

    def _predicate(self, node: Builtin) -> Type:
        name = node.name
        listed = self.visit(node.arguments[0])
        if listed.kind not in ("array", "any"):
            raise self.fault(
                f"builtin {name} takes only array (got {listed.name})", node.arguments[0].at
            )
        elem = (listed.elem or ANY) if listed.kind == "array" else ANY
        body = self._body(node, name, elem) if len(node.arguments) > 1 else elem
        for extra in node.arguments[2:]:
            self.visit(extra)
        if name in _BOOLEAN_PREDICATES and len(node.arguments) > 1:
            self._boolean(node.arguments[1], body)
        if name == "count" and len(node.arguments) == 1 and elem.kind not in ("bool", "any"):
            at = node.arguments[0].at
            raise self.fault(f"predicate should return boolean (got {elem.name})", at)
        return _predicate_result(name, elem, body)

    def _body(self, node: Builtin, name: str, elem: Type) -> Type:
        self._scopes.append((name, elem))
        body = self.visit(node.arguments[1])
        self._scopes.pop()
        return body

    def _boolean(self, predicate: Node, body: Type) -> None:
        if body.kind not in ("bool", "any"):
            raise self.fault(f"predicate should return boolean (got {body.name})", predicate.at)


def _predicate_result(name: str, elem: Type, body: Type) -> Type:
    if name in ("all", "any", "none", "one"):
        return BOOL
    if name == "map":
        return array_of(body)
    if name in ("filter", "sortBy"):
        return array_of(elem)
    if name in ("find", "findLast"):
        return elem
    if name in ("count", "findIndex", "findLastIndex"):
        return INT
    if name == "groupBy":
        return GROUPS
    return ANY


def _merged(left: Type, right: Type) -> Type:
    if left.kind == "nil":
        return right
    if right.kind == "nil":
        return left
    return left if left == right else ANY


def _comparable(left: Type, right: Type) -> bool:
    if {left.kind, right.kind} & {"any", "nil"}:
        return True
    if is_number(left) and is_number(right):
        return True
    if left.kind == right.kind == "array":
        return True
    if left.kind == right.kind == "time":
        return True
    return left.name == right.name


def _number_result(operator: str, left: Type, right: Type) -> Type:
    if operator == "<":
        return BOOL
    if operator in ("/", "**", "^"):
        return FLOAT
    if operator == "..":
        return array_of(INT)
    return INT if left.kind == right.kind == "int" else FLOAT


def _loose(operator: str) -> Type:
    return {"<": BOOL, "/": FLOAT, "**": FLOAT, "^": FLOAT, "..": array_of(INT), "%": INT}.get(
        operator, ANY
    )
