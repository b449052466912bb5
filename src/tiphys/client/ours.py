"""What only a server of ours answers: paths that Argo's does not know."""

from __future__ import annotations

from typing import Final

from tiphys.client.http import Client, JsonObject, Query
from tiphys.errors import Impossible

BASE: Final = "/api/tiphys/v1"


def ask(
    client: Client,
    method: str,
    path: str,
    query: Query | None = None,
    body: JsonObject | None = None,
) -> JsonObject:
    """Return what a server of ours answers; `path` is below BASE.

    Raises Impossible if the server is not one, and as `Client.ask` does.
    """
    try:
        return client.ask(method, f"{BASE}/{path}", query, body)
    except Impossible as exc:
        raise Impossible(
            f"{client.place.address} cannot do this: it is Argo's server, or an older one of Tiphys"
        ) from exc
