"""Documents and options to checked workflows of a home, and into its store."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiphys.errors import InvalidDocument, Unsupported, UserError

if TYPE_CHECKING:
    from tiphys.app import Choice, Local
    from tiphys.model.codec import Document
    from tiphys.model.workflow import Workflow
    from tiphys.ports import RunRow
    from tiphys.service.documents import Loaded
    from tiphys.service.submit import Overrides, Prepared


@dataclass(frozen=True, slots=True)
class Checked:
    """Workflows that may run; nothing of them is kept yet.

    `beside` are the objects in their files, `choice` the runtime they are meant for, `notes` the
    fields in them that mean nothing on one machine.
    """

    prepared: list[Prepared]
    beside: list[object]
    choice: Choice
    notes: list[str]

    async def keep(self, home: Local, namespace: str) -> list[RunRow]:
        """Keep them, to be driven, and return their rows. Raises Conflict if a name is taken."""
        from tiphys.service.stored import keep_beside

        await keep_beside(home.objects, namespace, self.beside)
        return [await home.submitter.keep(item) for item in self.prepared]


async def check(home: Local, read: Callable[[], tuple[Loaded, Overrides]]) -> Checked:
    """Check every workflow that `read` returns, with what the home keeps beside them.

    The runtime is looked for while files are read. Raises UserError if there is no workflow, and
    with all that is wrong.
    """
    from tiphys.app import choose_runtime
    from tiphys.service.stored import stored_documents

    loop = asyncio.get_running_loop()
    choosing = loop.run_in_executor(None, choose_runtime, home.settings)
    try:
        loaded, options = read()
        workflows = workflows_of(loaded)
        choice = await choosing
    finally:
        choosing.cancel()
    options = dataclasses.replace(options, runtime=choice.name)
    prepared, findings = [], []
    documents = [*await stored_documents(home.objects, options.namespace), *loaded.beside()]
    for workflow, origin in workflows:
        try:
            prepared.append(home.submitter.prepare(workflow, documents, options, origin))
        except (InvalidDocument, Unsupported) as exc:
            findings.append(exc)
    if findings:
        raise type(findings[0])([item for exc in findings for item in exc.findings])
    notes = sorted({note for item in prepared for note in item.notes})
    return Checked(prepared, [item for item, _ in loaded.others], choice, notes)


def workflows_of(loaded: Loaded) -> list[tuple[Workflow, Document]]:
    """Return what there is to run; one template that can run by itself stands for a workflow.

    Raises UserError if there is nothing.
    """
    from tiphys.service.submit import from_template

    if loaded.workflows:
        return loaded.workflows
    ready = [item for item in loaded.templates if item[0].spec.entrypoint]
    if len(ready) == 1:
        return [(from_template(ready[0][0]), ready[0][1])]
    if loaded.crons:
        reason = "a CronWorkflow is not run, it is kept"
        hint = "`tiphys cron create` keeps it, `tiphys submit --from cronwf/NAME` runs it then"
        raise Unsupported([item.finding(reason, ("kind",), hint=hint) for _, item in loaded.crons])
    others = [item for _, item in [*loaded.templates, *loaded.others, *loaded.bindings]]
    said = f"; there is only {', '.join(sorted({item.kind for item in others}))}" if others else ""
    file = f"{others[0].file}: " if others else ""
    raise UserError(f"{file}no workflow found in given files{said}")
