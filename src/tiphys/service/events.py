"""Events: every WorkflowEventBinding of a namespace is asked, and submits or does not.

Source: Argo server/event/dispatch/operation.go; reference/engine-operations.md 11.2.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from tiphys.compile.triggers.bindings import BindingFault, environment, matches, submission
from tiphys.errors import NotFound, TiphysError, Transient
from tiphys.expr.values import Context, Value
from tiphys.model.base import API_VERSION, Json
from tiphys.model.codec import convert
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.workflow import Workflow
from tiphys.ports import Clock, Objects, RunRow
from tiphys.service.actors import Person, creator_labels
from tiphys.service.stored import stored_documents, stored_template
from tiphys.service.submit import Overrides, Prepared, Submitter

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Event:
    """What came in: any JSON, for a namespace, with the headers of its request; by whom."""

    namespace: str
    discriminator: str = ""
    payload: Json = None
    headers: Mapping[str, Sequence[str]] | None = None
    by: Person | None = None


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What came of an event: the runs it started, and which bindings failed (name, why)."""

    runs: Sequence[RunRow]
    failures: Sequence[tuple[str, str]]

    @property
    def error(self) -> str:
        """Argo's text for all failures together, "" if there are none."""
        said = " ".join(text for _, text in self.failures)
        return f"failed to dispatch event: [{said}]" if self.failures else ""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Answers events; `runtime` is where what they start runs."""

    objects: Objects
    submitter: Submitter
    clock: Clock
    runtime: str = "process"

    async def dispatch(self, event: Event) -> Dispatched:
        """Ask every binding of the event's namespace, whatever becomes of the others."""
        env = environment(event.namespace, event.discriminator, event.payload, event.headers or {})
        runs: list[RunRow] = []
        failures: list[tuple[str, str]] = []
        for item in await self.objects.list(API_VERSION, "WorkflowEventBinding", event.namespace):
            binding = convert(item, WorkflowEventBinding)
            try:
                row = await self._answer(binding, env, creator_labels(event.by))
            except BindingFault as exc:
                failures.append((binding.metadata.name, str(exc)))
                continue
            if row is not None:
                runs.append(row)
        return Dispatched(runs, failures)

    async def _answer(
        self, binding: WorkflowEventBinding, env: Mapping[str, Value], creator: dict[str, str]
    ) -> RunRow | None:
        """Submit what a binding says. Raises BindingFault."""
        suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
        seed = hashlib.sha256(f"{binding.metadata.uid}/{suffix}".encode()).digest()
        context = Context(datetime.fromtimestamp(self.clock.now(), UTC), seed)
        submit = binding.spec.submit
        if not matches(binding, env, context) or submit is None:
            return None
        reference = submit.workflow_template_ref
        namespace = binding.metadata.namespace
        try:
            template = await stored_template(
                self.objects, namespace, reference.name, bool(reference.cluster_scope)
            )
        except NotFound as exc:
            raise BindingFault(f"failed to get workflow template: {exc}") from exc
        workflow = _created(submission(binding, template, env, context, suffix), creator)
        documents = await stored_documents(self.objects, namespace)
        options = Overrides(namespace=namespace, runtime=self.runtime)
        try:
            return await self._keep(self.submitter.prepare(workflow, documents, options))
        except TiphysError as exc:
            raise BindingFault(f"failed to create workflow: {exc}") from exc

    async def _keep(self, prepared: Prepared) -> RunRow:
        """Keep a workflow, again if that failed for a moment; its name stays the same."""
        for left in reversed(range(_TRIES)):
            try:
                return await self.submitter.keep(prepared)
            except Transient:
                if not left:
                    raise
                await self.clock.sleep_until(self.clock.now() + _PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")


def _created(workflow: Workflow, creator: dict[str, str]) -> Workflow:
    """Return a workflow with the labels of who sent the event."""
    labels = {**workflow.metadata.labels, **creator}
    return replace(workflow, metadata=replace(workflow.metadata, labels=labels))
