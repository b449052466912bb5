"""Schedules as a user meets them: `tiphys cron`, and engines that are killed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.e2e.driver import Home, kill, until

SPEC = {
    "entrypoint": "main",
    "templates": [
        {
            "name": "main",
            "script": {
                "image": "busybox",
                "command": ["sh"],
                "source": "echo {{workflow.scheduledTime}}",
            },
        }
    ],
}


def cron(name: str, schedule: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name},
        "spec": {"schedules": [schedule], "workflowSpec": SPEC, **spec},
    }


def outcomes(home: Home) -> list[dict[str, Any]]:
    return [json.loads(data) for (data,) in home.rows("SELECT outcome FROM due_times") if data]


def test_a_cron_is_kept_shown_changed_and_removed(home: Home) -> None:
    file = home.file("c.yaml", cron("nightly", "0 2 * * *", timezone="Europe/Berlin"))
    page = home.ok("cron", "create", file, "-p", "a=b")
    assert page.startswith("Name:                          nightly\n")
    assert "Timezone:                      Europe/Berlin\n" in page
    assert "  a:                           b\n" in page
    assert home.ok("cron", "get", "nightly").splitlines()[0] == page.splitlines()[0]
    assert home.ok("cron", "suspend", "nightly") == "CronWorkflow 'nightly' suspended\n"
    assert json.loads(home.ok("cron", "get", "nightly", "-o", "json"))["spec"]["suspend"] is True
    assert home.ok("cron", "resume", "nightly") == "CronWorkflow 'nightly' resumed\n"
    home.ok("cron", "update", home.file("d.yaml", cron("nightly", "0 3 * * *")))
    assert "0 3 * * *" in home.ok("cron", "list")
    assert home.ok("cron", "list", "-o", "name") == "nightly\n"
    (listed,) = json.loads(home.ok("cron", "list", "-o", "json"))
    assert listed["spec"]["schedules"] == ["0 3 * * *"]
    assert home.ok("cron", "delete", "nightly") == ""
    assert home.ok("cron", "list", "-o", "name") == ""
    until(lambda: not home.engines(), "the engine ends when there is nothing left to wait for")


def test_what_is_wrong_is_said(home: Home) -> None:
    file = home.file("c.yaml", cron("nightly", "61 * * * *"))
    made = home.run("cron", "create", file)
    assert made.code == 2
    assert "failed to create cron workflow: " in made.err
    assert "cron schedule 61 * * * * is malformed: end of range (61) above maximum" in made.err
    assert home.run("cron", "lint", file).code == 1
    updated = home.run("cron", "update", home.file("d.yaml", cron("gone", "0 * * * *")))
    assert 'failed to get existing cron workflow "gone" to update: ' in updated.err
    empty = home.file("w.yaml", {"kind": "Workflow", "metadata": {"name": "a"}, "spec": {}})
    assert "No CronWorkflows found in given files" in home.run("cron", "create", empty).err
    assert "is malformed. Should be `kind/name`" in home.run("submit", "--from", "x").err
    assert "is not supported for submitting" in home.run("submit", "--from", "pod/x").err


def test_a_cron_is_run_by_hand_and_counts(home: Home) -> None:
    home.ok("cron", "create", home.file("c.yaml", cron("nightly", "0 2 29 2 *")))
    time = "2026-01-31T02:00:00Z"
    name = home.ok(
        "submit", "--from", "cronwf/nightly", "--scheduled-time", time, "-w", "-o", "name"
    ).splitlines()[0]
    assert name.startswith("nightly-")
    assert time in home.said()
    child = home.get(name)
    assert child["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"] == "nightly"
    home.ok("cron", "delete", "nightly")
    assert home.rows("SELECT * FROM runs") == []


def test_what_came_of_due_times_is_told(home: Home) -> None:
    home.ok("cron", "create", home.file("c.yaml", cron("often", "@every 1s")))
    assert "due next at 20" in home.ok("explain", "cronwf/often").splitlines()[0]
    until(lambda: "made workflow often-" in home.ok("explain", "cronwf/often"), "it is due")
    update = cron("often", "@every 1s", when="{{= cronworkflow.succeeded < 0 }}")
    home.ok("cron", "update", home.file("d.yaml", update))
    told = "no workflow: `when` is false"
    until(lambda: told in home.ok("explain", "cronwf/often").splitlines()[2], "it is due again")
    home.ok("cron", "suspend", "often")
    assert home.ok("explain", "cronwf/often").startswith("cron workflow often: suspended\n")
    page = json.loads(home.ok("explain", "cronwf/often", "-o", "json"))
    assert {"at", "kind", "reason"} == {*page["due"][-1]}
    assert "not found" in home.run("explain", "cronwf/gone").err
    assert "only cronwf/NAME has a kind" in home.run("explain", "cronwf/often", "main").err
    home.ok("cron", "create", home.file("e.yaml", cron("rare", "0 2 29 2 *")))
    assert home.ok("explain", "cronwf/rare").splitlines()[1] == "it has not been due yet"


def test_a_cron_says_where_its_workflows_run(home: Home) -> None:
    home.ok(
        "cron", "create", home.file("c.yaml", cron("often", "@every 1s")), "--runtime=simulated"
    )

    def runtimes() -> set[str]:
        return {name for (name,) in home.rows("SELECT runtime FROM runs")}

    until(lambda: runtimes() == {"simulated"}, "a due time comes")
    # A flag before the verb: so no runtime is added to what is said here.
    again = ("-n", "default", "submit", "--from", "cronwf/often", "-w", "-o", "name")
    query = "SELECT runtime FROM runs WHERE name = '{}'"
    assert home.rows(query.format(home.ok(*again).splitlines()[0])) == [("simulated",)]
    past = ("--start=Mon, 02 Nov 2026 00:00:00 UTC", "--end=Mon, 02 Nov 2026 00:00:02 UTC")
    home.ok("-n", "default", "cron", "backfill", "often", *past)
    assert home.rows(query.replace("=", "LIKE").format("backfill-wf-%")) == [("simulated",)]
    home.ok("cron", "update", home.file("d.yaml", cron("often", "@every 1s")), "--runtime=process")
    until(lambda: "process" in runtimes(), "the next due time comes")
    home.ok("cron", "update", home.file("d.yaml", cron("often", "0 2 29 2 *")))
    assert home.rows(query.format(home.ok(*again).splitlines()[0])) == [("process",)]
    home.ok("cron", "delete", "often")
    until(lambda: not home.rows("SELECT * FROM cron_runtimes"), "what was said of it is forgotten")


def test_a_killed_engine_loses_no_due_time_and_repeats_none(home: Home) -> None:
    file = home.file("c.yaml", cron("often", "@every 1s", successfulJobsHistoryLimit=100))
    home.ok("cron", "create", file)
    for wanted in (2, 4, 6):
        until(lambda n=wanted: len(outcomes(home)) >= n, "workflows are made when they are due")
        for pid in home.engines():
            kill(pid)
        home.ok("cron", "resume", "often")
    until(lambda: len(outcomes(home)) >= 8, "the next engine goes on")
    home.ok("cron", "suspend", "often")
    until(lambda: not home.engines(), "an engine without schedules ends")
    made = [item["reason"] for item in outcomes(home) if item["kind"] == "Submitted"]
    runs = [name for (name,) in home.rows("SELECT name FROM runs")]
    assert Counter(made) == Counter(runs)
    assert not home.rows("SELECT * FROM due_times WHERE closed = 0")
    assert all(home.is_done(name) for name in runs)
