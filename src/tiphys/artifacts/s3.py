"""Amazon S3 and what speaks like it.

Source: reference/executor.md 10.1; argo workflow/artifacts/s3.
Differs: a `caSecret` is trusted beside the system's authorities, not instead of them: the client
library cannot forget those.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from obstore.store import ObjectStore, S3Store

from tiphys.artifacts import sigv4
from tiphys.artifacts.ambient import ambient_signer
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.objects import NO_RETRIES, ObjectDriver, Place
from tiphys.artifacts.sts import Roles, Temporary, assume_role, sts_url
from tiphys.errors import Finding, Permanent, Unsupported, UserError
from tiphys.model.artifacts import Artifact, S3Artifact, S3EncryptionOptions
from tiphys.model.secret import Secret

if TYPE_CHECKING:  # types that exist for type checkers only
    from obstore.store import S3Config, S3Credential

DEFAULT_REGION: Final = "us-east-1"
_VIRTUAL_HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com")
"""Providers whose buckets are host names unless told otherwise."""


class S3Driver(ObjectDriver):
    """Reads and writes `s3` artifacts."""

    kind = "s3"

    def __init__(
        self,
        credentials: Credentials,
        *,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **seconds: float,
    ) -> None:
        """`environ` says who we are where a role is assumed; `now` is in UTC."""
        super().__init__(credentials, **seconds)
        self._environ = environ or {}
        self._now = now
        self._roles = Roles(self._assume, now)

    def location(self, where: Artifact) -> S3Artifact:
        """Return the artifact's place in S3's terms."""
        if where.s3 is None:
            raise Permanent(f"artifact {where.name} is not in s3")
        return where.s3

    def _bucket(self, where: Artifact) -> str:
        location = self.location(where)
        for name in ("endpoint", "bucket"):
            if not getattr(location, name):
                raise UserError(f"artifact {where.name}: {self.kind}.{name} is not set")
        return location.bucket

    def _open(self, where: Artifact, place: Place) -> ObjectStore:
        location = self.location(where)
        config: S3Config = {
            "endpoint": bucket_url(location),
            "region": location.region or DEFAULT_REGION,
            "virtual_hosted_style_request": _is_virtual(location),
            "disable_tagging": True,
            "disable_bulk_delete": True,  # not every store has it
            **self._encryption(location, place),
        }
        ca = self.credentials.get(location.ca_secret)
        options = self.client(bool(location.insecure), ca.reveal() if ca is not None else None)
        signer = self._signer(where)
        if signer is None:
            return S3Store(
                place.bucket, config=config, client_options=options, retry_config=NO_RETRIES
            )
        # A provider, so that nothing of the environment's credentials is mixed in.
        return S3Store(
            place.bucket,
            config=config,
            client_options=options,
            retry_config=NO_RETRIES,
            credential_provider=lambda: self._credential(where, signer),
        )

    def _credential(self, where: Artifact, signer: sigv4.Signer) -> S3Credential:
        """Return keys as obstore wants them; it asks again when those of a role are to end."""
        location = self.location(where)
        if not _wants_role(location):
            return _keys(signer.access_key, signer.secret_key, signer.token, None)
        found = self._roles.keys(location.role_arn, self._region(location))
        return _keys(found.access_key, found.secret_key, found.token, found.expires_at)

    async def _ready(self, where: Artifact) -> None:
        """Have the keys of a role that is to be assumed; asking for them waits for a server."""
        location = self.location(where)
        if _wants_role(location):
            await asyncio.to_thread(self._roles.keys, location.role_arn, self._region(location))

    def _region(self, location: S3Artifact) -> str:
        environ = self._environ
        given = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        return location.region or given or DEFAULT_REGION

    def _assume(self, role: str, region: str) -> Temporary:
        signer = ambient_signer(self._environ, region)
        found = assume_role(sts_url(self._environ, region), role, signer, self._now())
        self.credentials.masker.add(found.secret_key)
        return found

    def _signer(self, where: Artifact) -> sigv4.Signer | None:
        """Return the keys given by Secrets, or of a role; None: the surroundings provide.

        Secrets go before the role, as in Argo.
        """
        location = self.location(where)
        if _has_keys(location):
            access = self.credentials.text(location.access_key_secret)
            secret = self.credentials.get(location.secret_key_secret)
            if not access or secret is None:
                raise UserError(
                    f"artifact {where.name}: s3.accessKeySecret needs s3.secretKeySecret beside it"
                )
            token = self.credentials.text(location.session_token_secret)
            return sigv4.Signer(access, secret, token, location.region or DEFAULT_REGION)
        if _wants_role(location):
            keys = self._roles.keys(location.role_arn, self._region(location))
            region = location.region or DEFAULT_REGION
            return sigv4.Signer(keys.access_key, keys.secret_key, keys.token, region)
        return None

    def _encryption(self, location: S3Artifact, place: Place) -> S3Config:
        options = location.encryption_options
        if options is None or not options.enable_encryption:
            return {}
        if options.kms_encryption_context:
            raise refused(place, "s3.encryptionOptions.kmsEncryptionContext", "leave it out")
        customer = self.credentials.get(options.server_side_customer_key_secret)
        if customer is None:
            return _server_side(options)
        if options.kms_key_id:
            raise UserError("serverSideCustomerKeySecret and kmsKeyId cannot be set together")
        if location.insecure:
            raise UserError("serverSideCustomerKeySecret needs a connection with TLS")
        key = customer_key(customer, place)
        return {
            "server_side_encryption": "sse-c",
            "sse_customer_key_base64": b64encode(key).decode(),
        }

    async def _make_bucket(self, where: Artifact) -> bool:
        await self._ready(where)
        location = self.location(where)
        wanted, signer = location.create_bucket_if_not_present, self._signer(where)
        if wanted is None:
            return False
        if signer is None:
            raise Permanent(
                f"artifact {where.name}: createBucketIfNotPresent needs accessKeySecret and "
                "secretKeySecret"
            )
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if wanted.object_locking else {}
        body = _constraint(location.region)
        request = sigv4.Request("PUT", bucket_root(location), body=body, headers=headers)
        await self.send(request, signer, location)
        return True

    async def send(
        self, request: sigv4.Request, signer: sigv4.Signer, location: S3Artifact
    ) -> None:
        """Send a request about a bucket; that it exists already is no failure."""
        ca = self.credentials.get(location.ca_secret)
        tls = ssl.create_default_context(cadata=ca.text()) if ca is not None else None
        headers = sigv4.signed_headers(request, signer, datetime.now(UTC))
        status, body = await asyncio.to_thread(
            sigv4.send, request, headers, tls, self._read_seconds
        )
        if status != 409:  # somebody made it meanwhile
            sigv4.check(request, status, body)


def _has_keys(location: S3Artifact) -> bool:
    return location.access_key_secret is not None and bool(location.access_key_secret.name)


def _wants_role(location: S3Artifact) -> bool:
    return bool(location.role_arn) and not _has_keys(location)


def bucket_url(location: S3Artifact) -> str:
    """Return the URL that obstore wants: with the bucket only if that is a host name."""
    scheme, host = "http" if location.insecure else "https", location.endpoint
    if "://" in host:
        scheme, _, host = host.partition("://")
    host = host.rstrip("/")
    if host == "s3.amazonaws.com" and location.region:
        host = f"s3.{location.region}.amazonaws.com"
    return f"{scheme}://{location.bucket}.{host}" if _is_virtual(location) else f"{scheme}://{host}"


def customer_key(secret: Secret, place: Place) -> bytes:
    """Return the key of one object, derived from the customer's secret as in Argo.

    Source: minio-go pkg/encrypt, DefaultPBKDF, salted with bucket and key.
    """
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    salt = f"{place.bucket}{place.key}".encode()
    try:
        maker = Argon2id(salt=salt, length=32, iterations=1, lanes=4, memory_cost=64 * 1024)
    except ValueError as exc:
        raise UserError(f"serverSideCustomerKeySecret: {exc}") from exc
    return maker.derive(secret.text().encode())


def _server_side(options: S3EncryptionOptions) -> S3Config:
    if options.kms_key_id:
        return {"server_side_encryption": "aws:kms", "sse_kms_key_id": options.kms_key_id}
    return {"server_side_encryption": "AES256"}


def _is_virtual(location: S3Artifact) -> bool:
    if location.addressing_style:
        return location.addressing_style == "virtual-hosted"
    host = location.endpoint.rpartition("://")[2].split("/")[0]
    return f".{host}".endswith(_VIRTUAL_HOSTS) and "." not in location.bucket


def bucket_root(location: S3Artifact) -> str:
    """Return the URL of the bucket itself."""
    url = bucket_url(location)
    return f"{url}/" if _is_virtual(location) else f"{url}/{location.bucket}"


def _constraint(region: str) -> bytes:
    if region in ("", DEFAULT_REGION):
        return b""
    return (
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    ).encode()


def _keys(access: str, secret: Secret, token: str, ends: datetime | None) -> S3Credential:
    return {
        "access_key_id": access,
        "secret_access_key": secret.text(),
        "token": token or None,
        "expires_at": ends,
    }


def refused(where: Artifact | Place, field: str, hint: str) -> Unsupported:
    """Return the error about a field that this driver cannot heed."""
    name = where.name if isinstance(where, Artifact) else str(where)
    return Unsupported([Finding(f"artifact {name}: {field}: not supported", hint=hint)])
