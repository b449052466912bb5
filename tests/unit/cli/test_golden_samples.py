"""The samples of reference/cli.md that no other test here has: what is printed, to the letter.

Pages of `get` and `list` are in test_render_get.py and test_render_list.py, those of `cron` in
test_render_crons.py, of `archive` in test_render_archive.py, of `lint` in test_lint.py.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.unit.cli.samples import START, ZONE

from tiphys.cli.convert import convert
from tiphys.cli.cron import backfilled
from tiphys.cli.main import COMMANDS, Verbs, cli
from tiphys.cli.remote.reading import show_logs
from tiphys.cli.render import Style, render_get
from tiphys.cli.render.crons import Cron, render_crons
from tiphys.cli.render.templates import render_template, render_templates
from tiphys.cli.render.times import go_time
from tiphys.cli.sync import shown
from tiphys.cli.version import version
from tiphys.service.backfill import Backfilled
from tiphys.service.sync_limits import Key

STYLE = Style(zone=ZONE)
ETL = {
    "kind": "WorkflowTemplate",
    "metadata": {"name": "etl", "namespace": "team", "creationTimestamp": "2026-01-31T09:05:00Z"},
}
RELEASE = {"kind": "WorkflowTemplate", "metadata": {"name": "release", "namespace": "team"}}


def golden(text: str) -> str:
    """A dot at a line's end stands for the blanks before it."""
    return text.replace("·\n", "\n")


TREE = """\
submit  get  list  logs  wait  watch  lint  delete  cp
stop  terminate  suspend  resume  retry  resubmit  node set
archive: list get delete list-label-keys list-label-values resubmit retry
template: create get list update delete lint
cluster-template: create get list update delete lint
cron: create get list update delete lint suspend resume backfill
sync: create get update delete
auth token   version   completion   convert   executor-plugin build   server
"""
"""Section 1: every command that Argo has."""


def test_every_command_of_argo_is_there() -> None:
    for line in TREE.splitlines():
        group, colon, verbs = line.partition(":")
        if colon:
            assert {*verbs.split()} <= subcommands(group), group
            continue
        below = {"node": "set", "auth": "token", "executor-plugin": "build"}
        words = line.split()
        for word in words:
            assert word in COMMANDS or word in below.values(), word
        for group, verb in below.items():
            assert group not in words or verb in subcommands(group)


def subcommands(group: str) -> set[str]:
    command = Verbs().get_command(click.Context(cli), group)
    assert isinstance(command, click.Group)
    return {*command.commands}


SUBMITTED = """\
Name:                etl-7xk2p
Namespace:           team
ServiceAccount:      unset (will run with the default ServiceAccount)
Status:              Pending
Created:             Sat Jan 31 10:05:00 +0100 (now)
Progress:            ·
Parameters:          ·
  day:               2026-01-31
"""
"""Section 4.3."""


def test_a_workflow_that_was_just_submitted() -> None:
    metadata = {
        "name": "etl-7xk2p",
        "namespace": "team",
        "uid": "u",
        "creationTimestamp": "2026-01-31T09:05:00Z",
    }
    arguments = {"parameters": [{"name": "day", "value": "2026-01-31"}]}
    status = {"startedAt": None, "finishedAt": None}
    made = {"metadata": metadata, "spec": {"arguments": arguments}, "status": status}
    assert render_get(made, START, STYLE) == golden(SUBMITTED)


def test_lines_of_logs_are_behind_the_names_of_their_pods(capsys) -> None:
    entries = [
        {"podName": "etl-7xk2p-fetch-499461917", "content": "downloading 3 files"},
        {
            "podName": "etl-7xk2p-load-1051524220",
            "content": "2026-01-31T09:05:09.123456789Z loaded 120 rows",
        },
    ]
    plain = (
        "etl-7xk2p-fetch-499461917: downloading 3 files\n"
        "etl-7xk2p-load-1051524220: 2026-01-31T09:05:09.123456789Z loaded 120 rows\n"
    )
    assert logged(capsys, entries, colour=False) == plain
    # The code is the sum of the name's code points, modulo 6.
    codes = [(32, 33, 34, 35, 36, 37)[sum(map(ord, item["podName"])) % 6] for item in entries]
    lines = zip(codes, plain.splitlines(), strict=True)
    painted = "".join(f"\x1b[{code}m{line}\x1b[0m\n" for code, line in lines)
    assert logged(capsys, entries, colour=True) == painted


def logged(capsys, entries: list[dict[str, str]], colour: bool) -> str:
    workflows = SimpleNamespace(logs=lambda *_: iter(entries))
    remote: Any = SimpleNamespace(workflows=workflows, colour=colour)
    show_logs(remote, "etl-7xk2p", "", {})
    text: str = capsys.readouterr().out
    return text


def test_the_time_that_wait_prints() -> None:
    """Section 8.1: Go's default form, in the local zone."""
    ended = START + 22
    line = f"etl-7xk2p Failed at {go_time(ended, ZONE)}"
    assert line == "etl-7xk2p Failed at 2026-01-31 10:05:22 +0100 CET"


