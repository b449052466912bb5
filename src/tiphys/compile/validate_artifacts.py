"""Artifacts of templates: paths in the container and locations.

Source: reference/validation.md T5-T10, T18, O4-O5; Argo validate.go validateInputs,
validateArtifactLocation, Artifact.CleanPath, artifacts/hdfs ValidateArtifact.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from tiphys.compile.validate_context import Checker, Spot
from tiphys.model.artifacts import Artifact, ArtifactLocation, HDFSArtifact


def check_path(
    checker: Checker,
    artifact: Artifact,
    prefix: str,
    spot: Spot,
    leaf: bool,
    rules: tuple[str, str, str],
) -> None:
    """Check the path of an input or output artifact; only leaf templates have paths.

    `rules`: not given, leads outside, not wanted.
    """
    if not leaf:
        if artifact.path:
            reason = f"{prefix}.path only valid in container/script templates"
            checker.note(rules[2], reason, spot.at("path"))
        return
    if not artifact.path:
        reason = f"error in {prefix}: Artifact '{artifact.name}' did not specify a path"
        checker.note(rules[0], reason, spot)
    if _escapes(artifact.path):
        reason = (
            f"error in {prefix}: Artifact '{artifact.name}' attempted to use a path containing "
            "'..'. Directory traversal is not permitted"
        )
        checker.note(rules[1], reason, spot.at("path"))


def _escapes(path: str) -> bool:
    """Say whether a path with `..` leaves the part before its first `..`."""
    if "/../" in path:
        base = path.partition("/../")[0]
    elif path.endswith("/.."):
        base = path.removesuffix("/..")
    else:
        return False
    if not base:
        return False
    clean = posixpath.normpath(path)
    return not clean.startswith(posixpath.normpath(base) + "/")


def check_location(
    checker: Checker, location: ArtifactLocation, prefix: str, spot: Spot, rules: tuple[str, str]
) -> None:
    """Check what a location needs; only git and hdfs are looked at, each under its rule."""
    if location.git is not None and not location.git.repo:
        checker.note(rules[0], f"{prefix}.git.repo is required", spot.at("git"))
    if location.hdfs is not None:
        for reason in _hdfs_faults(location.hdfs, f"{prefix}.hdfs"):
            checker.note(rules[1], reason, spot.at("hdfs"))


def is_faulty_location(location: ArtifactLocation) -> bool:
    """Say whether `check_location` has something to say."""
    if location.git is not None and not location.git.repo:
        return True
    return location.hdfs is not None and any(_hdfs_faults(location.hdfs, ""))


def _hdfs_faults(hdfs: HDFSArtifact, x: str) -> Iterator[str]:
    if not hdfs.addresses:
        yield f"{x}.addresses is required"
    if not hdfs.path:
        yield f"{x}.path is required"
    elif not hdfs.path.startswith(("/", "{{")):
        yield f"{x}.path must be a absolute file path"
    cache, keytab = hdfs.krb_ccache_secret, hdfs.krb_keytab_secret
    if not hdfs.hdfs_user and cache is None and keytab is None:
        yield f"either {x}.hdfsUser, {x}.krbCCacheSecret or {x}.krbKeytabSecret is required"
    principal = bool(hdfs.krb_service_principal_name and hdfs.krb_config_config_map)
    if keytab is not None and not (principal and hdfs.krb_username and hdfs.krb_realm):
        yield (
            f"{x}.krbServicePrincipalName, {x}.krbConfigConfigMap, {x}.krbUsername and "
            f"{x}.krbRealm are required with {x}.krbKeytabSecret"
        )
    elif cache is not None and not principal:
        yield (
            f"{x}.krbServicePrincipalName and {x}.krbConfigConfigMap are required with "
            f"{x}.krbCCacheSecret"
        )
