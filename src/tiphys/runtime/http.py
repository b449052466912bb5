"""HTTP templates: one request from the engine's own process, its body as the result.

At least once: a request whose engine died before the answer was written down is sent again, as
Argo's agent does; one that was answered never is.
Source: reference/engine.md 10.3 and 11.3; argo cmd/argoexec agent, workflow/executor/agent.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tiphys.errors import NotFound, Permanent, WorldError
from tiphys.expr.errors import ExprBoolError
from tiphys.expr.evaluate import evaluate_bool
from tiphys.expr.values import Context, TypedList, TypedMap, Value
from tiphys.messages import JobSpec
from tiphys.model.arguments import Outputs
from tiphys.model.meta import SecretKeySelector
from tiphys.model.templates import HTTP
from tiphys.ports import Capabilities, Clock, ObjectRef, Objects
from tiphys.runtime.exchange import PRIVATE, HttpOptions, Request, Response, exchange
from tiphys.runtime.inline import Desk, End, InlineRuntime

WORKERS: Final = 16
"""How many requests of one run are under way at once; Argo's ARGO_AGENT_TASK_WORKERS."""
_MASK: Final = "[ REDACTED ]"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request, and the secret texts in it."""

    request: Request
    secrets: frozenset[str]


class HttpRuntime(InlineRuntime):
    """Makes the requests of HTTP templates; `objects` has the Secrets."""

    name = "http"
    capabilities = Capabilities(frozenset({"http"}))
    stopped = End("Failed", "stopped")

    def __init__(
        self, root: Path, clock: Clock, objects: Objects, options: HttpOptions | None = None
    ) -> None:
        super().__init__(root, clock)
        self._objects = objects
        self._options = options or HttpOptions()
        self._workers = asyncio.Semaphore(WORKERS)

    async def work(self, job: JobSpec, desk: Desk) -> End:
        """Send the request and judge the answer."""
        http = job.template.http
        if http is None:
            raise Permanent("no HTTP template")
        async with self._workers:
            prepared = await _prepare(http, job.namespace, self._objects)
            try:
                response = await exchange(prepared.request, self._options)
            except WorldError as exc:
                raise Permanent(_masked(str(exc), prepared.secrets)) from exc
        desk.write(f"{response.status} {response.reason}, {len(response.body)} bytes")
        context = Context(datetime.fromtimestamp(self._clock.now(), UTC))
        return _judged(http, prepared, response, context)

    def broken(self, problem: BaseException) -> End:
        """Return Failed with the text: in Argo a request that cannot be made is one that failed."""
        return End("Failed", str(problem))


# ---------------------------------------------------------------------------------- before it


async def _prepare(http: HTTP, namespace: str, objects: Objects) -> _Prepared:
    """Return a template's request with the values of its Secrets. Raises NotFound, Permanent."""
    headers: list[tuple[str, str]] = []
    secrets: set[str] = set()
    private = set(PRIVATE)
    for header in http.headers:
        source = header.value_from.secret_key_ref if header.value_from is not None else None
        value: str | None = header.value
        if source is not None:
            value = await _secret(source, namespace, objects)
            secrets |= {value} if value else set()
            private.add(header.name.lower())
        if value is not None:
            headers.append(("Host" if header.name.lower() == "host" else header.name, value))
    if not any(name.lower() == "user-agent" for name, _ in headers):
        headers.append(("User-Agent", "tiphys"))
    request = Request(
        method=http.method or "GET",
        url=http.url,
        headers=headers,
        body=_body(http),
        private=frozenset(private),
        seconds=http.timeout_seconds,
        verify=not http.insecure_skip_verify,
    )
    return _Prepared(request, frozenset(secrets))


async def _secret(source: SecretKeySelector, namespace: str, objects: Objects) -> str | None:
    """Return a Secret's value; None if it is optional and not there."""
    try:
        document = await objects.get(ObjectRef("v1", "Secret", namespace, source.name))
    except NotFound:
        if source.optional:
            return None
        raise
    data = document.get("data")
    value = data.get(source.key) if isinstance(data, dict) else None
    if value is None and source.optional:
        return None
    if not isinstance(value, str):
        raise NotFound(f"secret '{source.name}' does not have the key '{source.key}'")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = f"secret '{source.name}', key '{source.key}': the value is no text in base64"
        raise Permanent(text) from None


def _body(http: HTTP) -> bytes | None:
    """Return the body: the bytes if there are some, else the text."""
    if http.body_from is not None and http.body_from.bytes:
        try:
            return base64.b64decode(http.body_from.bytes, validate=True)
        except binascii.Error as exc:
            raise Permanent(f"bodyFrom.bytes is not base64: {exc}") from exc
    return http.body.encode() if http.body else None


# ----------------------------------------------------------------------------------- after it


def _judged(http: HTTP, prepared: _Prepared, response: Response, context: Context) -> End:
    """Return the end; the body is the result whatever it is. Source: reference/language.md 10."""
    condition = http.success_condition
    outputs = Outputs(result=response.body.decode("utf-8", "replace"))
    if not condition:
        if 200 <= response.status < 300:
            return End("Succeeded", "", outputs)
        return End("Failed", f"received non-2xx response code: {response.status}", outputs)
    try:
        fulfilled = evaluate_bool(condition, _environment(http, prepared, response), context)
    except ExprBoolError as exc:
        return End("Failed", _masked(exc.message, prepared.secrets), outputs)
    if fulfilled:
        return End("Succeeded", "", outputs)
    return End("Failed", f"successCondition '{condition}' evaluated false", outputs)


def _environment(http: HTTP, prepared: _Prepared, response: Response) -> dict[str, Value]:
    """Return what a success condition may use; of the request's headers only the literal ones."""
    literal = {item.name: [item.value] for item in http.headers if item.value_from is None}
    sent = prepared.request.body if http.body_from is not None else None
    return {
        "request": {
            "method": http.method,
            "url": http.url,
            "body": http.body,
            "bodyBytes": sent or b"",
            "headers": _lists(literal),
        },
        "response": {
            "statusCode": response.status,
            "body": response.body.decode("utf-8", "surrogateescape"),
            "headers": _lists(response.headers),
        },
    }


def _lists(headers: Mapping[str, Sequence[str]]) -> TypedMap:
    """Return headers as Go's http.Header: one that is not there is an empty list."""
    items: dict[str, object] = {name: TypedList([*v], "string") for name, v in headers.items()}
    return TypedMap(items, "[]string", TypedList([], "string", nil=True))


def _masked(text: str, secrets: frozenset[str]) -> str:
    """Return a text without the values of Secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text
