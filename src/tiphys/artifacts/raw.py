"""Text that stands in the manifest itself; input only.

Source: reference/executor.md 10.8.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tiphys.artifacts.unsupported import refuse_list
from tiphys.errors import Permanent
from tiphys.model.artifacts import Artifact
from tiphys.ports import Entry, Stored


class RawDriver:
    """Reads `raw.data`."""

    async def get(self, where: Artifact, to: Path) -> None:
        """Write the text as it is."""
        to.write_bytes(_data(where))

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Raises Permanent: the text of a manifest cannot be written."""
        del source, where
        raise Permanent("Raw output artifacts unsupported")

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield the text."""
        yield _data(where)

    def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Raises Permanent, with Argo's text."""
        del where
        return refuse_list()

    async def delete(self, where: Artifact) -> None:
        """Do nothing: the text goes with its manifest."""


def _data(where: Artifact) -> bytes:
    if where.raw is None:
        raise Permanent(f"artifact {where.name} is not raw")
    return where.raw.data.encode()
