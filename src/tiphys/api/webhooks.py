"""Webhooks: who cannot show a credential may have signed the body instead.

Source: reference/rest-api.md 12; argo server/auth/webhook. Differs: an empty secret never matches,
an unknown type does not either, and without a Secret a request goes on without a credential.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tiphys.api.limits import body_of
from tiphys.errors import Forbidden, InvalidDocument, NotFound, TooMuch
from tiphys.model.base import Json, JsonObject
from tiphys.model.yaml_reader import read_yaml
from tiphys.ports import ObjectRef
from tiphys.ports_server import Grant, Principal

if TYPE_CHECKING:
    from starlette.requests import Request

    from tiphys.api.services import Services

SECRET: Final = "argo-workflows-webhook-clients"  # noqa: S105 - the name of a Secret
REFUSED: Final = "failed to process webhook request"
_GITHUB: Final = frozenset(
    [
        "check_run",
        "check_suite",
        "code_scanning_alert",
        "commit_comment",
        "create",
        "delete",
        "dependabot_alert",
        "deploy_key",
        "deployment",
        "deployment_status",
        "fork",
        "github_app_authorization",
        "gollum",
        "installation",
        "installation_repositories",
        "integration_installation",
        "integration_installation_repositories",
        "issue_comment",
        "issues",
        "label",
        "member",
        "membership",
        "milestone",
        "meta",
        "organization",
        "org_block",
        "page_build",
        "ping",
        "project_card",
        "project_column",
        "project",
        "public",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "push",
        "release",
        "repository",
        "repository_vulnerability_alert",
        "security_advisory",
        "status",
        "team",
        "team_add",
        "watch",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    ]
)
_GITLAB: Final = frozenset(
    f"{name} Hook"
    for name in (
        *("Push", "Tag Push", "Issue", "Confidential Issue", "Note", "Merge Request"),
        *("Wiki Page", "Pipeline", "Build", "Job", "System"),
    )
)
_BITBUCKET: Final = frozenset(
    [
        "repo:push",
        "repo:fork",
        "repo:updated",
        "repo:commit_comment_created",
        "repo:commit_status_created",
        "repo:commit_status_updated",
        "issue:created",
        "issue:updated",
        "issue:comment_created",
        "pullrequest:created",
        "pullrequest:updated",
        "pullrequest:approved",
        "pullrequest:unapproved",
        "pullrequest:fulfilled",
        "pullrequest:rejected",
        "pullrequest:comment_created",
        "pullrequest:comment_updated",
        "pullrequest:comment_deleted",
    ]
)
_BITBUCKET_SERVER: Final = frozenset(
    [
        "repo:refs_changed",
        "repo:modified",
        "repo:forked",
        "repo:comment:added",
        "repo:comment:edited",
        "repo:comment:deleted",
        "pr:opened",
        "pr:from_ref_updated",
        "pr:modified",
        "pr:merged",
        "pr:declined",
        "pr:deleted",
        "pr:reviewer:updated",
        "pr:reviewer:approved",
        "pr:reviewer:unapproved",
        "pr:reviewer:needs_work",
        "pr:comment:added",
        "pr:comment:edited",
        "pr:comment:deleted",
    ]
)
Check = Callable[[Mapping[str, str], bytes, bytes], bool]


def _signed(header: str, events: frozenset[str], event_header: str) -> Check:
    def check(headers: Mapping[str, str], secret: bytes, body: bytes) -> bool:
        expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        given = headers.get(header, "")
        known = headers.get(event_header, "") in events
        return known and hmac.compare_digest(given.encode(), expected.encode())

    return check


def _shown(header: str, events: frozenset[str], event_header: str) -> Check:
    def check(headers: Mapping[str, str], secret: bytes, body: bytes) -> bool:  # noqa: ARG001
        known = headers.get(event_header, "") in events
        return known and hmac.compare_digest(headers.get(header, "").encode(), secret)

    return check


CHECKS: Final[Mapping[str, Check]] = {
    "github": _signed("x-hub-signature-256", _GITHUB, "x-github-event"),
    "gitlab": _shown("x-gitlab-token", _GITLAB, "x-gitlab-event"),
    "bitbucket": _shown("x-hook-uuid", _BITBUCKET, "x-event-key"),
    "bitbucketserver": _signed("x-hub-signature", _BITBUCKET_SERVER, "x-event-key"),
}


async def webhook_caller(
    services: Services, request: Request, namespace: str
) -> tuple[Principal | None, bytes]:
    """Return who signed a request to the events of a namespace, if anybody did, and its body.

    Raises Forbidden with Argo's text if the body is too large.
    """
    try:
        found = await services.objects.get(ObjectRef("v1", "Secret", namespace, SECRET))
    except NotFound:
        return None, b""
    try:
        body = await body_of(request, services.limits.event_bytes, services.limits.body_seconds)
    except TooMuch as exc:
        raise Forbidden(REFUSED) from exc
    data = found.get("data")
    for account, value in data.items() if isinstance(data, dict) else ():
        if body and _matches(value, request.headers, body):
            return _caller(namespace, account), body
    return None, body


def _matches(value: Json, headers: Mapping[str, str], body: bytes) -> bool:
    client = _client(value)
    secret, kind = client.get("secret"), client.get("type")
    if not isinstance(secret, str) or not secret or kind not in CHECKS:
        return False
    return CHECKS[str(kind)](headers, secret.encode(), body)


def _client(value: Json) -> JsonObject:
    """Return what an entry of the Secret says; nothing if it cannot be read."""
    try:
        text = base64.b64decode(str(value), validate=True).decode()
        found = read_yaml(text).value
    except (binascii.Error, UnicodeDecodeError, InvalidDocument):
        return {}
    return found if isinstance(found, dict) else {}


def _caller(namespace: str, account: str) -> Principal:
    """Return who a webhook client is: one that may send events to one namespace."""
    grants = (
        Grant((namespace,), ("list",), ("workfloweventbindings",)),
        Grant((namespace,), ("get",), ("workflowtemplates",)),
        Grant((namespace,), ("create",), ("workflows",)),
    )
    subject = f"system:serviceaccount:{namespace}:{account}"
    return Principal(subject, "webhook", grants)
