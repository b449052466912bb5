"""What only a server of ours answers: paths that Argo's does not know."""

from __future__ import annotations

from typing import Final

from tiphys.client.http import Client, JsonObject, Query
from tiphys.errors import NotFound, Permanent, UserError

BASE: Final = "/api/tiphys/v1"
_UNKNOWN: Final = frozenset({"Not Found", "Not Implemented", "404 page not found"})
"""What servers say of a path that they do not know, not of a thing that is not there."""


def ask(
    client: Client,
    method: str,
    path: str,
    query: Query | None = None,
    body: JsonObject | None = None,
) -> JsonObject:
    """Return what a server of ours answers; `path` is below BASE.

    Raises UserError if the server is not one, and as `Client.ask` does.
    """
    try:
        return client.ask(method, f"{BASE}/{path}", query, body)
    except (NotFound, Permanent) as exc:
        if str(exc) not in _UNKNOWN:
            raise
        raise UserError(
            f"{client.place.address} cannot do this: it is Argo's server, or an older one of Tiphys"
        ) from exc
