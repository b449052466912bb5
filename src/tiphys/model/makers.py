"""Which workflow made an object: what its resource template leaves in the object's annotations.

An owner reference says it as well, but only where one is wanted: it has the object deleted with
its workflow. Without one nothing else would tell whose a Job is that runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tiphys.model.base import API_VERSION, Json, JsonObject

_NAME: Final = "tiphys.io/made-by"
_UID: Final = "tiphys.io/made-by-uid"
_RUNTIME: Final = "tiphys.io/runtime"


@dataclass(frozen=True, slots=True)
class Maker:
    """A workflow that made an object; empty texts if nobody is known. `owns`: it goes with it."""

    name: str = ""
    uid: str = ""
    owns: bool = False


NOBODY: Final = Maker()


def marked(document: JsonObject, maker: Maker) -> JsonObject:
    """Return an object that says who made it."""
    if not maker.uid:
        return document
    return _noted(document, {_NAME: maker.name, _UID: maker.uid})


def placed(document: JsonObject, runtime: str) -> JsonObject:
    """Return an object that says in which runtime its pods run, whoever keeps it at work.

    Whatever the document said of it before is gone: nobody may leave his sandbox by a word.
    """
    found = document if runtime_of(document) == runtime else _without(document, _RUNTIME)
    return _noted(found, {_RUNTIME: runtime}) if runtime else found


def runtime_of(document: JsonObject) -> str:
    """Return the runtime that an object runs in, "" if that has not been said."""
    return _text(_part(_part(document, "metadata"), "annotations"), _RUNTIME)


def maker_of(document: JsonObject) -> Maker:
    """Return who made an object: its owner if that is a workflow, else who is written in it."""
    metadata = _part(document, "metadata")
    owners = metadata.get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        known = isinstance(owner, dict) and (owner.get("apiVersion"), owner.get("kind"))
        if isinstance(owner, dict) and known == (API_VERSION, "Workflow"):
            return Maker(_text(owner, "name"), _text(owner, "uid"), owns=True)
    notes = _part(metadata, "annotations")
    return Maker(_text(notes, _NAME), _text(notes, _UID))


def without_notes(document: JsonObject) -> JsonObject:
    """Return an object without what only this program writes into it."""
    return _without(document, _NAME, _UID, _RUNTIME)


def _without(document: JsonObject, *names: str) -> JsonObject:
    metadata = _part(document, "metadata")
    given = _part(metadata, "annotations")
    notes = {key: it for key, it in given.items() if key not in names}
    if notes == given:
        return document
    rest = {key: it for key, it in metadata.items() if key != "annotations"}
    return {**document, "metadata": {**rest, "annotations": notes} if notes else rest}


def _noted(document: JsonObject, notes: JsonObject) -> JsonObject:
    metadata = _part(document, "metadata")
    annotations = {**_part(metadata, "annotations"), **notes}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def _part(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: JsonObject, key: str) -> str:
    found: Json = value.get(key)
    return found if isinstance(found, str) else ""
