"""`tiphys template` and `tiphys cluster-template`: what workflows refer to, kept in a home.

Source: argo cmd/argo/commands/template, clustertemplate; reference/cli.md 12.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.options import group, kept_options, output_option, strict_option
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import NotFound, TiphysError, UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.base import JsonObject
    from tiphys.model.codec import Document
    from tiphys.service.documents import Loaded
    from tiphys.service.templates import Kind, Template, Templates


def _group(is_cluster: bool) -> click.Group:
    """Return the commands on the templates of one scope."""
    word = "cluster workflow template" if is_cluster else "workflow template"
    found = group(
        "cluster-template" if is_cluster else "template",
        f"Manage {word}s, which workflows refer to.",
    )
    for make in (_create, _update, _get, _list, _delete, _lint):
        found.add_command(make(is_cluster, word))
    return found


def _templates(home: Local) -> Templates:
    from tiphys.service.templates import Templates

    return Templates(home.objects)


def _kind(is_cluster: bool) -> Kind:
    return "ClusterWorkflowTemplate" if is_cluster else "WorkflowTemplate"


# ------------------------------------------------------------------------------------- keeping

_Keep = Callable[..., Coroutine[Any, Any, "JsonObject"]]


def _create(is_cluster: bool, word: str) -> click.Command:
    @click.command("create", help=f"Keep the {word}s of FILES.")
    @click.argument("files", nargs=-1)
    @output_option
    @strict_option
    @with_session
    @is_asynchronous
    async def create(
        session: Session, files: tuple[str, ...], output: str | None, strict: bool
    ) -> None:
        def keep(own: Templates) -> _Keep:
            return own.create

        def said(name: str, problem: TiphysError) -> str:
            # Argo prints the name, two blanks and the reason for cluster templates only.
            reason = f"{name},  {problem}" if is_cluster else str(problem)
            return f"failed to create {word}: {reason}"

        await _each(session, (files, strict, is_cluster), keep, said, output)

    return create


def _update(is_cluster: bool, word: str) -> click.Command:
    @click.command("update", help=f"Put the {word}s of FILES in the place of those kept.")
    @click.argument("files", nargs=-1)
    @output_option
    @strict_option
    @with_session
    @is_asynchronous
    async def update(
        session: Session, files: tuple[str, ...], output: str | None, strict: bool
    ) -> None:
        def keep(own: Templates) -> _Keep:
            return own.renew

        def said(name: str, problem: TiphysError) -> str:
            if isinstance(problem, NotFound):
                return f'failed to get existing {word} "{name}" to update: {problem}'
            return f"failed to update {word}: {problem}"

        await _each(session, (files, strict, is_cluster), keep, said, output)

    return update


async def _each(
    session: Session,
    chosen: tuple[tuple[str, ...], bool, bool],
    keep: Callable[[Templates], _Keep],
    said: Callable[[str, TiphysError], str],
    output: str | None,
) -> None:
    """Keep every template of one scope that some files have, and show it."""
    from tiphys.app import local
    from tiphys.service.templates import Given

    files, strict, is_cluster = chosen
    loaded = load_files(files, strict)
    found = of_scope(loaded, is_cluster)
    with local(session.settings) as home:
        own = _templates(home)
        for document, origin in found:
            place = document.metadata.namespace or session.namespace
            try:
                made = await keep(own)(document, Given(place, None, loaded.beside(), origin))
            except TiphysError as exc:
                raise UserError(said(document.metadata.name, exc)) from exc
            write(shown(made, output))


def load_files(files: tuple[str, ...], strict: bool) -> Loaded:
    """Return the documents of files. Raises UserError."""
    from tiphys.service.documents import load

    if not files:
        raise click.UsageError("requires at least 1 arg(s), only received 0")
    return load(read_sources(files), strict)


def of_scope(loaded: Loaded, is_cluster: bool) -> list[tuple[Template, Document]]:
    """Return the templates of one scope. Raises UserError if there is none."""
    from tiphys.model.workflow import ClusterWorkflowTemplate

    found = [
        item
        for item in loaded.templates
        if isinstance(item[0], ClusterWorkflowTemplate) == is_cluster
    ]
    if not found:
        kind = "cluster workflow template" if is_cluster else "workflow template"
        raise UserError(f"No {kind} found in given files")
    return found


def shown(template: JsonObject, output: str | None) -> str:
    """Return one template as it is asked for."""
    from tiphys.cli import printing
    from tiphys.cli.render import Style
    from tiphys.cli.render.templates import render_template

    if output in {"name", "json", "yaml"}:
        return printing.one(dict(template), output, Style())
    return render_template(dict(template), time.time(), Style())


# ------------------------------------------------------------------------------------- looking


def _get(is_cluster: bool, word: str) -> click.Command:
    @click.command("get", help=f"Show {word}s.")
    @click.argument("names", nargs=-1, required=True)
    @output_option
    @with_session
    @is_asynchronous
    async def get(session: Session, names: tuple[str, ...], output: str | None) -> None:
        from tiphys.app import local

        with local(session.settings) as home:
            own, kind = _templates(home), _kind(is_cluster)
            for name in names:
                write(shown(await own.get(kind, session.namespace, name), output))

    return get


def _list(is_cluster: bool, word: str) -> click.Command:
    @click.command("list", help=f"List {word}s.")
    @kept_options
    @with_session
    @is_asynchronous
    async def list_(session: Session, everywhere: bool, selector: str, output: str | None) -> None:
        from tiphys.app import local
        from tiphys.cli.render.output import documents
        from tiphys.cli.render.templates import render_templates
        from tiphys.expr.labels import parse_labels
        from tiphys.service.metadata import labels_of

        wanted = parse_labels(selector)
        with local(session.settings) as home:
            place = None if everywhere else session.namespace
            found = await _templates(home).list(_kind(is_cluster), place)
        kept = [dict(item) for item in found if wanted.matches(labels_of(item))]
        text = documents(kept, output)
        write(render_templates(kept, not is_cluster) if text is None else text)

    return list_


def _delete(is_cluster: bool, word: str) -> click.Command:
    @click.command("delete", help=f"Remove {word}s.")
    @click.argument("names", nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @with_session
    @is_asynchronous
    async def delete(session: Session, names: tuple[str, ...], everything: bool) -> None:
        from tiphys.app import local
        from tiphys.service.metadata import name_of

        with local(session.settings) as home:
            own, kind = _templates(home), _kind(is_cluster)
            if everything:
                found = await own.list(kind, session.namespace)
                names = tuple(name_of(item) for item in found)
            for name in names:
                await own.delete(kind, session.namespace, name)
                write(f"{kind} '{name}' deleted\n")

    return delete


def _lint(is_cluster: bool, word: str) -> click.Command:
    @click.command("lint", help=f"Check {word}s; exit 1 if something is wrong.")
    @click.argument("files", nargs=-1, required=True)
    @click.option("-o", "--output", type=OneOf(["pretty", "simple"]), default="pretty")
    @strict_option
    @click.option("--no-color", is_flag=True, help="No colours.")
    @click.pass_context
    def lint(context: click.Context, /, **values: Any) -> int:
        from tiphys.cli.lint import lint as everything

        kinds = "clusterworkflowtemplates" if is_cluster else "workflowtemplates"
        code = context.invoke(everything, kinds=kinds, offline=True, **values)
        return code if isinstance(code, int) else 0

    return lint


template = _group(is_cluster=False)
cluster_template = _group(is_cluster=True)
