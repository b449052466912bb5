"""What a command line leaves at a server: schedules, backfills, templates of files."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.e2e.driver import Home
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import hello, shell, workflow

HEAD = {"apiVersion": "argoproj.io/v1alpha1"}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Away]:
    """A server without TLS, and a command line."""
    home = Home(tmp_path_factory.mktemp("keeping"), "process", cache)
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            yield Away(home, server)
    finally:
        home.close()


def cron(name: str) -> dict[str, Any]:
    """A CronWorkflow that is not due before long."""
    spec = {"schedules": ["0 0 29 2 *"], "workflowSpec": hello()["spec"]}
    return {**HEAD, "kind": "CronWorkflow", "metadata": {"name": name}, "spec": spec}


def template(name: str, kind: str = "WorkflowTemplate", *templates: Any) -> dict[str, Any]:
    """A template; without others it says its name."""
    spec = {"entrypoint": "main", "templates": [*(templates or [shell("main", f"echo {name}")])]}
    return {**HEAD, "kind": kind, "metadata": {"name": name}, "spec": spec}


def calls(name: str, of: str, cluster: bool = False) -> dict[str, Any]:
    """A template whose one step is in another one."""
    reference = {"name": of, "template": "main", "clusterScope": cluster}
    return {"name": name, "steps": [[{"name": "s", "templateRef": reference}]]}


class Argos(BaseHTTPRequestHandler):
    """Stands between the command line and a server, and knows only what Argo's server does."""

    def pass_on(self) -> None:
        """Answer as the server behind, but for paths that Argo does not have."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/api/tiphys/"):
            self.reply(501, b'{"code":12,"message":"Not Implemented"}')
            return
        address: str = self.server.behind  # type: ignore[attr-defined]
        with urlopen(Request(address + self.path, body or None, method=self.command)) as answer:
            self.reply(answer.status, answer.read())

    do_GET = do_POST = do_PUT = pass_on

    def reply(self, status: int, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def argos(away: Away) -> Iterator[str]:
    """Yield the address of a server that has Argo's endpoints only."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Argos) as made:
        made.behind = away.server.address  # type: ignore[attr-defined]
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()
            thread.join()


def test_a_schedule_is_made_with_what_the_options_change(away: Away) -> None:
    file = away.home.file("cron.json", cron("nightly"))
    words = ("--schedule", "0 3 29 2 *", "--name", "morning", "-p", "day=monday", "-o", "name")
    assert away.ok("cron", "create", file, *words).splitlines()[0].split() == ["Name:", "morning"]
    made = json.loads(away.ok("cron", "get", "morning", "-o", "json"))
    assert made["spec"]["schedules"] == ["0 3 29 2 *"]
    given = made["spec"]["workflowSpec"]["arguments"]["parameters"]
    assert {"name": "day", "value": "monday"} in given
    assert "failed to create cron workflow: " in away.refused("cron", "create", file, *words)


def test_a_schedule_is_run_for_its_past(away: Away) -> None:
    spec = {**cron("past"), "spec": {**cron("past")["spec"], "schedules": ["0 2 * * *"]}}
    away.ok("cron", "create", away.home.file("past.json", spec))
    start, end = "Thu, 01 Jan 2026 00:00:00 UTC", "Sat, 03 Jan 2026 00:00:00 UTC"
    said = away.ok("cron", "backfill", "past", "--start", start, "--end", end, "--name", "b1")
    lines = said.splitlines()
    assert lines[0] == "Created b1 Backfill task for Cronworkflow past "
    assert lines[5] == "Total Backfill Schedule: 2 "
    name = lines[-1].split()[-1]
    assert away.ok("wait", name).startswith(f"{name} Succeeded")
    children = [n for n in away.ok("list", "-o", "name").split() if n.startswith("past-backfill")]
    assert len(children) == 2
    assert "should not be empty" in away.refused("cron", "backfill", "past")
    nothing = away.ok("cron", "backfill", "past", "--start", start, "--end", start)
    assert nothing == "There is no suitable scheduling time."


