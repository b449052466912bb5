"""`apply` against a server, and what `submit` sends before the workflows of a file.

Argo's REST API keeps templates and CronWorkflows; it has no way for ConfigMaps, Secrets and others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from tiphys.cli.options import strict_option
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.writing import write
from tiphys.client.http import JsonObject
from tiphys.client.stored import Stored, cluster_templates, crons, templates
from tiphys.errors import Conflict, InvalidDocument, NotFound, UserError

if TYPE_CHECKING:
    from tiphys.model.base import Model
    from tiphys.service.documents import Loaded

_Verb = Literal["created", "configured", "unchanged"]


@dataclass(frozen=True, slots=True)
class _Thing:
    """What is to be kept on the server, and where."""

    kind: str
    name: str
    document: JsonObject
    stored: Stored

    def send(self, replaces: bool) -> _Verb:
        """Keep it. Raises Conflict if there is another one and it is not to be replaced."""
        try:
            present = self.stored.get(self.name)
        except NotFound:
            self.stored.create(self.document)
            return "created"
        wanted = self._merged(present)
        if wanted == present:
            return "unchanged"
        if not replaces:
            raise Conflict(
                f'the server has another {self.kind} "{self.name}"; `tiphys apply` replaces it'
            )
        self.stored.update(self.name, wanted)
        return "configured"

    def _merged(self, present: JsonObject) -> JsonObject:
        """Return what the server has with all that the document says."""
        from tiphys.model.json_patch import merge_patch

        own: JsonObject = {key: self.document.get(key) for key in ("metadata", "spec")}
        found = merge_patch({**present, "spec": {}}, own)
        return found if isinstance(found, dict) else self.document


@click.command()
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="What to keep.")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@strict_option
@with_server
def apply(remote: Remote, files: tuple[str, ...], more: tuple[str, ...], strict: bool) -> None:
    """Keep the templates and CronWorkflows of files on the server.

    What is kept already is brought up to date. The server checks them one after another. It has
    no way to keep ConfigMaps, Secrets and others: they are refused before anything is sent.
    """
    from tiphys.cli.apply import check_no_workflows
    from tiphys.library.files import read_sources
    from tiphys.service.documents import load

    names = (*files, *more)
    if not names:
        raise click.UsageError("must specify one of -f")
    loaded = load(read_sources(names), strict)
    check_no_workflows(loaded)
    _check_can_be_sent(loaded)
    every = [*template_things(remote, loaded), *_cron_things(remote, loaded)]
    for thing, verb in sent(every, replaces=True):
        write(f"{thing.kind.lower()}.argoproj.io/{thing.name} {verb}\n")


def _check_can_be_sent(loaded: Loaded) -> None:
    reason = "a server has no way to keep this kind"
    hint = "apply it in the server's home, or with kubectl in a cluster"
    lost = [item for _, item in [*loaded.others, *loaded.bindings]]
    if lost:
        raise InvalidDocument([item.finding(reason, ("kind",), hint=hint) for item in lost])


def template_things(remote: Remote, loaded: Loaded) -> list[_Thing]:
    """Return the templates of files, each with its place on the server. Raises UserError."""
    found = []
    for template, origin in loaded.templates:
        if origin.kind == "ClusterWorkflowTemplate":
            stored = cluster_templates(remote.client)
        else:
            stored = templates(remote.client, template.metadata.namespace or remote.namespace)
        found.append(_thing(origin.kind, template, stored))
    return found


def _cron_things(remote: Remote, loaded: Loaded) -> list[_Thing]:
    def place(namespace: str) -> Stored:
        return crons(remote.client, namespace or remote.namespace)

    return [
        _thing("CronWorkflow", cron, place(cron.metadata.namespace)) for cron, _ in loaded.crons
    ]


def _thing(kind: str, value: Model, stored: Stored) -> _Thing:
    from tiphys.model.codec import encode

    document = encode(value)
    document.pop("status", None)
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    if not name:
        raise UserError("error: resource name may not be empty: `apply` wants metadata.name")
    return _Thing(kind, str(name), document, stored)


def sent(things: Sequence[_Thing], replaces: bool) -> Iterator[tuple[_Thing, _Verb]]:
    """Send things and yield what became of each; those that others refer to come first.

    What is refused is tried again as long as others are taken. Raises the first refusal left.
    """
    left = list(things)
    while left:
        refused: list[tuple[_Thing, UserError]] = []
        for thing in left:
            try:
                yield thing, thing.send(replaces)
            except Conflict:
                raise
            except UserError as exc:
                refused.append((thing, exc))
        if len(refused) == len(left):
            thing, error = refused[0]
            raise type(error)(f"{thing.kind} {thing.name}: {error}") from error
        left = [thing for thing, _ in refused]
