"""Google Cloud Storage.

Source: reference/executor.md 10.2; argo workflow/artifacts/gcs.
Differs: a key that is no object is the directory `<key>/`, as for the other stores; Argo loads
every object whose name begins with the key, also those of strangers.
"""

from __future__ import annotations

import posixpath

from obstore.exceptions import BaseError
from obstore.store import GCSStore, ObjectStore

from tiphys.artifacts.objects import NO_RETRIES, ObjectDriver, Place
from tiphys.errors import Permanent, UserError
from tiphys.model.artifacts import Artifact, GCSArtifact


class GcsDriver(ObjectDriver):
    """Reads and writes `gcs` artifacts; without a key, as whom the surroundings say."""

    kind = "gcs"

    def _bucket(self, where: Artifact) -> str:
        bucket = _location(where).bucket
        if not bucket:
            raise UserError(f"artifact {where.name}: gcs.bucket is not set")
        return bucket

    def _key(self, where: Artifact) -> str:
        key = _location(where).key
        clean = posixpath.normpath(key) if key else ""
        return f"{clean}/" if key.endswith("/") else clean

    def _open(self, where: Artifact, place: Place) -> ObjectStore:
        account = self.credentials.get(_location(where).service_account_key_secret)
        options = self.client(insecure=True)  # the key file names the server, by https as a rule
        if account is None:
            return GCSStore(place.bucket, client_options=self.client(), retry_config=NO_RETRIES)
        try:
            return GCSStore(
                place.bucket,
                service_account_key=account.text(),
                client_options=options,
                retry_config=NO_RETRIES,
            )
        except (BaseError, ValueError) as exc:
            raise Permanent(
                f"artifact {where.name}: gcs.serviceAccountKeySecret is no key file"
            ) from exc


def _location(where: Artifact) -> GCSArtifact:
    if where.gcs is None:
        raise Permanent(f"artifact {where.name} is not in gcs")
    return where.gcs
