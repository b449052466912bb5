"""Alibaba's object store, by its S3-compatible interface.

Source: reference/executor.md 10.4; argo workflow/artifacts/oss.
Differs: an endpoint without a scheme is reached with TLS; Argo's client would send in the clear.
Differs: a missing object is NotFound, so that `optional` forgives it; Argo tries again and fails.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final
from xml.sax.saxutils import escape

from tiphys.artifacts import sigv4
from tiphys.artifacts.s3 import S3Driver, bucket_root, refused
from tiphys.errors import Permanent, UserError
from tiphys.model.artifacts import (
    Artifact,
    CreateS3BucketOptions,
    OSSArtifact,
    OSSLifecycleRule,
    S3Artifact,
)

_HINT: Final = "give accessKeySecret and secretKeySecret"


class OssDriver(S3Driver):
    """Reads and writes `oss` artifacts."""

    kind = "oss"

    def location(self, where: Artifact) -> S3Artifact:
        """Return the artifact's place in S3's terms."""
        found = _location(where)
        scheme, _, host = found.endpoint.rpartition("://")
        return S3Artifact(
            endpoint=host,
            insecure=scheme == "http",
            bucket=found.bucket,
            region=host.split(".")[0].removesuffix("-internal") if "aliyuncs" in host else "",
            create_bucket_if_not_present=CreateS3BucketOptions()
            if found.create_bucket_if_not_present
            else None,
            key=found.key,
        )

    def _signer(self, where: Artifact) -> sigv4.Signer:
        found = _location(where)
        if found.use_sdk_creds:
            raise refused(where, "oss.useSDKCreds", _HINT)
        access = self.credentials.text(found.access_key_secret)
        secret = self.credentials.get(found.secret_key_secret)
        if not access or secret is None:
            raise UserError(f"artifact {where.name}: no credentials for oss; {_HINT}")
        region = self.location(where).region or "us-east-1"
        return sigv4.Signer(access, secret, found.security_token, region)

    async def _before_put(self, where: Artifact) -> None:
        """Set the bucket's rules, each time, as Argo does."""
        found = _location(where)
        if found.lifecycle_rule is None:
            return
        body = lifecycle(found.lifecycle_rule, found.key)
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        spoken = self.location(where)
        request = sigv4.Request(
            "PUT", bucket_root(spoken), "lifecycle=", body, {"content-md5": md5}
        )
        await self.send(request, self._signer(where), spoken)


def lifecycle(rule: OSSLifecycleRule, key: str) -> bytes:
    """Return the bucket's rules that make the objects below `key` age out."""
    parts = ""
    if rule.mark_infrequent_access_after_days:
        days = rule.mark_infrequent_access_after_days
        parts += f"<Transition><Days>{days}</Days><StorageClass>STANDARD_IA</StorageClass>"
        parts += "</Transition>"
    if rule.mark_deletion_after_days:
        parts += f"<Expiration><Days>{rule.mark_deletion_after_days}</Days></Expiration>"
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return (
        f"<LifecycleConfiguration><Rule><ID>tiphys-{name}</ID><Prefix>{escape(key)}</Prefix>"
        f"<Status>Enabled</Status>{parts}</Rule></LifecycleConfiguration>"
    ).encode()


def _location(where: Artifact) -> OSSArtifact:
    if where.oss is None:
        raise Permanent(f"artifact {where.name} is not in oss")
    return where.oss
