"""Submit: documents and options to a run in the store.

Names and uids are made here; the engine never makes one. Source: reference/engine-operations.md
12.1; argo workflow/util/util.go, ApplySubmitOpts.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from tiphys.compile.admit import admit
from tiphys.compile.needs import Runtime
from tiphys.compile.overrides import with_parameters
from tiphys.compile.site import PLAIN, Site
from tiphys.compile.validate_context import Options
from tiphys.engine.clock import rfc3339
from tiphys.engine.run import Run
from tiphys.engine.status import extras, summary
from tiphys.errors import Finding, InvalidDocument, Unsupported, UserError
from tiphys.messages import RunAdmitted
from tiphys.model.codec import Document
from tiphys.model.ids import RunId
from tiphys.model.meta import ObjectMeta, OwnerReference
from tiphys.model.spec import WorkflowSpec, WorkflowTemplateRef
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate
from tiphys.ports import Clock, Journal, Queries, RunRow
from tiphys.service.artifact_keys import with_keys
from tiphys.service.documents import placed
from tiphys.service.estimates import estimates
from tiphys.service.unmet import with_hints

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MAX_NAME = 63


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a submit may override. `parameters` are (name, value) pairs, later ones win."""

    namespace: str = "default"
    name: str = ""
    generate_name: str = ""
    entrypoint: str = ""
    parameters: Sequence[tuple[str, str]] = ()
    labels: Sequence[tuple[str, str]] = ()
    service_account: str = ""
    priority: int | None = None
    annotations: Sequence[tuple[str, str]] = ()
    artifacts: Sequence[tuple[str, str]] = ()
    pod_priority_class_name: str = ""
    owner_reference: OwnerReference | None = None
    runtime: str = "process"
    uid: str = ""
    """The uid of the object that the workflow is, if there is one already."""
    created_at: float | None = None
    """When it was created, in seconds since the epoch, if it was not just now."""