def test_templates_and_schedules_of_files_are_kept_in_any_order(away: Away) -> None:
    outer = away.home.file("outer.json", template("outer", "WorkflowTemplate", calls("main", "in")))
    inner = away.home.file("inner.json", template("in"))
    night = away.home.file("night.json", cron("night"))
    said = away.ok("apply", "-f", outer, inner, night)
    assert sorted(said.splitlines()) == [
        "cronworkflow.argoproj.io/night created",
        "workflowtemplate.argoproj.io/in created",
        "workflowtemplate.argoproj.io/outer created",
    ]
    assert {line.split()[1] for line in away.ok("apply", outer, inner, night).splitlines()} == {
        "unchanged"
    }
    changed = template("in")
    changed["spec"]["entrypoint"] = "other"
    changed["spec"]["templates"].append(shell("other", "echo other"))
    file = away.home.file("changed.json", changed)
    assert away.ok("apply", file) == "workflowtemplate.argoproj.io/in configured\n"
    kept = json.loads(away.ok("template", "get", "in", "-o", "json"))
    assert [item["name"] for item in kept["spec"]["templates"]] == ["main", "other"]


def test_what_a_server_cannot_keep_is_refused_before_anything_is_sent(away: Away) -> None:
    kept = away.home.file("kept.json", template("never"))
    queue = {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue"}
    file = away.home.file("queue.json", {**queue, "metadata": {"name": "q"}})
    said = away.refused("apply", kept, file)
    assert "no way to keep this kind" in said
    assert "is run, not kept" in away.refused("apply", away.home.file("w.json", hello()))
    wrong = template("wrong", "WorkflowTemplate", calls("main", "nowhere"))
    assert "nowhere" in away.refused("apply", away.home.file("wrong.json", wrong))
    assert away.ok("template", "list", "-o", "name", "-l", "!x").split().count("never") == 0
    names = away.ok("template", "list", "-o", "name").split()
    documents = json.loads(away.ok("template", "list", "-o", "json"))
    assert [document["metadata"]["name"] for document in documents] == names
    assert away.ok("template", "list", "-o", "yaml").startswith("- ")


SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"greeting": "good morning"},
}
LOGIN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login"},
    "stringData": {"password": "hunter2"},
}


def greeter(name: str) -> dict[str, Any]:
    """A workflow that says what a ConfigMap and a Secret hold."""
    refs = (
        ("GREETING", {"configMapKeyRef": {"name": "settings", "key": "greeting"}}),
        ("PASSWORD", {"secretKeyRef": {"name": "login", "key": "password"}}),
    )
    main = shell("main", 'echo "$GREETING, $PASSWORD, $(echo "$PASSWORD" | tr a-y b-z)"')
    main["script"]["env"] = [{"name": key, "valueFrom": source} for key, source in refs]
    return workflow(name, main)


def test_config_maps_and_secrets_are_kept_and_used(away: Away) -> None:
    files = (away.home.file("map.json", SETTINGS), away.home.file("secret.json", LOGIN))
    for said in ("created\n", "unchanged\n"):
        first, second = away.ok("apply", *files).splitlines(keepends=True)
        assert first == f"configmap/settings {said}"
        # Whether a Secret has changed is not told.
        assert second == f"secret/login {said.replace('unchanged', 'configured')}"
    greeted = away.run("submit", away.home.file("greet.json", greeter("greet")), "--log")
    assert "greet: good morning, ***, ivoufs2\n" in greeted.out
    beside = {**SETTINGS, "data": {"greeting": "good night"}}
    file = away.home.file("both.json", greeter("greeted"))
    done = away.run("submit", file, away.home.file("night.json", beside), "--log")
    assert done.err == "ConfigMap settings configured on the server\n"
    assert "greeted: good night, ***, ivoufs2\n" in done.out
    broken = {**LOGIN, "data": {"password": "no base!"}}
    said = away.refused("apply", away.home.file("broken.json", broken))
    assert said == (
        'Error: Secret login: Secret "login": data: the value of "password" is not in base 64\n'
    )


def test_jobs_are_sent_and_run_after_the_checks_of_files(away: Away) -> None:
    container = {"name": "c", "image": "busybox", "command": ["echo", "sent and run"]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    document = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sent"}}
    file = away.home.file("job.json", {**document, "spec": {"template": pods}})
    assert away.ok("apply", file) == "job.batch/sent created\n"
    assert away.ok("objects", "logs", "job/sent", "-f").endswith(": sent and run\n")
    assert away.ok("apply", file) == "job.batch/sent unchanged\n"
    beside = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "m"}}
    files = (away.home.file("by.json", hello("by")), away.home.file("claim.json", beside))
    done = away.run("submit", *files, "-o", "name")
    assert (done.out, done.err) == (
        "by\n",
        "PersistentVolumeClaim m created on the server\n",
    )


