"""Where a Postgres database is: its address with what is secret in it, and a name without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from tiphys.errors import UserError

SCHEMES: Final = ("postgresql", "postgres")
_EXAMPLE: Final = "postgresql://tiphys@db.example.com:5432/tiphys"
_SHOWN: Final = ("host", "port", "dbname", "user")
"""What of an address's query people may see."""


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is for the driver and may hold a password; `name` is for people."""

    url: str = field(repr=False)
    name: str
    connect_seconds: float = 10.0


def parse_address(url: str) -> Address:
    """Return an address. Raises UserError, in whose text there is no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise UserError(f"the address of the database cannot be read; write {_EXAMPLE}") from exc
    if parts.scheme not in SCHEMES:
        raise UserError(f'a database is "{_EXAMPLE}" or the like; without one the home has a file')
    given = dict(parse_qsl(parts.query))
    if parts.path in {"", "/"} and not given.get("dbname"):
        raise UserError(f"the address of the database names none; write {_EXAMPLE}")
    return Address(url, _name(parts, port, given))


def _name(parts: SplitResult, port: int | None, given: dict[str, str]) -> str:
    user = f"{parts.username}@" if parts.username else ""
    place = parts.hostname or ""
    if ":" in place:
        place = f"[{place}]"
    if port:
        place += f":{port}"
    shown = "&".join(f"{key}={quote(given[key], '/')}" for key in _SHOWN if key in given)
    return f"postgresql://{user}{place}{parts.path}{'?' if shown else ''}{shown}"
