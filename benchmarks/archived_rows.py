"""Fills an archive for `benchmarks.archive`: workflows as an Argo controller would have left them.

Rows are written many at a time, straight into the tables that `SqlCatalogue.archive` and `Recorder`
write one workflow at a time: to run `COUNT` workflows first would take most of an hour and end in
the same rows. `Database.write` is the store's own, so both databases are filled by one code.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from tiphys.model.base import Json, JsonObject
from tiphys.ports_database import Database, Transaction

COUNT: Final = 100_000
TEAMS: Final = ("search", "ads", "billing", "maps", "mail", "video", "risk", "fraud")
FLOWS: Final = ("etl-daily", "etl-hourly", "train-model", "report", "backup", "build", "index")
NAMESPACES: Final = ("default", "staging", "research")
RARE: Final = "incident"
"""A label that one workflow in a thousand has."""
BEGAN: Final = 1_700_000_000
APART_SECONDS: Final = 60
_BATCH: Final = 2_500
_MOST_NODES: Final = 16
_PREFIX: Final = "workflows.argoproj.io/"
_ARCHIVE: Final = (
    "INSERT INTO argo_archived_workflows (clustername, uid, instanceid, name, namespace, phase,"
    " startedat, finishedat, workflow, creationtimestamp)"
    " VALUES ('default', ?, '', ?, ?, ?, {time}, {time}, {json}, {time})"
)
_INDEX: Final = "INSERT INTO run_index VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, 0, 1)"
_LABELS: Final = "INSERT INTO run_labels VALUES (?, ?, ?)"
_ARGO_LABELS: Final = (
    "INSERT INTO argo_archived_workflows_labels (clustername, uid, name, value)"
    " VALUES ('default', ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class _Past:
    """A workflow that has ended; `number` is when it was born."""

    number: int
    uid: str
    name: str
    namespace: str
    phase: str
    times: tuple[int, int, int]
    labels: dict[str, str]
    document: bytes


async def fill(database: Database, count: int = COUNT) -> int:
    """Enter that many workflows into an empty archive; return the bytes of their documents."""
    dice = random.Random(1)
    size = 0
    for start in range(1, count + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, count + 1))
        past = [_workflow(number, dice) for number in numbers]
        size += sum(len(one.document) for one in past)
        await database.write(partial(_enter, database=database, past=past))
    return size


def _enter(db: Transaction, database: Database, past: Sequence[_Past]) -> None:
    archive = _ARCHIVE.format(time=database.archived_time, json=database.archived_json)
    db.executemany(archive, [_archived(one) for one in past])
    db.executemany(
        _INDEX,
        [
            (one.number, one.uid, one.namespace, one.name, *map(float, one.times), one.number)
            for one in past
        ],
    )
    pairs = [(one, *label) for one in past for label in one.labels.items()]
    db.executemany(_LABELS, [(one.number, name, value) for one, name, value in pairs])
    db.executemany(_ARGO_LABELS, [(one.uid, name, value) for one, name, value in pairs])
    db.execute("UPDATE run_numbers SET last = ?", (past[-1].number,))


def _archived(one: _Past) -> tuple[object, ...]:
    created, began, ended = map(_time, one.times)
    return (
        one.uid,
        one.name,
        one.namespace,
        one.phase,
        began,
        ended,
        one.document.decode(),
        created,
    )


def _workflow(number: int, dice: random.Random) -> _Past:
    uid = f"{dice.getrandbits(32):08x}-0000-4000-8000-{number:012x}"
    flow, namespace = dice.choice(FLOWS), dice.choices(NAMESPACES, (6, 3, 1))[0]
    name = f"{flow}-{dice.getrandbits(26):07x}"
    phase = dice.choices(("Succeeded", "Failed", "Error"), (90, 8, 2))[0]
    created = BEGAN + number * APART_SECONDS
    times = (created, created + dice.randrange(3), created + 5 + dice.randrange(3_600))
    labels = {
        "team": dice.choice(TEAMS),
        "app": flow,
        f"{_PREFIX}completed": "true",
        f"{_PREFIX}phase": phase,
        f"{_PREFIX}workflow-archiving-status": "Archived",
        f"{_PREFIX}creator": f"user-{dice.randrange(40)}",
    }
    if number % 1_000 == 0:
        labels[RARE] = f"inc-{number}"
    metadata: JsonObject = {
        **{"name": name, "generateName": f"{flow}-", "namespace": namespace, "uid": uid},
        **{"labels": {**labels}, "creationTimestamp": _time(created)},
    }
    document = _document(metadata, phase, times, 2 + dice.randrange(_MOST_NODES))
    return _Past(number, uid, name, namespace, phase, times, labels, document)


def _document(metadata: JsonObject, phase: str, times: tuple[int, ...], nodes: int) -> bytes:
    parameters: list[Json] = [
        {"name": "day", "value": "2024-05-01"},
        {"name": "source", "value": "s3://warehouse/raw/events"},
    ]
    status: JsonObject = {
        **{"phase": phase, "startedAt": _time(times[1]), "finishedAt": _time(times[2])},
        **{"progress": f"{nodes}/{nodes}", "resourcesDuration": {"cpu": 12, "memory": 340}},
        "nodes": {str(node["id"]): node for node in _nodes(metadata, phase, times, nodes)},
        "conditions": [{"type": "PodRunning", "status": "False"}],
    }
    spec: JsonObject = {
        **{"entrypoint": "main", "arguments": {"parameters": parameters}},
        "templates": [{"name": "main", "steps": _steps(nodes)}, _TEMPLATE],
    }
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata}
    return msgspec.json.encode({**head, "spec": spec, "status": status})


def _steps(count: int) -> list[Json]:
    return [[{"name": f"part-{number}", "template": "work"}] for number in range(count)]


def _nodes(
    metadata: JsonObject, phase: str, times: tuple[int, ...], count: int
) -> Iterator[JsonObject]:
    name = metadata["name"]
    for number in range(count):
        key = f"{name}-{number + 1_000_000_007}"
        yield {
            **{"id": key, "name": f"{name}[{number}].part-{number}", "type": "Pod"},
            **{"displayName": f"part-{number}", "templateName": "work", "phase": phase},
            **{"templateScope": f"local/{name}", "boundaryID": name, "hostNodeName": "node-7"},
            **{"startedAt": _time(times[1]), "finishedAt": _time(times[2]), "progress": "1/1"},
            "inputs": {"parameters": [{"name": "part", "value": str(number)}]},
            "outputs": {"exitCode": "0", "result": f"wrote {number * 1_117} rows"},
            "resourcesDuration": {"cpu": 1, "memory": 30},
        }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_TEMPLATE: Final[JsonObject] = {
    "name": "work",
    "inputs": {"parameters": [{"name": "part"}]},
    "container": {
        **{"image": "example.com/warehouse/etl:4.2", "command": ["python", "-m", "warehouse"]},
        **{
            "args": ["--part", "{{inputs.parameters.part}}", "--day", "{{workflow.parameters.day}}"]
        },
        "env": [{"name": "LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-west-1"}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    },
}
