"""`tiphys.simulate`: a workflow in virtual time with scripted outcomes, to test workflows with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, TypeAlias

from tiphys.errors import UserError
from tiphys.library.blocking import blocking
from tiphys.library.driving import first_of
from tiphys.library.given import Given, load_given, texts
from tiphys.library.results import Result
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId
from tiphys.runtime.simulated import Outcome
from tiphys.service.documents import Loaded
from tiphys.service.submit import Overrides
from tiphys.testing.clock import run
from tiphys.testing.simulate import SEEN_SECONDS, Told, play

Outcomes: TypeAlias = (
    "Mapping[str, Outcome | Sequence[Outcome]] | Callable[[JobSpec], Outcome | None]"
)
"""What jobs do, by the name of a node, step, task or template, or by a function.

Of several outcomes the first job of that name has the first, the next one the next; the last one
holds for all that follow. A job nobody says anything about succeeds at once.
"""
_VERBS: Final = ("resume", "suspend", "stop", "terminate")
_SUFFIX: Final = re.compile(r"\(\d+(?::.*?)?\)(?=[\[.(]|$)")
"""What a loop, `(0:item)`, and a retry, `(0)`, put behind a step's name."""


def simulate(
    workflow: Given,
    parameters: Mapping[str, object] | None = None,
    outcomes: Outcomes | None = None,
    operations: Sequence[Mapping[str, str]] = (),
    *,
    name: str = "",
    entrypoint: str = "",
) -> Result:
    """Run a workflow in memory, in virtual time, and return it when nothing more happens to it.

    `workflow` and `parameters` are as for `run`. `operations` are what people do:
    `{"op": "resume|suspend|stop|terminate", "when": "$WF[1].approve is Running"}`, where `$WF` is
    the workflow's name and `when` names a node and a phase; without it: when a job runs. A
    workflow that waits for a person for ever is returned as it stands, with phase Running.

    Raises UserError if the workflow is refused, and for a name in `outcomes` that nothing has.
    """
    for item in operations:
        if item.get("op") not in _VERBS:
            raise UserError(f'an operation is one of {", ".join(_VERBS)}, not "{item.get("op")}"')
    loaded = load_given(workflow, strict=True)
    playbook = _Playbook(outcomes or {})
    told = Told({}, playbook, SEEN_SECONDS if operations else 0.0)
    overrides = Overrides(name=name, entrypoint=entrypoint, parameters=texts(parameters or {}))
    document = blocking(_playing(loaded, overrides, told, operations), run)
    playbook.check(loaded)
    return Result(document, "simulated", read_logs=playbook.logs)


async def _playing(
    loaded: Loaded, overrides: Overrides, told: Told, operations: Sequence[Mapping[str, str]]
) -> JsonObject:
    try:
        return await play(loaded, overrides, told, operations)
    except BaseExceptionGroup as group:
        raise first_of(group) from group


class _Playbook:
    """Tells each job its outcome, and remembers what the jobs were called and wrote."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._function = outcomes if callable(outcomes) else None
        self._outcomes = {} if callable(outcomes) else dict(outcomes)
        self._turns: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._logs: dict[NodeId, bytes] = {}

    def __call__(self, job: JobSpec) -> Outcome | None:
        """Return what a job does, None if nobody says anything about it."""
        found = self._of(job) if self._function is None else self._function(job)
        if found is not None:
            self._logs[job.id] = found.log
        return found

    def logs(self, node: str, _container: str) -> str:
        """Return what the outcomes say that a node wrote, or all nodes in their order."""
        wanted = [log for id_, log in self._logs.items() if node in ("", id_)]
        return b"".join(wanted).decode("utf-8", "replace")

    def check(self, loaded: Loaded) -> None:
        """Raise UserError for an outcome of something that there is not: its test tests nothing."""
        known = self._seen | set(_declared(loaded))
        for name in self._outcomes:
            if name not in known:
                near = get_close_matches(name, sorted(known), 1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                raise UserError(f"outcomes: no node, step, task or template is `{name}`{hint}")

    def _of(self, job: JobSpec) -> Outcome | None:
        names = _names(job)
        self._seen.update(names)
        for name in names:
            if name in self._outcomes:
                return self._turn(name)
        return None

    def _turn(self, name: str) -> Outcome | None:
        given = self._outcomes[name]
        if isinstance(given, Outcome):
            return given
        if not given:
            return None
        turn = self._turns[name]
        self._turns[name] += 1
        return given[min(turn, len(given) - 1)]


def _names(job: JobSpec) -> list[str]:
    """Return what a job may be called in a mapping of outcomes, the most particular first."""
    full = job.node_name
    plain = _SUFFIX.sub("", full)
    names = [full, plain.rpartition(".")[2], job.template.name]
    return [name for name in names if name]


def _declared(loaded: Loaded) -> Iterator[str]:
    """Yield the names of all templates, steps and tasks."""
    for _, origin in [*loaded.workflows, *loaded.templates]:
        yield from _every_name(origin.value)


def _every_name(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str):
            yield name
        for item in value.values():
            yield from _every_name(item)
    elif isinstance(value, list):
        for item in value:
            yield from _every_name(item)
