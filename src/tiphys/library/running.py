"""`tiphys.run`: a workflow in this process, until it ends, with its result as an object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

from tiphys.errors import NotFound, UserError
from tiphys.library.blocking import blocking
from tiphys.library.driving import first_of, to_the_end
from tiphys.library.given import Given, load_given, texts
from tiphys.library.results import Result
from tiphys.settings import RUNTIMES, Settings, load_settings

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow
    from tiphys.service.documents import Loaded
    from tiphys.service.submit import Overrides


class Options(TypedDict, total=False):
    """What a run may be told besides its parameters.

    `home` is where state is kept and `settings` a settings file; without them they are those of
    the command line. The others override the workflow. With `strict` off, unknown fields of
    documents are let pass.
    """

    home: str | os.PathLike[str]
    settings: str | os.PathLike[str]
    namespace: str
    name: str
    generate_name: str
    entrypoint: str
    service_account: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    priority: int
    strict: bool


def run(
    workflow: Given,
    parameters: Mapping[str, object] | None = None,
    runtime: str | None = None,
    **options: Unpack[Options],
) -> Result:
    """Run a workflow here and return what it came to, once it has ended.

    `workflow` is a path, a URL, a text, a mapping, a Hera object or several of these, of which
    one is the workflow and the others are what it refers to. `parameters` are its arguments; what
    is no string is handed over as JSON. `runtime` is one of `tiphys.settings.RUNTIMES`.

    A workflow that fails is no error: see `Result.ok`. Raises UserError (InvalidDocument,
    Unsupported, Conflict) for what cannot be run, WorldError if something outside gets in the way.
    Ctrl-C terminates the workflow and raises KeyboardInterrupt when it has ended.
    """
    return blocking(run_async(workflow, parameters, runtime, **options))


async def run_async(
    workflow: Given,
    parameters: Mapping[str, object] | None = None,
    runtime: str | None = None,
    **options: Unpack[Options],
) -> Result:
    """Run a workflow as `run` does, beside other things.

    Cancelled, it terminates the workflow, and raises CancelledError when that has ended.
    """
    from tiphys.app import local

    _check_names(options)
    settings = _settings(runtime, options)
    with local(settings, drives=True) as home:
        try:
            return await _run(home, workflow, parameters or {}, options)
        except BaseExceptionGroup as group:
            raise first_of(group) from group


def _settings(runtime: str | None, options: Options) -> Settings:
    if runtime is not None and runtime not in RUNTIMES:
        raise UserError(f'"{runtime}" is not a runtime; there are {", ".join(RUNTIMES)}')
    home, file = options.get("home"), options.get("settings")
    return load_settings(
        None if home is None else os.fspath(home),
        None if file is None else os.fspath(file),
        runtime,
        options.get("namespace"),
    )


def _check_names(options: Options) -> None:
    """Raise UserError for an option that there is not: type checkers are not always asked."""
    for name in options:
        if name not in Options.__annotations__:
            raise UserError(
                f'there is no option "{name}"; there are {", ".join(Options.__annotations__)}'
            )


async def _run(
    home: Local, workflow: Given, parameters: Mapping[str, object], options: Options
) -> Result:
    from tiphys.library.submitting import check
    from tiphys.service.view import Viewer

    namespace = home.settings.namespace

    def read() -> tuple[Loaded, Overrides]:
        loaded = load_given(workflow, options.get("strict", True))
        if len(loaded.workflows) > 1:
            raise UserError(f"one workflow can be run at a time, not {len(loaded.workflows)}")
        return loaded, overrides(parameters, namespace, options)

    checked = await check(home, read)
    (row,) = await checked.keep(home, namespace)
    await _finish(home, row)
    # The caller's program is no reader: it gets outputs as a next step would.
    document = await Viewer(home.store, home.store.deletions).get(row.namespace, row.name)
    await home.tidy()
    logs = _Logs(home.settings, row)
    left = await _left(home, row)
    return Result(document, checked.choice.name, tuple(checked.notes), left, logs)


async def _left(home: Local, row: RunRow) -> tuple[str, ...]:
    """Return which objects that a run made are at work still."""
    from tiphys.service.kept_objects import KeptObjects, shown_name

    found = await KeptObjects(home.objects).at_work(row.namespace, row.run)
    return tuple(map(shown_name, found))


def overrides(parameters: Mapping[str, object], namespace: str, options: Options) -> Overrides:
    """Return what a caller overrides of a workflow. Raises UserError."""
    from tiphys.service.submit import Overrides

    return Overrides(
        namespace=namespace,
        name=options.get("name", ""),
        generate_name=options.get("generate_name", ""),
        entrypoint=options.get("entrypoint", ""),
        parameters=texts(parameters),
        labels=[*options.get("labels", {}).items()],
        annotations=[*options.get("annotations", {}).items()],
        service_account=options.get("service_account", ""),
        priority=options.get("priority"),
    )


async def _finish(home: Local, row: RunRow) -> None:
    """Bring a run to its end; cancelled, terminate it and bring it to that end."""
    try:
        await to_the_end(home, row, _unseen)
    except asyncio.CancelledError:
        fresh = await home.store.find(row.namespace, row.name)
        if not fresh.done:
            await home.operator.stop(fresh, "Terminate")
            await to_the_end(home, fresh, _unseen)
        raise


def _unseen(_update: object) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class _Logs:
    """Reads the logs of a run when they are asked for; its home is opened for that."""

    settings: Settings
    row: RunRow

    def __call__(self, node: str, container: str) -> str:
        return blocking(self._read(node, container))

    async def _read(self, node: str, container: str) -> str:
        from tiphys.app import local
        from tiphys.service.logs import LogOptions

        with local(self.settings) as home:
            row = await home.store.find(self.row.namespace, self.row.name)
            if row.run != self.row.run:
                raise NotFound(f'workflow "{row.name}" was deleted, and another one made')
            options = LogOptions(pod=node, container=container)
            lines = [line.content async for line in home.logs().lines(row, options)]
        return "".join(f"{line}\n" for line in lines)
