"""Retry strategies, locks, caches and container sets in compiled form. Used by `lower.py`."""

from __future__ import annotations

from tiphys.compile.lower_calls import optional_text
from tiphys.expr.template import compile_text
from tiphys.model.policies import Backoff as BackoffModel
from tiphys.model.policies import Memoize, Mutex, RetryStrategy, SemaphoreRef, Synchronization
from tiphys.model.templates import ContainerSetTemplate
from tiphys.program import Backoff, ContainerPlan, LockPlan, MemoPlan, Retry


def lower_retry(strategy: RetryStrategy | None) -> Retry | None:
    """Return when a node is tried again, None if never."""
    if strategy is None:
        return None
    affinity = strategy.affinity
    return Retry(
        limit=optional_text(strategy.limit),
        policy=optional_text(strategy.retry_policy),
        backoff=_backoff(strategy.backoff),
        expression=optional_text(strategy.expression),
        avoids_hosts=affinity is not None and affinity.node_anti_affinity is not None,
    )


def _backoff(backoff: BackoffModel | None) -> Backoff | None:
    if backoff is None:
        return None
    return Backoff(
        duration=optional_text(backoff.duration),
        factor=optional_text(backoff.factor),
        max_duration=optional_text(backoff.max_duration),
        cap=optional_text(backoff.cap),
    )


def lower_locks(block: Synchronization | None) -> tuple[LockPlan, ...]:
    """Return the locks of a block: semaphores first, as Argo takes them.

    Source: argo workflow/sync/syncitems.go, allSyncItems.
    """
    if block is None:
        return ()
    semaphores = tuple(_semaphore(item) for item in block.semaphores)
    return semaphores + tuple(_mutex(item) for item in block.mutexes)


def _semaphore(item: SemaphoreRef) -> LockPlan:
    source = item.config_map_key_ref
    key = source.key if source is not None else item.database.key if item.database else ""
    return LockPlan(
        kind="semaphore",
        namespace=optional_text(item.namespace),
        name=optional_text(source.name) if source is not None else None,
        key=optional_text(key),
        database=item.database is not None,
    )


def _mutex(item: Mutex) -> LockPlan:
    return LockPlan(
        kind="mutex",
        namespace=optional_text(item.namespace),
        name=optional_text(item.name),
        key=None,
        database=bool(item.database),
    )


def lower_memo(memoize: Memoize | None) -> MemoPlan | None:
    """Return where a template's outputs are kept, None if nowhere."""
    if memoize is None:
        return None
    config = memoize.cache.config_map
    return MemoPlan(
        key=compile_text(memoize.key),
        cache=compile_text(config.name if config is not None else ""),
        max_age=optional_text(memoize.max_age),
    )


def lower_containers(template: ContainerSetTemplate | None) -> tuple[ContainerPlan, ...]:
    """Return the containers of a container set with what each waits for, those first."""
    if template is None:
        return ()
    left = {item.name: tuple(item.dependencies) for item in template.containers}
    found: list[ContainerPlan] = []
    while left:
        ready = [name for name, needs in left.items() if not any(need in left for need in needs)]
        found += (ContainerPlan(name, left.pop(name)) for name in ready or [*left])
    return tuple(found)
