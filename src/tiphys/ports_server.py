"""The ports that only a server needs: lists of workflows, who asks, and what they may.

Apart from `ports.py` for its length; the same rules hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tiphys.expr.selectors import Requirement
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import RunRow


@dataclass(frozen=True, slots=True)
class NameTest:
    """Which names are meant: `text` is the name itself, or a part of it."""

    how: Literal["Exact", "Contains", "Prefix", "NotEquals"]
    text: str

    def matches(self, name: str) -> bool:
        """Return whether a name is meant."""
        if self.how == "Contains":
            return self.text in name
        if self.how == "Prefix":
            return name.startswith(self.text)
        return (name == self.text) == (self.how == "Exact")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which workflows are wanted; what is not set excludes nothing. Times are epoch seconds.

    A workflow that has not begun, or ended, has done so at time 0, as in Argo. `not_namespace`
    excludes one namespace.
    """

    namespace: str | None = None
    not_namespace: str = ""
    names: Sequence[NameTest] = ()
    labels: Sequence[Requirement] = ()
    created_after: float | None = None
    finished_before: float | None = None
    started_after: float | None = None
    started_before: float | None = None
    place: Literal["any", "live", "archived"] = "any"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: at most `limit` entries (0: all) born before `before` (0: from the newest).

    Pages are cut by what never changes, so that nothing is lost or repeated between them,
    whatever is added or removed meanwhile. `counts`: how many remain is wanted.
    """

    limit: int = 0
    before: int = 0
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A workflow in lists: its row, when it was born, and the number of its last change.

    One that is `archived` has a whole copy in the archive; one that is not `live` has only that,
    and its row is made of it.
    """

    row: RunRow
    born: int
    version: int
    live: bool = True
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A page: newest first. `more`: there are older ones. `remaining` is how many, if wanted."""

    items: Sequence[Listed]
    more: bool
    version: int
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class RunChange:
    """A workflow that changed, with what is left of it; `gone`: it was removed."""

    item: Listed
    gone: bool


class Catalogue(Protocol):
    """Lists of workflows, live and archived, and what changes in them.

    Every change of a live workflow has a number; they grow.
    """

    async def page(self, wanted: Filter, page: Page) -> Listing:
        """Return a part of the list."""
        ...

    async def listed(self, run: RunId) -> Listed:
        """Return one workflow by its uid, live or archived. Raises NotFound."""
        ...

    async def counts(self, label: str) -> Mapping[str, int]:
        """Return how many live workflows have each value of a label."""
        ...

    async def number(self) -> int:
        """Return the number of the last change."""
        ...

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`; wait for that."""
        ...

    async def since(self, after: int, most: int = 0) -> Sequence[RunChange] | None:
        """Return which live workflows changed after that number, oldest change first, each once.

        At most `most` of them (0: all). None if that was too long ago to be known.
        """
        ...

    async def label_names(self, namespace: str | None) -> Sequence[str]:
        """Return the names of all labels of archived workflows, sorted."""
        ...

    async def label_values(self, namespace: str | None, name: str) -> Sequence[str]:
        """Return the values of one label of archived workflows, sorted."""
        ...

    async def unarchived(self, most: int) -> Sequence[Listed]:
        """Return workflows that have ended and have no copy in the archive, oldest first."""
        ...

    async def archive(self, item: Listed, document: JsonObject) -> bool:
        """Keep a copy of a workflow that has ended; False if it has changed since."""
        ...

    async def archived(self, run: RunId) -> JsonObject:
        """Return the copy of a workflow. Raises NotFound."""
        ...

    async def forget_archived(self, run: RunId) -> None:
        """Remove the copy of a workflow. Unknown workflow: no effect."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be done where: verbs on resources of namespaces; "*" stands for all of each."""

    namespaces: Sequence[str] = ("*",)
    verbs: Sequence[str] = ("*",)
    resources: Sequence[str] = ("*",)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `way` is how that is known: a token, a login, or the word of who started this."""

    subject: str
    way: Literal["token", "sso", "server", "webhook"]
    grants: Sequence[Grant] = ()
    issuer: str = ""
    email: str = ""
    email_verified: bool = False
    name: str = ""
    preferred_username: str = ""
    groups: Sequence[str] = ()
    credential: str = ""
    """Which token it was: its id, never the token."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is kept: a hash of its secret, what it grants, and until when."""

    id: str
    name: str
    digest: bytes
    created_at: float
    expires_at: float
    grants: Sequence[Grant]


class TokenBook(Protocol):
    """The tokens of a home."""

    async def add(self, row: TokenRow) -> None:
        """Keep a token; those that expired before it was made go."""
        ...

    async def find(self, identity: str) -> TokenRow | None:
        """Return a token, None if there is none."""
        ...

    async def list(self) -> Sequence[TokenRow]:
        """Return all tokens, the oldest first."""
        ...

    async def revoke(self, identity: str) -> None:
        """Remove a token. Raises NotFound."""
        ...


class Auth(Protocol):
    """Who asks, and may they?"""

    async def who(self, credentials: Sequence[str]) -> Principal:
        """Return who has one of these credentials, as `Authorization` gives them.

        Raises Unauthenticated.
        """
        ...

    async def may(self, who: Principal, verb: str, resource: str, namespace: str) -> bool:
        """Tell whether somebody may; `namespace` "" asks for all namespaces."""
        ...


class Logins(Protocol):
    """Login at an identity provider, by a browser that is sent there and back."""

    async def begin(self, redirect_uri: str) -> tuple[str, str]:
        """Return the address to send the browser to, and a secret to remember meanwhile."""
        ...

    async def finish(self, code: str, remembered: str, redirect_uri: str) -> tuple[str, float]:
        """Return the credential of who came back with `code`, and when it expires.

        Raises Unauthenticated.
        """
        ...


class Peers(Protocol):
    """The other processes that drive runs of the same database."""

    async def ask(self, owner: str, question: str) -> str | None:
        """Return what one of them answers within a moment, None if it does not."""
        ...


class LimitRows(Protocol):
    """The limits of database semaphores, by "<namespace>/<key>"."""

    async def create(self, name: str, limit: int) -> bool:
        """Add a limit; False if there is one."""
        ...

    async def get(self, name: str) -> int | None:
        """Return a limit, None if there is none."""
        ...

    async def update(self, name: str, limit: int) -> bool:
        """Change a limit; False if there is none."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove a limit; False if there is none."""
        ...
