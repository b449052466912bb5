"""What people do to workflows that run. Source: reference/rest-api.md 6.7."""

from __future__ import annotations

from typing import Final

import msgspec

from tiphys.api.call import Call
from tiphys.api.routes.asking import person_of
from tiphys.api.routes.workflows import BASE, shown
from tiphys.api.routing import Answer, Routes, Says, all_of, needs
from tiphys.errors import UserError
from tiphys.model.base import Json
from tiphys.ports import RunRow
from tiphys.service.actors import Person
from tiphys.service.operations import Answer as Answered
from tiphys.service.operations import answer

_SAYS: Final = {
    "suspend": ("Start nothing new.", ()),
    "resume": ("Let a workflow go on.", ("nodeFieldSelector:string",)),
    "stop": ("End a workflow.", ("nodeFieldSelector:string", "message:string")),
    "terminate": ("End a workflow without its exit handlers.", ()),
    "set": (
        "Answer suspend nodes.",
        ("nodeFieldSelector:string", "message:string", "phase:string", "outputParameters:string"),
    ),
}


def register(routes: Routes) -> None:
    """Add the endpoints."""
    policy = all_of(needs("get", "workflows"), needs("update", "workflows"))
    handlers = {
        "suspend": suspend,
        "resume": resume,
        "stop": stop,
        "terminate": terminate,
        "set": set_nodes,
    }
    for verb, handler in handlers.items():
        summary, body = _SAYS[verb]
        says = Says(summary, body=body, answer="Workflow")
        routes.add("PUT", f"{BASE}/{{name}}/{verb}", policy, handler, says)


def _by(call: Call) -> Person | None:
    return person_of(call.principal)


async def _row(call: Call) -> RunRow:
    return await call.services.workflows.row(call.namespace, call.name)


async def _after(call: Call, row: RunRow) -> Answer:
    """Return a workflow once what was asked of it has been done, or soon after."""
    await call.services.operator.settled(row)
    return await shown(call, row)


async def suspend(call: Call) -> Answer:
    """Suspend a workflow."""
    row = await _row(call)
    await call.services.operator.suspend(row, _by(call))
    return await _after(call, row)


async def resume(call: Call) -> Answer:
    """Resume a workflow, or some of its nodes."""
    row = await _row(call)
    selector = call.body.text("nodeFieldSelector")
    await call.services.operator.resume(row, selector, _by(call))
    return await _after(call, row)


async def stop(call: Call) -> Answer:
    """Stop a workflow, or let some of its suspend nodes fail."""
    row = await _row(call)
    selector = call.body.text("nodeFieldSelector")
    if selector:
        said = Answered("Failed", call.body.text("message"), by=_by(call), action="Stop")
        await call.services.operator.set(row, selector, said)
    else:
        await call.services.operator.stop(row, "Stop", _by(call))
    return await _after(call, row)


async def terminate(call: Call) -> Answer:
    """Terminate a workflow."""
    row = await _row(call)
    await call.services.operator.stop(row, "Terminate", _by(call))
    return await _after(call, row)


async def set_nodes(call: Call) -> Answer:
    """Answer suspend nodes."""
    row = await _row(call)
    body = call.body
    outputs = _outputs(body.text("outputParameters"))
    said = answer(body.text("phase"), body.text("message"), outputs, _by(call))
    await call.services.operator.set(row, body.text("nodeFieldSelector"), said)
    return await _after(call, row)


def _outputs(text: str) -> dict[str, str]:
    """Return the values in a JSON text. Raises UserError."""
    if not text:
        return {}
    wrong = "unable to parse output parameter set request"
    try:
        found: Json = msgspec.json.decode(text)
    except msgspec.MsgspecError as exc:
        raise UserError(f"{wrong}: {exc}") from exc
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise UserError(f"{wrong}: not a map of strings")
    return {name: str(item) for name, item in found.items()}
