"""The command line against a server of ours, with and without TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import hello, shell, workflow

ASK = {
    "name": "ask",
    "suspend": {},
    "outputs": {"parameters": [{"name": "word", "valueFrom": {"supplied": {}}}]},
}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Away]:
    """A server without TLS, and a command line."""
    home = Home(tmp_path_factory.mktemp("remote"), "process", cache)
    try:
        with serving(home, "--auth-mode", "server", "--no-secure") as server:
            yield Away(home, server)
    finally:
        home.close()


def test_a_workflow_is_submitted_followed_and_shown(away: Away) -> None:
    file = away.home.file("hello.json", hello("hello", "hello there"))
    shown = away.ok("submit", file, "--log", "--wait", "-l", "sea=black")
    assert "Name:                hello\n" in shown
    assert "hello: hello there\n" in shown
    assert "\nhello Succeeded at " in shown
    assert away.ok("wait", "hello").startswith("hello Succeeded at ")
    assert "hello there\n" in away.ok("logs", "@latest", "--grep", "there", "-c", "main")
    assert away.ok("logs", "hello", "--grep", "none") == ""
    assert "✔ hello" in away.ok("get", "hello")
    assert json.loads(away.ok("get", "hello", "-o", "json"))["status"]["phase"] == "Succeeded"
    assert "workflow hello  Succeeded\n" in away.ok("watch", "hello")
    row = next(line for line in away.ok("list").splitlines() if line.startswith("hello "))
    assert row.split()[:2] == ["hello", "Succeeded"]
    assert away.ok("list", "-l", "sea=black", "-o", "name") == "hello\n"
    assert away.ok("list", "-l", "sea=red", "-o", "name") == ""
    assert "hello" in away.ok("list", "-A", "--completed", "--prefix", "hel", "-o", "wide")
    again = away.ok("resubmit", "hello", "-o", "name", "--wait").splitlines()[0]
    assert again != "hello"
    assert away.ok("delete", "hello", again) == (
        f"Workflow 'hello' deleted\nWorkflow '{again}' deleted\n"
    )
    assert away.ok("delete", "hello") == "Workflow 'hello' not found\n"


def test_what_waits_is_held_answered_and_let_go(away: Away) -> None:
    steps = {"name": "main", "steps": [[{"name": "asked", "template": "ask"}]]}
    file = away.home.file("ask.json", workflow("ask", steps, ASK))
    assert away.ok("submit", file, "-o", "name") == "ask\n"
    until(lambda: "asked" in away.ok("get", "ask"), "it asks")
    assert away.ok("suspend", "ask") == "workflow ask suspended\n"
    assert "has not been set" in away.refused("resume", "ask")
    words = ("--node-field-selector", "displayName=asked", "-p", "word=yes")
    assert away.ok("node", "set", "ask", *words) == "workflow values set\n"
    assert away.ok("resume", "ask") == "workflow ask resumed\n"
    assert away.run("wait", "ask", "none").code == 1
    assert away.run("wait", "none", "--ignore-not-found").code == 0
    ended = "workflow ask has ended (Succeeded): there is nothing to resume\n"
    assert away.ok("resume", "ask") == ended


def test_a_workflow_is_explained_as_in_the_home(away: Away) -> None:
    steps = {"name": "main", "steps": [[{"name": "asked", "template": "ask"}]]}
    steps["steps"].append([{"name": "after", "template": "ask"}])
    away.ok("submit", away.home.file("why.json", workflow("why", steps, ASK)))
    until(lambda: "asked" in away.ok("get", "why"), "it asks")
    for words in (("why",), ("why", "asked"), ("why", "after"), ("why", "after", "-o", "json")):
        assert away.ok("explain", *words) == away.home.ok("explain", *words)
    assert "waits now:\n" in away.ok("explain", "why")
    assert json.loads(away.ok("explain", "why", "asked", "-o", "json"))["node"]["type"] == "Suspend"
    assert "did you mean asked?" in away.refused("explain", "why", "askd")
    assert 'workflows.argoproj.io "none" not found' in away.refused("explain", "none")
    away.ok("terminate", "why")


def test_what_failed_is_retried_and_what_runs_is_ended(away: Away) -> None:
    source = 'test "{{workflow.parameters.leak}}" = no'
    leaky = workflow("leaky", shell("main", source))
    leaky["spec"]["arguments"] = {"parameters": [{"name": "leak", "value": "yes"}]}
    assert away.run("submit", away.home.file("leaky.json", leaky), "--wait").code == 1
    retried = away.ok("retry", "leaky", "-p", "leak=no", "--wait", "-o", "name")
    assert retried == "leaky\n"
    endless = workflow("endless", shell("main", "exec sleep 600"))
    file = away.home.file("endless.json", endless)
    for verb, said in (("stop", "stopped"), ("terminate", "terminated")):
        name = away.ok("submit", file, "--name", f"w-{verb}", "-l", f"a={verb}", "-o", "name")
        name = name.strip()
        assert away.ok(verb, "-l", f"a={verb}", "--dry-run").endswith(f"{said} (dry-run)\n")
        assert away.ok(verb, "-l", f"a={verb}") == f"workflow {name} {said}\n"
        assert away.run("wait", name).code == 1


def test_what_is_stored_is_submitted_and_checked(away: Away) -> None:
    spec = {"spec": hello()["spec"], "metadata": {"name": "kept"}}
    away.server.ask("POST", "/api/v1/workflow-templates/default", {"template": spec})
    name = away.ok("submit", "--from", "wftmpl/kept", "-o", "name", "--generate-name", "k-")
    assert name.startswith("k-")
    assert away.ok("wait", name.strip()).startswith(name.strip())
    file = away.home.file("dry.json", hello("dry"))
    assert json.loads(away.ok("submit", file, "--dry-run", "-o", "json"))["kind"] == "Workflow"
    stored = json.loads(away.ok("submit", file, "--server-dry-run", "-o", "json"))
    assert stored["metadata"]["name"] == "dry"
    assert "not found" in away.refused("get", "dry")
    assert "malformed" in away.refused("submit", "--from", "kept")


def test_what_cannot_be_done_is_said_in_a_line(away: Away) -> None:
    bad = hello("bad")
    bad["spec"]["entrypoint"] = "sya"
    assert "sya" in away.refused("submit", away.home.file("bad.json", bad))
    assert "no workflow found" in away.refused("submit")
    assert "not found" in away.refused("get", "none")
    assert "not found" in away.refused("stop", "none")
    assert "cannot be reached" in away.refused("list", ARGO_SERVER="127.0.0.1:1")
    assert "with TLS" not in away.refused("list", ARGO_SERVER="127.0.0.1:1")
    assert "without TLS" in away.refused("list", ARGO_SECURE="true")
    assert "host:port" in away.refused("list", ARGO_SERVER="a b:c")
    assert "ARGO_TOKEN" in away.refused("list", ARGO_TOKEN="no good")
    assert "cannot be sent" in away.refused("list", ARGO_TOKEN="schlüssel")
    assert "v4.1." in away.ok("version")
    assert away.run("lint", away.home.file("dry.json", hello("dry"))).code == 0


def test_a_server_with_tls_and_tokens_is_reached(home: Home) -> None:
    with serving(home) as server:
        away = Away(home, server)
        assert "--certificate-authority" in away.refused("list")
        trust = ("--certificate-authority", str(home.home / "server" / "tls.crt"))
        assert "ARGO_TOKEN" in away.refused("list", *trust)
        token = home.ok("auth", "token", "--role", "view").strip()
        assert away.run("list", *trust, ARGO_TOKEN=token).out == "No workflows found\n"
        assert away.run("list", "-k", ARGO_TOKEN=token).out == "No workflows found\n"
        file = home.file("hello.json", hello())
        assert "forbidden" in away.refused("submit", file, "-k", ARGO_TOKEN=token).lower()
        named = server.address.partition("//")[2]
        words = ("list", "-s", named, "-e", "-k", "-n", "default")
        assert away.run(*words, ARGO_SERVER="", ARGO_TOKEN=token).code == 0


def test_templates_and_schedules_are_kept(away: Away) -> None:
    spec = hello()["spec"]
    head = {"apiVersion": "argoproj.io/v1alpha1"}
    kept = {**head, "kind": "WorkflowTemplate", "metadata": {"name": "t", "labels": {"a": "b"}}}
    shared = {**head, "kind": "ClusterWorkflowTemplate", "metadata": {"name": "c"}}
    night = {**head, "kind": "CronWorkflow", "metadata": {"name": "n"}}
    files = {
        "template": away.home.file("t.json", {**kept, "spec": spec}),
        "cluster-template": away.home.file("c.json", {**shared, "spec": spec}),
        "cron": away.home.file(
            "n.json", {**night, "spec": {"schedules": ["0 2 * * *"], "workflowSpec": spec}}
        ),
    }
    for verb, file in files.items():
        name = Path(file).stem
        assert away.ok(verb, "lint", file)
        assert away.ok(verb, "create", file).splitlines()[0].split() == ["Name:", name]
        assert "already exists" in away.refused(verb, "create", file)
        shown = away.ok(verb, "update", file, "-o", "name")
        assert shown.split()[:2] == (["Name:", name] if verb == "cron" else [name])
        assert away.ok(verb, "get", name).splitlines()[0].split() == ["Name:", name]
        assert name in away.ok(verb, "list")
        assert away.ok(verb, "list", "-o", "name", "-l", "a=c") == ""
        if verb == "cron":
            assert away.ok("cron", "suspend", "n") == "CronWorkflow 'n' suspended\n"
            assert json.loads(away.ok("cron", "get", "n", "-o", "json"))["spec"]["suspend"] is True
            assert away.ok("cron", "resume", "n") == "CronWorkflow 'n' resumed\n"
        away.ok(verb, "delete", name)
        assert "not found" in away.refused(verb, "get", name)
        assert "not found" in away.refused(verb, "update", file)
        assert "no " in away.refused(verb, "create", away.home.file("w.json", hello())).lower()
