"""What the shells get when Tab is pressed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.driver import Home
from tests.e2e.workflows import hello

BIN = Path(sys.executable).parent
ASK = """
source <(tiphys completion bash)
COMP_WORDS=({words}); COMP_CWORD={last}
_tiphys_completion tiphys
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(home: Home, *words: str) -> list[str]:
    """Return what bash offers for the last word."""
    script = ASK.format(words=" ".join(f"'{word}'" for word in words), last=len(words) - 1)
    environment = home.environ | {"PATH": f"{BIN}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_verbs_flags_and_workflows(home: Home) -> None:
    home.ok("run", home.file("greet.yaml", hello("greet-me")))
    assert completed(home, "tiphys", "cron", "back") == ["backfill"]
    assert completed(home, "tiphys", "li") == ["lint", "list"]
    assert completed(home, "tiphys", "get", "--no-u") == ["--no-utf8"]
    assert completed(home, "tiphys", "get", "gre") == ["greet-me"]
    assert completed(home, "tiphys", "node", "set", "") == ["@latest", "greet-me"]
    assert completed(home, "tiphys", "lint", "-o", "s") == ["simple", "sarif"]
    assert completed(home, "tiphys", "cron", "get", "gre") == []


def test_bash_completes_behind_flags_that_stand_before_the_verb(home: Home) -> None:
    home.ok("run", home.file("greet.yaml", hello("greet-me")))
    assert completed(home, "tiphys", "-n", "default", "get", "gre") == ["greet-me"]
    assert completed(home, "tiphys", "-n", "team", "get", "gre") == []
    assert completed(home, "tiphys", "--namespace=default", "cron", "back") == ["backfill"]
    assert completed(home, "tiphys", "-n", "default", "li") == ["lint", "list"]
    assert completed(home, "tiphys", "-v", "list", "--status") == ["--status"]


def test_bash_completes_what_is_stored(home: Home) -> None:
    stored = hello("greet")
    for kind, name in (("WorkflowTemplate", "etl"), ("ClusterWorkflowTemplate", "base")):
        document = {**stored, "kind": kind, "metadata": {"name": name}}
        home.ok("apply", home.file(f"{name}.yaml", document))
    nightly = {"schedules": ["0 2 * * *"], "workflowSpec": stored["spec"]}
    cron = {**stored, "kind": "CronWorkflow", "metadata": {"name": "nightly"}, "spec": nightly}
    home.ok("cron", "create", home.file("cron.yaml", cron))
    assert completed(home, "tiphys", "template", "get", "") == ["etl"]
    assert completed(home, "tiphys", "template", "get", "-n", "team", "") == []
    assert completed(home, "tiphys", "cluster-template", "delete", "b") == ["base"]
    assert completed(home, "tiphys", "cron", "suspend", "ni") == ["nightly"]
    assert completed(home, "tiphys", "cron", "list", "ni") == []


def test_nothing_is_offered_where_the_home_cannot_be_read(home: Home) -> None:
    home.path.joinpath("home").write_text("a file")
    assert completed(home, "tiphys", "get", "") == ["@latest"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(home: Home, shell: str) -> None:
    script = home.run("completion", shell).out
    assert "_TIPHYS_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_another_shell_is_a_usage_error(home: Home) -> None:
    refused = home.run("completion", "csh")
    assert refused.code == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in refused.err
