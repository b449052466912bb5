"""What a new user gets wrong: one or two lines with the place and the remedy, exit code 2."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from tests.e2e.driver import Home, Result, until
from tests.e2e.workflows import hello, shell, workflow

HEAD = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: w-}
"""
MAIN = """\
  - name: main
    container: {image: busybox, command: [echo]}
"""
GOOD = f"{HEAD}spec:\n  entrypoint: main\n  templates:\n{MAIN}"
DAG = f"""{GOOD}  - name: graph
    dag:
      tasks:
      - {{name: build, template: main, depends: test}}
      - {{name: test, template: main, depends: build}}
"""
ALIASES = "kind: Workflow\na0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)
)
TEMPLATES = "".join(
    f"  - name: t{number}\n    container: {{image: busybox, command: [echo, {'x' * 100}]}}\n"
    for number in range(60_000)
)

DOCUMENTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "there is no document in it"),
    "only separators": ("---\n---\n", "there is no document in it"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\xff\xfe\x80", ":1:1: yaml:"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", ":1:1: yaml: invalid leading UTF-8 octet"),
    "text": ("hello world\n", ":1:1: the document is a single value, not an object"),
    "a list": ("- a\n- b\n", ":1:1: the document is a list, not an object"),
    "no kind": ("metadata: {name: a}\n", ':1:1: this is no Kubernetes object; it has no "kind"'),
    "wrong kind": (
        "kind: Pod\nmetadata: {name: a}\n",
        "no workflow found in given files; there is only Pod",
    ),
    "mistyped kind": (
        GOOD.replace("kind: Workflow", "kind: Workflw"),
        ':2:7: unknown kind "Workflw"; did you mean `Workflow`?',
    ),
    "schedule": (
        "apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nmetadata: {name: a}\n"
        "spec:\n  schedules: ['* * * * *']\n  workflowSpec:\n    entrypoint: main\n"
        "    templates:\n    - name: main\n      container: {image: busybox}\n",
        ":2:7: a CronWorkflow is not run, it is kept; `tiphys cron create` keeps it",
    ),
    "template in no file": (
        f"{HEAD}spec:\n  workflowTemplateRef: {{name: lib}}\n",
        'couldn\'t find workflow template "lib" in namespace "default"; '
        "name the file that has it as well: tiphys run w.yaml FILE",
    ),
    "template of a step in no file": (
        f"{HEAD}spec:\n  entrypoint: main\n  templates:\n  - name: main\n    steps:\n"
        "    - - {name: a, templateRef: {name: lib, template: say}}\n",
        "name the file that has it as well: tiphys run w.yaml FILE",
    ),
    "YAML error": ("a: [1\nb: }", ":2:2: yaml: line 1: did not find expected ',' or ']'"),
    "tab": ("kind: Workflow\nmetadata:\n\tname: a\n", ":3:1: yaml: line 3: found character"),
    "unknown field": (
        GOOD.replace("entrypoint", "entrypont"),
        ':5:3: unknown field "spec.entrypont"; did you mean `entrypoint`?',
    ),
    "wrong type": (
        GOOD.replace("command: [echo]", "command: 5"),
        ":8:42: json: cannot unmarshal number into Go struct field",
    ),
    "duplicate key": (
        GOOD.replace("  entrypoint: main\n", "  entrypoint: main\n  entrypoint: main\n"),
        ':6:3: line 6: key "entrypoint" already set in map',
    ),
    "unknown entrypoint": (
        GOOD.replace("entrypoint: main", "entrypoint: mian"),
        ":5:15: template name 'mian' undefined; did you mean `main`?",
    ),
    "no entrypoint": (GOOD.replace("  entrypoint: main\n", ""), "spec.entrypoint is required"),
    "unknown template": (
        DAG.replace("test, template: main", "test, template: mani").replace(", depends: build", ""),
        ":13:32: templates.graph templates.graph.tasks.test template name 'mani' undefined; "
        "did you mean `main`?",
    ),
    "unknown task": (
        DAG.replace("depends: build", "depends: biuld"),
        ":13:47: templates.graph templates.graph sorting failed: invalid dependency biuld; "
        "did you mean `build`?",
    ),
    "cyclic DAG": (DAG, "templates.graph sorting failed: graph with cycle"),
    "unsupported": (
        f"{GOOD}  - name: cloud\n    volumes: [{{name: v, nfs: {{}}}}]\n    suspend: {{}}\n",
        ":10:15: ",
    ),
    "10 MB": (
        f"{HEAD}spec:\n  entrypoint: mian\n  templates:\n{MAIN}{TEMPLATES}",
        ":5:15: template name 'mian' undefined; did you mean `main`?",
    ),
    "alias bomb": (ALIASES, "yaml: document contains excessive aliasing"),
    "deep lists": (f"kind: Workflow\na: {'[' * 100_000}", "yaml: exceeded max depth of 400"),
    "deep maps": (f"kind: Workflow\na: {'{a: ' * 50_000}", "yaml: exceeded max depth of 400"),
    "deep JSON": (f'{{"kind": "Workflow", "a": {"[" * 100_000}', "exceeded max depth of 400"),
}


