"""The language of `depends` and `dependencies` in a DAG.

A text is expanded once (`parse_depends`) and evaluated when its tasks are done.
Source: Argo workflow/common/ancestry.go and workflow/controller/dag.go; language.md 9.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from tiphys.expr.errors import DependsError, ExprError, UnknownTask
from tiphys.expr.lexer import WORD_OPERATORS
from tiphys.expr.values import Context, Struct, Value

_RESERVED: Final = WORD_OPERATORS | {"true", "false", "nil"}
DependencyKind = Literal["task", "items"]

RESULTS: Final = (
    "Succeeded",
    "Failed",
    "Errored",
    "Skipped",
    "Omitted",
    "Daemoned",
    "AnySucceeded",
    "AllFailed",
)
ITEM_RESULTS: Final = frozenset({"AnySucceeded", "AllFailed"})
"""The results that ask about the items of a loop."""
_USUAL: Final = {
    (error, failed): (
        *("Succeeded", "Skipped", "Daemoned"),
        *(["Errored"] if error else []),
        *(["Failed"] if failed else []),
    )
    for error in (False, True)
    for failed in (False, True)
}
"""The results that let a task run whose condition is a bare name, by `continueOn`."""

_TASK: Final = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")
_DIGITS: Final = frozenset("0123456789")
_FULFILLED: Final = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})
_CONTEXT: Final = Context(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class ContinueFlags:
    """A task's `continueOn`."""

    error: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class TaskResults:
    """What a condition may ask of one finished task."""

    succeeded: bool = False
    failed: bool = False
    errored: bool = False
    skipped: bool = False
    omitted: bool = False
    daemoned: bool = False
    any_succeeded: bool = False
    all_failed: bool = False

    def of(self, result: str) -> bool | None:
        """Return whether a result of `RESULTS` holds, None if it is none of them."""
        field = _FIELDS.get(result)
        found: bool | None = None if field is None else getattr(self, field)
        return found


_FIELDS: Final = dict(zip(RESULTS, TaskResults.__dataclass_fields__, strict=True))
NO_FLAGS: Final = ContinueFlags()


def task_results(
    phase: str, daemoned: bool = False, children: Collection[str] | None = None
) -> TaskResults:
    """Return the results of a node; `children` are the phases of a TaskGroup's, else None.

    Source: Argo dag.go evaluateDependsLogic.
    """
    return TaskResults(
        succeeded=phase == "Succeeded",
        failed=phase == "Failed",
        errored=phase == "Error",
        skipped=phase == "Skipped",
        omitted=phase == "Omitted",
        daemoned=daemoned and phase != "Pending",
        any_succeeded=bool(children) and "Succeeded" in (children or ()),
        all_failed=bool(children) and all(child == "Failed" for child in children or ()),
    )


def is_fulfilled(phase: str, daemoned: bool = False) -> bool:
    """Return whether a node no longer keeps its dependents waiting."""
    return phase in _FULFILLED or (daemoned and phase != "Pending")


@dataclass(frozen=True, slots=True)
class Condition:
    """When a task may run.

    `dependencies` are in the order of the text. `operands` are what it asks with bare names
    expanded, as tasks and results, and `frame` is what stands before, between and after them.
    """

    dependencies: Mapping[str, DependencyKind]
    operands: tuple[tuple[str, str], ...]
    frame: tuple[str, ...]

    @property
    def logic(self) -> str:
        """The text with bare names expanded."""
        rest = zip(self.operands, self.frame[1:], strict=True)
        return self.frame[0] + "".join(f"{name}.{result}{text}" for (name, result), text in rest)

    @property
    def expression(self) -> str:
        """The logic as an expression can read it: its names hold no hyphens."""
        return self.logic.replace("-", "_")

    def evaluate(self, states: Mapping[str, TaskResults]) -> bool:
        """Return whether the task runs (true) or is omitted; every dependency is in `states`.

        Raises DependsError with Argo's text.
        """
        truths = [_truth(name, result, states) for name, result in self.operands]
        value = None if None in truths else _of_truths(self.frame, tuple(truths))
        return self._evaluate(states) if value is None else value

    def _evaluate(self, states: Mapping[str, TaskResults]) -> bool:
        """Evaluate the text itself: of what has an error in it."""
        from tiphys.expr.evaluate import compile_expression  # lint parses only, and in less time

        members = {name: _struct(results) for name, results in states.items()}
        env: dict[str, Value] = {name.replace("-", "_"): item for name, item in members.items()}
        try:
            value = compile_expression(self.expression, env).evaluate(env, _CONTEXT)
        except ExprError as error:
            raise DependsError(
                f"unable to evaluate expression '{self.expression}': {error.message}"
            ) from error
        if isinstance(value, bool):
            return value
        raise DependsError(f"unable to cast expression result '{value}' to bool")


