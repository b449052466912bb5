"""The objects of a store as people look at them: listed, shown, kept, removed.

What has verbs of its own (workflows, templates, schedules) is not among them. Values of Secrets
are shown to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.compile.workloads.faces import is_step
from tiphys.compile.workloads.reading import owner_of, part, text
from tiphys.compile.workloads.standing import WORKING, is_made_by_a_job, standing
from tiphys.errors import NotFound, UserError
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.documents import Document
from tiphys.model.kinds import KNOWN, KnownKind, find_kinds, group_of
from tiphys.model.makers import maker_of, without_notes
from tiphys.ports import ObjectRef, Objects
from tiphys.service.documents import check_workload
from tiphys.service.metadata import labels_of, name_of, namespace_of
from tiphys.service.selection import requirements
from tiphys.service.stored import Verb, applied

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_VERBS: Final = {
    "Workflow": "get",
    "WorkflowTemplate": "template",
    "ClusterWorkflowTemplate": "cluster-template",
    "CronWorkflow": "cron",
}
_APART: Final = {("v1", "ConfigMap"): "config-maps", ("v1", "Secret"): "secrets"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which objects are wanted: of these types (words as kubectl knows them), with these labels.

    `workflow` is the name or uid of the one that made them, `owner` the uid of the object that did.
    """

    types: Sequence[str] = ()
    labels: str = ""
    workflow: str = ""
    owner: str = ""

    def fits(self, document: JsonObject) -> bool:
        """Tell whether an object is wanted, but for its type and labels."""
        maker = maker_of(document)
        if self.workflow and self.workflow not in (maker.name, maker.uid):
            return False
        if self.owner:
            return owner_of(document)[3] == self.owner
        if self.types:
            return True
        return not is_step(document) and (bool(self.workflow) or not is_made_by_a_job(document))


@dataclass(frozen=True, slots=True)
class KeptObjects:
    """The objects of a store.

    `serves`: for callers of a server. ConfigMaps and Secrets have their own paths there, and what
    is in no namespace belongs to no caller.
    """

    objects: Objects
    serves: bool = False

    async def list(self, namespace: str, asked: Asked) -> Sequence[JsonObject]:
        """Return what is wanted, "" for all namespaces; without types what no Job has made.

        Raises UserError.
        """
        terms = requirements(asked.labels)
        found: list[JsonObject] = []
        for kind in await self._kinds(asked.types):
            place = (namespace or None) if kind.namespaced else None
            documents = await self.objects.list(kind.api_version, kind.kind, place)
            found += [hidden(item) for item in documents if asked.fits(item)]
        kept = (item for item in found if all(term.matches(labels_of(item)) for term in terms))
        return sorted(kept, key=lambda item: (namespace_of(item), shown_name(item)))

    async def get(self, namespace: str, word: str, name: str) -> JsonObject:
        """Return the object of a type and a name. Raises NotFound, UserError."""
        return hidden(await self._find(namespace, word, name))

    async def delete(self, namespace: str, word: str, name: str) -> JsonObject:
        """Remove an object and what belongs to it; return what it was.

        What its pods run is ended by whoever keeps the objects at work. Raises NotFound, UserError.
        """
        found = await self._find(namespace, word, name)
        if is_step(found):
            raise UserError(f'pod "{name}" is a step of a workflow; `tiphys stop` ends it')
        await self.objects.delete(ObjectRef.of(found))
        return hidden(found)

    async def apply(
        self, namespace: str, word: str, name: str, document: JsonObject
    ) -> tuple[JsonObject, Verb]:
        """Create an object, or let the one of its name take on what is said of it.

        It passes the same checks as one in a file. Raises UserError.
        """
        wanted = _sendable(namespace, name, document)
        kind = _known(text(wanted, "apiVersion"), text(wanted, "kind"))
        self._check([kind])
        if (kind.kind, kind.api_version) not in _named(word, kind):
            raise UserError(f"kind of the object is not that of the request, {word}")
        check_workload(Document(wanted, is_json=True), strict=True)
        made, verb = await applied(self.objects, namespace, wanted)
        return hidden(made), verb

    async def at_work(self, namespace: str, workflow: str) -> Sequence[JsonObject]:
        """Return what a workflow (a name or a uid) has made and what is at work still."""
        found: list[JsonObject] = []
        asked = Asked(workflow=workflow)
        for version, kind in WORKING:
            every = await self.objects.list(version, kind, namespace or None)
            found += [item for item in every if asked.fits(item) and standing(item).is_at_work]
        return found

    async def _find(self, namespace: str, word: str, name: str) -> JsonObject:
        missing: list[NotFound] = []
        for kind in await self._kinds([word]):
            place = namespace if kind.namespaced else ""
            try:
                return await self.objects.get(ObjectRef(kind.api_version, kind.kind, place, name))
            except NotFound as exc:
                missing.append(exc)
        raise missing[0]

    async def _kinds(self, words: Sequence[str]) -> Sequence[KnownKind]:
        """Return the kinds that are called so; all that are stored and shown here without words.

        Raises UserError.
        """
        stored = [_known(version, kind) for version, kind in await self.objects.kinds()]
        found = [] if words else [kind for kind in stored if not self._elsewhere(kind)]
        for word in words:
            named = find_kinds(word, stored)
            if not named:
                raise UserError(f'there is no type "{word}"; for example job, vcjob, pod')
            self._check(named)
            found += named
        return list(dict.fromkeys(found))

    def _check(self, kinds: Sequence[KnownKind]) -> None:
        for kind in kinds:
            if where := self._elsewhere(kind):
                raise UserError(f"a {kind.kind} is not found here: {where}")

    def _elsewhere(self, kind: KnownKind) -> str:
        """Return where a kind is to be looked for, "" if that is here."""
        if group_of(kind.api_version) == group_of(API_VERSION):
            return f"see `tiphys {_VERBS.get(kind.kind, 'apply')}`"
        path = _APART.get((kind.api_version, kind.kind))
        if self.serves and path:
            return f"its path is /api/tiphys/v1/{path}"
        return "a server keeps what is in a namespace" if self._is_apart(kind) else ""

    def _is_apart(self, kind: KnownKind) -> bool:
        return self.serves and not kind.namespaced


