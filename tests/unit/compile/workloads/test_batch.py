"""Jobs of batch/v1: pods and status, as time passes and pods end."""

from __future__ import annotations

import pytest
from tests.unit.compile.workloads.cluster import BEGINNING, Cluster, template

from tiphys.compile.workloads import batch
from tiphys.compile.workloads.reading import text
from tiphys.model.times import time_text


def job(policy="Never", **spec):
    document = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template(policy), **spec},
    }
    return Cluster(batch.decide, document).settle()


def env(pod):
    return {item["name"]: item["value"] for item in pod["spec"]["containers"][0].get("env", [])}


def test_a_job_runs_one_pod_and_is_complete():
    made = job()
    (pod,) = made.live
    assert made.status == {"startTime": time_text(BEGINNING), "active": 1}
    made.begin().settle()
    assert made.status["ready"] == 1
    made.later(5).end(pod).settle()
    assert made.status["succeeded"] == 1
    assert made.status["completionTime"] == time_text(BEGINNING + 5)
    assert "active" not in made.status
    assert "failed" not in made.status
    said = ("CompletionsReached", "Reached expected number of succeeded pods")
    assert made.condition("Complete") == made.condition("SuccessCriteriaMet") == said
    assert made.is_over


def test_defaults_are_those_of_kubernetes():
    spec = dict(job().job["spec"])
    del spec["template"]
    assert spec == {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
    }


def test_no_more_pods_run_than_parallelism_allows():
    made = job(completions=3, parallelism=2)
    assert len(made.live) == 2
    made.end(made.live[0]).settle()
    assert len(made.live) == 2
    made.end(made.live[0]).settle()
    assert len(made.live) == 1
    made.end(made.live[0]).settle()
    assert made.condition("Complete")
    assert len(made.made) == 3


def test_pods_carry_the_labels_of_their_job():
    (pod,) = job().pods.values()
    labels = pod["metadata"]["labels"]
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "j"
    assert labels["batch.kubernetes.io/controller-uid"] == labels["controller-uid"] == "u-1"
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", "u-1", True)


def test_an_indexed_job_gives_each_index_to_one_pod():
    made = job(completions=3, parallelism=3, completionMode="Indexed")
    assert [env(pod)["JOB_COMPLETION_INDEX"] for pod in made.pods.values()] == ["0", "1", "2"]
    first, second, third = made.live
    assert first.startswith("j-0-")
    made.end(third).end(first).settle()
    assert made.status["completedIndexes"] == "0,2"
    made.end(second, code=1).later(10).settle()
    (again,) = made.live
    assert env(made.pods[again])["JOB_COMPLETION_INDEX"] == "1"
    made.end(again).settle()
    assert made.status["completedIndexes"] == "0-2"
    assert (made.status["succeeded"], made.status["failed"]) == (3, 1)
    assert made.condition("Complete")


def test_a_failed_pod_is_replaced_after_a_pause_that_doubles():
    made = job()
    for pause in (10, 20, 40):
        made.end(made.live[0], code=1).settle()
        assert made.live == []
        assert made.wake_at == made.now + pause
        made.later(pause - 1).settle()
        assert made.live == []
        made.later(1).settle()
        assert len(made.live) == 1


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_job_fails_when_more_pods_failed_than_its_limit(limit):
    made = job(backoffLimit=limit)
    for _ in range(limit):
        made.end(made.live[0], code=1).settle().later(400).settle()
        assert made.condition("Failed") is None
    made.end(made.live[0], code=1).settle()
    said = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert made.condition("Failed") == made.condition("FailureTarget") == said
    assert made.status["failed"] == limit + 1
    assert "completionTime" not in made.status


def test_what_still_runs_of_a_failed_job_is_ended_and_counts_as_failed():
    made = job(completions=3, parallelism=3, backoffLimit=0)
    made.begin().end(made.live[0], code=1).settle()
    assert made.live == []
    assert made.status["failed"] == 3
    made.collect().settle()
    assert made.status["failed"] == 3


def test_restarts_in_place_count_towards_the_limit():
    made = job("OnFailure", backoffLimit=2).begin()
    (pod,) = made.live
    made.end(pod, code=1).settle()
    assert made.condition("Failed") is None
    made.end(pod, code=1).settle()
    assert made.condition("Failed")[0] == "BackoffLimitExceeded"


def test_a_job_fails_at_its_deadline():
    made = job(activeDeadlineSeconds=30).begin().settle()
    assert made.wake_at == BEGINNING + 30
    made.later(29).settle()
    assert made.condition("Failed") is None
    made.later(1).settle()
    said = ("DeadlineExceeded", "Job was active longer than specified deadline")
    assert made.condition("Failed") == said
    assert made.live == []


def test_a_job_is_deleted_when_its_time_to_live_is_over():
    made = job(ttlSecondsAfterFinished=60)
    made.end(made.live[0]).settle()
    assert (made.is_over, made.wake_at) == (False, BEGINNING + 60)
    made.later(59).settle()
    assert not made.is_gone
    made.later(1).settle()
    assert made.is_gone


def test_a_suspended_job_has_no_pods_and_begins_anew_when_it_is_resumed():
    made = job(suspend=True)
    assert made.live == []
    assert made.condition("Suspended") == ("JobSuspended", "Job suspended")
    assert "startTime" not in made.status
    made.job["spec"]["suspend"] = False
    made.later(7).settle()
    assert made.condition("Suspended") is None
    assert made.status["startTime"] == time_text(BEGINNING + 7)
    assert len(made.live) == 1
    made.job["spec"]["suspend"] = True
    made.settle()
    assert made.live == []


def test_a_queue_of_work_is_empty_when_one_pod_says_so_and_none_is_left():
    made = job(parallelism=3)
    first, second, third = made.live
    made.end(first).settle()
    assert made.condition("Complete") is None
    assert made.live == [second, third]
    made.end(second).end(third).settle()
    assert made.condition("Complete")
    assert len(made.made) == 3


def policy(action, *values, operator="In"):
    rule = {"action": action, "onExitCodes": {"operator": operator, "values": [*values]}}
    return {"rules": [rule]}


def test_a_failure_policy_fails_a_job_at_once():
    made = job(podFailurePolicy=policy("FailJob", 42))
    (pod,) = made.live
    made.end(pod, code=42).settle()
    said = (
        f"Container c for pod default/{pod} failed with exit code 42 matching FailJob rule at "
        "index 0"
    )
    assert made.condition("Failed") == ("PodFailurePolicy", said)


def test_a_failure_policy_lets_failures_not_count():
    made = job(podFailurePolicy=policy("Ignore", 0, operator="NotIn"), backoffLimit=0)
    made.end(made.live[0], code=9).settle()
    assert made.condition("Failed") is None
    assert "failed" not in made.status
    assert len(made.live) == 1


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"successPolicy": {"rules": []}}, "Unsupported"),
        ({"backoffLimitPerIndex": 1}, "Unsupported"),
        ({"podFailurePolicy": {"rules": [{"action": "Ignore"}]}}, "Unsupported"),
        ({"completionMode": "Indexed", "parallelism": 2}, "Invalid"),
        ({"template": template("Always")}, "Invalid"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_condition(spec, reason):
    made = job(**spec)
    assert made.condition("Failed")[0] == reason
    assert made.made == []


def test_the_same_decision_names_the_same_pods():
    state = Cluster(batch.decide, job().job)
    first, again = (batch.decide(state.job, [], BEGINNING).create for _ in range(2))
    assert first == again
    assert text(first[0]["metadata"], "name").startswith("j-")
