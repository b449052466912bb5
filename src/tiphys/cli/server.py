"""`tiphys server`: the engine, the schedules and the API in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tiphys.cli.background import only_engine
from tiphys.cli.listening import bound, check_certificate
from tiphys.cli.session import Session, runtime_option, settings_option, with_session
from tiphys.errors import UserError
from tiphys.settings import Listening

if TYPE_CHECKING:
    import uvicorn

    from tiphys.app_server import Serving

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_MODES = click.Choice(["client", "server", "sso", "hybrid"])
_FRAMES = click.Choice(["DENY", "SAMEORIGIN", ""], case_sensitive=False)
_LINKS = "What links of the settings may begin with (http, https)."
_NO_CLUSTER = "there is no cluster here"
_AT_ONCE = "an event is answered when it has been handled"
_GRACE_SECONDS = 3
_IDLE_SECONDS = 75
_LOCK_SECONDS = 1.0


def _option(name: str, *names: str, **words: Any) -> Callable[[_Command], _Command]:
    """Return an option that the environment sets as well, by Argo's name."""
    variable = "ARGO_" + name.lstrip("-").split("/")[0].upper().replace("-", "_")
    return click.option(name, *names, envvar=variable, show_envvar=True, **words)


def _without_effect(name: str, why: str) -> Callable[[_Command], _Command]:
    """Return an option that tunes what there is not: refusing it would help nobody."""

    def say(_: click.Context, __: click.Parameter, value: float | None) -> None:
        if value is not None:
            sys.stderr.write(f"{name} has no effect: {why}\n")

    return _option(name, type=float, hidden=True, expose_value=False, callback=say)


@click.command()
@_option("--port", "-p", type=click.IntRange(0, 65535), default=2746, show_default=True)
@_option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@_option("--auth-mode", "modes", type=_MODES, multiple=True, help="How people are known (client).")
@_option("--secure/--no-secure", "-e/ ", default=True, help="TLS; without it only loopback.")
@_option("--tls-certificate", default="", metavar="FILE", help="A certificate, not one made here.")
@_option("--tls-key", default="", metavar="FILE", help="The key of the certificate.")
@_option("--base-href", default="/", metavar="PATH", help="Where a proxy puts the server.")
@_option("--access-control-allow-origin", "allow_origin", default="", metavar="ORIGIN")
@_option("--hsts/--no-hsts", default=True, help="Browsers shall insist on TLS, where there is TLS.")
@_option("--x-frame-options", "frames", default="DENY", type=_FRAMES, show_default=True)
@_option("--allowed-link-protocol", "protocols", multiple=True, metavar="SCHEME", help=_LINKS)
@_option("--api-rate-limit", "rate", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--open-metrics", is_flag=True, help="Anybody may read /metrics.")
@_option("--log-format", type=click.Choice(["text", "json"]), default="text")
@_option("--loglevel", type=click.Choice(["debug", "info", "warn", "error"]), default="info")
@_without_effect("--kube-api-qps", _NO_CLUSTER)
@_without_effect("--kube-api-burst", _NO_CLUSTER)
@_without_effect("--event-worker-count", _AT_ONCE)
@_without_effect("--event-operation-queue-size", _AT_ONCE)
@settings_option
@runtime_option
@with_session
def server(session: Session, **given: Any) -> int:
    """Serve the home: Argo's REST API, an engine, schedules, the archive.

    Who connects needs a token (tiphys auth token) or a login; with --auth-mode server nobody does,
    on loopback only.
    """
    try:
        import uvicorn  # noqa: F401 - whether it is there
    except ImportError as exc:
        raise UserError("the server needs more packages: pip install 'tiphys[server]'") from exc
    from tiphys.cli.server_logs import set_up_logs

    listening = _listening(given)
    with bound(listening.host, listening.port) as sockets, _runner() as runner:
        set_up_logs(session.settings.home, given["log_format"], given["loglevel"])
        return runner.run(_serve(session, listening, sockets))


def _listening(given: dict[str, Any]) -> Listening:
    if bool(given["tls_certificate"]) != bool(given["tls_key"]):
        raise UserError("--tls-certificate and --tls-key are given together")
    if given["tls_certificate"]:
        check_certificate(given["tls_certificate"], given["tls_key"])
    base = f"/{given['base_href'].strip('/')}/".replace("//", "/")
    return Listening(
        host=given["host"],
        port=given["port"],
        modes=tuple(given["modes"]) or ("client",),
        secure=given["secure"],
        certificate=given["tls_certificate"],
        key=given["tls_key"],
        base_href=base,
        allow_origin=given["allow_origin"],
        hsts=given["hsts"],
        frame_options=given["frames"].upper(),
        link_protocols=tuple(given["protocols"]) or ("http", "https"),
        open_metrics=given["open_metrics"],
        requests_per_second=given["rate"],
    )


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(session: Session, listening: Listening, sockets: list[socket.socket]) -> int:
    """Serve until told to end, or until a part of it fails."""
    from tiphys.app_server import server as opened

    with opened(session.settings, listening) as serving:
        machine = _machine(serving, listening)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, machine, serving)
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(serving.run()),
                group.create_task(_hold_engine(session.settings.home)),
                group.create_task(_announce(machine, listening)),
            ]
            await machine.serve(sockets)
            for task in helpers:
                task.cancel()
    return 0 if machine.started else 2


def _end(machine: uvicorn.Server, serving: Serving) -> None:
    serving.services.ending.set()
    machine.should_exit = True


def _machine(serving: Serving, listening: Listening) -> uvicorn.Server:
    import uvicorn

    class Machine(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leave signals to us: others are to end in order as well."""
            yield

    certificate, key = _certificate(serving, listening)
    return Machine(
        uvicorn.Config(
            serving.application,
            host=listening.host,
            port=listening.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )


def _certificate(serving: Serving, listening: Listening) -> tuple[str | None, str | None]:
    if not listening.secure:
        return None, None
    if listening.certificate:
        return listening.certificate, listening.key
    made = serving.home.certificate()
    return str(made[0]), str(made[1])


async def _announce(machine: uvicorn.Server, listening: Listening) -> None:
    """Say where the server is, once it is there."""
    while not machine.started:
        await asyncio.sleep(0.02)
    port = machine.servers[0].sockets[0].getsockname()[1]
    scheme = "https" if listening.secure else "http"
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    sys.stderr.write(f"Tiphys serves {scheme}://{host}:{port}\n")
    sys.stderr.flush()


async def _hold_engine(home: Path) -> None:
    """Be the home's engine, so that no command starts another; wait for one that will end."""
    log = logging.getLogger(__name__)
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(only_engine(home)):
            log.info(
                "another process is the engine of %s; when it ends this one will be",
                home,
            )
            while not stack.enter_context(only_engine(home)):
                await asyncio.sleep(_LOCK_SECONDS)
        log.info("this process is the engine of %s", home)
        await asyncio.Event().wait()
