"""Artifacts in a store that is not on this disk, with a Secret from beside the workflow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.store_servers import ACCESS, SECRET, Server, rclone
from tests.e2e.driver import Home, until
from tests.e2e.workflows import hello, shell, workflow

pytestmark = pytest.mark.e2e

_KEYS = {
    "accessKeySecret": {"name": "cred", "key": "access"},
    "secretKeySecret": {"name": "cred", "key": "secret"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


def credentials(secret: str = SECRET) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cred"},
        "stringData": {"access": ACCESS, "secret": secret},
    }


def repository(store: Server, prefix: str) -> dict[str, Any]:
    return {
        "archiveLogs": True,
        "s3": {
            "endpoint": f"127.0.0.1:{store.port}",
            "insecure": True,
            "bucket": "bkt",
            "keyFormat": prefix + "/{{workflow.name}}/{{pod.name}}",
            **_KEYS,
        },
    }


def repositories(store: Server, prefix: str) -> str:
    """Return a ConfigMap with a default repository, as YAML."""
    text = json.dumps(repository(store, prefix))
    annotation = "workflows.argoproj.io/default-artifact-repository"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "artifact-repositories", "annotations": {annotation: "main"}},
            "data": {"main": text},
        }
    )


def keep(home: Home, document: dict[str, Any]) -> None:
    """Have an object kept, beside a workflow that does not matter."""
    home.run("run", home.file("o.yaml", hello("other")), home.file("kept.yaml", document))
    home.ok("delete", "other")


def files(store: Server, prefix: str) -> list[str]:
    """Return the keys below a prefix."""
    bucket: Path = store.folder / "bkt"
    found = (path for path in (bucket / prefix).rglob("*") if path.is_file())
    return sorted(str(path.relative_to(bucket)) for path in found)


def makes(**rules: Any) -> dict[str, Any]:
    """Return a workflow whose first step makes two artifacts, and whose second reads one."""
    make = shell("make", "echo first > /tmp/one; echo second > /tmp/two")
    one: dict[str, Any] = {"name": "one", "path": "/tmp/one", "archive": {"none": {}}}
    two = {"name": "two", "path": "/tmp/two"}
    one |= rules.pop("one", {})
    make["outputs"] = {"artifacts": [one, two]}
    read = shell("read", "cat /tmp/in")
    read["inputs"] = {"artifacts": [{"name": "in", "path": "/tmp/in"}]}
    given = {"name": "in", "from": "{{steps.make.outputs.artifacts.two}}"}
    steps = [
        [{"name": "make", "template": "make"}],
        [{"name": "read", "template": "read", "arguments": {"artifacts": [given]}}],
    ]
    return workflow("w", {"name": "main", "steps": steps}, make, read, **rules)


def test_artifacts_and_logs_go_to_the_repository_that_a_config_map_names(
    home: Home, store: Server
) -> None:
    document = home.file("w.yaml", makes())
    beside = home.file("beside.yaml", repositories(store, "map"))
    home.ok("run", document, beside, home.file("secret.yaml", credentials()))
    nodes = home.nodes("w")
    pod = next(key.split("/")[2] for key in files(store, "map") if key.endswith("/one"))
    assert f"map/w/{pod}/two.tgz" in files(store, "map")
    assert len([key for key in files(store, "map") if key.endswith("/main.log")]) == 2
    assert (store.folder / "bkt/map/w" / pod / "one").read_text() == "first\n"
    stored = {item["name"]: item for item in nodes["make"]["outputs"]["artifacts"]}
    assert stored["two"]["s3"] == {"key": f"map/w/{pod}/two.tgz"}
    assert "second\n" in home.said()
    reference = home.get("w")["status"]["artifactRepositoryRef"]
    assert (reference["namespace"], reference["configMap"], reference["key"]) == (
        *("default", "artifact-repositories"),
        "main",
    )
    assert reference["artifactRepository"]["s3"]["bucket"] == "bkt"
    assert not [*home.home.glob("artifacts/*")]


def test_artifacts_are_deleted_at_their_time(home: Home, store: Server) -> None:
    on_end = {"artifactGC": {"strategy": "OnWorkflowCompletion"}}
    document = makes(one=on_end, artifactGC={"strategy": "OnWorkflowDeletion"})
    beside = home.file("beside.yaml", repositories(store, "gc"))
    home.ok("run", home.file("w.yaml", document), beside, home.file("s.yaml", credentials()))
    left = files(store, "gc")
    assert [key.rpartition("/")[2] for key in left if "main.log" not in key] == ["two.tgz"]
    shown = home.get("w")
    assert "workflows.argoproj.io/artifact-gc" in shown["metadata"]["finalizers"]
    assert shown["status"]["artifactGCStatus"] == {
        "strategiesProcessed": {"OnWorkflowCompletion": True}
    }
    [make] = [n for n in shown["status"]["nodes"].values() if n["displayName"] == "make"]
    assert {item["name"]: item.get("deleted") for item in make["outputs"]["artifacts"]} == {
        "one": True,
        "two": None,
        "main-logs": None,
    }
    home.ok("delete", "w")
    assert files(store, "gc") == []
    assert not home.rows("SELECT 1 FROM runs UNION SELECT 1 FROM artifact_deletions")


def test_a_directory_in_a_bucket_is_deleted_and_its_neighbours_are_not(
    home: Home, store: Server
) -> None:
    rule = {"strategy": "OnWorkflowCompletion"}
    make = shell("main", "mkdir -p /tmp/d/e && echo 1 > /tmp/d/x && echo 2 > /tmp/d/e/y")
    whole: dict[str, Any] = {"archive": {"none": {}}, "path": "/tmp/d"}
    make["outputs"] = {
        "artifacts": [
            {"name": "tree", "s3": {"key": "dirs/tree"}, "artifactGC": rule} | whole,
            {"name": "other", "s3": {"key": "dirs/tree2"}} | whole,
        ]
    }
    beside = home.file("beside.yaml", repositories(store, "dirs"))
    document = home.file("w.yaml", workflow("w", make))
    result = home.run("run", document, beside, home.file("s.yaml", credentials()))
    assert result.code == 0, result
    assert "artifactGC" not in result.err
    kept = [key for key in files(store, "dirs") if "log" not in key]
    assert kept == ["dirs/tree2/e/y", "dirs/tree2/x"]
    table = home.ok("artifacts", "ls", "w")
    assert re.search(r"tree +\S+( \S+)? +deleted +dirs/tree$", table, re.MULTILINE), table
    got = home.run("artifacts", "get", "w", "main", "tree")
    assert (got.code, "OnWorkflowCompletion" in got.err) == (2, True), got
    copied = home.run("cp", "w", "out", "--path", "{artifactName}")
    assert copied.code == 0, copied
    assert 'Skipped "tree"' in copied.err
    assert (home.path / "out/other/tree2/e/y").read_text() == "2\n"


def test_what_could_not_be_deleted_is_said_and_listed(home: Home, store: Server) -> None:
    rule = {"strategy": "OnWorkflowCompletion"}
    place = {"endpoint": f"127.0.0.1:{store.port}", "insecure": True, "bucket": "bkt", **_KEYS}
    make = shell("make", "echo 1 > /tmp/one")
    one = {"name": "one", "path": "/tmp/one", "s3": {**place, "key": "said/one.tgz"}}
    make["outputs"] = {"artifacts": [one]}
    manifest = json.dumps(credentials("not the right one, but as long as it"))
    lock = {"name": "lock", "resource": {"action": "apply", "manifest": manifest}}
    steps = [[{"name": name, "template": name}] for name in ("make", "lock")]
    document = workflow("w", {"name": "main", "steps": steps}, make, lock, artifactGC=rule)
    ran = home.run("run", home.file("w.yaml", document), home.file("s.yaml", credentials()))
    assert ran.code == 0, ran
    for said in (ran.err, home.run("get", "w").err):
        assert "w: artifactGC could not delete 1 of 1 artifacts: one: " in said
        assert "SignatureDoesNotMatch" in said
    table = home.ok("artifacts", "ls", "w", "-o", "wide")
    assert re.search("one .*failed: .*SignatureDoesNotMatch", table), table
    [listed] = json.loads(home.ok("artifacts", "ls", "w", "-o", "json"))
    assert {**listed["deletion"], "error": ""} == {
        **{"state": "failed", "strategy": "OnWorkflowCompletion", "tries": 1},
        "error": "",
    }
    assert files(store, "said") == ["said/one.tgz"]


def test_a_workflow_stays_as_long_as_its_artifacts_cannot_be_deleted(
    home: Home, store: Server
) -> None:
    document = makes(artifactGC={"strategy": "OnWorkflowDeletion"})
    beside = home.file("beside.yaml", repositories(store, "stays"))
    home.ok("run", home.file("w.yaml", document), beside, home.file("s.yaml", credentials()))
    keep(home, credentials("not the right one, but as long as it"))
    refused = home.run("delete", "w")
    assert refused.code == 2
    assert "--force" in refused.err
    shown = home.get("w")
    [said] = [c for c in shown["status"]["conditions"] if c["type"] == "ArtifactGCError"]
    assert "(artifactGCTask: w-artgc-wfdel-2166136261-0)" in said["message"]
    assert len(files(store, "stays/w")) == 4
    keep(home, credentials())
    home.ok("delete", "w")
    assert files(store, "stays/w") == []


def test_force_deletes_a_workflow_without_its_artifacts(home: Home, store: Server) -> None:
    document = makes(artifactGC={"strategy": "OnWorkflowDeletion"})
    beside = home.file("beside.yaml", repositories(store, "force"))
    home.ok("run", home.file("w.yaml", document), beside, home.file("s.yaml", credentials()))
    keep(home, credentials("not the right one, but as long as it"))
    home.ok("delete", "w", "--force")
    assert not home.rows("SELECT name FROM runs")
    assert len(files(store, "force")) == 4


def test_a_background_engine_deletes_artifacts_when_the_workflow_ends(
    home: Home, store: Server
) -> None:
    settings = {"idle_seconds": 0.3, "artifact_repository": repository(store, "set")}
    home.file("settings.yaml", json.dumps(settings))
    document = makes(artifactGC={"strategy": "OnWorkflowCompletion"})
    home.submit(home.file("w.yaml", document), home.file("s.yaml", credentials()))
    until(lambda: home.is_done("w"), "the workflow is over")
    until(lambda: not files(store, "set"), "its artifacts are gone")
    assert home.ok("wait", "w") is not None
    shown = home.get("w")
    assert shown["status"]["artifactRepositoryRef"]["default"] is True
    assert "finalizers" not in shown["metadata"]


def test_a_template_keeps_its_artifacts_at_its_own_archive_location(
    home: Home, store: Server
) -> None:
    s3 = {**repository(store, "")["s3"], "key": "own/{{pod.name}}"}
    s3.pop("keyFormat")
    main = shell("main", "echo x > /tmp/x")
    main["archiveLocation"] = {"archiveLogs": True, "s3": s3}
    main["outputs"] = {"artifacts": [{"name": "x", "path": "/tmp/x"}]}
    document = home.file("w.yaml", workflow("w", main))
    home.ok("run", document, home.file("s.yaml", credentials()))
    assert files(store, "own") == ["own/w/main.log", "own/w/x.tgz"]


def test_artifacts_of_a_retried_workflow_are_deleted_again(home: Home, store: Server) -> None:
    main = shell("main", "echo x > /tmp/x; test -e " + str(home.path / "may"))
    main["outputs"] = {"artifacts": [{"name": "x", "path": "/tmp/x"}]}
    rule = {"strategy": "OnWorkflowCompletion"}
    beside = home.file("beside.yaml", repositories(store, "again"))
    document = home.file("w.yaml", workflow("w", main, artifactGC=rule))
    assert home.run("run", document, beside, home.file("s.yaml", credentials())).code == 1
    assert files(store, "again") == []
    home.file("may", "")
    home.ok("retry", "w")
    home.ok("wait", "w")
    until(lambda: not home.engines(), "the engine has seen to all")
    assert files(store, "again") == []
    [node] = home.get("w")["status"]["nodes"].values()
    assert all(item["deleted"] for item in node["outputs"]["artifacts"])


def test_artifacts_are_copied_out_of_the_repository(home: Home, store: Server) -> None:
    beside = home.file("beside.yaml", repositories(store, "cp"))
    home.ok("run", home.file("w.yaml", makes()), beside, home.file("s.yaml", credentials()))
    copied = home.run("cp", "@latest", "out", "--artifact-name", "one")
    assert (copied.code, copied.err) == (0, 'Created "one"\n')
    node = home.nodes("w")["make"]["id"]
    assert (home.path / f"out/default/w/{node}/outputs/one/one").read_text() == "first\n"
    home.ok("cp", "w", "logs", "--template-name", "read", "--path", "{templateName}")
    assert (home.path / "logs/read/main.log").read_text() == "second\n"


def test_artifacts_are_copied_out_of_the_local_repository(home: Home) -> None:
    home.ok("run", home.file("w.yaml", makes()))
    home.ok("cp", "w", "out", "--path", "{artifactName}")
    assert (home.path / "out/one/one").read_text() == "first\n"
    assert (home.path / "out/two/two.tgz").read_bytes().startswith(b"\x1f\x8b")


def test_a_reference_to_no_repository_is_refused(home: Home) -> None:
    reference = {"configMap": "none", "key": "k"}
    document = workflow("w", shell("main", "true"), artifactRepositoryRef=reference)
    refused = home.run("run", home.file("w.yaml", document))
    assert refused.code == 2
    assert 'failed to find any artifact repository for artifact repository ref "none#k"' in (
        refused.err
    )


@pytest.mark.parametrize("archives", [True, False])
def test_logs_that_pod_gc_has_deleted_are_read_from_the_repository(
    home: Home, store: Server, archives: bool
) -> None:
    document = workflow("w", shell("main", "echo first; echo second"))
    document["spec"]["podGC"] = {"strategy": "OnPodCompletion", "deleteDelayDuration": "0s"}
    beside = home.file("beside.yaml", repositories(store, "logs"))
    more = (beside, home.file("s.yaml", credentials())) if archives else ()
    home.ok("run", home.file("w.yaml", document), *more)
    until(lambda: not [*home.home.glob("runs/*/w")], "the pod is deleted")
    wanted = "w: first\nw: second\n" if archives else ""
    assert home.ok("logs", "w") == wanted
    assert home.ok("logs", "w", "--tail", "1") == wanted[-10:]
    assert home.ok("logs", "w", "-f", "--grep", "first") == wanted[:9]
