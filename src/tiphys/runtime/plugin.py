"""Plugin templates: the executor-plugin protocol, against the plugins that the settings name.

A plugin is called again when it asks for that, and whenever an engine died before it wrote the
end down; Argo calls as often, so a plugin must bear it. It is known by the workflow's uid and the
template.
Source: reference/engine.md 10.4, reference/executor.md 12; argo pkg/plugins/executor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from tiphys.errors import InvalidDocument, Permanent, Transient, WorldError
from tiphys.expr.durations import parse_go_duration
from tiphys.expr.errors import DurationError
from tiphys.messages import JobSpec
from tiphys.model.arguments import Outputs
from tiphys.model.base import Json
from tiphys.model.codec import convert, encode
from tiphys.ports import Capabilities, Clock
from tiphys.runtime.addresses import AddressRules
from tiphys.runtime.exchange import HttpOptions, Request, Response, exchange
from tiphys.runtime.inline import Desk, End, InlineRuntime

METHOD: Final = "template.execute"
CALL_SECONDS: Final = 30.0
_TRIES: Final = 5
_FIRST_PAUSE_SECONDS: Final = 1.0
_NOT_THERE: Final = 404
_NOT_NOW: Final = 503
_MASK: Final = "[ REDACTED ]"
# Who runs the engine names the plugins, so they may be anywhere.
_ANYWHERE: Final = HttpOptions(AddressRules(deny_addresses=()))
_Phase = Literal["", "Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin: its base URL, and the token that it knows the engine by."""

    address: str
    token: str = field(default="", repr=False)


class _Node(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin says of the node."""

    phase: _Phase = ""
    message: str = ""
    outputs: Json = None
    progress: str = ""


class _Reply(msgspec.Struct, frozen=True, rename="camel"):
    """A plugin's answer; without a node the template is not its own."""

    node: _Node | None = None
    requeue: str = ""


_decode = msgspec.json.Decoder(_Reply).decode


class PluginRuntime(InlineRuntime):
    """Hands plugin templates to plugins, in their order."""

    name = "plugin"
    stopped = End("Failed", "stopped")

    def __init__(self, root: Path, clock: Clock, plugins: Sequence[Plugin]) -> None:
        super().__init__(root, clock)
        self.capabilities = Capabilities(frozenset({"plugin"} if plugins else ()))
        self._plugins = list(plugins)

    async def work(self, job: JobSpec, desk: Desk) -> End:
        """Call until the plugin whose template it is says how it ended."""
        count = len(job.template.plugin or {})
        if count != 1:
            raise Permanent(f"expected exactly one key, got {count}")
        body = _body(job)
        while True:
            reply = await self._ask(body)
            if reply is None or reply.node is None:
                raise Permanent("no plugin executed the template")
            _say(reply.node, desk)
            end = _end(reply.node, reply.requeue)
            if end is not None:
                return end
            await self._clock.sleep_until(self._clock.now() + _seconds(reply.requeue))

    def broken(self, problem: BaseException) -> End:
        """Return Failed with the text, without tokens."""
        text = str(problem)
        for plugin in self._plugins:
            text = text.replace(plugin.token, _MASK) if plugin.token else text
        return End("Failed", text)

    async def _ask(self, body: bytes) -> _Reply | None:
        """Return the answer of the first plugin whose template it is. Raises WorldError."""
        for plugin in [*self._plugins]:
            response = await self._call(plugin, body)
            if response.status == _NOT_THERE:
                self._plugins.remove(plugin)  # it does not execute templates: never ask again
            elif response.status != 200:
                text = response.body.decode("utf-8", "replace")
                raise Permanent(f"{response.status} {response.reason}: {text}")
            elif (reply := _read(response)).node is not None:
                return reply
        return None

    async def _call(self, plugin: Plugin, body: bytes) -> Response:
        """Return a plugin's answer; what may pass is tried again. Raises WorldError."""
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        headers.append(("Authorization", f"Bearer {plugin.token}"))
        url = f"{plugin.address.rstrip('/')}/api/v1/{METHOD}"
        request = Request("POST", url, headers, body, seconds=CALL_SECONDS)
        pause = _FIRST_PAUSE_SECONDS
        for last in [False] * (_TRIES - 1) + [True]:
            try:
                response = await exchange(request, _ANYWHERE)
                if response.status != _NOT_NOW or last:
                    return response
            except Transient:
                if last:
                    raise
            await self._clock.sleep_until(self._clock.now() + pause)
            pause *= 2
        raise WorldError(f"{url} was not called")


def _body(job: JobSpec) -> bytes:
    metadata = {"name": job.workflow, "namespace": job.namespace, "uid": job.run}
    call = {"workflow": {"metadata": metadata}, "template": encode(job.template)}
    return msgspec.json.encode(call)


def _read(response: Response) -> _Reply:
    try:
        return _decode(response.body)
    except msgspec.MsgspecError as exc:
        raise Permanent(f"the plugin's answer cannot be read: {exc}") from exc


def _seconds(text: str) -> float:
    try:
        return max(0.0, parse_go_duration(text) / 1e9)
    except DurationError as exc:
        raise Permanent(exc.message) from exc


def _say(node: _Node, desk: Desk) -> None:
    """Tell what changes before the end."""
    if node.message:
        desk.write(node.message)
    if node.phase == "Pending" and node.message:
        desk.waits(node.message)
    if node.progress:
        desk.progressed(node.progress)


def _end(node: _Node, requeue: str) -> End | None:
    """Return the end, None if the plugin is to be asked again.

    Differs: in Argo a node that is left in another phase, without a time to ask again, stays in
    it for ever; and "Skipped" and "Omitted" of a plugin are kept, where a job here has succeeded.
    """
    outputs = _outputs(node)
    match node.phase:
        case "Succeeded" | "Skipped" | "Omitted":
            return End("Succeeded", node.message, outputs)
        case "Failed" | "Error":
            return End(node.phase, node.message, outputs)
    if requeue:
        return None
    left = f"left the node {node.phase}" if node.phase else "said no phase"
    return End("Error", f"the plugin {left} and did not ask to be called again", outputs)


def _outputs(node: _Node) -> Outputs:
    try:
        return convert({} if node.outputs is None else node.outputs, Outputs)
    except InvalidDocument as exc:
        raise Permanent(f"the plugin's outputs cannot be read: {exc}") from exc
