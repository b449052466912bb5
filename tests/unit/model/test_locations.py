"""Keys, completeness and repositories."""

from __future__ import annotations

import pytest

from tiphys.errors import InvalidDocument, NotFound, UserError
from tiphys.model.artifacts import (
    Artifact,
    ArtifactLocation,
    ArtifactoryArtifact,
    AzureArtifact,
    GCSArtifact,
    GitArtifact,
    HDFSArtifact,
    HTTPArtifact,
    LocalArtifact,
    OSSArtifact,
    PluginArtifact,
    RawArtifact,
    S3Artifact,
)
from tiphys.model.locations import (
    below,
    complete,
    has_location,
    key_of,
    key_only,
    key_pattern,
    location_in,
    with_key,
)
from tiphys.model.meta import SecretKeySelector
from tiphys.model.repositories import ArtifactRepository, ArtifactRepositoryRef
from tiphys.model.repository_refs import Surroundings, find_repository, read_repository

SECRET = SecretKeySelector(name="cred", key="k")
COMPLETE = {
    "s3": S3Artifact(endpoint="e", bucket="b", key="k"),
    "gcs": GCSArtifact(bucket="b", key="k"),
    "oss": OSSArtifact(endpoint="e", bucket="b", key="k"),
    "azure": AzureArtifact(endpoint="e", container="c", blob="k"),
    "hdfs": HDFSArtifact(addresses=("a",), path="k"),
    "plugin": PluginArtifact(name="n", configuration="c", key="k"),
    "local": LocalArtifact(key="k"),
}
S3 = "s3: {endpoint: e, bucket: b, accessKeySecret: {name: cred, key: k}"


def repository(text):
    return read_repository(text, "here")


@pytest.mark.parametrize("kind", COMPLETE)
def test_a_location_is_complete_and_its_key_can_change(kind):
    where = Artifact(name="a", **{kind: COMPLETE[kind]})
    assert has_location(where)
    assert key_of(where) == "k"
    assert key_of(with_key(where, "x/y")) == "x/y"
    assert has_location(with_key(where, "x/y"))
    assert key_of(below(where, "sub/../z")) == "k/z"


@pytest.mark.parametrize(
    "where",
    [
        {"s3": S3Artifact(key="k")},
        {"s3": S3Artifact(bucket="b", key="k")},
        {"gcs": GCSArtifact(key="k")},
        {"azure": AzureArtifact(container="c", blob="k")},
        {"hdfs": HDFSArtifact(path="k")},
        {"plugin": PluginArtifact(name="n", key="k")},
        {"artifactory": ArtifactoryArtifact(url="http://h/k")},
        {"git": GitArtifact()},
        {},
    ],
)
def test_what_is_only_a_key_is_not_complete(where):
    assert not has_location(Artifact(name="a", **where))


def test_the_key_of_a_url_is_its_path():
    where = Artifact(name="a", http=HTTPArtifact(url="https://h:1/a/b?q=1"))
    assert key_of(where) == "/a/b"
    assert with_key(where, "c").http.url == "https://h:1/c?q=1"
    assert below(where, "c").http.url == "https://h:1/a/b/c?q=1"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"git": GitArtifact(repo="r")}, "key unsupported: git artifact does not have a key"),
        ({"raw": RawArtifact(data="d")}, "key unsupported: raw artifat does not have key"),
    ],
)
def test_a_location_without_a_key_says_so_in_argos_words(where, text):
    for call in (key_of, lambda item: with_key(item, "x")):
        with pytest.raises(UserError, match=text):
            call(Artifact(name="a", **where))


@pytest.mark.parametrize("kind", [kind for kind in COMPLETE if kind != "local"])
@pytest.mark.parametrize("given", ["s3", "gcs"])
def test_a_bare_key_moves_to_the_repository_whatever_its_kind(kind, given):
    base = ArtifactLocation(**{kind: COMPLETE[kind]})
    bare = {"s3": S3Artifact(key="own"), "gcs": GCSArtifact(key="own")}
    found = complete(Artifact(name="a", path="/p", **{given: bare[given]}), base)
    assert getattr(found, kind) is not None
    assert (found.name, found.path, key_of(found)) == ("a", "/p", "own")
    assert has_location(found)
    assert given == kind or getattr(found, given) is None


