"""The table of endpoints. None can be in it without saying who may call it.

Paths are matched by whole segments; `{x}` is one of any content, also of none. Where a literal
fits, it goes before. Source: reference/rest-api.md 2.1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from tiphys.api.call import Call
from tiphys.errors import EngineBug
from tiphys.model.base import JsonObject, Model

if TYPE_CHECKING:
    from starlette.responses import Response

Answer: TypeAlias = "JsonObject | Model | Stream | Response"
Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]
Place: TypeAlias = Callable[[Call], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Stream:
    """Frames to be sent as they come. What goes wrong before the first sets the status.

    Frames that are bytes are JSON with the wanted fields already; those of a list are sent
    together. After `seconds`, if they are given, the stream ends as one that Kubernetes closes.
    """

    frames: AsyncIterator[JsonObject] | AsyncIterator[list[bytes]]
    fields: str = ""
    seconds: int = 0


async def in_path(call: Call) -> str:
    """Return the namespace that the path names."""
    return call.namespace


async def everywhere(call: Call) -> str:  # noqa: ARG001 - the shape of a Place
    """Return what stands for all namespaces."""
    return ""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing the caller must be allowed: a verb on a resource, in a namespace found by `where`.

    `refusal` is said to one who may not; `{namespace}` in it is filled in.
    """

    verb: str
    resource: str
    where: Place = in_path
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call an endpoint: anybody (with a reason), whoever is known, or who has all needs."""

    kind: Literal["open", "login", "needs"]
    needs: Sequence[Need] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a policy that says nothing."""
        if (self.kind == "needs") != bool(self.needs) or (self.kind == "open") != bool(self.reason):
            raise EngineBug("a policy states its needs, or why anybody may call")


LOGIN = Policy("login")


def needs(verb: str, resource: str, where: Place = in_path, refusal: str = "") -> Policy:
    """Return the policy of one need."""
    return Policy("needs", (Need(verb, resource, where, refusal),))


def all_of(*policies: Policy) -> Policy:
    """Return the policy that has the needs of several."""
    return Policy("needs", tuple(need for policy in policies for need in policy.needs))


def anybody(reason: str) -> Policy:
    """Return the policy of an endpoint that answers anybody."""
    return Policy("open", (), reason)


@dataclass(frozen=True, slots=True)
class Says:
    """What the API document says of an endpoint: its query, body and answer, by name."""

    summary: str
    query: Sequence[str] = ()
    body: Sequence[str] = ()
    answer: str = ""
    streams: bool = False
    raw: bool = False
    """The body, or the answer, is not JSON; the handler reads or writes it, and takes its time."""
    plain: bool = False
    """Errors are plain text."""
    rest: bool = False
    """The last variable of the path takes all that follows."""
    webhook: bool = False
    """One who shows no credential may have signed the body."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the table."""

    method: str
    path: str
    policy: Policy
    handler: Handler
    says: Says

    @property
    def segments(self) -> list[str]:
        """Return the parts of the path."""
        return self.path.split("/")[1:]

    @property
    def label(self) -> str:
        """Return what metrics call it: the resource, a slash, and what is done."""
        words = [part for part in self.segments if part and not part.startswith("{")]
        match words:
            case ["api", "v1", resource, *_] | ["api", resource, "v1", *_] | [resource, *_]:
                pass
            case _:
                resource = "root"
        return f"{resource}/{self.handler.__name__}"


@dataclass(slots=True)
class Routes:
    """The table."""

    endpoints: list[Endpoint] = field(default_factory=list)
    _by_length: dict[tuple[str, int], list[Endpoint]] = field(default_factory=dict)
    _open_ended: list[Endpoint] = field(default_factory=list)

    def add(self, method: str, path: str, policy: Policy, handler: Handler, says: Says) -> None:
        """Add an endpoint. Raises EngineBug if it has no policy, or is there already."""
        if not isinstance(policy, Policy):
            raise EngineBug(f"{method} {path} has no policy")
        made = Endpoint(method, path, policy, handler, says)
        if any((known.method, known.path) == (method, path) for known in self.endpoints):
            raise EngineBug(f"{method} {path} is there twice")
        self.endpoints.append(made)
        if says.rest:
            self._open_ended.append(made)
            return
        known = self._by_length.setdefault((method, len(made.segments)), [])
        known.append(made)
        known.sort(key=_literals, reverse=True)

    def match(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """Return the endpoint of a request with its variables, None if there is none."""
        parts = path.split("/")[1:]
        for endpoint in self._by_length.get((method, len(parts)), ()):
            found = _variables(endpoint.segments, parts)
            if found is not None:
                return endpoint, found
        return self._match_rest(method, parts)

    def _match_rest(
        self, method: str, parts: Sequence[str]
    ) -> tuple[Endpoint, dict[str, str]] | None:
        for endpoint in self._open_ended:
            count = len(endpoint.segments)
            if endpoint.method == method and len(parts) >= count:
                joined = [*parts[: count - 1], "/".join(parts[count - 1 :])]
                found = _variables(endpoint.segments, joined)
                if found is not None:
                    return endpoint, found
        return None

    def __iter__(self) -> Iterator[Endpoint]:
        """Yield all endpoints, in the order they were added."""
        return iter(self.endpoints)


def _literals(endpoint: Endpoint) -> list[bool]:
    return [not part.startswith("{") for part in endpoint.segments]


def _variables(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            found[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return found
