"""CronWorkflows: keeping and changing them, and what the schedule does with workflows.

Source: Argo server/cronworkflow/cron_workflow_server.go; reference/rest-api.md 10.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from tiphys.compile.references import template_store
from tiphys.compile.triggers.children import CRON_LABEL, cron_of, is_child, manual_child
from tiphys.compile.triggers.due import next_run
from tiphys.compile.triggers.history import Child
from tiphys.compile.triggers.outcome import COMPLETED_LABEL
from tiphys.compile.validate import validate_cron_workflow
from tiphys.compile.validate_context import Options
from tiphys.compile.validate_metadata import validate_metadata
from tiphys.errors import Conflict, Finding, InvalidDocument, NotFound
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import Document, convert, encode
from tiphys.model.cron import CronWorkflow
from tiphys.model.meta import ObjectMeta
from tiphys.model.workflow import Workflow
from tiphys.ports import Clock, Ledger, ObjectRef, Objects, Queries, RunRow
from tiphys.service.operations import Operator
from tiphys.service.stored import stored_documents
from tiphys.service.submit import Overrides, Submitter, apply_options
from tiphys.service.view import Viewer

KIND = "CronWorkflow"


@dataclass(frozen=True, slots=True)
class CronWorkflows:
    """The CronWorkflows of a store."""

    objects: Objects

    async def get(self, namespace: str, name: str) -> CronWorkflow:
        """Return a CronWorkflow. Raises NotFound."""
        return convert(await self.objects.get(_reference(namespace, name)), CronWorkflow)

    async def list(self, namespace: str | None) -> Sequence[CronWorkflow]:
        """Return all CronWorkflows, by namespace and name."""
        found = await self.objects.list(API_VERSION, KIND, namespace)
        crons = [convert(item, CronWorkflow) for item in found]
        return sorted(crons, key=lambda cron: (cron.metadata.namespace, cron.metadata.name))

    async def is_waiting(self, now: float) -> bool:
        """Tell whether any CronWorkflow waits for its next due time."""
        return any(
            not cron.spec.suspend
            and cron.metadata.labels.get(COMPLETED_LABEL) != "true"
            and next_run(cron, now) is not None
            for cron in await self.list(None)
        )

    async def create(
        self, cron: CronWorkflow, namespace: str, beside: Sequence[object], origin: Document | None
    ) -> CronWorkflow:
        """Check a CronWorkflow and keep it. Raises InvalidDocument and Conflict.

        `beside` are documents of the same files, which its workflows may refer to.
        """
        cron = await self.checked(cron, namespace, beside, origin)
        return convert(await self.objects.create(encode(cron)), CronWorkflow)

    async def checked(
        self, cron: CronWorkflow, namespace: str, beside: Sequence[object], origin: Document | None
    ) -> CronWorkflow:
        """Return a CronWorkflow in its namespace. Raises InvalidDocument."""
        cron = _placed(cron, namespace)
        await self.check(cron, beside, origin)
        return cron

    async def update(
        self, cron: CronWorkflow, namespace: str, beside: Sequence[object], origin: Document | None
    ) -> CronWorkflow:
        """Put a checked CronWorkflow in the place of the stored one; its status stays.

        Raises InvalidDocument, NotFound and Conflict.
        """
        cron = _placed(cron, namespace)
        await self.get(cron.metadata.namespace, cron.metadata.name)
        await self.check(cron, beside, origin)
        given = cron.metadata.resource_version
        while True:
            present = await self.get(cron.metadata.namespace, cron.metadata.name)
            version = given or present.metadata.resource_version
            metadata = msgspec.structs.replace(cron.metadata, resource_version=version)
            changed = msgspec.structs.replace(cron, metadata=metadata, status=present.status)
            try:
                return convert(await self.objects.replace(encode(changed)), CronWorkflow)
            except Conflict:
                if given:
                    raise

    async def suspend(self, namespace: str, name: str, suspended: bool) -> CronWorkflow:
        """Let a CronWorkflow make no more workflows, or make them again. Raises NotFound."""
        while True:
            present = await self.get(namespace, name)
            spec = msgspec.structs.replace(present.spec, suspend=suspended or None)
            changed = msgspec.structs.replace(present, spec=spec)
            try:
                return convert(await self.objects.replace(encode(changed)), CronWorkflow)
            except Conflict:  # the engine wrote its status meanwhile
                continue

    async def delete(self, namespace: str, name: str) -> None:
        """Remove a CronWorkflow. Raises NotFound."""
        await self.objects.delete(_reference(namespace, name))

    async def manual(self, namespace: str, name: str, now: float) -> Workflow:
        """Return the workflow that a person makes of a CronWorkflow. Raises NotFound."""
        return manual_child(await self.get(namespace, name), now)

    async def check(
        self, cron: CronWorkflow, beside: Sequence[object], origin: Document | None
    ) -> None:
        """Raise InvalidDocument with everything that is wrong with a CronWorkflow."""
        stored = await stored_documents(self.objects, cron.metadata.namespace)
        sources = {} if origin is None else {"": origin}
        options = Options(namespace=cron.metadata.namespace, sources=sources)
        found = validate_metadata(cron.metadata, origin)
        found += validate_cron_workflow(cron, template_store([*stored, *beside]), options)
        if found:
            raise InvalidDocument(found)


def overridden(cron: CronWorkflow, options: Overrides, schedule: str) -> CronWorkflow:
    """Return a CronWorkflow with what a person wants otherwise; labels are lost, as in Argo."""
    replace = msgspec.structs.replace
    made = apply_options(Workflow(metadata=cron.metadata, spec=cron.spec.workflow_spec), options)
    metadata = replace(made.metadata, labels=cron.metadata.labels)
    schedules = (schedule,) if schedule else cron.spec.schedules
    spec = replace(cron.spec, workflow_spec=made.spec, schedules=schedules)
    return replace(cron, metadata=metadata, spec=spec)


def _reference(namespace: str, name: str) -> ObjectRef:
    return ObjectRef(API_VERSION, KIND, namespace, name)


def _placed(cron: CronWorkflow, namespace: str) -> CronWorkflow:
    metadata = cron.metadata
    own = metadata.namespace or namespace
    return msgspec.structs.replace(cron, metadata=msgspec.structs.replace(metadata, namespace=own))


@dataclass(frozen=True, slots=True)
class CronChildren:
    """What the schedule does with workflows; `forget` removes a run and all that belongs to it.

    `runtime` is where those run of whose CronWorkflow the ledger knows none.
    """

    objects: Objects
    queries: Queries
    submitter: Submitter
    operator: Operator
    clock: Clock
    forget: Callable[[RunRow], Awaitable[None]]
    ledger: Ledger
    runtime: str = "process"

    async def problem(self, cron: CronWorkflow) -> str:
        """Return the first thing wrong with a CronWorkflow, "" if it is valid."""
        stored = await stored_documents(self.objects, cron.metadata.namespace)
        options = Options(namespace=cron.metadata.namespace)
        found: list[Finding] = validate_cron_workflow(cron, template_store(stored), options)
        return found[0].reason if found else ""

    async def submit(self, workflow: Workflow) -> Child:
        """Run a workflow. Raises Conflict if its name is taken, InvalidDocument, Unsupported."""
        namespace = workflow.metadata.namespace
        documents = await stored_documents(self.objects, namespace)
        runtime = await self.ledger.runtime(cron_of(workflow)) or self.runtime
        options = Overrides(namespace=namespace, runtime=runtime)
        return self._child(await self.submitter.submit(workflow, documents, options))

    async def find(self, cron: CronWorkflow, name: str) -> Child | None:
        """Return the child of that name, None if there is none."""
        try:
            row = await self.queries.find(cron.metadata.namespace, name)
        except NotFound:
            return None
        return self._child(row) if _belongs(row, cron.metadata.uid) else None

    async def children(self, cron: CronWorkflow) -> Sequence[Child]:
        """Return the workflows that a CronWorkflow made, or people made of it."""
        rows = await self.queries.list(cron.metadata.namespace)
        return [self._child(row) for row in rows if _belongs(row, cron.metadata.uid)]

    async def terminate(self, namespace: str, name: str) -> None:
        """End a workflow at once. Raises NotFound, and Conflict if it has ended."""
        await self.operator.stop(await self.queries.find(namespace, name), "Terminate")

    async def delete(self, namespace: str, name: str) -> None:
        """Forget a workflow. Raises NotFound."""
        await self.forget(await self.queries.find(namespace, name))

    def _child(self, row: RunRow) -> Child:
        document = Viewer(self.queries).bare(row)
        status = _part(document, "status")
        labels = _part(_part(document, "metadata"), "labels")
        return Child(
            uid=row.run,
            namespace=row.namespace,
            name=row.name,
            label=str(labels.get(CRON_LABEL, "")),
            phase=str(status.get("phase", "")),
            done=row.done,
            finished_at=str(status.get("finishedAt") or ""),
        )


def _part(document: JsonObject, key: str) -> JsonObject:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _belongs(row: RunRow, uid: str) -> bool:
    """Tell whether a run is a child; most rows are told apart without being decoded."""
    if uid.encode() not in row.document:
        return False
    document: JsonObject = msgspec.json.decode(row.document)
    return is_child(convert(_part(document, "metadata"), ObjectMeta), uid)