def shown_name(document: JsonObject) -> str:
    """Return an object as kubectl names it: `job.batch/x`."""
    group, kind = group_of(text(document, "apiVersion")), text(document, "kind").lower()
    return f"{kind}{'.' if group else ''}{group}/{name_of(document)}"


def hidden(document: JsonObject) -> JsonObject:
    """Return an object as it may be shown: a Secret without its values."""
    if (text(document, "apiVersion"), text(document, "kind")) != ("v1", "Secret"):
        return document
    metadata = part(document, "metadata")
    notes = {k: v for k, v in part(metadata, "annotations").items() if k != _LAST_APPLIED}
    own = {key: value for key, value in metadata.items() if key != "annotations"}
    made: JsonObject = {**document, "metadata": {**own, "annotations": notes} if notes else own}
    return made | {"data": dict.fromkeys(part(document, "data"), "***")}


def _named(word: str, kind: KnownKind) -> set[tuple[str, str]]:
    return {(item.kind, item.api_version) for item in find_kinds(word, [kind])}


def _known(api_version: str, kind: str) -> KnownKind:
    wanted = (group_of(api_version), kind)
    for item in KNOWN:
        if (group_of(item.api_version), item.kind) == wanted:
            return KnownKind(kind, api_version, item.short, item.namespaced)
    return KnownKind(kind, api_version)


def _sendable(namespace: str, name: str, document: JsonObject) -> JsonObject:
    """Return what is stored of an object that a caller sends. Raises UserError.

    Of its metadata only what people give: owners and finalizers would decide who may delete it.
    """
    own = part(document, "metadata")
    for field, wanted in (("name", name), ("namespace", namespace)):
        if own.get(field) not in (None, "", wanted):
            raise UserError(f"metadata.{field} of the object is not that of the request, {wanted}")
    kept: JsonObject = {"name": name, "namespace": namespace}
    kept |= {key: part(own, key) for key in ("labels", "annotations") if part(own, key)}
    whole = {key: it for key, it in document.items() if key != "status"}
    return without_notes({**whole, "metadata": kept})
