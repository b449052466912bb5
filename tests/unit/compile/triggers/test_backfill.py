"""Backfill: which times, and which workflows."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from tests.unit.compile.triggers.crons import at, cron

from tiphys.compile.triggers.backfill import Backfill, backfill_times, monitors
from tiphys.expr.civil import load_zone
from tiphys.expr.errors import CronError
from tiphys.expr.template import LENIENT, NO_CONTEXT
from tiphys.expr.template import replace as replace_tags
from tiphys.expr.values import Zone
from tiphys.model.arguments import Arguments, Parameter
from tiphys.model.codec import encode, load
from tiphys.model.containers import Container


def test_times_lie_after_the_start_and_up_to_the_end():
    found = backfill_times(cron(), at("2026-01-01T02:00Z"), at("2026-01-03T02:00Z"))
    assert found == ["2026-01-02 02:00:00 +0000 UTC", "2026-01-03 02:00:00 +0000 UTC"]


def test_times_are_seen_in_the_zone_of_the_start():
    start, end = at("2024-10-21T15:28Z"), at("2024-10-22T15:28Z")
    assert backfill_times(cron(), start, end, Zone("GMT", 0)) == ["2024-10-22 02:00:00 +0000 GMT"]
    (found,) = backfill_times(cron(), start, end, load_zone("Europe/Berlin"))
    assert found == "2024-10-22 02:00:00 +0200 CEST"


def test_the_times_of_several_schedules_are_told_together_each_once():
    several = cron(["0 3 * * *", "0 */3 * * *"])
    found = backfill_times(several, at("2026-01-01T00:00Z"), at("2026-01-01T06:00Z"))
    assert found == ["2026-01-01 03:00:00 +0000 UTC", "2026-01-01 06:00:00 +0000 UTC"]
    with pytest.raises(CronError, match="expected exactly 5 fields, found 1"):
        backfill_times(cron(["0 2 * * *", "daily"]), 0, 1)


def test_a_workflow_keeps_its_own_variables():
    source = cron()
    command = ("echo", "{{workflow.name}} {{inputs.parameters.x}}", "{{=workflow.uid + 'x'}}")
    (template,) = source.spec.workflow_spec.templates
    template = replace(template, container=Container(image="x", command=command))
    spec = replace(source.spec.workflow_spec, templates=(template,))
    (monitor,) = monitors(
        replace(source, spec=replace(source.spec, workflow_spec=spec)), Backfill("b"), ["a"], 0.0
    )
    known = {"inputs.parameters.backfillscheduletime": "then", "workflow.name": "wrong"}
    manifest = monitor.spec.templates[1].resource.manifest
    (child,) = load(replace_tags(manifest, known, LENIENT, NO_CONTEXT, raw=True))
    assert child.spec.templates[0].container.command == command
    assert child.spec.arguments.parameters[0].value == "then"


def made(times, **asked):
    found = monitors(cron(), Backfill("T8fq2", **asked), times, 0.0)
    return [encode(item) for item in found]


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (4, [2, 2]), (5, [2, 2, 1])])
def test_each_monitor_has_its_share_of_the_times(count, sizes):
    times = [str(number) for number in range(count)]
    steps = [item["spec"]["templates"][0]["steps"][0][0] for item in made(times, most=2)]
    shares = [json.loads(step["withParam"]) for step in steps]
    assert [len(share) for share in shares] == sizes
    assert [time for share in shares for time in share] == times


def test_a_parameter_that_the_workflow_has_is_given_the_time():
    source = cron()
    arguments = Arguments(parameters=(Parameter(name="cronScheduleTime", value="x"),))
    spec = replace(
        source.spec, workflow_spec=replace(source.spec.workflow_spec, arguments=arguments)
    )
    (monitor,) = monitors(replace(source, spec=spec), Backfill("b"), ["a"], 0.0)
    resource = monitor.spec.templates[1].resource
    assert resource.failure_condition == "status.phase in (Failed, Error)"
    (child,) = load(resource.manifest)
    (parameter,) = child.spec.arguments.parameters
    assert parameter.value == "{{inputs.parameters.backfillscheduletime}}"


def test_a_monitor_makes_one_workflow_for_each_time():
    (monitor,) = made(["a"])
    assert monitor["metadata"] == {
        "generateName": "backfill-wf-",
        "namespace": "team",
        "labels": {"workflows.argoproj.io/backfill": "nightly"},
    }
    main, create = monitor["spec"]["templates"]
    (step,) = main["steps"][0]
    assert step["arguments"] == {
        "parameters": [{"name": "backfillscheduletime", "value": "{{item}}"}]
    }
    assert create["inputs"] == {"parameters": [{"name": "backfillscheduletime"}]}
    resource = create["resource"]
    assert resource["action"] == "create"
    assert resource["successCondition"] == "status.phase == Succeeded"
    (child,) = load(resource["manifest"])
    assert child.metadata.generate_name == "nightly-backfill-t8fq2-"
    assert child.metadata.labels["workflows.argoproj.io/cron-workflow"] == "nightly"
    (parameter,) = child.spec.arguments.parameters
    assert (parameter.name, parameter.value) == (
        "cronScheduleTime",
        "{{inputs.parameters.backfillscheduletime}}",
    )
    assert child.spec.priority == 2147483647
    assert [lock.name for lock in child.spec.synchronization.mutexes] == ["T8fq2"]


def test_workflows_that_may_run_at_once_have_no_lock():
    (monitor,) = made(["a"], parallel=True, argument="date")
    (child,) = load(monitor["spec"]["templates"][1]["resource"]["manifest"])
    assert child.spec.priority is None
    assert child.spec.synchronization is None
    assert child.spec.arguments.parameters[-1].name == "date"
