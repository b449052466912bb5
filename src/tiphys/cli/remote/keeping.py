"""`template`, `cluster-template` and `cron` against a server: what it keeps for workflows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from tiphys.cli import cron as own_cron
from tiphys.cli import templates as own_templates
from tiphys.cli.kinds import OneOf
from tiphys.cli.options import group, kept_options, output_option, strict_option
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.linting import lint_of
from tiphys.cli.submit import options_of, submit_options
from tiphys.cli.writing import write
from tiphys.client.http import JsonObject
from tiphys.client.stored import Stored, cluster_templates, crons, templates
from tiphys.errors import NotFound, UserError

_NO_OUTPUT = click.option(
    "-o",
    "--output",
    type=OneOf(["name", "json", "yaml", "wide"]),
    expose_value=False,
    help="Has no effect, as in Argo.",
)
_FILES = click.argument("files", nargs=-1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that a server keeps: how it is found, read from files, and shown.

    `word` is Argo's in errors, `title` in what is said of one.
    """

    word: str
    title: str
    stored: Callable[[Remote, bool], Stored]
    read: Callable[[tuple[str, ...], bool], Sequence[JsonObject]]
    one: Callable[[JsonObject, str | None, bool], str]
    several: Callable[[list[JsonObject], bool], str]


def _group(name: str, kind: Kind) -> click.Group:
    """Return the commands on one kind."""
    found = group(name, f"Manage {kind.word}s of the server.")
    for make in (_create, _update, _get, _list, _delete):
        found.add_command(make(kind))
    found.add_command(lint_of(f"{kind.title.lower()}s", f"Check {kind.word}s at the server."))
    return found


def _create(kind: Kind) -> click.Command:
    @click.command("create", help=f"Keep the {kind.word}s of FILES.")
    @_FILES
    @output_option
    @strict_option
    @with_server
    def create(remote: Remote, files: tuple[str, ...], output: str | None, strict: bool) -> None:
        for document in kind.read(files, strict):
            try:
                made = kind.stored(remote, False).create(document)
            except UserError as exc:
                # Argo prints the name, two blanks and the reason for cluster templates only.
                own = f"{name_of(document)},  " if kind.word.startswith("cluster") else ""
                raise type(exc)(f"failed to create {kind.word}: {own}{exc}") from exc
            write(kind.one(made, output, remote.colour))

    return create


def _update(kind: Kind) -> click.Command:
    @click.command("update", help=f"Put the {kind.word}s of FILES in the place of those kept.")
    @_FILES
    @output_option
    @strict_option
    @with_server
    def update(remote: Remote, files: tuple[str, ...], output: str | None, strict: bool) -> None:
        for document in kind.read(files, strict):
            name = name_of(document)
            try:
                made = kind.stored(remote, False).update(name, document)
            except NotFound as exc:
                text = f'failed to get existing {kind.word} "{name}" to update: {exc}'
                raise NotFound(text) from exc
            except UserError as exc:
                raise type(exc)(f"failed to update {kind.word}: {exc}") from exc
            write(kind.one(made, output, remote.colour))

    return update


def _get(kind: Kind) -> click.Command:
    @click.command("get", help=f"Show {kind.word}s.")
    @click.argument("names", nargs=-1, required=True)
    @output_option
    @with_server
    def get(remote: Remote, names: tuple[str, ...], output: str | None) -> None:
        for name in names:
            write(kind.one(kind.stored(remote, False).get(name), output, remote.colour))

    return get


def _list(kind: Kind) -> click.Command:
    @click.command("list", help=f"List {kind.word}s.")
    @kept_options
    @with_server
    def list_(remote: Remote, everywhere: bool, selector: str, output: str | None) -> None:
        from tiphys.cli.render.output import documents

        found = kind.stored(remote, everywhere).list(selector)
        text = documents([*found], output)
        write(kind.several(found, everywhere) if text is None else text)

    return list_


