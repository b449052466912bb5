"""Checks the limits of CONTRIBUTING.md on size, names, docstrings and forbidden calls.

Hard limits fail; the medians are only printed. A file whose first lines say `limits: table` may be
as long as its table is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("src", "tools", "benchmarks")
PURE = ("expr", "model", "compile", "engine", "program.py", "messages")

FILE_LINES = 700
FUNCTION_LINES = 70
NESTING = 4
TABLE_MARK = "limits: table"
HEAD_LINES = 40
BAD_NAMES = {"utils", "util", "common", "manager", "helpers", "misc"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv"}
# The launcher is a program of its own: it looks up commands on the PATH it was given.
ENVIRONMENT_READERS = {"settings.py", "launcher.py"}
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.monotonic",
    "time.perf_counter",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid1",
    "uuid4",
    "os.urandom",
}
CLOCK_MODULES = ("random.", "secrets.")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = Function | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.Match,
)


@dataclass
class Report:
    """What is wrong, and how long things are."""

    wrong: list[str] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)

    def add(self, path: Path, line: int, text: str) -> None:
        """Note something wrong at a place."""
        self.wrong.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def main() -> int:
    """Check every file and print what was found."""
    report = Report()
    for top in CHECKED:
        for path in sorted((ROOT / top).rglob("*.py")):
            check_file(path, report)
    print("\n".join(report.wrong), end="\n" if report.wrong else "")
    print(f"{len(report.files)} files, {_spread(report.files, 450)}")
    print(f"{len(report.functions)} functions, {_spread(report.functions, 35)}")
    return 1 if report.wrong else 0


def check_file(path: Path, report: Report) -> None:
    """Check one file against every limit."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    report.files.append(len(lines))
    is_table = any(TABLE_MARK in line for line in lines[:HEAD_LINES])
    if len(lines) > FILE_LINES and not is_table:
        report.add(path, 1, f"{len(lines)} lines; at most {FILE_LINES}")
    if path.stem in BAD_NAMES:
        report.add(path, 1, f"a file named {path.stem} says nothing; name what it is for")
    tree = ast.parse(text)
    if lines and not ast.get_docstring(tree):
        report.add(path, 1, "a module says what it is for")
    _check_definitions(path, tree, report)
    _check_names(path, tree, report)


def _check_definitions(path: Path, tree: ast.Module, report: Report) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _check_function(path, node, report)
    for definition in _public(tree):
        if not ast.get_docstring(definition):
            report.add(path, definition.lineno, f"{definition.name} has no docstring")


def _check_function(path: Path, function: Function, report: Report) -> None:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    report.functions.append(length)
    if length > FUNCTION_LINES:
        report.add(
            path,
            function.lineno,
            f"{function.name} has {length} lines; at most {FUNCTION_LINES}",
        )
    depth = max((_depth(child) for child in function.body), default=0)
    if depth > NESTING:
        report.add(
            path, function.lineno, f"{function.name} is nested {depth} deep; at most {NESTING}"
        )


def _depth(node: ast.AST) -> int:
    """Return how many blocks deep a statement goes; `elif` does not count as deeper."""
    if isinstance(node, _DEFINITIONS):
        return 0
    inner = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        inner = max(inner, _depth(child) - is_elif)
    return inner + isinstance(node, _BLOCKS)


def _public(holder: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Yield the public classes and functions of a module or a class."""
    for node in holder.body:
        if isinstance(node, _DEFINITIONS) and not node.name.startswith("_"):
            if not _is_exempt(node):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _is_exempt(node: Definition) -> bool:
    """Return whether another says what it does, or its name: a test is named after its claim."""
    if node.name.startswith("test_"):
        return True
    names = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(n.endswith(("overload", "override", ".setter")) for n in names)


def _check_names(path: Path, tree: ast.Module, report: Report) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[:2] != ("src", "tiphys"):
        return
    is_pure, may_read = parts[2] in PURE, path.name in ENVIRONMENT_READERS
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not may_read and _reads_environment(node):
            report.add(path, node.lineno, f"{ast.unparse(node)} is for settings.py alone")
        if is_pure and isinstance(node, ast.Call) and _reads_clock(node):
            report.add(path, node.lineno, f"{ast.unparse(node.func)} in a pure room")


def _reads_environment(attribute: ast.Attribute) -> bool:
    return ast.unparse(attribute) in ENVIRONMENT


def _reads_clock(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    ending = ".".join(name.split(".")[-2:])
    return name in CLOCKS or ending in CLOCKS or name.startswith(CLOCK_MODULES)


def _spread(lengths: list[int], nine_in_ten: int) -> str:
    if not lengths:
        return "none"
    share = sum(length <= nine_in_ten for length in lengths) / len(lengths)
    return (
        f"median {median(lengths):.0f} lines, longest {max(lengths)}, "
        f"{share:.0%} of at most {nine_in_ten}"
    )


if __name__ == "__main__":
    sys.exit(main())