def refused(result: Result, *said: str) -> None:
    """Check that a command was refused as a person would like it."""
    assert result.code == 2, result
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    assert 1 <= len(lines) <= 2, result
    assert all(line.startswith("Error: ") for line in lines)
    for text in said:
        assert text in result.err


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_that_cannot_be_used(home: Home, what: str) -> None:
    content, said = DOCUMENTS[what]
    file = home.path / "w.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = home.run("run", "w.yaml")
    refused(result, said, "w.yaml")
    assert home.rows("SELECT * FROM runs") == []


def test_everything_wrong_is_said_in_one_go(home: Home) -> None:
    home.file("a.yaml", GOOD.replace("entrypoint", "entrypont"))
    home.file("b.yaml", GOOD.replace("container", "contaner"))
    result = home.run("submit", "a.yaml", "b.yaml")
    refused(result, 'a.yaml:5:3: unknown field "spec.entrypont"', "b.yaml:8:5: unknown field")


def test_files_that_are_not_there(home: Home) -> None:
    refused(home.run("run", "nope.yaml"), "nope.yaml: no such file or directory; check the path")
    refused(home.run("run", "."), ".: is a directory", "only `lint` takes directories")
    refused(home.run("run"), "name at least one file")
    refused(home.run("lint", "nope.yaml"), "nope.yaml: no such file or directory")
    refused(
        home.run("run", "http://127.0.0.1:1/w.yaml"), "http://127.0.0.1:1/w.yaml: cannot be fetched"
    )
    refused(home.run("run", "/proc/self/mem"), "/proc/self/mem: ")
    refused(
        home.run("run", "-f", "nope.yaml", home.file("w.yaml", GOOD)), "nope.yaml: no such file"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_nobody_may_read(home: Home) -> None:
    file = home.file("w.yaml", GOOD)
    os.chmod(file, 0)
    refused(home.run("run", file), "w.yaml: permission denied; you may not read it")


COMMANDS = {
    "verb": (
        ["sumbit"],
        "there is no command `sumbit`; did you mean `submit`? see `tiphys --help`",
    ),
    "flag": (["run", "--watsh"], "see `tiphys run --help`"),
    "number": (["expr", "-1"], "a number below zero comes after --"),
    "runtime": (["run", "w.yaml", "--runtime", "docker"], "'docker' is not one of 'auto'"),
    "parameter": (["run", "w.yaml", "-p", "x"], "of the form: NAME=VALUE. Received: x"),
    "parameter file": (
        ["run", "w.yaml", "-f", "t.txt"],
        "t.txt:1:1: a parameter file is a mapping of names to values, not a single value",
    ),
    "parameter list": (
        ["run", "w.yaml", "-f", "l.yaml"],
        "l.yaml:1:1: a parameter file is a mapping of names to values, not a list; write",
    ),
    "label": (["run", "w.yaml", "-l", "x"], "expected labels of the form"),
    "settings": (["run", "w.yaml", "--settings", "nope"], "nope: the settings cannot be read"),
    "setting": (["run", "w.yaml", "--settings", "s.yaml"], 's.yaml:1:9: unknown setting "slosts"'),
    "output": (
        ["get", "x", "-o", "xml"],
        'invalid argument "xml" for "-o, --output" flag: One of: name|json',
    ),
    "workflow": (["get", "nope"], '"nope" not found in namespace default of'),
    "latest": (["logs", "@latest"], "`tiphys list -A` lists what is there"),
    "selector": (
        ["get", "x", "--node-field-selector", "y"],
        "unable to parse node field selector 'y'",
    ),
    "age": (["list", "--since", "5x"], "expected format <duration><unit> (e.g. 3h)"),
    "span": (["logs", "x", "--since", "5x"], 'invalid argument "5x" for "--since" flag: time: '),
    "nothing to stop": (["stop"], "requires either selector or workflow; see `tiphys stop --help`"),
    "nothing to delete": (["delete"], "requires either a workflow or other argument"),
    "both filters": (["list", "--completed", "--running"], "cannot be used together"),
    "no phase": (["list", "--status", "Failed,failed"], "--status failed: the phases are Pending,"),
    "both waits": (["submit", "w.yaml", "--wait", "--watch"], "--wait cannot be combined with"),
    "kinds": (["lint", "w.yaml", "--kinds", "pods"], "unknown kind: pods"),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_line_that_cannot_be_carried_out(home: Home, what: str) -> None:
    words, said = COMMANDS[what]
    home.file("w.yaml", GOOD)
    home.file("t.txt", "text\n")
    home.file("s.yaml", "slosts: 3\n")
    home.file("l.yaml", "- name: x\n")
    refused(home.run(*words), said)


# ------------------------------------------------------------------------------------ the home


def test_a_home_that_cannot_be_made(home: Home) -> None:
    file = home.file("w.yaml", GOOD)
    for place in (file, f"{file}/below", "/proc/tiphys"):
        result = home.run("run", file, "--home", place)
        refused(result, f"the home {place} cannot be used", "--home or TIPHYS_HOME")


def spoilt(home: Home, what: str) -> None:
    """Make the database of a home unusable."""
    path = home.home / "tiphys.db"
    if what == "no database":
        path.write_bytes(b"these are my notes, not a database" * 100)
    elif what == "damaged":
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    elif what == "newer":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")


SPOILT = {
    "no database": "cannot be read: file is not a database; move it away",
    "damaged": "cannot be read: database disk image is malformed; move it away",
    "newer": "was written by a newer version of tiphys (schema 99",
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_database_that_cannot_be_used(home: Home, what: str) -> None:
    home.ok("run", home.file("w.json", hello()))
    spoilt(home, what)
    path = home.home / "tiphys.db"
    for words in (["list"], ["get", "hello"], ["wait", "hello"]):
        refused(home.run(*words), f"the database {path}", SPOILT[what])
    refused(home.run("run", home.file("w.yaml", GOOD)), "the database ")


# ---------------------------------------------------------------------------------- a full disk


UNCACHED = {"PYTHONDONTWRITEBYTECODE": "1"}
"""What is cut short by the limit must not be in the modules that other tests share."""


def small_files() -> None:
    """Let no file grow beyond a size, which is what a full disk is to a program."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (288 * 1024, 288 * 1024))


def test_no_room_for_a_database(home: Home) -> None:
    def nothing() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    result = home.run("run", home.file("w.yaml", GOOD), preexec_fn=nothing, environ=UNCACHED)
    refused(result, "the database ", "cannot be opened: ")


def test_a_disk_that_fills_up_in_the_middle_of_a_run(home: Home) -> None:
    # given: a workflow whose journal does not fit
    effects = home.path / "effects"
    loop = {"name": "all", "template": "mark", "withSequence": {"count": "60"}}
    mark = shell("mark", f'echo "$ARGO_NODE_ID" >> {effects}')
    file = home.file("w.json", workflow("w", {"name": "main", "steps": [[loop]]}, mark))
    # when
    result = home.run("run", file, preexec_fn=small_files, environ=UNCACHED)
    # then: it is said, and what to do
    refused_later(result, "the database cannot be written: ", "`tiphys wait w` goes on with it")
    # and: with room again the run ends, and every job ran once
    assert home.run("wait", "w").code == 0
    done = sorted(effects.read_text().split())
    jobs = sorted(n["id"] for n in home.nodes("w").values() if n["type"] == "Pod")
    assert done == jobs
    assert len(done) == 60


def refused_later(result: Result, *said: str) -> None:
    """Check the end of a command that was interrupted after it had begun."""
    assert result.code == 2, result
    assert "Traceback" not in result.err
    for text in said:
        assert text in result.err.splitlines()[-1]


def mounted(folder: Path, kilobytes: int) -> bool:
    """Mount a small file system of memory; False where that is not allowed."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_background_engine_goes_on_when_there_is_room_again(home: Home) -> None:
    if not mounted(home.home, 600):
        pytest.skip("this user may not mount a file system")
    try:
        # given: a home on a disk that is full
        gate, effects = home.path / "gate", home.path / "effects"
        source = f'until test -e {gate}; do sleep 0.01; done; echo "$ARGO_NODE_ID" >> {effects}'
        loop = {"name": "all", "template": "hold", "withSequence": {"count": "3"}}
        main = {"name": "main", "steps": [[loop]]}
        home.submit(home.file("w.json", workflow("w", main, shell("hold", source))))
        until(lambda: len(running(home, "w")) == 2 + 3, "all of it runs")
        with (home.home / "ballast").open("wb", buffering=0) as ballast:
            until(lambda: not fits(ballast.fileno()), "the disk is full")
        # when: jobs end and that cannot be written down, until there is room again
        gate.touch()
        until(lambda: len(home.processes()) == len(home.engines()), "the jobs end")
        (home.home / "ballast").unlink()
        # then: the run ends with a verdict, and no job ran twice
        verdict = home.run("wait", "w")
        assert re.fullmatch(r"w (Succeeded|Failed|Error) at .*\n", verdict.out), verdict
        jobs = [node["id"] for node in home.nodes("w").values() if node["type"] == "Pod"]
        assert sorted(effects.read_text().split()) == sorted(jobs)
        assert running(home, "w") == []
    finally:
        home.close()
        subprocess.run(["umount", str(home.home)], check=True)


def running(home: Home, name: str) -> list[str]:
    """Return the nodes of a workflow that run."""
    return [key for key, node in home.nodes(name).items() if node["phase"] == "Running"]


def fits(target: int) -> bool:
    """Write some more; False if it does not fit."""
    try:
        return os.write(target, b"x" * 1024) == 1024
    except OSError:
        return False


def test_one_refused_workflow_keeps_all_of_a_command_from_running(home: Home) -> None:
    bad = GOOD.replace("entrypoint: main", "entrypoint: mian")
    result = home.run("run", home.file("good.yaml", GOOD), home.file("bad.yaml", bad))
    refused(result, "bad.yaml:5:15: template name 'mian' undefined")
    assert home.rows("SELECT * FROM runs") == []
