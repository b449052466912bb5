"""Wiring of a server: what stands behind the ports of the API. No logic, but for what is refused.

Apart from `app.py` for its length; together they are the only modules that name adapters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tiphys.app import Local, choose_runtime, local
from tiphys.controller.serving import serve
from tiphys.errors import UserError
from tiphys.settings import Listening, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tiphys.api.services import About, Services
    from tiphys.auth.gate import Gate
    from tiphys.auth.sso import Sso
    from tiphys.auth.token import Tokens
    from tiphys.controller.engine_metrics import EngineMetrics
    from tiphys.controller.observers import CustomMetrics
    from tiphys.model.base import JsonObject


@dataclass(slots=True)
class Health:
    """What runs beside the API: what is wrong with it ("" for nothing), what it counts."""

    metrics: CustomMetrics
    engine: EngineMetrics
    wrong: str = "the engine has not begun"


@dataclass(frozen=True, slots=True)
class Serving:
    """A home that is served: the ASGI application, and what runs beside it."""

    home: Local
    application: ASGIApp
    services: Services
    health: Health

    async def run(self) -> None:
        """Drive runs, keep schedules and the archive, until cancelled."""
        self.health.wrong = ""
        try:
            async with asyncio.TaskGroup() as group:
                counted = self.health.engine
                engine = self.home.engine(counted, (self.health.metrics,))
                objects = self.home.workloads(choose_runtime(self.home.settings).name)
                group.create_task(serve(engine, self.home.schedules(counted), objects, math.inf))
                group.create_task(self.services.archive.keep_up())
        finally:
            self.health.wrong = "the engine has ended"


@contextlib.contextmanager
def server(settings: Settings, listening: Listening) -> Iterator[Serving]:
    """Open the home of `settings` to be served. Raises UserError if that would not be safe."""
    from tiphys.api.application import asgi
    from tiphys.api.table import every_route
    from tiphys.controller.engine_metrics import EngineMetrics, LogCount
    from tiphys.controller.observers import CustomMetrics

    check_listening(listening)
    with local(settings, drives=True, archives=settings.server.archive) as home:
        health = Health(CustomMetrics(home.clock), EngineMetrics())
        counts = LogCount(health.engine)
        logging.getLogger().addHandler(counts)
        services = _services(home, listening, health)
        routes = every_route(listening.open_metrics)
        try:
            yield Serving(home, asgi(routes, services, listening.allow_origin), services, health)
        finally:
            logging.getLogger().removeHandler(counts)


def check_listening(listening: Listening) -> None:
    """Raise UserError if anybody could reach what only this machine's user should."""
    if listening.host in {"127.0.0.1", "::1", "localhost"}:
        return
    if {"server", "hybrid"} & {*listening.modes}:
        raise UserError(
            "--auth-mode server trusts whoever reaches the server, so it listens on loopback only; "
            "use --auth-mode client and `tiphys auth token` for others"
        )
    if not listening.secure:
        raise UserError("without TLS the server listens on loopback only; leave out --no-secure")


def _services(home: Local, listening: Listening, health: Health) -> Services:
    """Return what the handlers of the API work with."""
    from tiphys.api.audit import Audit
    from tiphys.api.metrics import Metrics
    from tiphys.api.services import Limits, Services
    from tiphys.service.config_objects import ConfigObjects
    from tiphys.service.downloads import Downloads
    from tiphys.service.events import Dispatcher
    from tiphys.service.feed import Feed
    from tiphys.service.kept_objects import KeptObjects
    from tiphys.service.moving import TransfersNow
    from tiphys.service.templates import Templates
    from tiphys.service.workflows import Workflows

    store, clock, objects = home.store, home.clock, home.objects
    about = _about(home.settings, listening)
    runtime = choose_runtime(home.settings).name
    workflows = Workflows(store, store.catalogue, home.viewer)
    gate = _gate(home, listening)

    async def healthy() -> str:
        await store.catalogue.number()
        return health.wrong

    return Services(
        about=about,
        auth=gate,
        logins=gate.sso,
        audit=Audit(clock),
        clock=clock,
        queries=store,
        catalogue=store.catalogue,
        objects=objects,
        workflows=workflows,
        feed=Feed(workflows, store.catalogue, clock),
        creator=home.creator(),
        operator=home.operator,
        repeater=home.repeater,
        logs=home.logs(),
        explainer=home.explainer,
        transfers=TransfersNow(home.settings.home / "runs", store, store),
        templates=Templates(objects),
        crons=home.crons,
        dispatcher=Dispatcher(objects, home.submitter, clock, runtime),
        archive=home.shelf(),
        archived=home.archived(),
        downloads=Downloads(home.drivers),
        sync_limits=home.sync_limits(),
        config=ConfigObjects(objects),
        kept=KeptObjects(objects, serves=True),
        pod_logs=home.pod_logs(),
        forget=home.forget,
        forget_archived=home.forget_archived,
        metrics=Metrics(store.catalogue, about.version, (partial(_shown, health),)),
        healthy=healthy,
        limits=Limits(requests_per_second=listening.requests_per_second),
    )


