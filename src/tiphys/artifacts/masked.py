"""A driver whose error texts show no secret that it read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from tiphys.errors import NotFound, Permanent, TiphysError, Transient, UserError
from tiphys.model.artifacts import Artifact
from tiphys.model.secret import Masker
from tiphys.ports import ArtifactDriver, Entry, Stored


class MaskedDriver:
    """Passes everything on to `inner`."""

    def __init__(self, inner: ArtifactDriver, masker: Masker) -> None:
        self._inner = inner
        self._masker = masker

    async def get(self, where: Artifact, to: Path) -> None:
        """Fetch the artifact."""
        with self._masked():
            await self._inner.get(where, to)

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Store the artifact."""
        with self._masked():
            return await self._inner.put(source, where)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield a file's bytes."""
        with self._masked():
            async for piece in self._inner.open(where):
                yield piece

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield what lies at or below the key."""
        with self._masked():
            async for entry in self._inner.list(where):
                yield entry

    async def delete(self, where: Artifact) -> None:
        """Remove the artifact."""
        with self._masked():
            await self._inner.delete(where)

    @contextmanager
    def _masked(self) -> Iterator[None]:
        try:
            yield
        except TiphysError as exc:
            text = self._masker.mask(str(exc))
            if text == str(exc):
                raise
            # Not `from exc`: what a log prints of its cause would show the secret after all.
            raise _like(exc, text) from None


def _like(error: TiphysError, text: str) -> TiphysError:
    if isinstance(error, Transient):
        return Transient(text, error.retry_after)
    if isinstance(error, NotFound):
        return NotFound(text)
    return UserError(text) if isinstance(error, UserError) else Permanent(text)
