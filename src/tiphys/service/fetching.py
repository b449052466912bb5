"""Artifacts of a workflow by the words of a person, and as files of theirs.

For the command line; browsers are served by `downloads.py`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiphys.errors import Conflict, NotFound, Permanent, TiphysError
from tiphys.executor import archive
from tiphys.executor.contract import read_stored
from tiphys.executor.meter import Meter
from tiphys.executor.transfers import RETRY, DriverOf, Retry, Transfers
from tiphys.model.artifacts import Artifact
from tiphys.model.codec import suggestion
from tiphys.model.status import NodeStatus
from tiphys.ports import Stored
from tiphys.service.outputs import Output, template_of

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Shelf:
    """The artifacts of a run: `nodes` are all its nodes, `side` says "inputs" or "outputs".

    `archived` is the uid of a run that only the archive has, "" of one that lives.
    """

    workflow: str
    side: str
    nodes: Sequence[NodeStatus]
    outputs: Sequence[Output]
    archived: str = ""

    def of(self, word: str) -> list[Output]:
        """Return the artifacts of the nodes that a word means, of all nodes if it is empty.

        A word is an id, else a name, else the name that is shown, else that of a template; what
        has no artifacts gives way to the next. Raises NotFound, with the nearest word.
        """
        if not word:
            return list(self.outputs)
        is_known = False
        for known in _WORDS:
            ids = {node.id for node in self.nodes if known(node) == word}
            is_known = is_known or bool(ids)
            if found := [item for item in self.outputs if item.node.id in ids]:
                return found
        if is_known:
            return []
        words = [known(node) for known in _WORDS[1:] for node in self.nodes]
        raise NotFound(
            _with_hint(f"workflow {self.workflow} has no node {word}", suggestion(word, words))
        )

    def one(self, word: str, name: str) -> Output:
        """Return one artifact of one node. Raises NotFound, with the nearest name, and Conflict."""
        of_node = self.of(word)
        found = [item for item in of_node if item.artifact.name == name]
        if not found:
            raise NotFound(self._lacking(word, name, [item.artifact.name for item in of_node]))
        if any(item.artifact != found[0].artifact for item in found):
            ids = [f"{item.node.id} ({item.node.name})" for item in found[:_MOST_NAMED]]
            text = f"{len(found)} nodes are called {word} and have an artifact {name}"
            raise Conflict(f"{text}; say which by its id: {', '.join(ids)}")
        return found[0]

    def _lacking(self, word: str, name: str, names: Sequence[str]) -> str:
        text = f"node {word} has no artifact {name} among its {self.side}"
        if not names:
            return f"node {word} has no {self.side.removesuffix('s')} artifacts"
        known = sorted(set(names))
        hint = suggestion(name, known) or f"it has {', '.join(known[:_MOST_NAMED])}"
        return _with_hint(text, hint)


_WORDS: tuple[Callable[[NodeStatus], str], ...] = (
    lambda node: node.id,
    lambda node: node.name,
    lambda node: node.display_name,
    template_of,
)


def _with_hint(text: str, hint: str) -> str:
    return f"{text}; {hint}" if hint else text


def stored_size(runs: Path, run: str, output: Output) -> Stored | None:
    """Return size and digest of an artifact, as its job noted them; None if it did not."""
    return read_stored(f"{runs}/{run}/{output.node.id}").get(output.artifact.name)


async def size_at(drivers: DriverOf, artifact: Artifact) -> int | None:
    """Return the size of an artifact as its store tells it; None if it cannot."""
    parts = [artifact] if artifact.items is None else artifact.items.artifacts
    total = 0
    try:
        for part in parts:
            if part.items is not None:
                total += await size_at(drivers, part) or 0
                continue
            async for entry in drivers(part).list(part):
                total += entry.size_bytes
    except TiphysError:
        return None
    return total


@dataclass(frozen=True, slots=True)
class Fetching:
    """Fetches artifacts to files; a bad connection is tried again."""

    drivers: DriverOf
    retry: Retry = RETRY

    async def fetch(
        self, artifact: Artifact, to: Path, meter: Meter | None = None, unpacks: bool = False
    ) -> None:
        """Write an artifact to `to`, which appears when it is whole and replaces what was there.

        Archives are unpacked if that is wanted, and always those of a loop's items.
        """
        arrived = to.with_name(f".{to.name}.tiphys-part")
        transfers = Transfers(None, self.drivers, self.retry)
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(_clear, arrived)
            await transfers.load(artifact, arrived, meter)
            await asyncio.to_thread(put_in_place, arrived, to, artifact, unpacks)
        except OSError as exc:
            raise Permanent(f"artifact {artifact.name}: {exc}") from exc
        finally:
            await asyncio.to_thread(_clear, arrived)


def put_in_place(arrived: Path, to: Path, artifact: Artifact, unpacks: bool) -> None:
    """Let what has arrived be at `to`, unpacked if that is wanted, in place of what was there."""
    if not unpacks:
        _clear(to)
        os.rename(arrived, to)
        return
    plain = arrived.with_name(f"{arrived.name}.plain")
    _clear(plain)
    archive.unpack(arrived, plain, artifact.archive)
    _clear(to)
    os.rename(plain, to)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