def parse_parameters(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return "name=value" texts as pairs. Raises UserError."""
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"expected parameter of the form: NAME=VALUE. Received: {text}")
        found.append((name, value))
    return found


def parse_pairs(text: str, what: str = "labels") -> list[tuple[str, str]]:
    """Return "k=v,k2=v2" as pairs; `what` they are is said of a malformed one. Raises UserError."""
    found = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(
                f"expected {what} of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {text}"
            )
        found.append((name, value))
    return found


def apply_options(
    workflow: Workflow, options: Overrides, documents: Sequence[object] = ()
) -> Workflow:
    """Return a workflow with the options applied; `documents` are the templates it may run.

    Raises UserError for an artifact that there is not.
    """
    metadata = _apply_metadata(workflow.metadata, options)
    return msgspec.structs.replace(
        workflow, metadata=metadata, spec=_apply_spec(workflow, options, documents)
    )


def _apply_metadata(metadata: ObjectMeta, options: Overrides) -> ObjectMeta:
    replace = msgspec.structs.replace
    if options.name:
        metadata = replace(metadata, name=options.name, generate_name="")
    elif options.generate_name:
        metadata = replace(metadata, name="", generate_name=options.generate_name)
    if options.labels:
        metadata = replace(metadata, labels={**metadata.labels, **dict(options.labels)})
    if options.annotations:
        annotations = {**metadata.annotations, **dict(options.annotations)}
        metadata = replace(metadata, annotations=annotations)
    if options.owner_reference is not None:
        owners = (*metadata.owner_references, options.owner_reference)
        metadata = replace(metadata, owner_references=owners)
    return metadata


def _apply_spec(
    workflow: Workflow, options: Overrides, documents: Sequence[object]
) -> WorkflowSpec:
    replace = msgspec.structs.replace
    spec = workflow.spec
    if options.artifacts:
        spec = with_keys(workflow, documents, options.artifacts)
    if options.entrypoint:
        spec = replace(spec, entrypoint=options.entrypoint)
    if options.service_account:
        spec = replace(spec, service_account_name=options.service_account)
    if options.priority is not None:
        spec = replace(spec, priority=options.priority)
    if options.pod_priority_class_name:
        spec = replace(spec, pod_priority_class_name=options.pod_priority_class_name)
    return with_parameters(spec, dict(options.parameters))


def named(workflow: Workflow, namespace: str, created_at: float, uid: str = "") -> Workflow:
    """Return a workflow with a name, a namespace and a uid of its own. Raises InvalidDocument."""
    metadata = workflow.metadata
    name = metadata.name
    if not name and not metadata.generate_name:
        reason = "resource name may not be empty"
        raise InvalidDocument(
            [Finding(reason, path="metadata", hint="set metadata.name or metadata.generateName")]
        )
    if not name:
        suffix = "".join(secrets.choice(_ALPHABET) for _ in range(5))
        name = f"{metadata.generate_name[: _MAX_NAME - 5]}{suffix}"
    return msgspec.structs.replace(
        workflow,
        metadata=msgspec.structs.replace(
            metadata,
            name=name,
            namespace=metadata.namespace or namespace,
            uid=uid or str(uuid.uuid4()),
            creation_timestamp=rfc3339(created_at),
        ),
    )


def from_template(template: WorkflowTemplate | ClusterWorkflowTemplate) -> Workflow:
    """Return a workflow that runs a stored template."""
    cluster = isinstance(template, ClusterWorkflowTemplate)
    name = template.metadata.name
    label = "cluster-workflow-template" if cluster else "workflow-template"
    return Workflow(
        metadata=ObjectMeta(
            generate_name=f"{name}-", labels={f"workflows.argoproj.io/{label}": name}
        ),
        spec=msgspec.structs.replace(
            Workflow().spec,
            workflow_template_ref=WorkflowTemplateRef(
                name=name, cluster_scope=True if cluster else None
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked workflow: its row, the first event of its journal, and what has no effect here.

    `asked` is the workflow with the options applied, before it got a name and a uid.
    """

    row: RunRow
    first: RunAdmitted
    notes: list[str]
    asked: Workflow


@dataclass(frozen=True, slots=True)
class Submitter:
    """Admits workflows into a store."""

    journal: Journal
    clock: Clock
    features: Callable[[str], frozenset[str]]
    """What a runtime can do, by its name."""
    site: Site = PLAIN
    history: Queries | None = None
    """Where earlier runs are looked for, to estimate durations; None to estimate none."""

    async def submit(
        self,
        workflow: Workflow,
        documents: Sequence[object],
        options: Overrides,
        origin: Document | None = None,
    ) -> RunRow:
        """Check a workflow, keep it and return its row.

        Raises what `prepare` and `keep` raise.
        """
        return await self.keep(self.prepare(workflow, documents, options, origin))

    async def keep(self, prepared: Prepared) -> RunRow:
        """Keep a checked workflow and return its row. Raises Conflict if its name is taken."""
        first = prepared.first
        if self.history is not None:
            earlier = await estimates(self.history, prepared.row)
            first = msgspec.structs.replace(first, estimates=earlier)
        await self.journal.create(prepared.row, first)
        return prepared.row

    def prepare(
        self,
        workflow: Workflow,
        documents: Sequence[object],
        options: Overrides,
        origin: Document | None = None,
    ) -> Prepared:
        """Check a workflow; nothing is kept.

        Raises InvalidDocument and Unsupported, with places if `origin` is known.
        """
        now = self.clock.now() if options.created_at is None else options.created_at
        try:
            asked = apply_options(workflow, options, documents)
            ready = named(asked, options.namespace, now, options.uid)
            sources = {} if origin is None else {"": origin}
            checks = Options(offline=True, namespace=ready.metadata.namespace, sources=sources)
            runtime = Runtime(options.runtime, self.features(options.runtime))
            admitted = admit(ready, documents, now, checks, runtime, self.site)
        except (InvalidDocument, Unsupported) as exc:
            if origin is None:
                raise
            found = placed(exc.findings, origin)
            raise type(exc)(with_hints(found, workflow, documents, origin.file)) from exc
        run = Run(admitted.program, admitted.event)
        row = RunRow(
            run=RunId(ready.metadata.uid),
            namespace=ready.metadata.namespace,
            name=ready.metadata.name,
            created_at=now,
            done=False,
            owner="",
            epoch=0,
            runtime=options.runtime,
            document=msgspec.json.encode(admitted.event.workflow),
            summary=msgspec.json.encode(summary(run)),
            extras=msgspec.json.encode(extras(run)),
        )
        return Prepared(row, admitted.event, admitted.notes, asked)