def test_what_argos_server_cannot_keep_is_said_and_a_workflow_sent_without(away: Away) -> None:
    files = (away.home.file("lonely.json", hello("lonely")), away.home.file("m.json", SETTINGS))
    with argos(away) as address:
        done = away.run("submit", *files, "-o", "name", ARGO_SERVER=address)
        assert done.out == "lonely\n"
        assert "no way to keep them: ConfigMap settings" in done.err
        assert "it is Argo's server" in away.refused("apply", files[1], ARGO_SERVER=address)


def test_templates_beside_a_workflow_are_sent_before_it(away: Away) -> None:
    main = workflow("beside", calls("main", "shared", cluster=True))
    files = (
        away.home.file("main.json", main),
        away.home.file("shared.json", template("shared", "ClusterWorkflowTemplate")),
    )
    shown = away.ok("submit", *files, "--dry-run", "-o", "name")
    assert shown == "beside\n"
    assert "not found" in away.refused("cluster-template", "get", "shared")
    done = away.run("submit", *files, "--wait")
    assert done.code == 0, done
    assert "ClusterWorkflowTemplate shared created on the server\n" in done.err
    again = away.run("submit", *files, "--name", "beside-2", "--wait")
    assert "ClusterWorkflowTemplate shared unchanged on the server\n" in again.err
    other = template("shared", "ClusterWorkflowTemplate", shell("main", "echo otherwise"))
    other_file = away.home.file("other.json", other)
    said = away.refused("submit", files[0], other_file, "--name", "beside-3")
    assert 'another ClusterWorkflowTemplate "shared"' in said
    assert "not found" in away.refused("get", "beside-3")


def test_the_server_says_what_is_wrong_as_it_knows_what_it_keeps(away: Away) -> None:
    good = away.home.file("lint/good.json", workflow("good", calls("main", "known")))
    bad = away.home.file("lint/bad.json", workflow("bad", calls("main", "unknown")))
    away.ok("template", "create", away.home.file("known.json", template("known")))
    assert away.ok("lint", good, "-o", "simple", "--no-warnings") == "no linting errors found!\n"
    found = away.run("lint", good, bad, "-o", "simple")
    assert found.code == 1
    (line,) = found.out.splitlines()
    assert line.startswith(f'{bad}: in "bad" (Workflow): ')
    assert "unknown" in line
    offline = away.run("lint", good, "--offline", "-o", "simple")
    assert (offline.code, "known" in offline.out) == (1, True)
    unread = away.home.file("lint/unread.json", {**HEAD, "kind": "Workflow", "spek": {}})
    assert 'unknown field "spek"' in away.run("lint", unread, "-o", "simple").out
    night = cron("bad-night")
    night["spec"]["schedules"] = ["never"]
    assert away.run("lint", away.home.file("night.json", night)).code == 1
    both = (away.home.file("c.json", template("c", "ClusterWorkflowTemplate")),
            away.home.file("n.json", cron("fine")))  # fmt: skip
    assert away.ok("lint", *both, "--no-warnings", "-o", "simple") == "no linting errors found!\n"
    assert "ARGO_SERVER" in away.refused("lint", good, ARGO_SERVER="localhost:1")


def test_limits_of_semaphores_are_managed(away: Away) -> None:
    for words, name in ((("--type", "database"), ""), (("--type", "configmap"), "locks")):
        where = (*words, *(("--cm-name", name) if name else ()))
        said = away.ok("sync", "create", "pool", *where, "--limit", "3")
        lines = ["Sync limit created", "Key: pool", f"Type: {words[1]}",
                 *([f"ConfigMap Name: {name}"] if name else []),
                 "Namespace: default", "Limit: 3"]  # fmt: skip
        assert said.splitlines() == lines
        changed = away.ok("sync", "update", "pool", *where, "--limit", "5")
        assert changed.startswith("Sync limit updated\n")
        assert away.ok("sync", "get", "pool", *where).splitlines() == [*lines[1:-1], "Limit: 5"]
        document = json.loads(away.ok("sync", "get", "pool", *where, "-o", "json"))
        assert document == json.loads(away.home.ok("sync", "get", "pool", *where, "-o", "json"))
        assert away.ok("sync", "delete", "pool", *where) == "Sync limit deleted\n"
        assert "failed to get sync limit: " in away.refused("sync", "get", "pool", *where)
    assert 'required flag(s) "limit", "type" not set' in away.refused("sync", "create", "pool")
