"""What the commands against a server share: the flags that say where it is, and a client of it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tiphys.cli.render.colour import wanted
from tiphys.client.http import Client
from tiphys.client.settings import environment, namespace_of, place_of
from tiphys.client.workflows import Workflows

_R = TypeVar("_R")
_PLACE = (
    *("argo_server", "secure", "insecure", "authority", "base_href", "headers"),
    *("client_certificate", "client_key", "bearer", "username", "password"),
)


@dataclass(frozen=True, slots=True)
class Remote:
    """The workflows of the chosen namespace of a server, and whether to colour what is shown."""

    client: Client
    namespace: str
    colour: bool

    @property
    def workflows(self) -> Workflows:
        """Return what is asked about the workflows of the namespace."""
        return Workflows(self.client, self.namespace)


def with_server(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add the common options to a command; it gets a Remote as its first argument."""

    @click.option("-s", "--argo-server", metavar="HOST:PORT", help="The server (ARGO_SERVER).")
    @click.option("-e/ ", "--secure/--no-secure", default=None, help="TLS (ARGO_SECURE).")
    @click.option("-k", "--insecure-skip-verify", "insecure", is_flag=True, help="Trust anybody.")
    @click.option("--certificate-authority", "authority", metavar="FILE", help="Whom to trust.")
    @click.option("--client-certificate", metavar="FILE", help="Who asks.")
    @click.option("--client-key", metavar="FILE", help="The key of the certificate.")
    @click.option("--token", "bearer", metavar="TOKEN", help="Who asks; ARGO_TOKEN is better.")
    @click.option("--username", metavar="NAME", help="Who asks, with a password.")
    @click.option("--password", metavar="TEXT", help="With --username.")
    @click.option("--argo-base-href", "base_href", metavar="PATH", help="What paths begin with.")
    @click.option("-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", help="Send it.")
    @click.option("--argo-http1", is_flag=True, expose_value=False, hidden=True)
    @click.option("-n", "--namespace", metavar="NAME", help="The namespace.")
    @click.option("--no-color", is_flag=True, help="No colours.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        namespace: str | None,
        no_color: bool,
        **kwargs: Any,
    ) -> _R:
        given = {name: kwargs.pop(name) for name in _PLACE}
        colour = wanted(sys.stdout, environment(), no_color)
        remote = Remote(Client(place_of(given)), namespace_of(namespace), colour)
        return command(remote, *args, **kwargs)

    return wrapped
