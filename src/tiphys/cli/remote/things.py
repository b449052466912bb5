"""What a command line sends to a server to be kept: each with its place there, in a safe order.

Argo's REST API keeps templates and CronWorkflows, a server of ours all that is in a namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from tiphys.cli.remote.connecting import Remote
from tiphys.client import ours
from tiphys.client.http import Client, JsonObject, part
from tiphys.client.stored import Stored, cluster_templates, crons, templates
from tiphys.errors import Conflict, NotFound, UserError

if TYPE_CHECKING:
    from tiphys.model.base import Model
    from tiphys.model.codec import Document
    from tiphys.service.documents import Loaded

_CONFIG: Final = {"ConfigMap": "config-maps", "Secret": "secrets"}
_Verb = Literal["created", "configured", "unchanged"]


class Thing(Protocol):
    """What is to be kept on the server."""

    @property
    def kind(self) -> str:
        """Return what it is."""
        ...

    @property
    def name(self) -> str:
        """Return what it is called."""
        ...

    @property
    def label(self) -> str:
        """Return what kubectl calls it."""
        ...

    def send(self, replaces: bool) -> _Verb:
        """Keep it. Raises Conflict if there is another one and it is not to be replaced."""
        ...


@dataclass(frozen=True, slots=True)
class _Template:
    """A template or CronWorkflow, and where it goes."""

    kind: str
    name: str
    document: JsonObject
    stored: Stored

    @property
    def label(self) -> str:
        """Return what kubectl calls it."""
        return f"{self.kind.lower()}.argoproj.io/{self.name}"

    def send(self, replaces: bool) -> _Verb:
        """Keep it. Raises Conflict if there is another one and it is not to be replaced."""
        try:
            present = self.stored.get(self.name)
        except NotFound:
            self.stored.create(self.document)
            return "created"
        wanted = self._merged(present)
        if wanted == present:
            return "unchanged"
        if not replaces:
            raise Conflict(
                f'the server has another {self.kind} "{self.name}"; `tiphys apply` replaces it'
            )
        self.stored.update(self.name, wanted)
        return "configured"

    def _merged(self, present: JsonObject) -> JsonObject:
        """Return what the server has with all that the document says."""
        from tiphys.model.json_patch import merge_patch

        own: JsonObject = {key: self.document.get(key) for key in ("metadata", "spec")}
        found = merge_patch({**present, "spec": {}}, own)
        return found if isinstance(found, dict) else self.document


@dataclass(frozen=True, slots=True)
class _Object:
    """A ConfigMap, a Job: the server merges it into what it has, as a home does."""

    kind: str
    name: str
    document: JsonObject
    client: Client
    namespace: str

    @property
    def _type(self) -> str:
        """Return its type as kubectl names it: `job.batch`."""
        group = str(self.document.get("apiVersion") or "").rpartition("/")[0]
        return f"{self.kind.lower()}{'.' if group else ''}{group}"

    @property
    def label(self) -> str:
        """Return what kubectl calls it."""
        return f"{self._type}/{self.name}"

    def send(self, replaces: bool) -> _Verb:  # noqa: ARG002 - nothing is lost by a merge
        """Keep it. Raises Impossible if the server is not one of ours."""
        path = f"objects/{part(self.namespace)}/{part(self._type)}/{part(self.name)}"
        if self.kind in _CONFIG:
            path = f"{_CONFIG[self.kind]}/{part(self.namespace)}/{part(self.name)}"
        match ours.ask(self.client, "PUT", path, body={"object": self.document}).get("verb"):
            case "created" | "unchanged" as verb:
                return verb
            case _:
                return "configured"


def can_be_sent(document: Document) -> bool:
    """Tell whether a server of ours keeps a document: one that is in a namespace."""
    from tiphys.model.kinds import is_namespaced

    return is_namespaced(str(document.value.get("apiVersion") or ""), document.kind)


def object_things(remote: Remote, loaded: Loaded) -> list[Thing]:
    """Return ConfigMaps, Secrets, Jobs and others of files, each with its place.

    Raises UserError.
    """
    found: list[Thing] = []
    for document, origin in loaded.others:
        if can_be_sent(origin):
            metadata = document.get("metadata")
            own = metadata if isinstance(metadata, dict) else {}
            place = str(own.get("namespace") or "") or remote.namespace
            named = _named(document)
            found.append(_Object(origin.kind, named, {**document}, remote.client, place))
    return found


def template_things(remote: Remote, loaded: Loaded) -> list[Thing]:
    """Return the templates of files, each with its place on the server. Raises UserError."""
    found: list[Thing] = []
    for template, origin in loaded.templates:
        if origin.kind == "ClusterWorkflowTemplate":
            stored = cluster_templates(remote.client)
        else:
            stored = templates(remote.client, template.metadata.namespace or remote.namespace)
        found.append(_thing(origin.kind, template, stored))
    return found


def cron_things(remote: Remote, loaded: Loaded) -> list[Thing]:
    """Return the CronWorkflows of files, each with its place on the server. Raises UserError."""

    def place(namespace: str) -> Stored:
        return crons(remote.client, namespace or remote.namespace)

    return [
        _thing("CronWorkflow", cron, place(cron.metadata.namespace)) for cron, _ in loaded.crons
    ]


def _thing(kind: str, value: Model, stored: Stored) -> Thing:
    from tiphys.model.codec import encode

    document = encode(value)
    document.pop("status", None)
    return _Template(kind, _named(document), document, stored)


def _named(document: JsonObject) -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    if not name:
        raise UserError("error: resource name may not be empty: `apply` wants metadata.name")
    return str(name)


def sent(things: Sequence[Thing], replaces: bool) -> Iterator[tuple[Thing, _Verb]]:
    """Send things and yield what became of each; those that others refer to come first.

    What is refused is tried again as long as others are taken. Raises the first refusal left.
    """
    left = list(things)
    while left:
        refused: list[tuple[Thing, UserError]] = []
        for thing in left:
            try:
                yield thing, thing.send(replaces)
            except Conflict:
                raise
            except UserError as exc:
                refused.append((thing, exc))
        if len(refused) == len(left):
            thing, error = refused[0]
            raise type(error)(f"{thing.kind} {thing.name}: {error}") from error
        left = [thing for thing, _ in refused]
