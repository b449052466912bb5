"""`lint` with a server named: the server says what is wrong, as it knows what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.lint import checked, lint_options
from tiphys.cli.options import strict_option
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.client.http import JsonObject
from tiphys.client.stored import Stored, cluster_templates, crons, templates, workflows
from tiphys.errors import Forbidden, Unauthenticated, UserError

if TYPE_CHECKING:
    from tiphys.model.codec import Resource


@click.command()
@lint_options
@with_server
def lint(remote: Remote, files: tuple[str, ...], **options: bool | str) -> int:
    """Check files and directories at the server; exit 1 if something is wrong.

    FILES are paths, URLs or "-" for standard input. What they refer to is looked up at the server,
    with --offline in the files. What cannot be read, and what is odd, is found here.
    """
    judge = None if options["offline"] else lambda value: _said(remote, value)
    return checked(files, options, remote.colour, judge)


def lint_of(kinds: str, text: str) -> click.Command:
    """Return the command that checks documents of some kinds only."""

    @click.command("lint", help=f"{text} Exit 1 if something is wrong.")
    @click.argument("files", nargs=-1, required=True)
    @click.option("-o", "--output", type=OneOf(["pretty", "simple"]), default="pretty")
    @strict_option
    @with_server
    def lint_kind(remote: Remote, files: tuple[str, ...], **given: bool | str) -> int:
        options = {**given, "kinds": kinds, "warnings": True, "warnings_as_errors": False}
        return checked(files, options, remote.colour, lambda value: _said(remote, value))

    return lint_kind


def _said(remote: Remote, value: Resource) -> str:
    """Return what the server says is wrong with a document, "" if nothing is."""
    from tiphys.model.codec import encode

    stored = _place(remote, value)
    if stored is None:
        return ""
    try:
        stored.lint(_placed(encode(value), stored.namespace))
    except (Unauthenticated, Forbidden):
        raise
    except UserError as exc:
        return str(exc)
    return ""


def _place(remote: Remote, value: Resource) -> Stored | None:
    """Return where the server has documents of a kind, None for those it does not check."""
    from tiphys.model.cron import CronWorkflow
    from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

    namespace = value.metadata.namespace or remote.namespace
    match value:
        case Workflow():
            return workflows(remote.client, namespace)
        case ClusterWorkflowTemplate():
            return cluster_templates(remote.client)
        case WorkflowTemplate():
            return templates(remote.client, namespace)
        case CronWorkflow():
            return crons(remote.client, namespace)
        case _:
            return None


def _placed(document: JsonObject, namespace: str) -> JsonObject:
    """Return a document in the namespace it is checked in."""
    metadata = document.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    return {**document, "metadata": {**own, "namespace": namespace}} if namespace else document