def _truth(name: str, result: str, states: Mapping[str, TaskResults]) -> bool | None:
    """Return whether a task has a result, None if the text has to say what is wrong with that.

    A name that no expression can use is the error it is in Argo.
    """
    found = states.get(name)
    if found is None or name in _RESERVED or name[0] in _DIGITS:
        return None
    return found.of(result)


@lru_cache(maxsize=4096)
def _of_truths(frame: tuple[str, ...], truths: tuple[bool, ...]) -> bool | None:
    """Return the value of a condition whose operands are truth values; None if it has none.

    Few such texts exist, however many tasks a DAG has: no task's own condition is ever parsed.
    """
    from tiphys.expr.evaluate import compile_expression

    words = ("true" if truth else "false" for truth in truths)
    text = frame[0] + "".join(word + rest for word, rest in zip(words, frame[1:], strict=True))
    try:
        value = compile_expression(text).evaluate({}, _CONTEXT)
    except ExprError:
        return None
    return value if isinstance(value, bool) else None


@lru_cache(maxsize=512)
def _struct(results: TaskResults) -> Struct:
    members: dict[str, Value] = {
        "Succeeded": results.succeeded,
        "Failed": results.failed,
        "Errored": results.errored,
        "Skipped": results.skipped,
        "Omitted": results.omitted,
        "Daemoned": results.daemoned,
        "AnySucceeded": results.any_succeeded,
        "AllFailed": results.all_failed,
    }
    return Struct("controller.TaskResults", members)


def parse_depends(text: str, continue_on: Mapping[str, ContinueFlags]) -> Condition:
    """Return the condition of a `depends` text; `continue_on` has every task of the DAG.

    Raises UnknownTask (its message is the name) for a name that is no task.
    Source: Argo ancestry.go GetTaskDependencies, expandDependency.
    """
    found = _Parts()
    position = 0
    matches = list(_TASK.finditer(text))
    names = [match.group().partition(".")[0] for match in matches]
    for name in reversed(names):  # Argo expands from the right
        if name not in continue_on:
            raise UnknownTask(name)
    for match in matches:
        name, _, result = match.group().partition(".")
        found.frame[-1] += text[position : match.start()]
        position = match.end()
        if not result:
            found.expand(name, continue_on[name])
            continue
        found.ask(name, result)
        if result in ITEM_RESULTS:
            found.dependencies[name] = "items"
        else:
            found.dependencies.setdefault(name, "task")
    found.frame[-1] += text[position:]
    return found.condition()


class _Parts:
    """A condition as it is taken apart: see `Condition`."""

    def __init__(self) -> None:
        self.dependencies: dict[str, DependencyKind] = {}
        self.operands: list[tuple[str, str]] = []
        self.frame = [""]

    def ask(self, name: str, result: str) -> None:
        """Add an operand."""
        self.operands.append((name, result))
        self.frame.append("")

    def expand(self, name: str, flags: ContinueFlags) -> None:
        """Add what a bare name stands for."""
        self.dependencies[name] = "task"
        self.frame[-1] += "("
        for result in _USUAL[flags.error, flags.failed]:
            self.ask(name, result)
            self.frame[-1] = " || "
        self.frame[-1] = ")"

    def condition(self) -> Condition:
        """Return the whole."""
        return Condition(self.dependencies, tuple(self.operands), _shared(tuple(self.frame)))


@lru_cache(maxsize=512)
def _shared(frame: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same object for the same frame: most tasks of a DAG have the same."""
    return frame


def from_dependencies(names: Iterable[str], continue_on: Mapping[str, ContinueFlags]) -> Condition:
    """Return the condition of a `dependencies` list: every named task, expanded as in `depends`.

    Raises UnknownTask.
    """
    found = _Parts()
    for name in names:
        if name not in continue_on:
            raise UnknownTask(name)
        if found.dependencies:
            found.frame[-1] += " && "
        found.expand(name, continue_on[name])
    return found.condition()


def invalid_results(text: str) -> Iterator[str]:
    """Yield the faults of the result names that do not exist.

    Source: Argo ancestry.go ValidateTaskResults.
    """
    for match in _TASK.finditer(text):
        name, _, result = match.group().partition(".")
        if result and result not in RESULTS:
            yield f"task result '{result}' for task '{name}' is invalid"


def ancestry(task: str, direct: Mapping[str, Iterable[str]]) -> list[str]:
    """Return every task that `task` depends on, directly or not, sorted; cycles are harmless."""
    found: set[str] = set()
    waiting = list(direct.get(task, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(direct.get(name, ()))
    return sorted(found)
