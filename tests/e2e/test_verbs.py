"""Each verb as a user meets it: what it prints, what it leaves, its exit code."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.driver import Home, Result, finish, until
from tests.e2e.workflows import given, hello, inputs, shell, workflow

FAILING = workflow("bad", shell("main", "exit 3"))
GREETING = workflow(
    "greet",
    shell(
        "main",
        "echo '{{inputs.parameters.who}} {{inputs.parameters.times}}'",
        inputs=inputs("who", "times"),
    ),
    arguments=given(who="nobody", times="0"),
)


def two_steps(name: str = "two") -> dict[str, Any]:
    """A workflow with a result that is passed on, an artifact and an output."""
    return workflow(
        name,
        {
            "name": "main",
            "steps": [
                [{"name": "make", "template": "make"}],
                [
                    {
                        "name": "use",
                        "template": "use",
                        "arguments": {
                            **given(word="{{steps.make.outputs.result}}"),
                            "artifacts": [
                                {"name": "f", "from": "{{steps.make.outputs.artifacts.f}}"}
                            ],
                        },
                    }
                ],
            ],
        },
        shell(
            "make",
            "echo content > /tmp/f; echo word",
            outputs={"artifacts": [{"name": "f", "path": "/tmp/f"}]},
        ),
        shell(
            "use", "echo {{inputs.parameters.word}}; cat /tmp/g", inputs=inputs("word", f="/tmp/g")
        ),
    )


def paused(name: str = "paused") -> dict[str, Any]:
    """A workflow that waits for a person, who may give it a word."""
    word = {"name": "word", "valueFrom": {"supplied": {}, "default": "none"}}
    return workflow(
        name,
        {
            "name": "main",
            "steps": [
                [{"name": "ask", "template": "ask"}],
                [
                    {
                        "name": "tell",
                        "template": "tell",
                        "arguments": given(word="{{steps.ask.outputs.parameters.word}}"),
                    }
                ],
            ],
        },
        {"name": "ask", "suspend": {}, "outputs": {"parameters": [word]}},
        shell("tell", "echo 'told {{inputs.parameters.word}}'", inputs=inputs("word")),
    )


# ------------------------------------------------------------------------------------------ run


def test_run_prints_lines_in_a_pipe_and_exits_with_the_verdict(each_home: Home) -> None:
    home = each_home
    good = home.run("run", home.file("two.json", two_steps()))
    bad = home.run("run", home.file("bad.json", FAILING))
    assert (good.code, bad.code) == (0, 1), (good, bad)
    assert "\x1b" not in good.out
    assert re.search(r"^\d\d:\d\d:\d\d  workflow two  Succeeded$", good.out, re.M)
    assert re.search(r"workflow bad  Failed +main: Error \(exit code 3\)$|exit code 3", bad.out)
    assert f"runtime: {home.runtime}" in good.err
    assert "two-make" in home.ok("logs", "two", "--no-color")
    assert [line.split(": ")[1] for line in home.ok("logs", "two", "--no-color").splitlines()] == [
        "word",
        "word",
        "content",
    ]


def on_terminal(home: Home, *words: str) -> tuple[Result, str]:
    """Carry out a command on a terminal; return what it left and what was drawn."""
    outer, inner = pty.openpty()
    process = home.start(*words, stdout=inner, environ={"TERM": "xterm", "COLUMNS": "60"})
    os.close(inner)
    pieces = []
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while piece := os.read(outer, 65536):
            pieces.append(piece)
    os.close(outer)
    return finish(process), b"".join(pieces).decode()


def test_run_draws_a_tree_on_a_terminal(home: Home) -> None:
    result, text = on_terminal(home, "run", home.file("two.json", two_steps()))
    assert result.code == 0, result
    assert "\x1b[" in text
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()[-6:]
    assert any("✔ two" in line for line in last), last
    assert any("└───✔ use" in line for line in last), last
    assert result.err.splitlines() == ["runtime: process (as asked)"]


def test_a_failed_run_on_a_terminal_ends_with_whole_messages(home: Home) -> None:
    lost = {"name": "lost", "valueFrom": {"path": f"/tmp/{'x' * 99}"}}
    steps = [[{"name": "a", "template": "fail"}]]
    fail = shell("fail", "true", outputs={"parameters": [lost]})
    document = workflow("w", {"name": "main", "steps": steps}, fail)
    result, _ = on_terminal(home, "run", home.file("w.json", document))
    message = home.nodes("w")["a"]["message"]
    assert result.code == 1
    assert len(message) > 60
    assert result.err.splitlines()[1:] == [
        f"w[0].a  {home.nodes('w')['a']['phase']}  {message}",
        "see `tiphys logs w`",
    ]
    watched, _ = on_terminal(home, "watch", "w")
    assert message in watched.err


@pytest.mark.parametrize(
    ("form", "read"),
    [("json", json.loads), ("yaml", yaml.safe_load)],
)
def test_run_prints_the_finished_workflow(home: Home, form: str, read: Any) -> None:
    result = home.run("run", "-", "-o", form, stdin=json.dumps(two_steps()))
    document = read(result.out)
    assert (result.code, result.err) == (0, "runtime: process (as asked)\n")
    assert document["status"]["phase"] == "Succeeded"
    assert len(document["status"]["nodes"]) == 5


def test_run_prints_names_and_trees(home: Home) -> None:
    file = home.file("hello.json", hello())
    assert home.ok("run", file, "-o", "name") == "hello\n"
    wide = home.ok("run", file, "-o", "wide", "--name", "other")
    assert "RESOURCESDURATION" in wide
    assert "✔ other" in wide


def test_parameters_come_from_the_command_line_and_from_files(home: Home) -> None:
    file = home.file("greet.json", GREETING)
    more = home.file("more.yaml", "who: file\ntimes: 5\n")
    home.ok("run", file, "--name", "a", "-p", "who=me", "-p", "times=a=b")
    home.ok("run", file, "--name", "b", "-p", "who=me", "-f", more)
    home.ok("run", file, "--name", "c", "-f", more)
    said = [home.ok("logs", name, "--no-color").split(": ")[1].strip() for name in "abc"]
    assert said == ["me a=b", "me 5", "file 5"]


def test_several_workflows_run_in_order_and_templates_beside_them_are_known(home: Home) -> None:
    template = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "lib"},
        "spec": {"templates": [shell("say", "echo from the library")]},
    }
    user = workflow(
        "user",
        {
            "name": "main",
            "steps": [[{"name": "a", "templateRef": {"name": "lib", "template": "say"}}]],
        },
    )
    text = "---\n".join(yaml.safe_dump(item) for item in (template, user, hello("second")))
    result = home.run("run", home.file("all.yaml", text), home.file("third.json", FAILING))
    assert result.code == 1
    done = re.findall(r"workflow (\w+)  (?:Succeeded|Failed)", result.out)
    assert done == ["user", "second", "bad"]
    assert "from the library" in home.ok("logs", "user")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP and yield its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_workflow_is_read_from_the_web(home: Home) -> None:
    home.file("web/hello.json", hello())
    with served(home.path / "web") as address:
        assert home.run("run", f"{address}/hello.json").code == 0
        missing = home.run("run", f"{address}/nope.json")
    assert missing.code == 2
    assert missing.err.startswith(f"Error: {address}/nope.json: cannot be fetched: ")


# --------------------------------------------------------------------------- in the background


def test_submit_returns_at_once_and_wait_and_watch_see_the_end(each_home: Home) -> None:
    home = each_home
    shown = home.ok("submit", home.file("two.json", two_steps()))
    assert re.search(r"^Name: +two$", shown, re.M)
    watched = home.run("watch", "two")
    waited = home.run("wait", "@latest")
    assert watched.code == 0
    assert "workflow two  Succeeded" in watched.out
    assert re.fullmatch(
        r"@latest Succeeded at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \w+\n", waited.out
    )
    until(lambda: not home.processes(), "the engine ends when there is nothing to do")


def test_wait_tells_the_verdict(home: Home) -> None:
    assert home.run("submit", home.file("bad.json", FAILING), "--wait").code == 1
    assert home.run("wait", "bad").code == 1
    missing = home.run("wait", "nope")
    assert (missing.code, "not found" in missing.err) == (1, True)
    assert home.run("wait", "nope", "--ignore-not-found").code == 0
    assert home.run("wait").code == 0


def test_wait_starts_another_engine_when_the_one_at_work_is_killed(home: Home) -> None:
    # given: somebody waits for a workflow
    home.submit(home.file("w.json", workflow("w", shell("main", "sleep 1"))))
    until(lambda: home.nodes("w").get("w", {}).get("phase") == "Running", "it runs")
    waiting = home.start("wait", "w")
    # when
    for pid in home.engines():
        os.kill(pid, 9)
    # then
    assert finish(waiting).code == 0


def test_logs_follow_a_workflow_until_it_ends(each_home: Home) -> None:
    home = each_home
    gate = home.path / "gate"
    source = "echo one; for i in $(seq 200); do sleep 0.02; done; echo two"
    home.submit(home.file("w.json", workflow("w", shell("main", source))))
    process = home.start("logs", "-f", "w", "--no-color", stdout=-1)
    assert process.stdout is not None
    assert process.stdout.readline() == "w: one\n"
    assert not home.is_done("w"), gate
    rest = finish(process)
    assert (rest.code, rest.out) == (0, "w: two\n")
    assert home.ok("logs", "w", "--tail", "1", "--no-color") == "w: two\n"
    assert home.ok("logs", "w", "--grep", "^o", "--no-color") == "w: one\n"


# ------------------------------------------------------------------------------------ operations


def test_a_suspended_workflow_goes_on_when_it_is_resumed(home: Home) -> None:
    # given: a workflow that is suspended from the beginning
    home.submit(home.file("w.json", hello("w") | {"spec": hello("w")["spec"] | {"suspend": True}}))
    until(lambda: home.commits("w") > 1, "it begins")
    assert "Running (Suspended)" in home.ok("get", "w")
    assert not home.said()
    # when
    assert home.ok("resume", "w") == "workflow w resumed\n"
    # then
    assert home.run("wait", "w").code == 0


def test_suspend_starts_nothing_new(home: Home) -> None:
    gate = home.path / "gate"
    steps = [[{"name": name, "template": "hold"}] for name in ("a", "b")]
    hold = shell("hold", f"until test -e {gate}; do sleep 0.01; done")
    home.submit(home.file("w.json", workflow("w", {"name": "main", "steps": steps}, hold)))
    until(lambda: home.nodes("w").get("a", {}).get("phase") == "Running", "a runs")
    # when
    assert home.ok("suspend", "w") == "workflow w suspended\n"
    until(lambda: '"suspend":true' in str(home.rows("SELECT summary FROM runs")), "it is noted")
    gate.touch()
    until(lambda: home.nodes("w")["a"]["phase"] == "Succeeded", "a ends")
    # then: b waits for a person
    assert "b" not in home.nodes("w")
    home.ok("resume", "w")
    assert home.run("wait", "w").code == 0


def test_a_waiting_node_is_told_a_value(home: Home) -> None:
    home.submit(home.file("w.json", paused("w")))
    until(lambda: home.nodes("w").get("ask", {}).get("phase") == "Running", "it asks")
    assert "ǁ ask" in home.ok("get", "w")
    assert "Running (Suspended)" in home.ok("list")
    words = "--node-field-selector", "displayName=ask", "-p", "word=yes"
    assert home.ok("node", "set", "w", *words) == "workflow values set\n"
    home.ok("resume", "w")
    assert home.run("wait", "w").code == 0
    assert "told yes" in home.ok("logs", "w")


def test_resume_says_how_a_value_is_given(home: Home) -> None:
    document = paused("w")
    del document["spec"]["templates"][1]["outputs"]["parameters"][0]["valueFrom"]["default"]
    home.submit(home.file("w.json", document))
    until(lambda: home.nodes("w").get("ask", {}).get("phase") == "Running", "it asks")
    refused = home.run("resume", "w")
    remedy = "tiphys node set w --node-field-selector displayName=ask -p word=..."
    assert refused.code == 2
    assert refused.err.endswith(f"does not have a default value; set it: `{remedy}`\n")
    home.ok(*remedy.replace("...", "yes").split()[1:])
    home.ok("resume", "w")
    assert home.run("wait", "w").code == 0


def test_resume_by_selector_and_what_it_refuses(home: Home) -> None:
    steps = [[{"name": "ask", "template": "ask"}, {"name": "wait", "template": "ask"}]]
    both = workflow("w", {"name": "main", "steps": steps}, {"name": "ask", "suspend": {}})
    home.submit(home.file("w.json", both))
    until(lambda: home.nodes("w").get("ask", {}).get("phase") == "Running", "it asks")
    wrong = home.run("resume", "w", "--node-field-selector", "displayName=other")
    assert (wrong.code, "no suspend nodes matching" in wrong.err) == (2, True)
    broken = home.run("resume", "w", "--node-field-selector", "displayName")
    assert (broken.code, "unable to parse node field selector" in broken.err) == (2, True)
    home.ok("resume", "w", "--node-field-selector", "displayName=ask")
    until(lambda: home.nodes("w")["ask"]["phase"] == "Succeeded", "one of them goes on")
    assert home.nodes("w")["wait"]["phase"] == "Running"
    home.ok("resume", "w")
    assert home.run("wait", "w").code == 0


@pytest.mark.parametrize(("verb", "said"), [("stop", "stopped"), ("terminate", "terminated")])
def test_stop_and_terminate_end_a_workflow(each_home: Home, verb: str, said: str) -> None:
    home = each_home
    long = workflow("w", shell("main", "exec sleep 60"), shell("bye", "echo bye"), onExit="bye")
    home.submit(home.file("w.json", long))
    until(lambda: home.nodes("w").get("w", {}).get("phase") == "Running", "it runs")
    assert home.ok(verb, "w") == f"workflow w {said}\n"
    assert home.run("wait", "w").code == 1
    assert ("w.onExit" in home.nodes("w")) is (verb == "stop")
    again = home.run(verb, "w")
    assert (again.code, "completed workflow" in again.err) == (2, True)
    until(lambda: not home.processes(), "nothing is left running")


# --------------------------------------------------------------------------------- looking, lint


def test_list_and_get_show_what_there_is(home: Home) -> None:
    assert home.ok("list") == "No workflows found\n"
    for document in (hello("one"), FAILING, two_steps()):
        home.run("run", home.file("w.json", document))
    listed = home.ok("list").splitlines()
    assert listed[0].split() == ["NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"]
    assert [line.split()[0] for line in listed[1:]] == ["two", "bad", "one"]
    assert home.ok("list", "-o", "name", "--status", "Failed") == "bad\n"
    assert home.ok("list", "-o", "name", "--prefix", "t", "--completed") == "two\n"
    assert home.ok("list", "--running") == "No workflows found\n"
    assert len(json.loads(home.ok("list", "-o", "json"))) == 3
    assert "P/R/C" in home.ok("list", "-o", "wide")
    tree = home.ok("get", "two", "--no-color")
    assert re.search(r"^Status: +Succeeded$", tree, re.M)
    assert re.search(r"^ ├───✔ make +make +two-make-\d+ +\d+s", tree, re.M)
    assert re.search(r"^ └───✔ use ", tree, re.M)
    assert "`---Succeeded use" in home.ok("get", "two", "--no-color", "--no-utf8")
    assert "make" not in home.ok("get", "two", "--node-field-selector", "displayName=use")
    assert yaml.safe_load(home.ok("get", "@latest", "-o", "yaml"))["metadata"]["name"] == "two"


def test_delete_leaves_nothing_behind(each_home: Home) -> None:
    home = each_home
    home.run("run", home.file("two.json", two_steps()))
    home.run("run", home.file("hello.json", hello()))
    uid = home.get("two")["metadata"]["uid"]
    assert list(home.home.glob(f"runs/{uid}/*")) != []
    assert list(home.home.glob("artifacts/two/*")) != []
    assert home.ok("delete", "two", "--dry-run") == "Workflow 'two' deleted (dry-run)\n"
    assert home.ok("delete", "two", "nope") == (
        "Workflow 'two' deleted\nWorkflow 'nope' not found\n"
    )
    left = [
        path for path in home.home.rglob("*") if uid in str(path) or "artifacts/two" in str(path)
    ]
    assert left == []
    for table in ("events", "nodes", "snapshots", "requests"):
        assert home.rows(f"SELECT * FROM {table} WHERE run = ?", uid) == []
    assert home.ok("list", "-o", "name") == "hello\n"
    assert home.ok("delete", "--all") == "Workflow 'hello' deleted\n"
    assert home.ok("delete", "--all") == "No resources found\n"


def test_delete_ends_what_still_runs(each_home: Home) -> None:
    home = each_home
    loop = {"name": "all", "template": "nap", "withSequence": {"count": "20"}}
    many = workflow("w", {"name": "main", "steps": [[loop]]}, shell("nap", "exec sleep 60"))
    home.submit(home.file("w.json", many))
    until(
        lambda: [node["phase"] for node in home.nodes("w").values()].count("Running") > 4,
        "some run, others wait",
    )
    assert home.ok("delete", "w") == "Workflow 'w' deleted\n"
    until(lambda: not home.processes(), "nothing is left running")
    assert list((home.home / "runs").iterdir()) == []
    assert home.ok("list") == "No workflows found\n"


def test_lint_tells_good_from_bad(home: Home) -> None:
    good = home.file("d/a.yaml", yaml.safe_dump(hello()))
    assert home.run("lint", good).out == "✔ no linting errors found!\n"
    simple = home.run("lint", good, "-o", "simple")
    assert (simple.code, simple.out) == (0, "no linting errors found!\n")
    broken = hello()
    broken["spec"]["entrypoint"] = "sya"
    home.file("d/b.yaml", yaml.safe_dump(broken))
    result = home.run("lint", str(home.path / "d"))
    assert result.code == 1
    assert "✖ in \"hello\" (Workflow): template name 'sya' undefined" in result.out
    assert "b.yaml:6:15; did you mean `say`?" in result.out
    assert result.out.endswith("✖ 1 linting errors found!\n")
    short = home.run("lint", str(home.path / "d"), "-o", "simple")
    assert short.out.startswith(f'{home.path}/d/b.yaml: in "hello" (Workflow): template name')
    kind = home.run("lint", home.file("k.yaml", yaml.safe_dump(hello() | {"kind": "Workflw"})))
    assert (kind.code, 'unknown kind "Workflw"' in kind.out) == (1, True)
    assert "k.yaml:2:7; did you mean `Workflow`?" in kind.out
    nothing = home.run("lint", home.file("cm.yaml", "kind: ConfigMap\nmetadata: {name: x}\n"))
    assert (nothing.code, "found nothing to lint" in nothing.out) == (1, True)


def test_called_as_argo_a_refusal_has_the_exit_code_of_argo(home: Home, tmp_path: Path) -> None:
    argo = tmp_path / "argo"
    argo.symlink_to(Path(sys.executable).with_name("tiphys"))
    for words in (["get", "nothing"], ["lst"], ["get", "x", "--gloglevel", "3"]):
        done = subprocess.run([argo, *words], env=home.environ, capture_output=True, check=False)
        assert (done.returncode, home.run(*words).code) == (1, 2), done.stderr


def test_version_and_help(home: Home) -> None:
    assert re.match(r"tiphys: v\d+\.\d+\.\d+\n", home.ok("version"))
    assert home.ok("version", "--short").count("\n") == 1
    assert home.ok("--version") == home.ok("version").splitlines()[0] + "\n"
    assert "Usage: tiphys" in home.ok()
    assert "Run a workflow here" in home.ok("--help")
    assert "Kubernetes" not in home.ok("--help")
    for verb in ("run", "submit"):
        text = home.ok(verb, "--help")
        assert f"Usage: tiphys {verb}" in text
        assert 'paths, URLs or "-"' in text
        assert "-p, --parameter NAME=VALUE      Set an input parameter" in text
        assert ("--runtime" in text, "--settings" in text) == (True, True)
    for verb in ("wait", "watch", "resume", "stop", "terminate", "suspend", "delete", "get"):
        text = home.ok(verb, "--help")
        assert "@latest" in text
        assert "--runtime" not in text
        assert ("--settings" in text) is (verb != "get")
    assert "set" in home.ok("node")
