"""Parse an expression into a tree. Source: expr-lang 1.17 parser; language.md 11.2."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import ExprParseError
from tiphys.expr.lexer import Token, parse_fault, tokenize
from tiphys.expr.literals import number_value
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

MAX_NODES: Final = 10_000
_MAX_DEPTH: Final = 60
_UNARY: Final = {"not": 50, "!": 50, "-": 90, "+": 90}
_BINARY: Final = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    "==": 20,
    "!=": 20,
    "<": 20,
    ">": 20,
    ">=": 20,
    "<=": 20,
    "in": 20,
    "matches": 20,
    "contains": 20,
    "startsWith": 20,
    "endsWith": 20,
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
_RIGHT: Final = frozenset({"**", "^"})
_NEGATABLE: Final = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})
_COMPARISONS: Final = frozenset({"<", ">", "<=", ">="})
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "nil": None}
_KEY: Final = (
    "a map key must be a quoted string, a number, a identifier, or an expression enclosed in "
    "parentheses (unexpected token {})"
)


@lru_cache(maxsize=4096)
def parse_expression(source: str, hidden: frozenset[str] = frozenset()) -> Node:
    """Return the tree of an expression; `hidden` are built-ins that the environment shadows.

    Raises ExprParseError with expr-lang's text.
    """
    parser = _Parser(source, hidden)
    try:
        node = parser.sequence()
    except RecursionError:
        raise ExprParseError("compilation failed: expression nests too deeply") from None
    if parser.current.kind != "EOF":
        raise parser.unexpected()
    return node


class _Parser:
    def __init__(self, source: str, hidden: frozenset[str]) -> None:
        self._source = source
        self._hidden = hidden
        self._tokens = tokenize(source)
        self._position = 0
        self._count = 0
        self._predicates = 0
        self._nesting = 0
        self.current = self._tokens[0]

    def fault(self, message: str, at: int | None = None) -> ExprParseError:
        return parse_fault(self._source, message, self.current.at if at is None else at)

    def unexpected(self) -> ExprParseError:
        return self.fault(f"unexpected token {self.current}")

    def _next(self) -> Token:
        taken = self.current
        self._position += 1
        if self._position >= len(self._tokens):
            raise self.fault("unexpected end of expression")
        self.current = self._tokens[self._position]
        return taken

    def _at(self, kind: str, value: str) -> bool:
        return self.current.is_(kind, value)

    def _expect(self, kind: str, value: str) -> Token:
        if not self._at(kind, value):
            raise self.unexpected()
        return self._next()

    def _expect_name(self) -> Token:
        if self.current.kind != "Identifier":
            raise self.unexpected()
        return self._next()

    def _made(self, node: Node) -> Node:
        self._count += 1
        if self._count > MAX_NODES:
            raise ExprParseError("compilation failed: expression exceeds maximum allowed nodes")
        return node

    def sequence(self) -> Node:
        """Parse `a; b; c`, the largest unit."""
        at = self.current.at
        nodes = [self._expression(0)]
        while self._at("Operator", ";"):
            self._next()
            if self.current.kind == "EOF" or self.current.value in ("}", ")"):
                break
            nodes.append(self._expression(0))
        return nodes[0] if len(nodes) == 1 else self._made(Sequence(at, nodes))

    def _expression(self, precedence: int) -> Node:
        self._nesting += 1
        if self._nesting > _MAX_DEPTH:
            raise ExprParseError("compilation failed: expression nests too deeply")
        try:
            return self._climb(precedence)
        finally:
            self._nesting -= 1

    def _climb(self, precedence: int) -> Node:
        if precedence == 0 and self._at("Operator", "let"):
            return self._let()
        if precedence == 0 and self._at("Operator", "if"):
            return self._if()
        left = self._primary()
        before = ""
        while self.current.kind == "Operator":
            negated = self._at("Operator", "not")
            if negated and not self._negation(precedence):
                break
            token = self.current
            level = _BINARY.get(token.value)
            if level is None or level < precedence:
                break
            self._next()
            if before == "??" and token.value not in ("??", "|"):
                raise self.fault(
                    f"Operator ({token.value}) and coalesce expressions (??) cannot be mixed. "
                    "Wrap either by parentheses.",
                    token.at,
                )
            left = self._operation(left, token, level)
            if negated:
                left = self._made(Unary(token.at, "not", left))
            before = token.value
        return self._conditional(left) if precedence == 0 else left

    def _negation(self, precedence: int) -> bool:
        """Step over the `not` of `not in`; False when it belongs to an outer expression."""
        following = self._tokens[self._position + 1]
        if following.value not in _NEGATABLE or following.kind != "Operator":
            self._next()
            raise self.unexpected()
        if _BINARY[following.value] < precedence:
            return False
        self._next()
        return True

    def _operation(self, left: Node, token: Token, level: int) -> Node:
        if token.value == "|":
            return self._postfix(self._call(self._expect_name(), [left]))
        if token.value in _COMPARISONS:
            return self._comparison(left, token, level)
        right = self._expression(level if token.value in _RIGHT else level + 1)
        return self._made(Binary(token.at, token.value, left, right))

    def _comparison(self, left: Node, token: Token, level: int) -> Node:
        root: Node | None = None
        while True:
            right = self._expression(level + 1)
            made = self._made(Binary(token.at, token.value, left, right))
            root = made if root is None else self._made(Binary(token.at, "&&", root, made))
            left, token = right, self.current
            if token.kind != "Operator" or token.value not in _COMPARISONS:
                return root
            self._next()

    def _conditional(self, node: Node) -> Node:
        while self._at("Operator", "?"):
            self._next()
            if self._at("Operator", ":"):
                self._next()
                then = node
            else:
                then = self._expression(0)
                self._expect("Operator", ":")
            other = self._expression(0)
            # expr-lang, too, gives it the place of what comes after it.
            node = self._made(Conditional(self.current.at, node, then, other))
        return node

    def _let(self) -> Node:
        self._next()
        name = self._expect_name()
        self._expect("Operator", "=")
        value = self._expression(0)
        self._expect("Operator", ";")
        return self._made(Let(name.at, name.value, value, self.sequence()))

    def _if(self) -> Node:
        at = self._next().at
        condition = self._expression(0)
        then = self._block()
        self._expect("Operator", "else")
        other = self._nested_if() if self._at("Operator", "if") else self._block()
        return self._made(Conditional(at, condition, then, other))

    def _nested_if(self) -> Node:
        self._nesting += 1
        if self._nesting > _MAX_DEPTH:
            raise ExprParseError("compilation failed: expression nests too deeply")
        node = self._if()
        self._nesting -= 1
        return node

    def _block(self) -> Node:
        self._expect("Bracket", "{")
        node = self.sequence()
        self._expect("Bracket", "}")
        return node

    def _primary(self) -> Node:
        token = self.current
        if token.kind == "Operator" and token.value in _UNARY:
            self._next()
            operand = self._expression(_UNARY[token.value])
            return self._postfix(self._made(Unary(token.at, token.value, operand)))
        if self._at("Bracket", "("):
            self._next()
            node = self.sequence()
            self._expect("Bracket", ")")
            return self._postfix(node)
        if self._predicates and token.kind == "Operator" and token.value in ("#", "."):
            return self._postfix(self._pointer())
        if self._at("Operator", "::"):
            self._next()
            return self._postfix(self._call(self._expect_name(), [], shadowed=False))
        if token.kind == "Identifier" and token.value in _CONSTANTS:
            self._next()
            return self._made(Constant(token.at, _CONSTANTS[token.value]))
        return self._postfix(self._secondary())

    def _pointer(self) -> Node:
        token = self.current
        name = ""
        if token.value == "#":
            self._next()
            if self.current.kind == "Identifier":
                name = self._next().value
        return self._made(Pointer(token.at, name))

    def _secondary(self) -> Node:
        token = self.current
        if token.kind == "Identifier":
            self._next()
            if self._at("Bracket", "("):
                return self._call(token, [])
            return self._made(Identifier(token.at, token.value))
        if token.kind == "Number":
            self._next()
            value = number_value(self._source, token, self.current)
            return self._made(Constant(token.at, value))
        if token.kind in ("String", "Bytes"):
            self._next()
            constant = token.value if token.kind == "String" else token.data
            return self._made(Constant(token.at, constant))
        if self._at("Bracket", "["):
            return self._array()
        if self._at("Bracket", "{"):
            return self._map()
        raise self.unexpected()

    def _call(self, token: Token, arguments: list[Node], shadowed: bool = True) -> Node:
        name = token.value
        hidden = shadowed and name in self._hidden
        if name in PREDICATES and not hidden:
            return self._made(Builtin(token.at, name, self._predicate_call(name, arguments)))
        if name in BUILTINS and not hidden:
            return self._made(Builtin(token.at, name, self._arguments(arguments)))
        callee = self._made(Identifier(token.at, name))
        return self._made(Call(token.at, callee, self._arguments(arguments)))

    def _predicate_call(self, name: str, arguments: list[Node]) -> list[Node]:
        self._expect("Bracket", "(")
        wanted = PREDICATES[name][len(arguments) :]
        for index, kind in enumerate(wanted):
            if self._at("Bracket", ")"):
                if kind.endswith("?"):
                    break
                raise self.fault(f"expected at least {len(wanted)} arguments")
            if index:
                self._expect("Operator", ",")
                if self._at("Bracket", ")") and kind.endswith("?"):
                    break
            parse: Callable[[], Node] = self._predicate if kind[0] == "p" else self._plain
            arguments.append(parse())
        if self._at("Operator", ","):
            self._next()
        self._expect("Bracket", ")")
        return arguments

    def _plain(self) -> Node:
        return self._expression(0)

    def _predicate(self) -> Node:
        at = self.current.at
        braces = self._at("Bracket", "{")
        if braces:
            self._next()
        self._predicates += 1
        body = self.sequence() if braces else self._expression(0)
        if not braces and self._at("Operator", ";"):
            raise self.fault("wrap predicate with brackets { and }")
        self._predicates -= 1
        if braces:
            self._expect("Bracket", "}")
        return self._made(Predicate(at, body))

    def _arguments(self, arguments: list[Node]) -> list[Node]:
        self._expect("Bracket", "(")
        given = len(arguments)
        while not self._at("Bracket", ")"):
            if len(arguments) > given:
                self._expect("Operator", ",")
                if self._at("Bracket", ")"):
                    break
            arguments.append(self._expression(0))
        self._expect("Bracket", ")")
        return arguments

    def _array(self) -> Node:
        at = self._next().at
        items: list[Node] = []
        while not self._at("Bracket", "]"):
            if items:
                self._expect("Operator", ",")
                if self._at("Bracket", "]"):
                    break
            items.append(self._expression(0))
        self._expect("Bracket", "]")
        return self._made(Array(at, items))

    def _map(self) -> Node:
        at = self._next().at
        pairs: list[tuple[Node, Node]] = []
        while not self._at("Bracket", "}"):
            if pairs:
                self._expect("Operator", ",")
                if self._at("Bracket", "}"):
                    break
            key = self._key()
            self._expect("Operator", ":")
            pairs.append((key, self._expression(0)))
        self._expect("Bracket", "}")
        return self._made(Map(at, pairs))

    def _key(self) -> Node:
        token = self.current
        if token.kind in ("Number", "String", "Identifier"):
            self._next()
            return self._made(Constant(token.at, token.value))
        if self._at("Bracket", "("):
            return self._expression(0)
        raise self.fault(_KEY.format(token))

    def _postfix(self, node: Node) -> Node:
        while self.current.kind in ("Operator", "Bracket"):
            token = self.current
            if token.value in (".", "?."):
                node = self._member(node, token.value == "?.")
            elif token.is_("Bracket", "["):
                node = self._index(node, False)
            else:
                break
        return node

    def _member(self, node: Node, optional: bool) -> Node:
        self._next()
        token = self.current
        if optional and token.is_("Bracket", "["):
            return self._index(node, True)
        self._next()
        if token.kind != "Identifier" and not (token.kind == "Operator" and token.value.isalpha()):
            raise self.fault("expected name")
        chained = isinstance(node, Chain)
        if isinstance(node, Chain):
            node = node.inner
        key = Constant(token.at, token.value)
        method = self._at("Bracket", "(")
        made = self._made(Member(token.at, node, key, optional, method))
        if method:
            made = self._made(Call(token.at, made, self._arguments([])))
        return self._made(Chain(token.at, made)) if chained or optional else made

    def _index(self, node: Node, optional: bool) -> Node:
        at = self._next().at
        start: Node | None = None
        if not self._at("Operator", ":"):
            start = self._expression(0)
            if not self._at("Operator", ":"):
                self._expect("Bracket", "]")
                made = self._made(Member(at, node, start, optional))
                return self._made(Chain(at, made)) if optional else made
        self._next()
        stop = None if self._at("Bracket", "]") else self._expression(0)
        self._expect("Bracket", "]")
        return self._made(Slice(at, node, start, stop))
