"""The limits of semaphores as a user sets them: `tiphys sync`."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.e2e.driver import Home

SHOWN = "Key: pool\nType: {kind}\n{name}Namespace: team\nLimit: {limit}\n"


@pytest.mark.parametrize("kind", ["database", "ConfigMap"])
def test_a_limit_is_made_shown_changed_and_removed(home: Home, kind: str) -> None:
    which = ("pool", "-n", "team", "--type", kind, "--cm-name", "locks")
    name = "ConfigMap Name: locks\n" if kind == "ConfigMap" else ""

    def shown(limit: int) -> str:
        return SHOWN.format(kind=kind.lower(), name=name, limit=limit)

    made = home.ok("sync", "create", *which, "--limit", "3")
    assert made == "Sync limit created\n" + shown(3)
    assert home.ok("sync", "get", *which) == shown(3)
    assert home.ok("sync", "get", *which, "-o", "name") == "pool\n"
    document = json.loads(home.ok("sync", "get", *which, "-o", "json"))
    assert (document["key"], document["limit"], document["namespace"]) == ("pool", 3, "team")
    assert yaml.safe_load(home.ok("sync", "get", *which, "-o", "yaml")) == document
    again = home.run("sync", "create", *which, "--limit", "4")
    assert (again.code, "failed to create sync limit: " in again.err) == (2, True)
    changed = home.ok("sync", "update", *which, "--limit", "5")
    assert changed == "Sync limit updated\n" + shown(5)
    assert home.ok("sync", "delete", *which) == "Sync limit deleted\n"
    gone = home.run("sync", "get", *which)
    assert (gone.code, gone.out) == (2, "")
    assert gone.err.startswith("Error: failed to get sync limit: ")


def test_a_limit_of_the_database_lets_a_workflow_on(home: Home) -> None:
    lock = {"semaphores": [{"database": {"key": "pool"}}]}
    main = {"name": "main", "container": {"image": "busybox", "command": ["true"]}}
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "synchronization": lock, "templates": [main]},
    }
    home.ok("sync", "create", "pool", "--type", "database", "--limit", "1")
    assert home.run("run", home.file("w.yaml", workflow)).code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["create", "k"], 'required flag(s) "limit", "type" not set'),
        (["get", "k"], 'required flag(s) "type" not set'),
        (["get", "k", "--type", "redis"], "--type must be either 'database' or 'configmap'"),
        (["get", "k", "--type", "configmap"], "--cm-name is required when type is configmap"),
        (["create", "k", "--type", "database", "--limit", "0"], "limit must be greater than zero"),
        (["update", "k", "--type", "database", "--limit", "2"], "Database sync limit not found"),
        (["create", "k", "--type", "database", "--limit", "x"], "'x' is not a valid integer"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(home: Home, given: list[str], said: str) -> None:
    result = home.run("sync", *given)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1
