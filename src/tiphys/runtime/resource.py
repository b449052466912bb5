"""Resource templates: one kubectl command on the object store, then waiting for what it leads to.

What the object asks for (the pods of a Job, a child workflow) is run by whoever watches the store;
here it is only waited for.

Once: what a create will be called is written into the job's directory before the effect, and that
the command is done after it. So an engine that comes back recognises its own object by its uid,
and goes on waiting. A patch of type json is recognised by the document it led to. The other verbs
lead to the same end however often they are done, unless someone else changes the object in the
instant between the effect and the note.

Differs: several documents without conditions and outputs succeed once all are acted on; a Job that
has ended while both conditions are undecided fails the step, which in Argo waits for ever; behind a
failure condition stands why the object failed.
Source: reference/engine.md 10.6, reference/executor.md 7; argo workflow/executor/resource.go.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from tiphys.errors import NotFound, Permanent, TiphysError
from tiphys.executor import contract, stage
from tiphys.executor.layout import RootedLayout
from tiphys.executor.transfers import DriverOf
from tiphys.expr.errors import ConditionError, JqError, JsonPathError
from tiphys.expr.jq_filter import run_filter
from tiphys.expr.jsonpath_kubectl import render_template
from tiphys.expr.numbers import json_text
from tiphys.expr.selectors import Conditions, parse_conditions
from tiphys.expr.values import Context
from tiphys.messages import JobSpec
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.ids import RunId
from tiphys.model.makers import Maker
from tiphys.model.templates import ResourceTemplate
from tiphys.ports import Capabilities, Clock, ObjectRef, Objects
from tiphys.runtime.inline import Desk, End, InlineRuntime, failed_as_main
from tiphys.runtime.kubectl import MANIFEST_PATH, Command, Kubectl, Manifest, Progress, log_line
from tiphys.runtime.kubectl_flags import parse_flags
from tiphys.runtime.verdicts import is_hopeless, owned_by, reason_of
from tiphys.runtime.watching import Watch

_NOTE: Final = "resource"
_NOTE_BYTES: Final = 1 << 26
_NO_DELETE: Final = (
    "successCondition, failureCondition and outputs are not supported for delete action"
)
_NO_KIND: Final = (
    "Kind and name are both required but at least one of them is missing from the manifest"
)
_GONE: Final = (
    "The resource has been deleted while its status was still being checked. Will not be retried: "
)

_HOPELESS: Final = "the Job has ended and neither condition holds"


class _Note(msgspec.Struct, frozen=True):
    """The file in a job's directory: what was decided before the effect, and whether it is had."""

    identities: dict[int, tuple[str, str]]
    planned: list[JsonObject]
    refs: list[tuple[str, str, str, str]] | None = None


class _StagingError(Exception):
    """The manifest's artifact could not be had: in Argo the pod's init container failed."""


_decode = msgspec.json.Decoder(_Note).decode


