"""Azure blob storage.

Source: reference/executor.md 10.3; argo workflow/artifacts/azure.
Differs: an empty blob is an empty file; Argo takes it for a directory.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, ObjectStore

from tiphys.artifacts.objects import NO_RETRIES, ObjectDriver, Place
from tiphys.errors import Permanent, UserError
from tiphys.model.artifacts import Artifact, AzureArtifact
from tiphys.model.secret import Secret

if TYPE_CHECKING:  # types that exist for type checkers only
    from obstore.store import AzureConfig

_SAS: Final = re.compile(r"[?&]\w+=\w")
"""An account key that looks like a query is a token for shared access."""


class AzureDriver(ObjectDriver):
    """Reads and writes `azure` artifacts."""

    kind = "azure"

    def _bucket(self, where: Artifact) -> str:
        location = _location(where)
        for name in ("endpoint", "container"):
            if not getattr(location, name):
                raise UserError(f"artifact {where.name}: azure.{name} is not set")
        return location.container

    def _open(self, where: Artifact, place: Place) -> ObjectStore:
        location = _location(where)
        config: AzureConfig = {
            "endpoint": location.endpoint.rstrip("/"),
            "account_name": account_name(location.endpoint),
            "disable_tagging": True,
            **self._who(location),
        }
        insecure = location.endpoint.startswith("http://")
        try:
            return AzureStore(
                place.bucket,
                config=config,
                client_options=self.client(insecure),
                retry_config=NO_RETRIES,
            )
        except (BaseError, ValueError) as exc:
            raise Permanent(f"artifact {where.name}: azure: {exc}") from exc

    def _who(self, location: AzureArtifact) -> AzureConfig:
        if location.use_sdk_creds:
            return {}
        key = self.credentials.text(location.account_key_secret)
        if not key:
            raise UserError(
                "accountKey secret is required for Azure Blob Storage if useSDKCreds is false"
            )
        if not _SAS.search(key):
            return {"account_key": key}
        token = key.partition("?")[2] or key.lstrip("&")
        for signature in parse_qs(token).get("sig", ()):
            self.credentials.masker.add(Secret(signature.encode()))
        return {"sas_key": token}


def account_name(endpoint: str) -> str:
    """Return the account of an endpoint: its first label, or the path's first part on one host."""
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    host = parts.hostname or ""
    if host == "localhost" or _is_address(host):
        return parts.path.strip("/").split("/")[0]
    return host.split(".")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _location(where: Artifact) -> AzureArtifact:
    if where.azure is None:
        raise Permanent(f"artifact {where.name} is not in azure")
    return where.azure
