"""Memoization caches: outputs of nodes, kept in ConfigMaps under a key.

Source: reference/engine.md 8.1; argo workflow/controller/cache/configmap_cache.go, gc.go.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tiphys.errors import Conflict, EngineBug, InvalidDocument, NotFound, Transient
from tiphys.locks.answers import Answers
from tiphys.locks.book import News
from tiphys.messages import (
    Answer,
    CacheHit,
    CacheMissed,
    CacheWanted,
    KeepWanted,
    Kept,
    Question,
    Refused,
)
from tiphys.model.arguments import Outputs
from tiphys.model.base import JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.configmaps import LABEL
from tiphys.model.ids import RunId
from tiphys.model.times import time_seconds, time_text
from tiphys.ports import Clock, ObjectRef, Objects

_TYPE: Final = "Cache"
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.01
_UNLABELLED: Final = f"memoization configmap doesn't have {LABEL} label, refusing to use it"


class _Unusable(Exception):
    """A cache cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stands under one key. Times are seconds since the epoch."""

    node: str
    outputs: Outputs | None
    created_at: float
    hit_at: float


class CacheAnswers:
    """An `Answerer` for memoization caches. Every question is answered at once and once.

    `namespace` is where all caches are, whatever the workflow's; "" is where the question says.
    """

    kinds: tuple[type[Question], ...] = (CacheWanted, KeepWanted)

    def __init__(self, objects: Objects, clock: Clock, namespace: str = "") -> None:
        """Prepare; caches are kept in `objects`."""
        self._objects = objects
        self._clock = clock
        self._namespace = namespace
        self._answers = Answers()
        self._turn = asyncio.Lock()  # nodes of this process do not get in each other's way

    async def ask(self, question: Question) -> None:
        """Take a question; its answer comes by `watch`."""
        match question:
            case CacheWanted():
                answer = await self._answer(lambda: self._look_up(question))
            case KeepWanted():
                answer = await self._answer(lambda: self._keep(question))
            case _:
                raise EngineBug(f"a cache cannot answer a {type(question).__name__}")
        self._answers.put([News(question.run, question.question, answer)])

    async def release(self, run: RunId, question: str) -> None:
        """Do nothing: nothing is held."""

    async def held(self, run: RunId) -> Sequence[str]:  # noqa: ARG002 - the port's
        """Return nothing: nothing is held."""
        return ()

    async def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        """Yield the answers to a run's questions, without end."""
        self._answers.open(run)
        try:
            while True:
                item = self._answers.next(run)
                if item is None:
                    await self._answers.arrived(run)
                else:
                    yield item
        finally:
            self._answers.close(run)

    async def _answer(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do something with a cache; again while somebody else changes it, five times at most."""
        failure = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                pause = _PAUSE_SECONDS * 2**attempt
                await self._clock.sleep_until(self._clock.now() + pause)
            try:
                async with self._turn:
                    return await work()
            except _Unusable as exc:
                return Refused(str(exc))
            except (Conflict, NotFound, Transient) as exc:
                failure = str(exc)
        return Refused(failure)

    async def _look_up(self, wanted: CacheWanted) -> Answer:
        document = await self._find(wanted.namespace, wanted.cache)
        if document is None:
            return CacheMissed()
        text = _data(document).get(wanted.key)
        found = _read(text) if isinstance(text, str) and text else None
        now = self._clock.now()
        if found is None or not found.node or _is_older(found, wanted.max_age_seconds, now):
            return CacheMissed()
        await self._objects.replace(_with(document, wanted.key, replace(found, hit_at=now)))
        return CacheHit(found.outputs)

    async def _keep(self, wanted: KeepWanted) -> Answer:
        now = self._clock.now()
        kept = _Kept(wanted.node, wanted.outputs, now, now)
        document = await self._find(wanted.namespace, wanted.cache)
        if document is None:
            namespace = self._namespace or wanted.namespace
            await self._objects.create(_with(_empty(namespace, wanted.cache), wanted.key, kept))
        else:
            await self._objects.replace(_only_label(_with(document, wanted.key, kept)))
        return Kept()

    async def _find(self, namespace: str, name: str) -> JsonObject | None:
        """Return a cache, None if there is none. Raises _Unusable if it is not marked as one."""
        ref = ObjectRef("v1", "ConfigMap", self._namespace or namespace, name)
        try:
            document = await self._objects.get(ref)
        except NotFound:
            return None
        if not _is_cache(document):
            raise _Unusable(_UNLABELLED)
        return document


async def collect_garbage(objects: Objects, now: float, unused_seconds: float) -> int:
    """Delete what no cache was asked for in the last `unused_seconds`; return how many entries.

    A cache that is empty is deleted as a whole. One that changes meanwhile is left for the next
    time, as is an entry that cannot be read. `now` is in seconds since the epoch.
    """
    deleted = 0
    for document in await objects.list("v1", "ConfigMap", None):
        if not _is_cache(document):
            continue
        data = _data(document)
        kept = {
            key: text for key, text in data.items() if not _is_unused(text, now, unused_seconds)
        }
        try:
            if kept and len(kept) < len(data):
                await objects.replace({**document, "data": kept})
            elif not kept:
                await objects.delete(_ref(document))
        except (Conflict, NotFound):
            continue
        deleted += len(data) - len(kept)
    return deleted


def _is_unused(text: object, now: float, unused_seconds: float) -> bool:
    try:
        return isinstance(text, str) and now - _read(text).hit_at > unused_seconds
    except _Unusable:
        return False


def _is_older(kept: _Kept, max_age_seconds: float | None, now: float) -> bool:
    return max_age_seconds is not None and now - kept.created_at > max_age_seconds


# ---------------------------------------------------------------------------------- documents


def _read(text: str) -> _Kept:
    """Return an entry. Raises _Unusable if it is none."""
    try:
        found = json.loads(text)
        outputs = found.get("outputs")
        return _Kept(
            node=str(found.get("nodeID") or ""),
            outputs=None if outputs is None else convert(outputs, Outputs),
            created_at=time_seconds(found["creationTimestamp"]),
            hit_at=time_seconds(found["lastHitTimestamp"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, InvalidDocument) as exc:
        reason = f"could not unmarshal JSON; unable to parse: {exc}"
        raise _Unusable(f"malformed cache entry: {reason}") from exc


def _with(document: JsonObject, key: str, kept: _Kept) -> JsonObject:
    """Return a cache with one entry set."""
    entry = {
        "nodeID": kept.node,
        "outputs": None if kept.outputs is None else encode(kept.outputs),
        "creationTimestamp": time_text(kept.created_at),
        "lastHitTimestamp": time_text(kept.hit_at),
    }
    text = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
    return {**document, "data": {**_data(document), key: text}}


def _empty(namespace: str, name: str) -> JsonObject:
    metadata: JsonObject = {"namespace": namespace, "name": name}
    return _only_label({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def _only_label(document: JsonObject) -> JsonObject:
    """Return a cache with its mark as the only label, as Argo leaves it."""
    return {**document, "metadata": {**_part(document, "metadata"), "labels": {LABEL: _TYPE}}}


def _is_cache(document: JsonObject) -> bool:
    return _part(_part(document, "metadata"), "labels").get(LABEL) == _TYPE


def _data(document: JsonObject) -> JsonObject:
    return _part(document, "data")


def _part(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _ref(document: JsonObject) -> ObjectRef:
    metadata = _part(document, "metadata")
    namespace, name = str(metadata.get("namespace", "")), str(metadata["name"])
    return ObjectRef("v1", "ConfigMap", namespace, name)