def _shown(health: Health) -> str:
    """Return the metrics of the engine and those that workflows define, as text."""
    from tiphys.controller.observers import exposition

    return exposition([*health.engine.collect(), *health.metrics.collect()])


def _about(settings: Settings, listening: Listening) -> About:
    """Return what a server says of itself; it answers as the Argo that it follows."""
    import platform

    import tiphys
    from tiphys.api.services import VERSION, About
    from tiphys.auth.gate import modes_of

    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    modes = modes_of(listening.modes)
    return About(
        version={
            "version": VERSION,
            "buildDate": "1970-01-01T00:00:00Z",
            "gitCommit": f"tiphys-{tiphys.__version__}",
            "gitTag": VERSION,
            "gitTreeState": "clean",
            "goVersion": f"python{platform.python_version()}",
            "compiler": platform.python_implementation().lower(),
            "platform": f"{platform.system().lower()}/{machine}",
        },
        modes=tuple(sorted(modes)),
        links=_links(settings, listening),
        columns=settings.server.columns,
        nav_color=settings.server.nav_color,
        secure=listening.secure,
        hsts=listening.hsts,
        frame_options=listening.frame_options,
        base_href=listening.base_href,
        loopback_only="server" in modes,
    )


def _links(settings: Settings, listening: Listening) -> tuple[JsonObject, ...]:
    """Return the links of the settings. Raises UserError for one that may do more than lead on."""
    allowed = [scheme.lower() for scheme in listening.link_protocols]
    for index, link in enumerate(settings.server.links):
        scheme, mark, _ = str(link.get("url", "")).partition(":")
        if not mark or scheme.lower() not in allowed:
            raise UserError(
                f"server.links[{index}]: its url begins with one of {', '.join(allowed)}, unless "
                "--allowed-link-protocol says otherwise"
            )
    return settings.server.links


def _gate(home: Local, listening: Listening) -> Gate:
    """Return what knows people. Raises UserError if logins are wanted and not set up."""
    from tiphys.auth.gate import Gate, modes_of

    modes = modes_of(listening.modes)
    if "sso" in modes and home.settings.server.login is None:
        raise UserError("--auth-mode sso needs `login` of `server` in the settings file")
    return Gate(modes, tokens(home), _sso(home) if "sso" in modes else None)


def tokens(home: Local) -> Tokens:
    """Return what makes and checks the tokens of a home."""
    from tiphys.auth.token import Tokens

    return Tokens(home.store.tokens, home.clock)


def _sso(home: Local) -> Sso | None:
    """Return how people log in; the key of their cookies is made once for each home."""
    import ssl

    from tiphys.auth.certificate import write_private
    from tiphys.auth.cookie import Sealer
    from tiphys.auth.login_faults import check_login
    from tiphys.auth.sso import RoleRule, Sso, SsoConfig

    login = home.settings.server.login
    if login is None:
        return None
    folder = home.settings.home / "server"
    folder.mkdir(mode=0o700, exist_ok=True)
    key = folder / "login.key"
    if not key.exists():
        write_private(key, secrets.token_bytes(32))
    given = {name: getattr(login, name) for name in SsoConfig.__slots__ if name != "rules"}
    rules = [RoleRule(item.rule, item.role, item.namespaces) for item in login.rules]
    try:
        trust = ssl.create_default_context(cafile=login.root_ca) if login.root_ca else None
    except OSError as exc:  # an SSLError is one
        raise UserError(f"server.login.root_ca: {login.root_ca} cannot be used: {exc}") from exc
    config = SsoConfig(**given, rules=rules)
    check_login(config)
    return Sso(config, Sealer(key.read_bytes()), home.clock, trust)