def _delete(kind: Kind) -> click.Command:
    @click.command("delete", help=f"Remove {kind.word}s.")
    @click.argument("names", nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @with_server
    def delete(remote: Remote, names: tuple[str, ...], everything: bool) -> None:
        stored = kind.stored(remote, False)
        for name in [name_of(item) for item in stored.list("")] if everything else names:
            stored.delete(name)
            if kind.title != "CronWorkflow":  # of which Argo says nothing
                write(f"{kind.title} '{name}' deleted\n")

    return delete


def name_of(document: JsonObject) -> str:
    """Return `metadata.name`, "" without one."""
    metadata = document.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


# ------------------------------------------------------------------------------------ templates


def _templates_of(is_cluster: bool) -> Kind:
    def read(files: tuple[str, ...], strict: bool) -> list[JsonObject]:
        from tiphys.model.codec import encode

        loaded = own_templates.load_files(files, strict)
        return [encode(item) for item, _ in own_templates.of_scope(loaded, is_cluster)]

    def several(found: list[JsonObject], _everywhere: bool) -> str:
        from tiphys.cli.render.templates import render_templates

        return render_templates([dict(item) for item in found], not is_cluster)

    return Kind(
        word="cluster workflow template" if is_cluster else "workflow template",
        title="ClusterWorkflowTemplate" if is_cluster else "WorkflowTemplate",
        stored=_cluster_templates if is_cluster else _templates,
        read=read,
        one=lambda plain, output, _colour: own_templates.shown(plain, output),
        several=several,
    )


def _templates(remote: Remote, everywhere: bool) -> Stored:
    return templates(remote.client, "" if everywhere else remote.namespace)


def _cluster_templates(remote: Remote, _everywhere: bool) -> Stored:
    return cluster_templates(remote.client)


# ---------------------------------------------------------------------------------- CronWorkflows


def _crons(remote: Remote, everywhere: bool) -> Stored:
    return crons(remote.client, "" if everywhere else remote.namespace)


def _read_crons(files: tuple[str, ...], strict: bool) -> list[JsonObject]:
    from tiphys.model.codec import encode

    return [encode(item) for item, _ in own_cron.documents(files, strict)]


def _one_cron(plain: JsonObject, output: str | None, colour: bool) -> str:
    from tiphys.model.codec import convert
    from tiphys.model.cron import CronWorkflow

    return own_cron.shown(convert(plain, CronWorkflow), output, colour)


def _several_crons(found: list[JsonObject], everywhere: bool) -> str:
    from tiphys.cli.render.crons import Cron, render_crons
    from tiphys.compile.triggers.due import next_run
    from tiphys.model.codec import convert
    from tiphys.model.cron import CronWorkflow

    now = time.time()
    rows = [Cron(dict(item), next_run(convert(item, CronWorkflow), now)) for item in found]
    return render_crons(rows, now, everywhere)


@click.command("create", help="Keep the CronWorkflows of FILES, with what the options change.")
@_FILES
@submit_options
@own_cron.schedule_option
@_NO_OUTPUT
@with_server
def _create_cron(remote: Remote, files: tuple[str, ...], schedule: str, **values: Any) -> None:
    from tiphys.model.codec import encode
    from tiphys.service.cron import overridden

    found = own_cron.documents(files, bool(values["strict"]))
    options = options_of(remote.namespace, values)
    for document, _ in found:
        wanted = encode(overridden(document, options, schedule))
        try:
            made = _crons(remote, False).create(wanted)
        except UserError as exc:
            raise type(exc)(f"failed to create cron workflow: {exc}") from exc
        write(_one_cron(made, None, remote.colour))


@click.command("update", help=own_cron.UPDATE)
@_FILES
@submit_options
@_NO_OUTPUT
@with_server
def _update_cron(remote: Remote, files: tuple[str, ...], strict: bool, **_: Any) -> None:
    for document in _read_crons(files, strict):
        name = name_of(document)
        try:
            made = _crons(remote, False).update(name, document)
        except NotFound as exc:
            text = f'failed to get existing cron workflow "{name}" to update: {exc}'
            raise NotFound(text) from exc
        except UserError as exc:
            raise type(exc)(f"failed to update workflow template: {exc}") from exc
        write(_one_cron(made, None, remote.colour))


@click.command("backfill", help="Run a CronWorkflow for each of its due times in the past.")
@click.argument("name")
@own_cron.backfill_options
@with_server
def _backfill(remote: Remote, name: str, **values: Any) -> None:
    from tiphys.model.codec import convert, encode
    from tiphys.model.cron import CronWorkflow
    from tiphys.service.backfill import planned

    asked = own_cron.backfill_asked(name, values)
    if not asked.start:
        raise UserError("start date should not be empty")
    stored = convert(_crons(remote, False).get(name), CronWorkflow)
    done = planned(stored, asked, time.time())
    made = [remote.workflows.create(encode(item)) for item in done.workflows]
    names = [name_of(item) for item in made]
    write(own_cron.backfilled(name, remote.namespace, done, names))


def _switch(verb: str) -> click.Command:
    does = {"suspend": "Start no more workflows of", "resume": "Start workflows again of"}

    @click.command(verb, help=f"{does[verb]} CronWorkflows.")
    @click.argument("names", nargs=-1, required=True)
    @with_server
    def switch(remote: Remote, names: tuple[str, ...]) -> None:
        for name in names:
            _crons(remote, False).act(name, verb)
            write(f"CronWorkflow '{name}' {verb.removesuffix('e')}ed\n")

    return switch


template: Any = _group("template", _templates_of(is_cluster=False))
cluster_template: Any = _group("cluster-template", _templates_of(is_cluster=True))
cron: Any = _group(
    "cron",
    Kind("cron workflow", "CronWorkflow", _crons, _read_crons, _one_cron, _several_crons),
)
for _verb in ("suspend", "resume"):
    cron.add_command(_switch(_verb))
for _command in (_create_cron, _update_cron, _backfill):
    cron.add_command(_command)
