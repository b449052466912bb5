"""Who is alive, of the processes that share a database.

Where two processes share a home, the lock file of `owners.py` tells at once. Of others only their
lease in the table `engines` is known: it is renewed while they live, by the database's clock, and
one that has run out is taken for the death of its process. While the database was down nobody could
renew one, so for a while after it has started all leases hold. If the process lives nevertheless,
the epoch of each run keeps it from writing what another has taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tiphys.ports_database import Row, Transaction
from tiphys.store.owners import is_alive
from tiphys.store.postgres_errors import FOREIGN
from tiphys.store.postgres_reader import Reader

_log = logging.getLogger(__name__)
LEASE_SECONDS: Final = 15
_RENEW_SECONDS: Final = 4.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
GRACE_SECONDS: Final = 20
"""After the database's start; longer than a lease and a renewal."""
_RENEW: Final = (
    "INSERT INTO engines VALUES (?, ?, clock_timestamp() + CAST(? AS BIGINT) * INTERVAL '1 second')"
    " ON CONFLICT (name) DO UPDATE SET until = excluded.until"
)
_SWEEP: Final = "DELETE FROM engines WHERE until < clock_timestamp() - INTERVAL '1 day'"


def living_query(count: int) -> str:
    """Return the query that `Leases.living` understands, for some processes by name."""
    until = f"GREATEST(until, pg_postmaster_start_time() + INTERVAL '{GRACE_SECONDS} seconds')"
    marks = ",".join("?" * count)
    return (
        f"SELECT name, place, CASE WHEN {until} > clock_timestamp() THEN 1 ELSE 0 END"  # noqa: S608
        f" FROM engines WHERE name IN ({marks})"
    )


class Leases:
    """The leases as a process of one home sees them."""

    def __init__(self, home: Path) -> None:
        """Know the processes of a home by their lock files."""
        self._home = home
        self._place = place_of(home)
        self._mine: list[str] = []

    def renew(self, db: Transaction, owner: str) -> None:
        """Let a process of this home live a little longer; forget those dead for long."""
        db.execute(_SWEEP)
        db.execute(_RENEW, (owner, self._place, LEASE_SECONDS))
        self._mine = [owner]

    async def keep(self, reader: Reader, owner: str) -> None:
        """Renew a lease for ever."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                await reader.read(_RENEW, (owner, self._place, LEASE_SECONDS))
            except FOREIGN as exc:
                _log.warning("the lease of this engine could not be renewed: %s", exc)

    async def give_up(self, reader: Reader) -> None:
        """Let others know at once that this process has ended."""
        with contextlib.suppress(*FOREIGN):
            for owner in self._mine:
                await reader.read("DELETE FROM engines WHERE name = ?", (owner,))

    def living(self, rows: Iterable[Row]) -> list[str]:
        """Return which of the processes of a `living_query` live."""
        return [
            str(name)
            for name, place, has_lease in rows
            if (is_alive(self._home, name) if place == self._place else has_lease)
        ]


def place_of(home: Path) -> str:
    """Return what tells one home from all others that a database serves: machine and directory."""
    found = home.stat()
    return f"{_BOOT_ID.read_text().strip()}/{found.st_dev}/{found.st_ino}"
