"""Signed requests that obstore does not make: about buckets, their rules, and roles.

Signature version 4 with the body's digest in a header. Blocking: call it in a thread.
Source: the published description of AWS Signature Version 4.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from tiphys.errors import Permanent, Transient
from tiphys.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose requests they are; `region` and `service` are part of what is signed."""

    access_key: str
    secret_key: Secret
    token: str
    region: str
    service: str = "s3"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to `url`; `query` is signed, and so is every header."""

    method: str
    url: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def signed_headers(request: Request, signer: Signer, now: datetime) -> dict[str, str]:
    """Return the headers of a request, the signature among them; `now` is in UTC."""
    parts, at = urlsplit(request.url), now.strftime("%Y%m%dT%H%M%SZ")
    content = hashlib.sha256(request.body).hexdigest()
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {"host": parts.netloc, "x-amz-date": at, "x-amz-content-sha256": content}
    if signer.token:
        headers["x-amz-security-token"] = signer.token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            request.method,
            quote(parts.path or "/", safe="/~"),
            request.query,
            *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
            "",
            names,
            content,
        ]
    )
    scope = f"{at[:8]}/{signer.region}/{signer.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _sign(signer, scope, f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return headers


def _sign(signer: Signer, scope: str, text: str) -> str:
    key = b"AWS4" + signer.secret_key.text().encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def send(
    request: Request, headers: Mapping[str, str], tls: ssl.SSLContext | None, timeout: float
) -> tuple[int, bytes]:
    """Return status and body of the answer. Raises Transient if there is none."""
    parts = urlsplit(request.url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    target = (parts.path or "/") + (f"?{request.query}" if request.query else "")
    try:
        connection.request(request.method, target, request.body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as exc:
        raise Transient(f"{request.method} {parts.netloc}{parts.path}: {exc}") from exc
    finally:
        connection.close()


def check(request: Request, status: int, body: bytes) -> None:
    """Raise Transient or Permanent for an answer that is no success."""
    if status < 300:
        return
    text = f"{request.method} {urlsplit(request.url).path} ended with {status}: "
    text += body.decode("utf-8", "replace")[:300]
    raise Transient(text) if status >= 500 or status == 429 else Permanent(text)
