"""The places an artifact can be, and the artifact itself.

Artifact drivers read these structs; nothing here knows how to reach a store.
Source: reference/resources.md 5.6.
"""

from __future__ import annotations

from typing import Final

from msgspec import field

from tiphys.model.base import Int32, Model, UInt64, always
from tiphys.model.meta import ConfigMapKeySelector, SecretKeySelector
from tiphys.model.policies import ArtifactGC


class ArchiveStrategy(Model, frozen=True, kw_only=True):
    """How an output is packed; nothing set means tar."""

    tar: TarStrategy | None = None
    none: NoneStrategy | None = None
    zip: ZipStrategy | None = None


class TarStrategy(Model, frozen=True, kw_only=True):
    """A gzip-compressed tar; level 0 does not compress, -1 is the default level."""

    compression_level: Int32 | None = None


class NoneStrategy(Model, frozen=True, kw_only=True):
    """The file or directory as it is."""


class ZipStrategy(Model, frozen=True, kw_only=True):
    """A zip file."""


class S3Bucket(Model, frozen=True, kw_only=True):
    """How to reach an S3 bucket."""

    endpoint: str = ""
    bucket: str = ""
    region: str = ""
    insecure: bool | None = None
    access_key_secret: SecretKeySelector | None = None
    secret_key_secret: SecretKeySelector | None = None
    session_token_secret: SecretKeySelector | None = None
    role_arn: str = field(default="", name="roleARN")
    use_sdk_creds: bool | None = field(default=None, name="useSDKCreds")
    create_bucket_if_not_present: CreateS3BucketOptions | None = None
    encryption_options: S3EncryptionOptions | None = None
    ca_secret: SecretKeySelector | None = None
    addressing_style: str = ""


class S3Artifact(S3Bucket, frozen=True, kw_only=True):
    """An object in an S3 bucket."""

    key: str = ""


class S3EncryptionOptions(Model, frozen=True, kw_only=True):
    """Server-side encryption of an S3 object."""

    kms_key_id: str = ""
    kms_encryption_context: str = ""
    enable_encryption: bool | None = None
    server_side_customer_key_secret: SecretKeySelector | None = None


class CreateS3BucketOptions(Model, frozen=True, kw_only=True):
    """Present: create the bucket when it is missing."""

    object_locking: bool | None = None


class GitArtifact(Model, frozen=True, kw_only=True):
    """A git repository to check out (inputs only)."""

    repo: str = always("")
    revision: str = ""
    depth: UInt64 | None = None
    fetch: tuple[str, ...] = ()
    username_secret: SecretKeySelector | None = None
    password_secret: SecretKeySelector | None = None
    ssh_private_key_secret: SecretKeySelector | None = None
    insecure_ignore_host_key: bool | None = None
    disable_submodules: bool | None = None
    single_branch: bool | None = None
    branch: str = ""
    insecure_skip_tls: bool | None = field(default=None, name="insecureSkipTLS")


class HTTPArtifact(Model, frozen=True, kw_only=True):
    """A URL: GET for inputs, PUT for outputs."""

    url: str = always("")
    headers: tuple[Header, ...] = ()
    auth: HTTPAuth | None = None
    save_stream_via_file: bool | None = None


class Header(Model, frozen=True, kw_only=True):
    """One request header."""

    name: str = always("")
    value: str = always("")


class BasicAuth(Model, frozen=True, kw_only=True):
    """User and password, each from a Secret."""

    username_secret: SecretKeySelector | None = None
    password_secret: SecretKeySelector | None = None


class ClientCertAuth(Model, frozen=True, kw_only=True):
    """A TLS client certificate."""

    client_cert_secret: SecretKeySelector | None = None
    client_key_secret: SecretKeySelector | None = None


class OAuth2Auth(Model, frozen=True, kw_only=True):
    """The client-credentials flow."""

    client_id_secret: SecretKeySelector | None = field(default=None, name="clientIDSecret")
    client_secret_secret: SecretKeySelector | None = None
    token_url_secret: SecretKeySelector | None = field(default=None, name="tokenURLSecret")
    scopes: tuple[str, ...] = ()
    endpoint_params: tuple[OAuth2EndpointParam, ...] = ()


class HTTPAuth(Model, frozen=True, kw_only=True):
    """Who asks, for an HTTP artifact."""

    client_cert: ClientCertAuth = always(ClientCertAuth())
    oauth2: OAuth2Auth = always(OAuth2Auth())
    basic_auth: BasicAuth = always(BasicAuth())


class OAuth2EndpointParam(Model, frozen=True, kw_only=True):
    """One extra parameter of the token request."""

    key: str = always("")
    value: str = ""


class ArtifactoryAuth(Model, frozen=True, kw_only=True):
    """User and password for Artifactory."""

    username_secret: SecretKeySelector | None = None
    password_secret: SecretKeySelector | None = None


class ArtifactoryArtifact(ArtifactoryAuth, frozen=True, kw_only=True):
    """A file in JFrog Artifactory; the URL's path is the key."""

    url: str = always("")