def test_templates() -> None:
    """Section 12."""
    page = (
        "Name:                etl\n"
        "Namespace:           team\n"
        "Created:             Sat Jan 31 10:05:00 +0100 (2 hours ago)\n"
    )
    later = START + 2 * 3600
    assert render_template(ETL, later, STYLE) == page
    sent = {key: part for key, part in ETL.items() if key not in {"kind", "apiVersion"}}
    assert render_template(sent, later, STYLE) == page  # a server gives no kind
    cluster = {**ETL, "kind": "ClusterWorkflowTemplate"}
    without = page.replace("Namespace:           team\n", "")
    assert render_template(cluster, later, STYLE) == without
    table = "NAMESPACE   NAME\nteam        etl       ·\nteam        release   ·\n"
    assert render_templates([ETL, RELEASE], namespaces=True) == golden(table)
    table = "NAME\netl       ·\nrelease   ·\n"
    assert render_templates([ETL, RELEASE], namespaces=False) == golden(table)
    assert render_templates([], namespaces=True) == "NAMESPACE   NAME\n"


CRONS = """\
NAME      AGE   LAST RUN   NEXT RUN   SCHEDULES              TIMEZONE       SUSPENDED
nightly   12d   9h         14h        0 2 * * *              Europe/Paris   false
hourly    2h    N/A        58m        0 * * * *,30 9 * * 1                  true
"""
"""Section 13.2."""


def test_crons() -> None:
    now = datetime(2026, 1, 31, 10, 2, tzinfo=UTC).timestamp()
    nightly = {
        "metadata": {"name": "nightly", "creationTimestamp": "2026-01-19T08:00:00Z"},
        "spec": {"schedules": ["0 2 * * *"], "timezone": "Europe/Paris"},
        "status": {"lastScheduledTime": "2026-01-31T01:00:00Z"},
    }
    hourly = {
        "metadata": {"name": "hourly", "creationTimestamp": "2026-01-31T08:00:00Z"},
        "spec": {"schedules": ["0 * * * *", "30 9 * * 1"], "suspend": True},
    }
    found = [Cron(nightly, int(now) + 14 * 3600 + 58 * 60), Cron(hourly, int(now) + 58 * 60)]
    assert render_crons(found, now, namespaces=False) == CRONS


BACKFILLED = """\
Created t8fq2 Backfill task for Cronworkflow nightly\x20
==================================================
Backfill Period :
Start Time : Thu, 01 Jan 2026 00:00:00 UTC\x20
  End Time : Sat, 31 Jan 2026 00:00:00 UTC\x20
Total Backfill Schedule: 30\x20
==================================================
Backfill Workflows:\x20
   NAMESPACE\t WORKFLOW:\x20
1. team \t backfill-wf-x7k2p\x20
"""
"""Section 13.3."""


def test_a_backfill() -> None:
    period = ("Thu, 01 Jan 2026 00:00:00 UTC", "Sat, 31 Jan 2026 00:00:00 UTC")
    done = Backfilled("t8fq2", *period, 30, [])
    assert backfilled("nightly", "team", done, ["backfill-wf-x7k2p"]) == BACKFILLED


def test_a_limit_of_a_semaphore() -> None:
    """Section 15; the line before it is the verb's."""
    key = Key("CONFIGMAP", "team", "locks", "pool")
    lines = "Key: pool\nType: configmap\nConfigMap Name: locks\nNamespace: team\nLimit: 3\n"
    assert shown(key, 3) == lines
    in_database = lines.replace("configmap", "database").replace("ConfigMap Name: locks\n", "")
    assert shown(Key("DATABASE", "team", "", "pool"), 3) == in_database


GIVEN = (
    "apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nmetadata: {name: nightly}\n"
    "spec: {schedule: 0 2 * * *, workflowSpec: {workflowTemplateRef: {name: etl}}}"
)
CONVERTED = """\
---
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata:
  name: nightly
spec:
  schedules:
  - 0 2 * * *
  workflowSpec:
    arguments: {}
    workflowTemplateRef:
      name: etl
status:
  active: null
  conditions: null
  failed: 0
  lastScheduledTime: null
  phase: ""
  succeeded: 0
"""
"""Section 17."""


def test_a_file_of_argo_3(monkeypatch) -> None:
    done = CliRunner().invoke(convert, ["-"], input=GIVEN)
    assert (done.exit_code, done.output) == (0, CONVERTED)


def test_what_cannot_be_converted_names_its_file_once() -> None:
    done = CliRunner().invoke(convert, ["-"], input=GIVEN.replace("0 2 * * *", "[1]"))
    (finding,) = done.exception.findings
    assert str(finding).startswith("error converting stdin: json: cannot unmarshal array into ")


VERSION = ["argo", "BuildDate", "GitCommit", "GitTreeState", "GitTag", "GoVersion", "Compiler"]
"""Section 18, without the platform: the keys stay, whatever stands behind them."""


@pytest.mark.parametrize("words", [[], ["--short"]])
def test_the_version_has_argos_keys_where_the_command_is_called_argo(monkeypatch, words) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/argo"])
    lines = CliRunner().invoke(version, words).output.splitlines()
    assert lines[0] == "argo: v4.1.2"
    keys = [line.partition(":")[0] for line in lines]
    assert keys == (["argo"] if words else [VERSION[0], *(f"  {k}" for k in VERSION[1:]),
                                            "  Platform"])  # fmt: skip
    if not words:
        assert lines[4] == "  GitTag: v4.1.2"
        assert lines[5].startswith("  GoVersion: python3.")
