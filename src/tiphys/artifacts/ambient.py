"""The AWS keys that the surroundings give: variables, a web identity, the role of the machine.

Asked in that order, as Amazon's libraries do; profiles in `~/.aws` are not read. Blocking: call it
in a thread. Source: the published order of AWS's default credential chain; IMDSv2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tiphys.artifacts import sigv4
from tiphys.artifacts.sts import Temporary, from_json, sts_url, with_web_identity
from tiphys.errors import Permanent, Transient
from tiphys.model.secret import Secret

_CONTAINER: Final = "http://169.254.170.2"
_MACHINE: Final = "http://169.254.169.254"
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
_SECONDS: Final = 5.0
_LIFE: Final = "300"
_NOTHING: Final = (
    "roleARN needs keys to assume the role with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or run on a machine that has a role"
)


def ambient_signer(environ: Mapping[str, str], region: str) -> sigv4.Signer:
    """Return who we are in AWS's eyes. Raises Permanent if nothing says so, and Transient."""
    found = _variables(environ) or _web_identity(environ, region) or _container(environ)
    found = found or _machine(environ)
    if found is None:
        raise Permanent(_NOTHING)
    return sigv4.Signer(found.access_key, found.secret_key, found.token, region, "sts")


def _variables(environ: Mapping[str, str]) -> Temporary | None:
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        return None
    return Temporary(access, Secret(secret.encode()), environ.get("AWS_SESSION_TOKEN", ""), None)


def _web_identity(environ: Mapping[str, str], region: str) -> Temporary | None:
    file, role = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
    if not file or not role:
        return None
    token = _content(file)
    return with_web_identity(sts_url(environ, region), role, token)


def _content(file: str) -> Secret:
    try:
        return Secret(Path(file).read_bytes())
    except OSError as exc:
        raise Permanent(f"a token for AWS cannot be read: {exc}") from exc


def _container(environ: Mapping[str, str]) -> Temporary | None:
    url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    if path := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ""):
        url = _CONTAINER + path
    if not url:
        return None
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if file := environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ""):
        token = _content(file).text()
    return from_json(_asked("GET", url, {"Authorization": token} if token else {}))


def _machine(environ: Mapping[str, str]) -> Temporary | None:
    """Return the keys of the machine's role; None if nothing answers, as on most machines."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    base = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", _MACHINE).rstrip("/")
    wanted = {"X-aws-ec2-metadata-token-ttl-seconds": _LIFE}
    request = sigv4.Request("PUT", f"{base}/latest/api/token", headers=wanted)
    try:
        status, token = sigv4.send(request, wanted, None, _SECONDS)
    except Transient:
        return None
    if status >= 300:
        return None
    headers = {"X-aws-ec2-metadata-token": token.decode("ascii", "replace")}
    role = _asked("GET", base + _ROLES, headers).decode().strip().partition("\n")[0]
    return from_json(_asked("GET", base + _ROLES + quote(role), headers)) if role else None


def _asked(method: str, url: str, headers: Mapping[str, str]) -> bytes:
    request = sigv4.Request(method, url, headers=headers)
    status, body = sigv4.send(request, headers, None, _SECONDS)
    sigv4.check(request, status, body)
    return body
