"""The audit log: who did what to which thing, and what came of it. One JSON object a line.

Reading is not noted, refusals are. Secrets cannot be in it: of a request only its method, its path
without the query and its status are taken.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.model.times import time_text
from tiphys.ports import Clock
from tiphys.ports_server import Principal

_log = logging.getLogger("tiphys.audit")
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED: Final = frozenset({401, 403})
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes to the logger `tiphys.audit`; whoever starts the server says where that goes."""

    clock: Clock

    def note(
        self, who: Principal | None, method: str, path: str, status: int, address: str
    ) -> None:
        """Write one line, if the request changed something or was refused."""
        if method in _READS and status not in _REFUSED:
            return
        self._write(
            {
                "who": who.subject if who else "",
                "way": who.way if who else "",
                "credential": who.credential if who else "",
                "method": method,
                "path": path[:_LONGEST],
                "status": status,
                "address": address,
            }
        )

    def note_here(self, who: str, action: str, thing: str) -> None:
        """Write one line for what a user of this machine did to the server itself."""
        self._write({"who": who, "way": "here", "action": action, "thing": thing[:_LONGEST]})

    def _write(self, words: dict[str, str | int]) -> None:
        line = {"at": time_text(self.clock.now()), **words}
        _log.info("%s", msgspec.json.encode(line).decode())
