"""Rules about nodes and workflows: retry, locks, caches, metrics, clean-up.

Used by every other model module; holds no behaviour. Source: reference/resources.md 5.1-5.5.
"""

from __future__ import annotations

from tiphys.model.base import Amount, Int32, IntOrString, JsonObject, Model, always
from tiphys.model.meta import ConfigMapKeySelector, LocalObjectReference, Metadata


class ExecutorConfig(Model, frozen=True, kw_only=True):
    """Settings of the executor beside the user's container."""

    service_account_name: str = ""


class TTLStrategy(Model, frozen=True, kw_only=True):
    """When a completed workflow is deleted; phase Error obeys only the completion rule."""

    seconds_after_completion: Int32 | None = None
    seconds_after_success: Int32 | None = None
    seconds_after_failure: Int32 | None = None


class PodGC(Model, frozen=True, kw_only=True):
    """When finished pods are deleted; an empty strategy keeps them."""

    strategy: str = ""
    label_selector: JsonObject | None = None
    delete_delay_duration: str = ""


class VolumeClaimGC(Model, frozen=True, kw_only=True):
    """When created volume claims are deleted; empty means on success."""

    strategy: str = ""


class ArtifactGC(Model, frozen=True, kw_only=True):
    """When an artifact is deleted, and as whom."""

    strategy: str = ""
    pod_metadata: Metadata | None = None
    service_account_name: str = ""


class WorkflowLevelArtifactGC(ArtifactGC, frozen=True, kw_only=True):
    """The artifact deletion rule of a whole workflow."""

    force_finalizer_removal: bool | None = None
    pod_spec_patch: str = ""


class RetryStrategy(Model, frozen=True, kw_only=True):
    """When and how often a failed node is tried again; no limit means for ever."""

    limit: IntOrString | None = None
    retry_policy: str = ""
    backoff: Backoff | None = None
    affinity: RetryAffinity | None = None
    expression: str = ""


class Backoff(Model, frozen=True, kw_only=True):
    """The wait between attempts; durations are integer seconds or Go durations."""

    duration: str = ""
    factor: IntOrString | None = None
    max_duration: str = ""
    cap: str = ""


class RetryAffinity(Model, frozen=True, kw_only=True):
    """Where later attempts may run."""

    node_anti_affinity: RetryNodeAntiAffinity | None = None


class RetryNodeAntiAffinity(Model, frozen=True, kw_only=True):
    """Present: avoid the hosts of earlier attempts."""


class Cache(Model, frozen=True, kw_only=True):
    """Where cached results are kept."""

    config_map: LocalObjectReference | None = None


class Memoize(Model, frozen=True, kw_only=True):
    """A result cache for a template."""

    key: str = always("")
    cache: Cache = always(Cache())
    max_age: str = always("")


class Synchronization(Model, frozen=True, kw_only=True):
    """Locks; every one listed must be held."""

    semaphores: tuple[SemaphoreRef, ...] = ()
    mutexes: tuple[Mutex, ...] = ()


class SemaphoreRef(Model, frozen=True, kw_only=True):
    """A semaphore whose limit is in a ConfigMap or the sync database."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    namespace: str = ""
    database: SyncDatabaseRef | None = None


class Mutex(Model, frozen=True, kw_only=True):
    """A lock that one holder may have."""

    name: str = ""
    namespace: str = ""
    database: bool | None = None


class SyncDatabaseRef(Model, frozen=True, kw_only=True):
    """A limit's name in the sync database."""

    key: str = always("")


class Metrics(Model, frozen=True, kw_only=True):
    """Metrics a workflow or template emits."""

    prometheus: tuple[Prometheus, ...] = always(())


class Prometheus(Model, frozen=True, kw_only=True):
    """One metric; gauge wins over histogram, histogram over counter."""

    name: str = always("")
    labels: tuple[MetricLabel, ...] = ()
    help: str = always("")
    when: str = ""
    gauge: Gauge | None = None
    histogram: Histogram | None = None
    counter: Counter | None = None


class MetricLabel(Model, frozen=True, kw_only=True):
    """One label of a metric."""

    key: str = always("")
    value: str = always("")


class Gauge(Model, frozen=True, kw_only=True):
    """A metric that is set, or moved up and down."""

    value: str = always("")
    realtime: bool | None = always(None)
    operation: str = ""


class Histogram(Model, frozen=True, kw_only=True):
    """A metric of observed values."""

    value: str = always("")
    buckets: tuple[Amount, ...] = always(())


class Counter(Model, frozen=True, kw_only=True):
    """A metric that only grows."""

    value: str = always("")
