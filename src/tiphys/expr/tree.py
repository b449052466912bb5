"""The tree of an expression, and the names it needs from outside (`identifiers`).

Nodes know where they stand in the source (`at`, a character offset) for messages only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tiphys.expr.values import Value


@dataclass(slots=True, eq=False)
class Constant:
    """A literal: nil, bool, int, float, string or bytes."""

    at: int
    value: Value


@dataclass(slots=True, eq=False)
class Identifier:
    """A name: a variable of the environment or of `let`, or `$env`."""

    at: int
    name: str


@dataclass(slots=True, eq=False)
class Unary:
    """`-x`, `+x`, `not x`, `!x`."""

    at: int
    operator: str
    operand: Node


@dataclass(slots=True, eq=False)
class Binary:
    """Two operands and an operator; `not in` is a Unary around a Binary."""

    at: int
    operator: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class Chain:
    """The reach of `?.`: a nil before an optional member makes all of it nil."""

    at: int
    inner: Node


@dataclass(slots=True, eq=False)
class Member:
    """`x.name`, `x[i]`, `x?.name`; `method` when it is called."""

    at: int
    base: Node
    key: Node
    optional: bool = False
    method: bool = False


@dataclass(slots=True, eq=False)
class Slice:
    """`x[from:to]`."""

    at: int
    base: Node
    start: Node | None
    stop: Node | None


@dataclass(slots=True, eq=False)
class Call:
    """A call of a value."""

    at: int
    callee: Node
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Builtin:
    """A call of a built-in function."""

    at: int
    name: str
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Predicate:
    """The `{ ... }` of `map`, `filter` and the like."""

    at: int
    body: Node


@dataclass(slots=True, eq=False)
class Pointer:
    """`#`, `#index` or `#acc` inside a predicate; the name is without the `#`."""

    at: int
    name: str


@dataclass(slots=True, eq=False)
class Let:
    """`let name = value; body`."""

    at: int
    name: str
    value: Node
    body: Node


@dataclass(slots=True, eq=False)
class Sequence:
    """`a; b`: the value of the last."""

    at: int
    nodes: list[Node]


@dataclass(slots=True, eq=False)
class Conditional:
    """`c ? a : b` and `if c { a } else { b }`."""

    at: int
    condition: Node
    then: Node
    other: Node


@dataclass(slots=True, eq=False)
class Array:
    """`[a, b]`."""

    at: int
    items: list[Node]


@dataclass(slots=True, eq=False)
class Map:
    """`{a: 1}`."""

    at: int
    pairs: list[tuple[Node, Node]]


Node: TypeAlias = (
    Constant
    | Identifier
    | Unary
    | Binary
    | Chain
    | Member
    | Slice
    | Call
    | Builtin
    | Predicate
    | Pointer
    | Let
    | Sequence
    | Conditional
    | Array
    | Map
)

_NO_NODES: Final[tuple[Node, ...]] = ()


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below one."""
    match node:
        case Unary(operand=inner) | Chain(inner=inner) | Predicate(body=inner):
            yield inner
        case Binary(left=left, right=right) | Member(base=left, key=right):
            yield left
            yield right
        case Let(value=left, body=right):
            yield left
            yield right
        case Slice():
            yield from (part for part in (node.base, node.start, node.stop) if part)
        case Call():
            yield node.callee
            yield from node.arguments
        case Builtin(arguments=nodes) | Sequence(nodes=nodes) | Array(items=nodes):
            yield from nodes
        case Conditional():
            yield from (node.condition, node.then, node.other)
        case Map():
            for key, value in node.pairs:
                yield key
                yield value
        case _:
            yield from _NO_NODES


def walk(root: Node) -> Iterator[Node]:
    """Yield every node once, parents first; some stand in two places (`a ?: b`, `a < b < c`)."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(children(node))


def path_of(node: Node) -> str | None:
    """Return `a.b.c` for a chain of constant names from an identifier; None for anything else."""
    parts: list[str] = []
    while isinstance(node, (Member, Chain)):
        if isinstance(node, Chain):
            node = node.inner
            continue
        if not (isinstance(node.key, Constant) and isinstance(node.key.value, str)):
            return None
        parts.append(node.key.value)
        node = node.base
    if not isinstance(node, Identifier):
        return None
    return ".".join([node.name, *reversed(parts)])


def identifiers(root: Node) -> tuple[str, ...]:
    """Return every name and path the expression needs, sorted; guarded paths are left out.

    Guarded: the path on the left of `??`, and one that ends in `?.name`. Names bound by `let` are
    included. Source: Argo util/template expression_template.go; language.md 3.5.
    """
    found: set[str] = set()
    guarded: set[int] = set()
    for node in walk(root):
        if isinstance(node, Binary) and node.operator == "??":
            guarded.update(_spine(node.left))
        if isinstance(node, Member) and node.optional:
            guarded.add(id(node))
        if isinstance(node, Identifier):
            found.add(node.name)
        elif isinstance(node, Member) and id(node) not in guarded:
            path = path_of(node)
            if path is not None:
                found.add(path)
    return tuple(sorted(found))


def _spine(node: Node) -> Iterator[int]:
    """Yield the members of the path that is the guarded operand."""
    while isinstance(node, (Member, Chain)):
        yield id(node)
        node = node.inner if isinstance(node, Chain) else node.base


def top_names(root: Node) -> tuple[str, ...]:
    """Return every name without a base, sorted: what an environment is checked for."""
    return tuple(sorted({node.name for node in walk(root) if isinstance(node, Identifier)}))


def consumed_paths(root: Node) -> tuple[str, ...]:
    """Return the longest constant paths the expression reads: what an environment must hold.

    `a.b[c].d` reads `a.b` and `c`; `$env` reads everything and is the empty path.
    """
    found: set[str] = set()
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        path = path_of(node) if isinstance(node, (Identifier, Member, Chain)) else None
        if path is None:
            stack.extend(children(node))
        elif path.partition(".")[0] == "$env":
            found.add("")
        else:
            found.add(path)
    return tuple(sorted(found))
