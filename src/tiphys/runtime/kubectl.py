"""What kubectl does for a resource template, on a store of objects instead of a cluster.

Every error is what kubectl prints, as the step's message quotes it.
Source: reference/engine.md 10.6, reference/executor.md 7; kubectl's create, apply, patch, replace,
delete and get.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tiphys.errors import (
    Conflict,
    Denied,
    Finding,
    InvalidDocument,
    NotFound,
    Permanent,
    TiphysError,
)
from tiphys.model.base import Json, JsonObject
from tiphys.model.decode import argo_text, inspect_workload
from tiphys.model.documents import Document, split_documents
from tiphys.model.kinds import KnownKind, find_kind, group_of, is_namespaced, named_after
from tiphys.model.makers import NOBODY, Maker, maker_of, marked
from tiphys.model.yaml_reader import read_yaml
from tiphys.ports import ObjectRef, Objects
from tiphys.runtime.kubectl_flags import Flags
from tiphys.runtime.kubectl_merge import applied, patched, with_last_applied

MANIFEST_PATH: Final = "/tmp/manifest.yaml"  # noqa: S108 - only a name in Argo's messages
_TRIES: Final = 5
_NO_MIX: Final = (
    "error: when paths, URLs, or stdin is provided as resource input, you may not specify resource "
    "arguments as well"
)
_VERBS: Final = {
    "create": "created",
    "apply": "configured",
    "patch": "patched",
    "replace": "replaced",
    "delete": "deleted",
    "get": "found",
}
_DOING: Final = {"create": "creating", "apply": "creating", "replace": "replacing"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The text of a manifest, and the path under which messages name it."""

    text: str = ""
    path: str = MANIFEST_PATH
    owner: JsonObject | None = None
    """The owner reference that every document gets."""
    maker: Maker = NOBODY
    """What is written in each object that is made."""

    def documents(self, namespace: str) -> list[JsonObject]:
        """Return the objects in it, each with its namespace; a List is what it holds.

        Raises Permanent.
        """
        try:
            found = [document.value for document in split_documents(self.text)]
        except InvalidDocument as exc:
            reason = exc.findings[0].reason
            raise Permanent(
                f"error: error parsing {self.path}: error converting YAML to JSON: {reason}"
            ) from exc
        return [self._whole(item, namespace) for document in found for item in _items(document)]

    def _whole(self, document: JsonObject, namespace: str) -> JsonObject:
        for name, said in (("kind", "Kind"), ("apiVersion", "apiVersion")):
            if not isinstance(document.get(name), str) or not document[name]:
                shown = msgspec.json.encode(document).decode()
                raise Permanent(
                    f"error: unable to decode {_quoted(self.path)}: Object '{said}' is missing in "
                    f"'{shown}'"
                )
        metadata = dict(_metadata(document))
        if is_namespaced(str(document["apiVersion"]), str(document["kind"])):
            metadata.setdefault("namespace", namespace)
        if self.owner is not None:
            others = metadata.get("ownerReferences")
            metadata["ownerReferences"] = [
                *(others if isinstance(others, list) else []),
                self.owner,
            ]
        return {**document, "metadata": metadata}

    def patch(self) -> Json:
        """Return it as a patch. Raises Permanent."""
        try:
            return read_yaml(self.text).value
        except InvalidDocument as exc:
            raise Permanent(f"error: unable to parse {_quoted(self.path)}: {exc}") from exc


def _items(document: JsonObject) -> list[JsonObject]:
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        return [item for item in items if isinstance(item, dict)]
    return [document]


def _quoted(text: str) -> str:
    return f'"{text}"'


def _metadata(document: JsonObject) -> JsonObject:
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def shown(ref: ObjectRef) -> str:
    """Return an object as kubectl names it: `job.batch/x`."""
    group = group_of(ref.api_version)
    return f"{ref.kind.lower()}{'.' if group else ''}{group}/{ref.name}"