def test_what_is_complete_or_without_a_repository_stays():
    whole = Artifact(name="a", gcs=GCSArtifact(bucket="b", key="k"))
    bare = Artifact(name="a", s3=S3Artifact(key="k"))
    base = ArtifactLocation(s3=COMPLETE["s3"])
    assert complete(whole, base) == whole
    assert complete(bare, None) == bare
    assert complete(bare, ArtifactLocation(archive_logs=True)) == bare


def test_only_kind_and_key_are_reported():
    where = Artifact(
        name="a", s3=S3Artifact(endpoint="e", bucket="b", access_key_secret=SECRET, key="k")
    )
    assert key_only(where) == Artifact(name="a", s3=S3Artifact(key="k"))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (S3 + "}", "{{workflow.name}}/{{pod.name}}"),
        (S3 + ", keyFormat: 'x/{{pod.name}}'}", "x/{{pod.name}}"),
        (S3 + ", keyPrefix: old}", "old/{{workflow.name}}/{{pod.name}}"),
        ("azure: {endpoint: e, container: c, blobNameFormat: az}", "az"),
        ("hdfs: {addresses: [a], pathFormat: /z}", "/z"),
        ("gcs: {bucket: b, keyFormat: g}", "g"),
        ("archiveLogs: true", "{{workflow.name}}/{{pod.name}}"),
    ],
)
def test_each_kind_of_repository_has_its_pattern(text, pattern):
    assert key_pattern(repository(text)) == pattern


def test_a_place_in_a_repository_has_its_settings_and_the_key():
    found = location_in(
        repository(f"archiveLogs: true\n{S3}, insecure: true, keyFormat: f}}"), "wf/pod"
    )
    assert found.archive_logs is True
    assert found.s3 == S3Artifact(
        endpoint="e", bucket="b", insecure=True, access_key_secret=SECRET, key="wf/pod"
    )
    shop = location_in(repository("artifactory: {repoURL: 'http://h/r', keyFormat: f}"), "wf/pod")
    assert shop.artifactory == ArtifactoryArtifact(url="http://h/r/wf/pod")
    hdfs = location_in(repository("hdfs: {addresses: [a], hdfsUser: u, force: true}"), "/p")
    assert hdfs.hdfs == HDFSArtifact(addresses=("a",), hdfs_user="u", force=True, path="/p")
    assert location_in(ArtifactRepository(), "k") == ArtifactLocation()


def config(default="", **data):
    annotations = {"workflows.argoproj.io/default-artifact-repository": default} if default else {}
    return {"metadata": {"annotations": annotations}, "data": data}


def around(configs, **more):
    return Surroundings("work", lambda *name: configs.get(name), system_namespace="argo", **more)


def test_without_a_reference_the_namespaces_default_is_used():
    configs = {("work", "artifact-repositories"): config("main", main=S3 + "}", other="gcs: {}")}
    found = find_repository(None, around(configs))
    assert (found.namespace, found.config_map, found.key) == (
        "work",
        "artifact-repositories",
        "main",
    )
    assert found.artifact_repository.s3.bucket == "b"
    assert found.default is None


@pytest.mark.parametrize(
    "configs", [{}, {("work", "artifact-repositories"): config(main="s3: {}")}]
)
def test_without_any_default_the_settings_count(configs):
    default = ArtifactRepository(archive_logs=True)
    found = find_repository(None, around(configs, default=default))
    assert (found.default, found.artifact_repository) == (True, default)
    assert find_repository(None, around(configs)).artifact_repository == ArtifactRepository()


def test_a_reference_is_looked_up_here_and_then_in_the_engines_namespace():
    configs = {
        ("work", "mine"): config(a="gcs: {bucket: here}"),
        ("argo", "mine"): config("b", a="gcs: {bucket: there}", b="gcs: {bucket: far}"),
    }
    find = lambda **ref: find_repository(ArtifactRepositoryRef(**ref), around(configs))  # noqa: E731
    assert find(config_map="mine", key="a").artifact_repository.gcs.bucket == "here"
    assert find(config_map="mine").artifact_repository.gcs.bucket == "far"
    assert find(config_map="mine").namespace == "argo"
    text = r'failed to find any artifact repository for artifact repository ref "mine#none"'
    with pytest.raises(NotFound, match=text):
        find(config_map="mine", key="none")


def test_a_repository_that_cannot_be_read_names_its_place():
    configs = {("work", "artifact-repositories"): config("main", main="s3: [")}
    with pytest.raises(InvalidDocument, match="ConfigMap artifact-repositories, key main"):
        find_repository(None, around(configs))
