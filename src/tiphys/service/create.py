"""Workflows that a server's clients create: the body's workflow, or one of something stored.

Who creates is noted in labels that nobody can forge. Source: reference/rest-api.md 6.1, 6.6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from msgspec.structs import replace

from tiphys.compile.references import template_store
from tiphys.compile.validate import validate
from tiphys.compile.validate_context import Options
from tiphys.errors import InvalidDocument, UserError
from tiphys.model.base import JsonObject
from tiphys.model.codec import encode
from tiphys.model.workflow import Workflow
from tiphys.ports import Clock, Objects, RunRow
from tiphys.service.actors import Person, creator_labels
from tiphys.service.cron import CronWorkflows
from tiphys.service.from_stored import from_stored
from tiphys.service.stored import stored_documents
from tiphys.service.submit import Overrides, Submitter
from tiphys.service.view import bare

_OURS: Final = frozenset(
    f"workflows.argoproj.io/{name}"
    for name in (
        *("creator", "creator-email", "creator-preferred-username"),
        *("actor", "actor-email", "actor-preferred-username", "action"),
    )
)
_INSTANCE: Final = "workflows.argoproj.io/controller-instanceid"
DryRun = Literal["", "client", "server"]


@dataclass(frozen=True, slots=True)
class Creation:
    """How a workflow is created. `dry_run` keeps nothing: "client" does not even make a name."""

    namespace: str
    person: Person | None = None
    dry_run: DryRun = ""
    overrides: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, slots=True)
class Creator:
    """Creates workflows. `runtime` is where they run."""

    submitter: Submitter
    objects: Objects
    crons: CronWorkflows
    clock: Clock
    runtime: str

    async def create(self, workflow: Workflow, how: Creation) -> RunRow | JsonObject:
        """Keep a workflow and return its row; of a dry run what it would be.

        Raises InvalidDocument, Unsupported, Conflict, UserError.
        """
        ready = _owned(_placed(workflow, how.namespace), how.person)
        documents = await stored_documents(self.objects, how.namespace)
        if how.dry_run == "client":
            self._check(ready, documents)
            return encode(ready)
        options = dataclasses.replace(how.overrides, namespace=how.namespace, runtime=self.runtime)
        prepared = self.submitter.prepare(ready, documents, options)
        if how.dry_run == "server":
            return bare(prepared.row)
        return await self.submitter.keep(prepared)

    async def submit(self, kind: str, name: str, how: Creation) -> RunRow | JsonObject:
        """Create a workflow of a stored template or CronWorkflow. Raises NotFound as well."""
        identifier = f"{kind}/{name}"
        workflow = await from_stored(self.crons, how.namespace, identifier, self.clock.now())
        return await self.create(workflow, how)

    async def lint(self, workflow: Workflow, how: Creation) -> JsonObject:
        """Return a workflow if nothing is wrong with it. Raises InvalidDocument."""
        ready = _owned(_placed(workflow, how.namespace), how.person)
        self._check(ready, await stored_documents(self.objects, how.namespace))
        return encode(ready)

    def _check(self, workflow: Workflow, documents: Sequence[object]) -> None:
        options = Options(lint=True, namespace=workflow.metadata.namespace)
        found = validate(workflow, template_store(documents), options)
        if found:
            raise InvalidDocument(found)


def _placed(workflow: Workflow, namespace: str) -> Workflow:
    """Return a workflow in the namespace of the path. Raises UserError if it says another one."""
    metadata = workflow.metadata
    if not namespace:
        raise UserError("an empty namespace may not be set during creation")
    if metadata.namespace not in {"", namespace}:
        raise UserError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    # What the store says of an object cannot be set by who creates it.
    fresh = replace(
        metadata,
        namespace=namespace,
        uid="",
        resource_version="",
        creation_timestamp=None,
        deletion_timestamp=None,
        generation=None,
        managed_fields=(),
        self_link="",
    )
    return replace(workflow, metadata=fresh, status=Workflow().status)


def _owned(workflow: Workflow, person: Person | None) -> Workflow:
    metadata = workflow.metadata
    labels = forged_removed(metadata.labels) | creator_labels(person)
    return replace(workflow, metadata=replace(metadata, labels=labels))


def forged_removed(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels without those that only the server sets."""
    return {key: text for key, text in labels.items() if key not in _OURS and key != _INSTANCE}