@dataclass(slots=True)
class Progress:
    """What one command has done, for a command that is repeated after a crash.

    `identities` are the (name, uid) that each created object will have, `planned` the documents
    that a json patch, which cannot be applied twice, is about to write.
    """

    identities: dict[int, tuple[str, str]] = field(default_factory=dict)
    planned: list[JsonObject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Command:
    """One call of kubectl. `namespace` is where objects without one are."""

    action: str
    manifest: Manifest
    flags: Flags
    namespace: str
    strategy: str = "strategic"

    @property
    def place(self) -> str:
        """The namespace the command works in."""
        return self.flags.namespace or self.namespace


class Kubectl:
    """Carries commands out on `objects`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def prepared(self, command: Command, progress: Progress) -> None:
        """Fill in what must be known before the effect, so that it is had once.

        Raises Permanent with kubectl's words.
        """
        with _server(command):
            if command.action == "create":
                progress.identities = _identities(self._documents(command))
            elif command.action == "patch" and command.strategy == "json":
                progress.planned = [
                    patched(document, command.manifest.patch(), "json")
                    for document in await self._targets(command)
                ]

    async def run(self, command: Command, progress: Progress) -> list[ObjectRef]:
        """Do it and return the objects it was done to. Raises Permanent with kubectl's words."""
        with _server(command):
            match command.action:
                case "get":
                    return [ObjectRef.of(document) for document in await self._targets(command)]
                case "create":
                    return await self._create(command, progress)
                case "apply":
                    found = self._documents(command)
                    return [await self._apply(item, command.manifest.maker) for item in found]
                case "replace":
                    return [await self._replace(item, command) for item in self._documents(command)]
                case "patch":
                    return await self._patch(command, progress)
                case "delete":
                    return await self._delete(command)
        raise Permanent(f'unknown action "{command.action}"')

    # ------------------------------------------------------------------------ which objects

    def _documents(self, command: Command) -> list[JsonObject]:
        """Return the manifest's objects that the flags leave. Raises Permanent."""
        if command.flags.words:
            raise Permanent(_NO_MIX)
        found = command.manifest.documents(command.place)
        if not found:
            raise Permanent("error: no objects passed to " + command.action)
        for document in found:
            own = str(_metadata(document).get("namespace", command.place))
            if command.flags.namespace and own != command.flags.namespace:
                raise Permanent(
                    f'error: the namespace from the provided object "{own}" does not match the '
                    f'namespace "{command.flags.namespace}". You must pass '
                    f"'--namespace={own}' to perform this operation."
                )
            if command.action in _DOING and command.flags.is_strict:
                _check_fields(document, command)
        return [document for document in found if _selected(document, command.flags)]

    async def _targets(self, command: Command) -> list[JsonObject]:
        """Return the stored objects that manifest or flags name. Raises NotFound, Permanent."""
        words = command.flags.words
        by_manifest = bool(command.manifest.text.strip()) and not (
            words and command.action == "patch"
        )
        if by_manifest:
            refs = [ObjectRef.of(document) for document in self._documents(command)]
            return await self._read(refs, command)
        if not words:
            raise Permanent("error: You must provide one or more resources by argument or filename")
        kinds, names = await self._named(words)
        found: list[JsonObject] = []
        for kind in kinds:
            if names or "/" in words[0]:
                refs = [_ref(kind, name, command.place) for name in names.get(kind, ())]
                found += await self._read(refs, command)
            else:
                found += await self._listed(kind, command)
        return found

    async def _named(
        self, words: Sequence[str]
    ) -> tuple[list[KnownKind], dict[KnownKind, list[str]]]:
        """Return the kinds and names of `TYPE [NAME…]`, `TYPE,TYPE` or `TYPE/NAME…`."""
        names: dict[KnownKind, list[str]] = {}
        if "/" in words[0]:
            for word in words:
                kind, _, name = word.partition("/")
                names.setdefault(await self._kind(kind), []).append(name)
            return [*names], names
        kinds = [await self._kind(word) for word in words[0].split(",")]
        return kinds, {kind: [*words[1:]] for kind in kinds} if words[1:] else {}

    async def _kind(self, word: str) -> KnownKind:
        stored = [KnownKind(kind, version) for version, kind in await self._objects.kinds()]
        found = find_kind(word, tuple(stored))
        if found is None:
            raise Permanent(f'error: the server doesn\'t have a resource type "{word}"')
        return found

    async def _listed(self, kind: KnownKind, command: Command) -> list[JsonObject]:
        """Return what selectors choose; a verb that changes things wants one."""
        flags = command.flags
        if not (flags.selector or flags.fields or flags.has("--all") or command.action == "get"):
            raise Permanent("error: resource(s) were provided, but no name was specified")
        everywhere = flags.has("--all-namespaces") or not kind.namespaced
        place = None if everywhere else command.place
        found = await self._objects.list(kind.api_version, kind.kind, place)
        return [document for document in found if _selected(document, flags)]

    async def _read(self, refs: Sequence[ObjectRef], command: Command) -> list[JsonObject]:
        lenient = command.action == "delete" or command.flags.has("--ignore-not-found")
        found = []
        for ref in refs:
            try:
                found.append(await self._objects.get(ref))
            except NotFound:
                if not lenient:
                    raise
        return found

    # --------------------------------------------------------------------------- the verbs

    async def _create(self, command: Command, progress: Progress) -> list[ObjectRef]:
        made = []
        for index, unmarked in enumerate(self._documents(command)):
            document = marked(unmarked, command.manifest.maker)
            name, uid = progress.identities.get(index, ("", ""))
            named = {**document, "metadata": {**_metadata(document), "name": name}}
            try:
                stored = await self._objects.create(named if name else document, uid)
            except Conflict as exc:
                stored = await self._objects.get(ObjectRef.of(named))
                if not uid or _metadata(stored).get("uid") != uid:
                    path = command.manifest.path
                    raise _from_server("AlreadyExists", exc, "creating", path) from exc
            made.append(ObjectRef.of(stored))
        return made

    async def _apply(self, document: JsonObject, maker: Maker) -> ObjectRef:
        ref = ObjectRef.of(document)
        if not ref.name:
            prefix = _metadata(document).get("generateName", "")
            raise Permanent(f"error: from {prefix}: cannot use generate name with apply")
        for _ in range(_TRIES):
            with suppress(Conflict):  # created or changed by someone since we looked
                try:
                    stored = await self._objects.get(ref)
                except NotFound:
                    await self._objects.create(marked(with_last_applied(document), maker))
                else:
                    await self._objects.replace(applied(stored, document))
                return ref
        raise Permanent(f"{shown(ref)} is changed too often by others")

    async def _replace(self, document: JsonObject, command: Command) -> ObjectRef:
        ref = ObjectRef.of(document)
        try:
            stored = await self._objects.get(ref)
            # A status is not replaced with its object: it belongs to who runs the object.
            status = {"status": stored["status"]} if "status" in stored else {}
            await self._objects.replace({**status, **marked(document, maker_of(stored))})
        except NotFound as exc:
            raise _from_server("NotFound", exc, "replacing", command.manifest.path) from exc
        except Conflict as exc:
            raise _from_server("Conflict", exc, "replacing", command.manifest.path) from exc
        return ref

    async def _patch(self, command: Command, progress: Progress) -> list[ObjectRef]:
        done = []
        for document in await self._targets(command):
            ref = ObjectRef.of(document)
            if not any(_same(document, planned) for planned in progress.planned):
                await self._patch_one(ref, command)
            done.append(ref)
        return done

    async def _patch_one(self, ref: ObjectRef, command: Command) -> None:
        patch = command.manifest.patch()
        for _ in range(_TRIES):
            with suppress(Conflict):
                stored = await self._objects.get(ref)
                await self._objects.replace(patched(stored, patch, command.strategy))
                return
        raise Permanent(f"{shown(ref)} is changed too often by others")

    async def _delete(self, command: Command) -> list[ObjectRef]:
        """Remove what there is."""
        done = []
        for document in await self._targets(command):
            with suppress(NotFound):
                await self._objects.delete(ObjectRef.of(document))
            done.append(ObjectRef.of(document))
        return done


def log_line(ref: ObjectRef, action: str) -> str:
    """Return what kubectl says of an object it has worked on."""
    return f"{shown(ref)} {_VERBS.get(action, action)}"


def _identities(documents: Sequence[JsonObject]) -> dict[int, tuple[str, str]]:
    """Return a name and a uid for each object to be created."""
    made = {}
    for index, document in enumerate(documents):
        metadata = _metadata(document)
        prefix = str(metadata.get("generateName", ""))
        name = str(metadata.get("name", "")) or (
            named_after(prefix, secrets.token_bytes(8)) if prefix else ""
        )
        made[index] = (name, str(uuid.uuid4()))
    return made


def _ref(kind: KnownKind, name: str, place: str) -> ObjectRef:
    return ObjectRef(kind.api_version, kind.kind, place if kind.namespaced else "", name)


def _selected(document: JsonObject, flags: Flags) -> bool:
    """Return whether selectors leave an object."""
    metadata = _metadata(document)
    labels = metadata.get("labels")
    texts = {key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
    if flags.selector is not None and not flags.selector.matches(texts):
        return False
    return all(metadata.get(name) == value for name, value in flags.fields)


def _same(stored: JsonObject, planned: JsonObject) -> bool:
    """Return whether a stored object is what was planned, but for what the store counts."""
    return _uncounted(stored) == _uncounted(planned)


def _uncounted(document: JsonObject) -> JsonObject:
    counted = ("resourceVersion", "generation")
    metadata = {key: v for key, v in _metadata(document).items() if key not in counted}
    return {**document, "metadata": metadata}


def _check_fields(document: JsonObject, command: Command) -> None:
    """Refuse fields that a Job or Pod does not have, as a server does. Raises Permanent."""
    found = inspect_workload(Document(document, is_json=True))
    if not found:
        return
    kind, version = document["kind"], str(document["apiVersion"]).rpartition("/")[2]
    said = f'{kind} in version "{version}" cannot be handled as a {kind}: {argo_text(found)}'
    hints = "; ".join(dict.fromkeys(item.hint for item in found if item.hint))
    problem = InvalidDocument([Finding(said, hint=hints)])
    raise _from_server("BadRequest", problem, _DOING[command.action], command.manifest.path)


@contextmanager
def _server(command: Command) -> Iterator[None]:
    """Let a refusal of the store sound as one of a server."""
    try:
        yield
    except NotFound as exc:
        raise _from_server("NotFound", exc) from exc
    except Denied as exc:
        doing = _DOING.get(command.action, "")
        raise _from_server("", exc, doing, command.manifest.path) from exc
    except InvalidDocument as exc:
        raise Permanent(f"The {exc}") from exc


def _from_server(reason: str, problem: TiphysError, doing: str = "", path: str = "") -> Permanent:
    """Return a server's refusal as kubectl prints it."""
    place = f"error when {doing} {_quoted(path)}: " if doing else ""
    shown_reason = f" ({reason})" if reason else ""
    return Permanent(f"Error from server{shown_reason}: {place}{problem}")