class HDFSKrbConfig(Model, frozen=True, kw_only=True):
    """Kerberos settings of HDFS."""

    krb_ccache_secret: SecretKeySelector | None = field(default=None, name="krbCCacheSecret")
    krb_keytab_secret: SecretKeySelector | None = None
    krb_username: str = ""
    krb_realm: str = ""
    krb_config_config_map: ConfigMapKeySelector | None = None
    krb_service_principal_name: str = ""


class HDFSConfig(HDFSKrbConfig, frozen=True, kw_only=True):
    """How to reach HDFS; the user is ignored with Kerberos."""

    addresses: tuple[str, ...] = ()
    hdfs_user: str = ""
    data_transfer_protection: str = ""


class HDFSArtifact(HDFSConfig, frozen=True, kw_only=True):
    """A file in HDFS."""

    path: str = always("")
    force: bool | None = None


class RawArtifact(Model, frozen=True, kw_only=True):
    """Literal text (inputs only)."""

    data: str = always("")


class OSSBucket(Model, frozen=True, kw_only=True):
    """How to reach an Alibaba bucket."""

    endpoint: str = ""
    bucket: str = ""
    access_key_secret: SecretKeySelector | None = None
    secret_key_secret: SecretKeySelector | None = None
    create_bucket_if_not_present: bool | None = None
    security_token: str = ""
    lifecycle_rule: OSSLifecycleRule | None = None
    use_sdk_creds: bool | None = field(default=None, name="useSDKCreds")


class OSSArtifact(OSSBucket, frozen=True, kw_only=True):
    """An object in an Alibaba bucket."""

    key: str = always("")


class OSSLifecycleRule(Model, frozen=True, kw_only=True):
    """When objects of the bucket age out."""

    mark_infrequent_access_after_days: Int32 | None = None
    mark_deletion_after_days: Int32 | None = None


class GCSBucket(Model, frozen=True, kw_only=True):
    """How to reach a Google Cloud Storage bucket."""

    bucket: str = ""
    service_account_key_secret: SecretKeySelector | None = None


class GCSArtifact(GCSBucket, frozen=True, kw_only=True):
    """An object in Google Cloud Storage."""

    key: str = always("")


class AzureBlobContainer(Model, frozen=True, kw_only=True):
    """How to reach an Azure blob container."""

    endpoint: str = always("")
    container: str = always("")
    account_key_secret: SecretKeySelector | None = None
    use_sdk_creds: bool | None = field(default=None, name="useSDKCreds")


class AzureArtifact(AzureBlobContainer, frozen=True, kw_only=True):
    """A blob in Azure."""

    blob: str = always("")


class PluginArtifact(Model, frozen=True, kw_only=True):
    """An artifact behind a driver plugin."""

    name: str = ""
    configuration: str = ""
    connection_timeout_seconds: Int32 | None = None
    key: str = always("")


class LocalArtifact(Model, frozen=True, kw_only=True):
    """A file in the local repository. Ours: Argo has no such location."""

    key: str = always("")


class ItemsArtifact(Model, frozen=True, kw_only=True):
    """What the items of a loop made: a directory with an entry for each, called by its index.

    Ours: in Argo the artifacts of a loop cannot be passed on. Nobody writes it; it is what
    `from` becomes. Items that made nothing are missing.
    """

    artifacts: tuple[Artifact, ...] = ()


class ArtifactLocation(Model, frozen=True, kw_only=True):
    """Where an artifact is kept; at most one store is set."""

    archive_logs: bool | None = None
    s3: S3Artifact | None = None
    git: GitArtifact | None = None
    http: HTTPArtifact | None = None
    artifactory: ArtifactoryArtifact | None = None
    hdfs: HDFSArtifact | None = None
    raw: RawArtifact | None = None
    oss: OSSArtifact | None = None
    gcs: GCSArtifact | None = None
    azure: AzureArtifact | None = None
    plugin: PluginArtifact | None = None
    local: LocalArtifact | None = None
    items: ItemsArtifact | None = None


class Artifact(ArtifactLocation, frozen=True, kw_only=True):
    """A named file or directory that travels between nodes."""

    name: str = always("")
    path: str = ""
    mode: Int32 | None = None
    from_: str = ""
    global_name: str = ""
    archive: ArchiveStrategy | None = None
    optional: bool | None = None
    sub_path: str = ""
    recurse_mode: bool | None = None
    from_expression: str = ""
    artifact_gc: ArtifactGC | None = field(default=None, name="artifactGC")
    deleted: bool | None = None


LOCATIONS: Final = (
    *("artifactory", "azure", "git", "gcs", "hdfs", "http", "oss", "raw", "s3", "plugin", "local"),
    "items",
)
"""The fields of an artifact that say where it is; of several, the first counts, as in Argo."""

KEY_FIELDS: Final = {"local": "key", "s3": "key", "gcs": "key", "oss": "key", "azure": "blob"}
"""Of the locations with a plain key: the field that holds it."""


def location_type(artifact: ArtifactLocation) -> str:
    """Return the name of the location that is set, "" if none is."""
    return next((name for name in LOCATIONS if getattr(artifact, name) is not None), "")