class ResourceRuntime(InlineRuntime):
    """Carries resource templates out on `objects`; `drivers` fetch manifests that are artifacts."""

    name = "resource"
    capabilities = Capabilities(frozenset({"resource"}))

    def __init__(self, root: Path, clock: Clock, objects: Objects, drivers: DriverOf) -> None:
        super().__init__(root, clock)
        self._objects = objects
        self._drivers = drivers
        self._kubectl = Kubectl(objects)
        self._watch = Watch(objects)

    async def work(self, job: JobSpec, desk: Desk) -> End:
        """Do the command, wait for the conditions, read the outputs."""
        resource = job.template.resource
        if resource is None:
            raise Permanent("no resource template")
        conditions = _conditions(resource)
        parameters = [item for item in job.template.outputs.parameters if item.value_from]
        if resource.action == "delete" and (conditions is not None or parameters):
            raise Permanent(_NO_DELETE)
        command = await self._command(job, resource, desk)
        refs = await self._once(command, desk)
        if resource.action == "delete":
            if command.flags.has("--wait"):
                await self._until_gone(refs)
            return _succeeded(job, None, self._context())
        if len(refs) > 1 and (conditions is not None or parameters):
            raise Permanent(_NO_KIND)
        document = None
        if len(refs) == 1:
            document = await self._settled(refs[0], conditions)
        return _succeeded(job, document, self._context())

    def broken(self, problem: BaseException) -> End:
        """Return the end of a pod whose main (or init) container failed."""
        if isinstance(problem, _StagingError):
            return End("Error", f"init: Error (exit code {contract.CANNOT_START}): {problem}")
        return failed_as_main(problem)

    async def drop(self, run: RunId) -> None:
        """Remove a run's jobs, and the objects that it owns."""
        await super().drop(run)
        await self._objects.delete_owned(run)

    # --------------------------------------------------------------------------- the command

    async def _command(self, job: JobSpec, resource: ResourceTemplate, desk: Desk) -> Command:
        """Return what is to be done. Raises Permanent, and _StagingError."""
        text, path = resource.manifest, MANIFEST_PATH
        if resource.manifest_from is not None:
            text, path = await self._staged(job, resource.manifest_from.artifact.name, desk)
        if not text.strip() and not resource.flags:
            raise Permanent("Must provide at least one of flags or manifest.")
        owner = _owner(job) if resource.set_owner_reference else None
        return Command(
            action=resource.action,
            manifest=Manifest(text, path, owner, Maker(job.workflow, job.run)),
            flags=parse_flags(resource.flags, resource.action),
            namespace=job.namespace,
            strategy=resource.merge_strategy or "strategic",
        )

    async def _staged(self, job: JobSpec, name: str, desk: Desk) -> tuple[str, str]:
        """Return the text of an input artifact, and its path in the pod."""
        layout = RootedLayout(desk.directory, {}, {})
        found = [item for item in job.template.inputs.artifacts if item.name == name]
        try:
            if not found:
                raise Permanent(f"inputs.artifacts.{name} was not supplied")
            os.makedirs(layout.root, exist_ok=True)
            await stage.load_inputs(job, layout, self._drivers)
            content = Path(layout.follow(found[0].path)).read_bytes()
        except (TiphysError, OSError) as exc:
            raise _StagingError(str(exc)) from exc
        return content.decode("utf-8", "replace"), found[0].path

    async def _once(self, command: Command, desk: Desk) -> list[ObjectRef]:
        """Do the command, unless that has been done; return what it was done to."""
        note = _read_note(desk)
        if note is not None and note.refs is not None:
            return [ObjectRef(*ref) for ref in note.refs]
        try:
            if note is None:
                progress = Progress()
                await self._kubectl.prepared(command, progress)
                _write_note(desk, progress, None)
            else:
                progress = Progress(note.identities, note.planned)
            refs = await self._kubectl.run(command, progress)
        except TiphysError as exc:
            raise Permanent(f"no more retries {exc}") from exc
        _write_note(desk, progress, refs)
        for ref in refs:
            desk.write(log_line(ref, command.action))
        return refs

    # --------------------------------------------------------------------------- the waiting

    async def _settled(self, ref: ObjectRef, conditions: Conditions | None) -> JsonObject:
        """Return the object once the conditions are decided. Raises Permanent if they failed."""
        if conditions is None:
            return await self._present(ref)
        async with self._watch.changes_of(ref) as event:
            while True:
                event.clear()
                document = await self._present(ref)
                outcome, message = conditions.judge(document)
                if outcome == "failed":
                    raise Permanent(await self._explained(message, document))
                if outcome == "succeeded":
                    return document
                if is_hopeless(document, conditions):
                    raise Permanent(await self._explained(_HOPELESS, document))
                await event.wait()

    async def _explained(self, message: str, document: JsonObject) -> str:
        """Return a message, and behind it what the object and its pods say of themselves."""
        namespace = ObjectRef.of(document).namespace
        pods = owned_by(document, await self._objects.list("v1", "Pod", namespace))
        said = reason_of(document, pods)
        return f"{message}: {said}" if said else message

    async def _present(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self._objects.get(ref)
        except NotFound as exc:
            raise Permanent(f"{_GONE}{exc}") from exc

    async def _until_gone(self, refs: list[ObjectRef]) -> None:
        """Wait until what was deleted has lost its finalizers, as kubectl does."""
        for ref in refs:
            async with self._watch.changes_of(ref) as event:
                while await self._is_going(ref):
                    await event.wait()
                    event.clear()

    async def _is_going(self, ref: ObjectRef) -> bool:
        try:
            document = await self._objects.get(ref)
        except NotFound:
            return False
        metadata = document.get("metadata")
        return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))

    def _context(self) -> Context:
        return Context(datetime.fromtimestamp(self._clock.now(), UTC))


# ------------------------------------------------------------------------------------- parts


def _conditions(resource: ResourceTemplate) -> Conditions | None:
    """Return the parsed conditions, None if there are none. Raises Permanent with Argo's text."""
    success, failure = resource.success_condition, resource.failure_condition
    if not success and not failure:
        return None
    try:
        return parse_conditions(success, failure)
    except ConditionError as exc:
        side, text = ("fail", failure) if exc.side == "failure" else ("success", success)
        raise Permanent(f"{side} condition '{text}' failed to parse: {exc.message}") from exc


def _owner(job: JobSpec) -> JsonObject:
    """Return the reference to the workflow. Source: apimachinery metav1.NewControllerRef."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Workflow",
        "name": job.workflow,
        "uid": job.run,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _read_note(desk: Desk) -> _Note | None:
    content = contract.read_file(f"{desk.directory}/{_NOTE}", _NOTE_BYTES)
    try:
        return _decode(content) if content else None
    except msgspec.MsgspecError as exc:
        raise Permanent(f"what is known of an earlier attempt cannot be read: {exc}") from exc


def _write_note(desk: Desk, progress: Progress, refs: list[ObjectRef] | None) -> None:
    known = None
    if refs is not None:
        known = [(ref.api_version, ref.kind, ref.namespace, ref.name) for ref in refs]
    note = _Note(progress.identities, progress.planned, known)
    target = f"{desk.directory}/{_NOTE}"
    contract.write_file(f"{target}.tmp", msgspec.json.encode(note), 0o600)
    os.rename(f"{target}.tmp", target)


def _succeeded(job: JobSpec, document: JsonObject | None, context: Context) -> End:
    """Return the end with the outputs that the object has. Raises Permanent."""
    declared = job.template.outputs.parameters
    made = tuple(_valued(item, document, context) for item in declared)
    return End("Succeeded", "", Outputs(parameters=made, exit_code="0"))


def _valued(parameter: Parameter, document: JsonObject | None, context: Context) -> Parameter:
    """Return an output parameter with its value; without an object its default, else ""."""
    source = parameter.value_from
    if source is None:
        return parameter
    value = source.default or ""
    try:
        if document is not None and source.json_path:
            value = render_template(source.json_path, document)
        elif document is not None and source.jq_filter:
            value = run_filter(source.jq_filter, json_text(document), context)
    except (JsonPathError, JqError) as exc:
        raise Permanent(exc.message) from exc
    return msgspec.structs.replace(parameter, value=value)
