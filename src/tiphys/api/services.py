"""What the handlers work with: ports and use cases, handed in by `app.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tiphys.api.audit import Audit
from tiphys.api.metrics import Metrics
from tiphys.model.base import JsonObject
from tiphys.ports import Clock, Objects, Queries, RunRow
from tiphys.ports_server import Auth, Catalogue, Listed, Logins
from tiphys.service.again import Repeater
from tiphys.service.archive import Archive
from tiphys.service.archived import Archived
from tiphys.service.config_objects import ConfigObjects
from tiphys.service.create import Creator
from tiphys.service.cron import CronWorkflows
from tiphys.service.downloads import Downloads
from tiphys.service.events import Dispatcher
from tiphys.service.explain import Explainer
from tiphys.service.feed import Feed
from tiphys.service.kept_objects import KeptObjects
from tiphys.service.logs import Logs
from tiphys.service.moving import TransfersNow
from tiphys.service.operations import Operator
from tiphys.service.pod_logs import PodLogs
from tiphys.service.sync_limits import SyncLimits
from tiphys.service.templates import Templates
from tiphys.service.workflows import Workflows

VERSION = "v4.1.2"
"""The version of Argo this server answers as; clients compare it with their own."""


@dataclass(frozen=True, slots=True)
class About:
    """What the server says of itself. `modes` are the ways to be known to it."""

    version: Mapping[str, str]
    modes: Sequence[str] = ("client",)
    managed_namespace: str = ""
    links: Sequence[JsonObject] = ()
    columns: Sequence[JsonObject] = ()
    nav_color: str = ""
    secure: bool = True
    hsts: bool = True
    frame_options: str = "DENY"
    base_href: str = "/"
    loopback_only: bool = True
    """Requests must name a loopback host: the server trusts whoever reaches it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all together, may take. Times are in seconds."""

    body_bytes: int = 100 << 20
    event_bytes: int = 2 << 20
    header_bytes: int = 64 << 10
    seconds: float = 60.0
    body_seconds: float = 30.0
    streams: int = 1000
    streams_each: int = 250
    requests_per_second: int = 1000
    upload_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Services:
    """All that handlers may use."""

    about: About
    auth: Auth
    logins: Logins | None
    audit: Audit
    clock: Clock
    queries: Queries
    catalogue: Catalogue
    objects: Objects
    workflows: Workflows
    feed: Feed
    creator: Creator
    operator: Operator
    repeater: Repeater
    logs: Logs
    explainer: Explainer
    transfers: TransfersNow
    templates: Templates
    crons: CronWorkflows
    dispatcher: Dispatcher
    archive: Archive
    archived: Archived
    downloads: Downloads
    sync_limits: SyncLimits
    config: ConfigObjects
    kept: KeptObjects
    pod_logs: PodLogs
    forget: Callable[[RunRow, bool], Awaitable[None]]
    """Deletes a workflow; with the flag also if its artifacts cannot be deleted."""
    forget_archived: Callable[[Listed], Awaitable[None]]
    metrics: Metrics
    healthy: Callable[[], Awaitable[str]]
    """Returns what is wrong with the engine, "" if it works."""
    limits: Limits = field(default_factory=Limits)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is about to end: streams end then."""
