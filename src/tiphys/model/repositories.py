"""Default artifact repositories: the content of a ConfigMap key or of the settings.

Source: reference/resources.md 5.7.
"""

from __future__ import annotations

from msgspec import field

from tiphys.model.artifacts import (
    ArtifactoryAuth,
    AzureBlobContainer,
    GCSBucket,
    HDFSConfig,
    OSSBucket,
    S3Bucket,
)
from tiphys.model.base import Model, always


class ArtifactRepositoryRef(Model, frozen=True, kw_only=True):
    """Which ConfigMap entry describes the artifact repository."""

    config_map: str = ""
    key: str = ""


class S3ArtifactRepository(S3Bucket, frozen=True, kw_only=True):
    """A default repository in S3."""

    key_format: str = ""
    key_prefix: str = ""


class OSSArtifactRepository(OSSBucket, frozen=True, kw_only=True):
    """A default repository in Alibaba's store."""

    key_format: str = ""


class GCSArtifactRepository(GCSBucket, frozen=True, kw_only=True):
    """A default repository in Google Cloud Storage."""

    key_format: str = ""


class ArtifactoryArtifactRepository(ArtifactoryAuth, frozen=True, kw_only=True):
    """A default repository in Artifactory."""

    repo_url: str = field(default="", name="repoURL")
    key_format: str = ""


class AzureArtifactRepository(AzureBlobContainer, frozen=True, kw_only=True):
    """A default repository in Azure."""

    blob_name_format: str = ""


class HDFSArtifactRepository(HDFSConfig, frozen=True, kw_only=True):
    """A default repository in HDFS."""

    path_format: str = ""
    force: bool | None = None


class PluginArtifactRepository(Model, frozen=True, kw_only=True):
    """A default repository behind a driver plugin."""

    name: str = always("")
    key_format: str = ""
    configuration: str = always("")


class ArtifactRepository(Model, frozen=True, kw_only=True):
    """Where artifacts go that name no place themselves."""

    archive_logs: bool | None = None
    s3: S3ArtifactRepository | None = None
    artifactory: ArtifactoryArtifactRepository | None = None
    hdfs: HDFSArtifactRepository | None = None
    oss: OSSArtifactRepository | None = None
    gcs: GCSArtifactRepository | None = None
    azure: AzureArtifactRepository | None = None
    plugin: PluginArtifactRepository | None = None


class ArtifactRepositoryRefStatus(ArtifactRepositoryRef, frozen=True, kw_only=True):
    """The repository a workflow resolved its reference to."""

    namespace: str = ""
    default: bool | None = None
    artifact_repository: ArtifactRepository | None = None
