"""Workflow objects: the runs behind them, and runs as objects to those who ask for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.compile.workloads import batch, volcano
from tiphys.compile.workloads.admission import check
from tiphys.compile.workloads.faces import KIND, face, held, is_step, pod_face, released
from tiphys.compile.workloads.reading import ENDED, is_going, part, phase_of, text, uid_of
from tiphys.compile.workloads.standing import WORKING
from tiphys.errors import Conflict, NotFound, Permanent
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import convert
from tiphys.model.ids import pod_name
from tiphys.model.makers import placed, runtime_of
from tiphys.model.workflow import Workflow
from tiphys.ports import ObjectRef, Objects, Queries, RunRow
from tiphys.service.stored import stored_documents
from tiphys.service.submit import Overrides, Submitter
from tiphys.service.view import Viewer


@dataclass(frozen=True, slots=True)
class Children:
    """Runs of Workflow objects; `forget_run` removes a run and all that belongs to it."""

    objects: Objects
    queries: Queries
    submitter: Submitter
    forget_run: Callable[[RunRow], Awaitable[None]]
    runtime: str

    async def find(self, namespace: str, name: str) -> RunRow | None:
        """Return the newest run of that name."""
        try:
            return await self.queries.find(namespace, name)
        except NotFound:
            return None

    async def submit(self, document: JsonObject) -> RunRow:
        """Run a stored Workflow object under its uid.

        Raises InvalidDocument and Unsupported, and Conflict if another run has its name.
        """
        workflow = convert(document, Workflow)
        namespace = workflow.metadata.namespace
        documents = await stored_documents(self.objects, namespace)
        options = Overrides(
            namespace=namespace, runtime=runtime_of(document) or self.runtime, uid=uid_of(document)
        )
        return await self.submitter.submit(workflow, documents, options)

    def shown(self, row: RunRow) -> JsonObject:
        """Return a run's workflow without its nodes."""
        return Viewer(self.queries).bare(row)

    async def forget(self, row: RunRow) -> None:
        """Delete a run and all that belongs to it."""
        await self.forget_run(row)


async def drop_face(objects: Objects, row: RunRow) -> None:
    """Remove the object of a run that is gone."""
    ref = ObjectRef(API_VERSION, KIND, row.namespace, row.name)
    while True:
        try:
            document = await objects.get(ref)
            if uid_of(document) != row.run:
                return
            if held(document):
                await objects.replace(released(document))
            await objects.delete(ref)
        except Conflict:
            continue
        except NotFound:
            return


async def are_at_work(objects: Objects) -> bool:
    """Tell whether any object waits for something that only an engine does."""
    for pod in await objects.list("v1", "Pod", None):
        if not is_step(pod) and (is_going(pod) or phase_of(pod) not in ENDED):
            return True
    for version, decides in _JOBS.items():
        if not all(map(decides, await objects.list(version, "Job", None))):
            return True
    workflows = await objects.list(API_VERSION, KIND, None)
    return any(is_going(item) or not _is_settled(item) for item in workflows)


_JOBS: Final = {batch.API_VERSION: batch.is_over, volcano.API_VERSION: volcano.is_over}


def _is_settled(document: JsonObject) -> bool:
    """Tell whether the run of a Workflow object has ended, or cannot begin."""
    return phase_of(document) in ("Succeeded", "Failed", "Error")


class FacedObjects:
    """Objects among which every run is a Workflow, and every step that is a pod a Pod.

    One is made when somebody asks for it by its name. What runs is written with the runtime
    `place`, and keeps the one it has.
    """

    def __init__(self, objects: Objects, queries: Queries, place: str = "") -> None:
        self._objects = objects
        self._place = place
        self._viewer = Viewer(queries)
        self._queries = queries

    async def get(self, ref: ObjectRef) -> JsonObject:
        """Return an object. Raises NotFound."""
        try:
            return await self._objects.get(ref)
        except NotFound:
            made = await self._made(ref)
            if made is None:
                raise
        try:
            return await self._objects.create(*made)
        except Conflict:
            return await self._objects.get(ref)

    async def _made(self, ref: ObjectRef) -> tuple[JsonObject, str] | None:
        """Return the document that stands for a run or a step, and its uid."""
        if (ref.api_version, ref.kind) == ("v1", "Pod"):
            pod = await self._step(ref)
            return None if pod is None else (pod, "")
        if (ref.api_version, ref.kind) != (API_VERSION, KIND):
            return None
        try:
            row = await self._queries.find(ref.namespace, ref.name)
        except NotFound:
            return None
        return face(self._viewer.bare(row)), row.run

    async def _step(self, ref: ObjectRef) -> JsonObject | None:
        for row in await self._queries.list(ref.namespace):
            if ref.name != row.name and not ref.name.startswith(f"{row.name}-"):
                continue
            for data in await self._queries.nodes(row.run):
                node: JsonObject = msgspec.json.decode(data)
                template = text(part(node, "templateRef"), "template") or text(node, "templateName")
                if node.get("type") == "Pod" and ref.name == pod_name(
                    row.name, str(node.get("name", "")), template
                ):
                    return pod_face((row.run, row.namespace, row.name), node, ref.name)
        return None

    async def list(
        self, api_version: str, kind: str, namespace: str | None
    ) -> Sequence[JsonObject]:
        """Return the objects of a kind, oldest first; of all namespaces if None."""
        found = [*await self._objects.list(api_version, kind, namespace)]
        if (api_version, kind) != (API_VERSION, KIND):
            return found
        known = {uid_of(item) for item in found}
        rows = [row for row in await self._queries.list(namespace) if row.run not in known]
        return [*found, *(face(self._viewer.bare(row)) for row in reversed(rows))]

    async def kinds(self) -> Sequence[tuple[str, str]]:
        """Return apiVersion and kind of all that is stored, sorted."""
        return await self._objects.kinds()

    async def create(self, document: JsonObject, uid: str = "") -> JsonObject:
        """Add an object and return it as stored.

        Raises Conflict if a run has its name, InvalidDocument and Unsupported for what would
        never run.
        """
        ref = ObjectRef.of(document)
        if (ref.api_version, ref.kind) == (API_VERSION, KIND) and ref.name:
            with suppress(NotFound):
                if (await self._queries.find(ref.namespace, ref.name)).run != uid:
                    raise Conflict(f'workflows.argoproj.io "{ref.name}" already exists')
        check(document)
        if (ref.api_version, ref.kind) in WORKING:
            document = placed(document, self._place)
        return await self._objects.create(document, uid)

    async def replace(self, document: JsonObject) -> JsonObject:
        """Put a document in the place of the stored one and return it as stored.

        Raises InvalidDocument and Unsupported as `create` does.
        """
        check(document)
        ref = ObjectRef.of(document)
        if (ref.api_version, ref.kind) in WORKING:
            document = placed(document, runtime_of(await self._objects.get(ref)))
        return await self._objects.replace(document)

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object. Raises NotFound, and Permanent for the pod of a step."""
        if (ref.api_version, ref.kind) == ("v1", "Pod") and is_step(await self.get(ref)):
            raise Permanent(f'pod "{ref.name}" is a step of a workflow; `tiphys stop` ends it')
        await self._objects.delete(ref)

    async def delete_owned(self, uid: str) -> None:
        """Remove what the owner of this uid, which is gone, leaves behind."""
        await self._objects.delete_owned(uid)

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`."""
        return await self._objects.changed(after)

    async def since(self, after: int) -> Sequence[ObjectRef] | None:
        """Return what was changed or removed after that number."""
        return await self._objects.since(after)
